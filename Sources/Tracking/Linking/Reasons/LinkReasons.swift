// The reasons for the links of a lineage, kept beside it. A record is found by the link's slot and counts only
// for the generation it was made for, so edits need not be followed: a link that was removed or made anew has
// no reason, and one that undo brings back has its own again.

import Core
import Lineage

/// Remembers why links were made, in 80 bytes a link. Belongs to the thread of its lineage.
///
/// Cost and margin are also written as link features (`Link cost`, `Link margin`), which are saved with the
/// project; the alternatives are remembered until the program ends.
public final class LinkReasons {
  /// How many alternatives of a link are remembered.
  public static let alternativesKept = 3
  /// The link feature with the margin.
  public static let marginFeature = "Link margin"
  /// The link feature with the cost; ELEPHANT and Mastodon use the same name.
  public static let costFeature = "Link cost"
  /// Links beyond this slot are not remembered, so that the memory is bounded (to 320 MB).
  public static let slotLimit = 4_000_000

  private struct Candidate: BitwiseCopyable {
    var slot = UInt32.max
    var generation = UInt32.max
    var cost = Float.nan
  }

  private struct Record: BitwiseCopyable {
    var generation = UInt32.max
    var method: UInt8 = 0
    var step: UInt8 = 0
    var cost = Float.nan
    var aloneCost = Float.nan
    var margin = Float.nan
    var expected = (Float.nan, Float.nan, Float.nan)
    var candidates = (Candidate(), Candidate(), Candidate())
  }

  private var records: [Record] = []

  /// Nothing is remembered yet.
  public init() {}

  /// Bytes taken.
  public var memoryFootprint: Int { records.capacity * MemoryLayout<Record>.stride }

  /// Remember the reason for a link. The one that the slot had before is forgotten.
  public func note(_ reason: LinkReason, for link: LinkRef) {
    note(reason, for: link) { k in
      k < reason.alternatives.count ? reason.alternatives[k] : nil
    }
  }

  /// Make room for links up to a slot.
  func reserve(_ slots: Int) {
    let count = min(slots, LinkReasons.slotLimit)
    if count > records.count {
      records.reserveCapacity(count)
      records += repeatElement(Record(), count: count - records.count)
    }
  }

  /// As above, with the alternatives from a function instead of a list of its own for each link.
  @inline(__always)
  func note(
    _ reason: LinkReason, for link: LinkRef, _ alternative: (Int) -> LinkReason.Alternative?
  ) {
    let slot = Int(link.id.index)
    if slot >= LinkReasons.slotLimit { return }
    if slot >= records.count {
      // Doubled each time, so that growing costs a constant time a link.
      let grown = max(slot + 1, min(LinkReasons.slotLimit, records.count * 2))
      records += Array(repeating: Record(), count: grown - records.count)
    }
    var record = Record()
    record.generation = link.generation
    record.method = reason.method.rawValue
    record.step = reason.step.rawValue
    record.cost = Float(reason.cost)
    record.aloneCost = Float(reason.aloneCost)
    record.margin = Float(reason.margin)
    if let p = reason.expected { record.expected = (Float(p.x), Float(p.y), Float(p.z)) }
    func candidate(_ i: Int) -> Candidate {
      guard let a = alternative(i) else { return Candidate() }
      return Candidate(
        slot: a.parent.id.index, generation: a.parent.generation, cost: Float(a.cost))
    }
    record.candidates = (candidate(0), candidate(1), candidate(2))
    records[slot] = record
  }

  /// The reason for a link; nil when no linker made it, or in another session.
  public func reason(for link: LinkID, in lineage: LineageGraph) -> LinkReason? {
    let slot = Int(link.index)
    guard slot < records.count, lineage.contains(link) else { return nil }
    let r = records[slot]
    guard r.generation == lineage.ref(link).generation,
      let method = LinkReason.Method(rawValue: r.method),
      let step = LinkReason.Step(rawValue: r.step)
    else { return nil }
    var reason = LinkReason(
      method: method, step: step, cost: Double(r.cost), aloneCost: Double(r.aloneCost),
      margin: Double(r.margin))
    if !r.expected.0.isNaN {
      reason.expected = WorldPoint(
        x: Double(r.expected.0), y: Double(r.expected.1), z: Double(r.expected.2))
    }
    for c in [r.candidates.0, r.candidates.1, r.candidates.2] where !c.cost.isNaN {
      reason.alternatives.append(
        .init(
          parent: SpotRef(id: SpotID(c.slot), generation: c.generation), cost: Double(c.cost)))
    }
    return reason
  }

  /// Forget everything.
  public func removeAll() { records = [] }
}

/// Links that a linker has just made, with the numbers that are saved as features.
struct NewLinks {
  private(set) var links: [LinkID] = []
  private var costs: [Double] = []
  private var margins: [Double] = []

  init(capacity: Int = 0) {
    links.reserveCapacity(capacity)
    costs.reserveCapacity(capacity)
    margins.reserveCapacity(capacity)
  }

  /// Take note of a link.
  mutating func add(_ link: LinkID, cost: Double, margin: Double) {
    links.append(link)
    costs.append(cost)
    margins.append(margin)
  }

  /// Replace each link that skips frames by spots on the straight line and links through them, which take
  /// over its tag, reason and numbers. `count` hears how many spots were made. Must run inside an edit.
  mutating func fillGaps(
    _ lineage: LineageGraph, _ tags: ElephantTagIDs, _ reasons: LinkReasons?,
    _ count: (Int) -> Void
  ) throws {
    for i in links.indices where lineage.contains(links[i]) {
      let link = links[i]
      let (a, b) = (lineage.source(link), lineage.target(link))
      if lineage.timepoint(b) - lineage.timepoint(a) < 2 { continue }
      let reason = reasons?.reason(for: link, in: lineage)
      try lineage.remove(link)
      let chain = try Interpolation.fill(lineage, from: a, to: b, tags)
      count(chain.count - 1)
      try lineage.setTag(tags.tracking, ofLinks: chain, to: tags.trackingUnlabeled)
      if let reason, let reasons {
        for part in chain { reasons.note(reason, for: lineage.ref(part)) }
      }
      links[i] = chain[0]
      for part in chain.dropFirst() { add(part, cost: costs[i], margin: margins[i]) }
    }
  }

  /// Write features of all of them, and a tag if one is given. Must run inside an edit.
  func write(_ lineage: LineageGraph, _ tracking: TagSetID, _ unlabeled: TagID?) throws {
    if let unlabeled { try lineage.setTag(tracking, ofLinks: links, to: unlabeled) }
    try lineage.setFeature(LinkReasons.costFeature, ofLinks: links, to: costs)
    try lineage.setFeature(LinkReasons.marginFeature, ofLinks: links, to: margins)
  }
}

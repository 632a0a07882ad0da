// Writes the chosen links into the lineage, with spots between where a gap is to be filled.

import Core
import Lineage

/// Writes links, spots between, tags, features and reasons. Must be used inside an edit.
struct AssignmentWriter {
  private let lineage: LineageGraph
  private let frames: SpotFrames
  private let interpolate: Bool
  private let tags: ElephantTagIDs
  private let reasons: LinkReasons?
  private let method: LinkReason.Method
  private let expected: (_ parent: Int, _ child: Int) -> WorldPoint?

  /// `interpolate` puts spots into the timepoints that a link skips; `expected` says where a child was expected in its parent's frame, nil for its own place.
  init(
    _ lineage: LineageGraph, _ frames: SpotFrames, _ tags: ElephantTagIDs,
    _ reasons: LinkReasons?, interpolate: Bool, method: LinkReason.Method,
    expected: @escaping (_ parent: Int, _ child: Int) -> WorldPoint?
  ) {
    self.lineage = lineage
    self.frames = frames
    self.interpolate = interpolate
    self.tags = tags
    self.reasons = reasons
    self.method = method
    self.expected = expected
  }

  func write(
    _ chosen: [ChosenLink], _ counts: inout AssignmentLinker.Counts, _ progress: Progress
  ) throws {
    var made = NewLinks(capacity: chosen.count)
    reasons?.reserve(lineage.linkSlots + chosen.count)
    var isWritten: Set<[Int]> = []
    let daughters = interpolate ? lateDaughters(chosen) : [:]
    var unseen: [Int: SpotID] = [:]
    for (n, link) in chosen.enumerated()
    where link.step == .link || isWritten.insert([link.parent, link.child]).inserted {
      if n & 1023 == 0 { try progress.check() }
      let (parent, child) = (frames.spots[link.parent], frames.spots[link.child])
      let gap = frames.timepoint[link.child] - frames.timepoint[link.parent]
      let wasDividing = !lineage.outgoing(parent).isEmpty
      let wasJoined = !lineage.incoming(child).isEmpty
      let ids: [LinkID]
      if link.step == .split, let mother = unseen[link.parent] {
        ids = [try lineage.addLink(mother, child)]
      } else if link.step == .split, let pair = daughters[link.parent] {
        let (links, mother) = try Interpolation.mother(
          lineage, from: parent, to: pair.map { frames.spots[$0] }, tags)
        unseen[link.parent] = mother
        ids = links + [try lineage.addLink(mother, child)]
        counts.interpolated += gap - 1
      } else if gap > 1, interpolate {
        ids = try Interpolation.fill(lineage, from: parent, to: child, tags)
        counts.interpolated += gap - 1
      } else {
        ids = [try lineage.addLink(parent, child)]
      }
      if gap > 1 { counts.gaps += 1 }
      if wasDividing { counts.splits += 1 }
      if wasJoined { counts.merges += 1 }
      counts.linked += ids.count
      for id in ids {
        made.add(id, cost: link.cost, margin: link.margin)
        reasons?.note(reason(link, gap), for: lineage.ref(id)) { k in
          link.others[k].map { .init(parent: lineage.ref(frames.spots[$0.parent]), cost: $0.cost) }
        }
      }
    }
    try made.write(lineage, tags.tracking, tags.trackingUnlabeled)
  }

  /// The daughters of mothers that were not seen in the frame before they divided, by mother.
  private func lateDaughters(_ chosen: [ChosenLink]) -> [Int: [Int]] {
    var daughters: [Int: [Int]] = [:]
    for link in chosen where link.step == .split {
      daughters[link.parent, default: []].append(link.child)
    }
    return daughters.filter { mother, pair in
      let gaps = Set(pair.map { frames.timepoint[$0] - frames.timepoint[mother] })
      return pair.count > 1 && gaps.count == 1 && gaps.first! > 1
    }
  }

  /// The reason without the other parents.
  private func reason(_ link: ChosenLink, _ gap: Int) -> LinkReason {
    LinkReason(
      method: method, step: link.step == .gap && gap == 1 ? .link : link.step, cost: link.cost,
      aloneCost: link.aloneCost, margin: link.margin,
      expected: expected(link.parent, link.child), alternatives: [])
  }
}

// One timepoint of nearest-neighbour linking: clear, collect, predict, link. The letters and numbers in the
// comments are those of ELEPHANT's own sequence, so that the two can be compared line by line.

import Core
import Lineage

/// Links the spots of one timepoint after another. It keeps its scratch memory between timepoints.
struct LinkStep {
  private typealias Flow = NearestNeighborLinker.Flow
  private typealias FlowQuery = NearestNeighborLinker.FlowQuery

  /// A spot that looks for a parent.
  private struct Child {
    var spot: SpotID
    var position: WorldPoint
    var covariance: Covariance
    /// Where it is expected, and the squared predicted displacement (nil: the distance to the parent).
    var query: WorldPoint
    var flowDisplacement: Double?
    var isLinked = false
    var isInterpolated = false
    /// The link made for it, with the squared distance and displacement that it was made for.
    var link: LinkID?
    var record = Record(squaredDistance: 0, squaredDisplacement: 0)
  }

  /// The nearest parents that a child did not get.
  private struct Others {
    var first = (spot: SpotID(0), squaredDistance: Double.infinity)
    var second = (spot: SpotID(0), squaredDistance: Double.infinity)
    var third = (spot: SpotID(0), squaredDistance: Double.infinity)

    mutating func insert(_ n: Neighbor) {
      let new = (spot: n.id, squaredDistance: n.squaredDistance)
      if new.squaredDistance < first.squaredDistance {
        (first, second, third) = (new, first, second)
      } else if new.squaredDistance < second.squaredDistance {
        (second, third) = (new, second)
      } else if new.squaredDistance < third.squaredDistance {
        third = new
      }
    }
  }

  /// What a link was made for.
  private struct Record {
    var squaredDistance, squaredDisplacement: Double
  }

  private let lineage: LineageGraph
  private let o: NearestNeighborLinker.Options
  private let progress: Progress
  private let isElephant: Bool
  private let detection, tracking: TagSetID
  private let tags: ElephantTagIDs
  private let unlabeledSpot, unlabeledLink, approvedLink: TagID
  private let linkable: LinkableTags
  private let reasons: LinkReasons?
  /// Place in `children` of each spot id, -1 for others.
  private var childIndex: [Int32]
  private var children: [Child] = []
  /// Displaced links that ELEPHANT's rules leave in place until the timepoint is done.
  private var scheduled: [LinkID] = []
  private var scheduledRecords: [LinkID: Record] = [:]
  private var neighbors: [Neighbor]
  private var others: [Others] = []
  private var made = NewLinks()
  private(set) var counts = NearestNeighborLinker.Counts()

  init(
    _ lineage: LineageGraph, _ options: NearestNeighborLinker.Options, _ reasons: LinkReasons?,
    _ progress: Progress
  ) throws {
    self.lineage = lineage
    o = options
    self.progress = progress
    isElephant = options.compat == .elephant
    tags = try ElephantTagIDs(lineage)
    self.reasons = reasons
    detection = tags.detection
    tracking = tags.tracking
    unlabeledSpot = tags.unlabeled
    unlabeledLink = tags.trackingUnlabeled
    approvedLink = tags.approved
    linkable = LinkableTags(lineage, detection)
    childIndex = Array(repeating: -1, count: lineage.spotSlots)
    neighbors = Array(repeating: (SpotID(0), 0), count: options.neighbors)
  }

  mutating func run(_ t: Timepoint, _ flow: NearestNeighborLinker.Flow?) throws {
    counts.timepoints += 1
    counts.cleared += try lineage.clearLinks(
      into: t...t, tagged: unlabeledLink, in: tracking, box: o.box, progress)  // A.
    collect(t)
    others = Array(repeating: Others(), count: children.count)
    defer { for child in children { childIndex[Int(child.spot.index)] = -1 } }
    guard try predict(t, flow) else {
      counts.unlinked += children.count
      return
    }
    for _ in 0..<o.passes {
      var isComplete = true
      for i in children.indices where !children[i].isLinked {
        if i & 1023 == 1023 { try progress.check() }
        isComplete = false
        try link(i, t)
      }
      if isComplete { break }
    }
    for link in scheduled where lineage.contains(link) {
      try lineage.remove(link)
    }
    scheduled.removeAll(keepingCapacity: true)
    scheduledRecords.removeAll(keepingCapacity: true)
    for i in children.indices {
      if lineage.incoming(children[i].spot).isEmpty {
        counts.unlinked += 1
      } else {
        counts.linked += 1
        note(i)
      }
    }
  }

  /// Write the features of all links that were made, and spots into the frames that links skip.
  mutating func finish() throws {
    if o.fillGaps {
      try made.fillGaps(lineage, tags, reasons) { counts.interpolated += $0 }
    }
    try made.write(lineage, tracking, nil)
  }

  /// Take down what the link of a child cost, and what else was near.
  private mutating func note(_ i: Int) {
    guard let link = children[i].link, lineage.contains(link) else { return }
    let cost = children[i].record.squaredDistance
    let alone = o.threshold * o.threshold
    let other = others[i]
    let margin = LinkReason.margin(
      cost: cost, loss: min(other.first.squaredDistance, alone) - cost)
    made.add(link, cost: cost, margin: margin)
    guard let reasons else { return }
    let alternatives = [other.first, other.second, other.third]
      .filter { $0.squaredDistance < .infinity }
      .map { LinkReason.Alternative(parent: lineage.ref($0.spot), cost: $0.squaredDistance) }
    let isGap =
      lineage.timepoint(children[i].spot) - lineage.timepoint(lineage.source(link)) > 1
    reasons.note(
      LinkReason(
        method: .nearest, step: isGap ? .gap : .link, cost: cost, aloneCost: alone, margin: margin,
        expected: children[i].flowDisplacement == nil ? nil : children[i].query,
        alternatives: alternatives), for: lineage.ref(link))
  }

  // MARK: B and C

  /// B. The linkable spots at `t` that have no parent.
  private mutating func collect(_ t: Timepoint) {
    children.removeAll(keepingCapacity: true)
    lineage.withSpots(at: t) { spots in
      for spot in spots where isLinkable(spot) && lineage.incoming(spot).isEmpty {
        let position = lineage.position(spot)
        if let box = o.box, !box.contains(position) { continue }
        childIndex[Int(spot.index)] = Int32(children.count)
        children.append(
          Child(
            spot: spot, position: position, covariance: lineage.covariance(spot), query: position))
      }
    }
  }

  /// C. Where the spots are expected. Answers false when this timepoint has no prediction.
  private mutating func predict(_ t: Timepoint, _ flow: NearestNeighborLinker.Flow?) throws -> Bool
  {
    guard let flow else { return true }
    let queries = children.map {
      FlowQuery(spot: $0.spot, position: $0.position, covariance: $0.covariance)
    }
    guard let predictions = try flow(t, queries) else { return false }
    guard predictions.count == children.count else {
      throw HowdahError(
        .argument,
        "link.nearest: the flow answered \(predictions.count) predictions for \(children.count) "
          + "spots at timepoint \(t)")
    }
    for i in children.indices {
      children[i].query = predictions[i].position
      children[i].flowDisplacement = predictions[i].squaredDisplacement
    }
    return true
  }

  // MARK: D

  /// D. Look for a parent of one child, nearest first, frame by frame.
  private mutating func link(_ i: Int, _ t: Timepoint) throws {
    for k in 0..<min(o.depth, t) {
      let found = search(children[i].query, at: t - 1 - k)
      var other = Others()
      for n in 0..<found {
        let (parent, distance) = neighbors[n]
        if !isLinkable(parent) { continue }  // 1.
        if distance > o.threshold * o.threshold { break }  // 2.
        if try adopt(i, parent, distance, t, framesSkipped: k) {
          for m in n + 1..<max(found, n + 1) where isLinkable(neighbors[m].id) {
            other.insert(neighbors[m])
          }
          others[i] = other
          return
        }
        other.insert(neighbors[n])
      }
    }
  }

  /// Steps 3 to 8 for one child and one possible parent. Answers whether the child was linked.
  private mutating func adopt(
    _ i: Int, _ parent: SpotID, _ distance: Double, _ t: Timepoint, framesSkipped: Int
  ) throws -> Bool {
    let displacement = children[i].flowDisplacement ?? distance  // 3.

    // 4. How many children the parent may have.
    var capacity = displacement > o.divisionDistance ? o.maxLinks : 1
    var degree = 0
    var approved = 0
    for link in lineage.outgoing(parent) {
      degree += 1
      if lineage.tag(tracking, of: link) == approvedLink { approved += 1 }
      let record = recorded(link)
      if (record?.squaredDisplacement ?? 0) > o.divisionDistance { capacity = o.maxLinks }
      if distance < o.divisionDistance, (record?.squaredDistance ?? 0) < o.divisionDistance {
        capacity = o.maxLinks
      }
    }
    if approved >= capacity { return false }  // 5.

    // 6. A full parent gives up a link that is longer, or does not take this child.
    let interpolates =
      o.interpolate && !o.fillGaps && framesSkipped > 0 && !children[i].isInterpolated
    if degree >= capacity, isElephant || !interpolates {
      guard let rival = replaceable(parent) else { return false }
      if length(rival) < distance { return false }
      try displace(rival)
    }

    // 7. A spot in the frame between.
    var source = parent
    if interpolates {
      source = try lineage.addSpot(
        t: t - 1, position: children[i].query, covariance: children[i].covariance)
      try lineage.setTag(detection, of: source, to: unlabeledSpot)
      try lineage.setTag(tracking, of: source, to: unlabeledLink)
      if childIndex.count < lineage.spotSlots {
        childIndex += Array(repeating: -1, count: lineage.spotSlots - childIndex.count)
      }
      children[i].isInterpolated = true
      counts.interpolated += 1
    }

    // 8. The link.
    let link = try lineage.addLink(source, children[i].spot)
    try lineage.setTag(tracking, of: link, to: unlabeledLink)
    children[i].isLinked = true
    children[i].link = link
    children[i].record = Record(squaredDistance: distance, squaredDisplacement: displacement)
    return true
  }

  /// The link of a full parent that gives way first: the longest that is not approved. ELEPHANT takes the
  /// last one, whatever it is (Q1).
  private func replaceable(_ parent: SpotID) -> LinkID? {
    let links = lineage.outgoing(parent)
    if isElephant { return links.lastLink }
    var longest: (link: LinkID, length: Double)?
    for link in links where lineage.tag(tracking, of: link) != approvedLink {
      let length = length(link)
      if length > longest?.length ?? -1 { longest = (link, length) }
    }
    return longest?.link
  }

  /// Take a link away and let its child look again. ELEPHANT leaves it in place until the timepoint is
  /// done (Q2), and spares links at a spot with id 0 (Q3).
  private mutating func displace(_ link: LinkID) throws {
    let target = lineage.target(link)
    if isElephant {
      if lineage.source(link).index == 0 || target.index == 0 { return }
      scheduledRecords[link] = recorded(link)
      scheduled.append(link)
    } else {
      try lineage.remove(link)
    }
    counts.displaced += 1
    let i = Int(childIndex[Int(target.index)])
    if i >= 0 {
      children[i].isLinked = false
      children[i].link = nil
    }
  }

  /// Squared length of a link: that for which it was made in this step, else that between its ends.
  private func length(_ link: LinkID) -> Double {
    recorded(link)?.squaredDistance
      ?? lineage.position(lineage.source(link))
      .squaredDistance(to: lineage.position(lineage.target(link)))
  }

  /// What is known about a link that was made in this step.
  @inline(__always)
  private func recorded(_ link: LinkID) -> Record? {
    let i = Int(childIndex[Int(lineage.target(link).index)])
    if i >= 0, children[i].link == link { return children[i].record }
    return scheduledRecords.isEmpty ? nil : scheduledRecords[link]
  }

  // MARK: Neighbours

  @inline(__always)
  private func isLinkable(_ spot: SpotID) -> Bool {
    linkable.contains(spot, lineage)
  }

  /// Put the nearest spots of a timepoint into `neighbors`, by distance and id; answers how many.
  ///
  /// ELEPHANT counts all spots (Q8); here `o.neighbors` of those that are linkable are found, however many
  /// rejected ones lie nearer.
  private mutating func search(_ p: WorldPoint, at t: Timepoint) -> Int {
    while true {
      let found = neighbors.withUnsafeMutableBufferPointer {
        lineage.nearest(to: p, at: t, maxDistance: o.threshold, into: $0)
      }
      if isElephant || found < neighbors.count { return found }
      var linkable = 0
      for n in 0..<found where isLinkable(neighbors[n].id) { linkable += 1 }
      if linkable >= o.neighbors { return found }
      neighbors += neighbors
    }
  }
}

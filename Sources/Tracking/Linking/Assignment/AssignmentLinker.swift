// Linking by linear assignment, in the formulation of Jaqaman et al. (2008) as TrackMate uses it: first the
// spots of each two neighbouring frames are assigned to each other at least cost, then the ends and beginnings
// of the tracks that come out of it, over gaps, as splits and as merges.
//
// What people have confirmed is respected: links that are not tagged `unlabeled` are neither removed nor
// doubled, and spots that have a parent already are left alone.

import Core
import Lineage

/// Links spots so that the sum of squared distances is least, as TrackMate's LAP tracker does.
///
/// Linkable are spots whose tag in the set `Detection` is `tp`, `fn` or `unlabeled`. New links carry
/// `Tracking` = `unlabeled`. The whole call is one undo point.
///
/// Both steps are assignments in which a link of cost c is possible beside not linking. In the tables of
/// Jaqaman et al. those alternatives fill three quarters of a square of twice the size, and the lower right
/// quarter holds the transposed links at the least cost m. A perfect matching of that square uses one entry
/// of the lower right for each link, so it is the same as a matching of the links alone in which each costs
/// c + m and each spot without one its alternative; that is what is solved here.
public enum AssignmentLinker {
  /// Link spots.
  ///
  /// - Parameters:
  ///   - flow: Where spots are expected one frame earlier; nil looks around their present position. Over a
  ///     gap it is asked again, frame by frame.
  ///   - cost: Replaces the squared distance; called only for pairs within the thresholds, the penalties are
  ///     not applied to it.
  ///   - reasons: Remembers why each link was made.
  /// - Throws: `.argument` for an option out of range, a flow with the wrong number of predictions or a cost
  ///   below 0, `.interrupted`, and what `flow` and `cost` throw. The lineage is then as it was.
  public static func run(
    _ lineage: LineageGraph, options: Options = Options(),
    flow: NearestNeighborLinker.Flow? = nil, cost: Cost? = nil, reasons: LinkReasons? = nil,
    progress: Progress = .none
  ) throws -> Counts {
    try options.check()
    guard let sought = lineage.linked(options.timepoints) else { return Counts() }
    return try lineage.edit("link by assignment") {
      try lineage.ensureElephantTagSets()
      let tags = try ElephantTagIDs(lineage)
      var counts = Counts()
      counts.timepoints = sought.count
      let gap = max(1, options.maxFrameGap)
      let frames: SpotFrames
      (frames, counts.cleared) = try SpotFrames.clear(
        lineage, into: sought, back: gap, box: options.box, tags, progress)
      let costs = AssignmentCosts(
        frames: frames, expected: try ExpectedPlaces(frames, lineage, flow, depth: gap),
        penalties: options.penalties.filter { $0.weight > 0 },
        rejected: RejectedPairs(lineage, tags))
      var links = try FrameAssignment(frames, costs, options, cost).run(sought, progress)
      var segments = SegmentAssignment(frames, costs, options, cost, links)
      links += try segments.run(sought, progress)
      let places = costs.expected
      let writer = AssignmentWriter(
        lineage, frames, tags, reasons, interpolate: options.interpolate, method: .lap
      ) { parent, child in
        let gap = frames.timepoint[child] - frames.timepoint[parent]
        return places.isMoved ? places.place(child, frames: gap) : nil
      }
      try writer.write(links, &counts, progress)
      counts.unlinked = frames.unlinked(links)
      return counts
    }
  }
}

/// Where each spot is expected one, two, ... frames earlier.
struct ExpectedPlaces: Sendable {
  /// Whether there is a flow.
  let isMoved: Bool
  /// `places[k]` for k + 1 frames earlier; one list for all without a flow.
  private let places: [[WorldPoint]]

  init(
    _ frames: SpotFrames, _ lineage: LineageGraph, _ flow: NearestNeighborLinker.Flow?, depth: Int
  ) throws {
    isMoved = flow != nil
    guard let flow else {
      places = [frames.positions]
      return
    }
    var places: [[WorldPoint]] = []
    for k in 0..<depth {
      var moved = places.last ?? frames.positions
      for f in frames.frameStart.indices.dropLast() {
        let t = frames.first + f - k
        let range = frames.places(at: frames.first + f)
        if t < 1 || range.isEmpty { continue }
        let queries = range.map {
          NearestNeighborLinker.FlowQuery(
            spot: frames.spots[$0], position: moved[$0],
            covariance: lineage.covariance(frames.spots[$0]))
        }
        guard let answers = try flow(t, queries) else { continue }
        guard answers.count == queries.count else {
          throw HowdahError(
            .argument,
            "the flow answered \(answers.count) predictions for \(queries.count) spots at "
              + "timepoint \(t)")
        }
        for (i, answer) in zip(range, answers) { moved[i] = answer.position }
      }
      places.append(moved)
    }
    self.places = places
  }

  /// Where a spot is expected `frames` earlier, world units.
  @inline(__always)
  func place(_ spot: Int, frames: Int) -> WorldPoint {
    places[isMoved ? min(frames, places.count) - 1 : 0][spot]
  }
}

/// What linking a pair costs.
struct AssignmentCosts: Sendable {
  let frames: SpotFrames
  let expected: ExpectedPlaces
  let penalties: [AssignmentLinker.Penalty]
  let rejected: RejectedPairs

  /// The squared distance from the parent to where the child is expected, world units.
  func squaredDistance(_ parent: Int, _ child: Int) -> Double {
    let gap = frames.timepoint[child] - frames.timepoint[parent]
    return frames.positions[parent].squaredDistance(to: expected.place(child, frames: gap))
  }

  /// The squared distance times the square of 1 + 3 w |a - b| / |a + b|, summed over the penalties.
  @inline(__always)
  func cost(_ parent: Int, _ child: Int, _ squaredDistance: Double) -> Double {
    if penalties.isEmpty { return squaredDistance }
    var factor = 1.0
    let (p, c) = (Int(frames.spots[parent].index), Int(frames.spots[child].index))
    for penalty in penalties where p < penalty.values.count && c < penalty.values.count {
      let (a, b) = (penalty.values[p], penalty.values[c])
      let share = abs(a - b) / abs(a + b)
      if share.isFinite { factor += 3 * penalty.weight * share }
    }
    return squaredDistance * factor * factor
  }

  /// As `cost`, or what a person's function says; nil for a rejected pair.
  func cost(
    _ parent: Int, _ child: Int, _ squaredDistance: Double, _ custom: AssignmentLinker.Cost?
  ) throws -> Double? {
    let (a, b) = (frames.spots[parent], frames.spots[child])
    if rejected.contains(a, b) { return nil }
    guard let custom else { return cost(parent, child, squaredDistance) }
    guard let cost = try custom(a, b) else { return nil }
    if cost >= 0, cost.isFinite { return cost }
    throw HowdahError(
      .argument,
      "link.lap: the cost function answered \(cost) for spots \(a) and \(b); a cost is a number of "
        + "at least 0, or nil to forbid the link")
  }
}

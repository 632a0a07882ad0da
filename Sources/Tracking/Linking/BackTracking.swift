// ELEPHANT's "back track" (elephant-client 4.5): follow one spot backward in time, frame by frame, and create what is
// missing on the way.
//
// What ELEPHANT gets wrong is done right here: what is searched lies around where the spot is expected now, not where
// the last run ended; a spot that has a parent is where the way ends, so that none gets a second one; rejected spots
// are no parents; a frame in which nothing is found ends the way instead of being skipped by a link. Approved work is
// met and linked to, never changed.

import Core
import Lineage

/// Follows a spot backward.
public struct BackTracking {
  /// How it goes.
  public struct Options: Sendable {
    /// Frames to go at most. ELEPHANT's "time range" counts the same.
    public var steps = 10
    /// A parent is strictly nearer than this to the expected position, world units.
    public var threshold = 5.0
    /// A spot with as many children takes no more.
    public var maxLinks = 2
    /// Where neither a spot nor an image shows a nucleus, put one where it is expected.
    public var interpolate = false
    /// Link to a spot that has a parent and then stop, also when that is the spot it began with (which gets a second
    /// parent then), as ELEPHANT does.
    public var compatible = false

    /// ELEPHANT's defaults.
    public init() {}

    func check() throws {
      func require(_ ok: Bool, _ message: String) throws {
        if !ok { throw HowdahError(.argument, "link.back_track: \(message)") }
      }
      try require(steps >= 1, "steps must be at least 1")
      try require(threshold >= 0, "threshold must be a distance of at least 0")
      try require(maxLinks >= 1, "max_links must be at least 1")
    }
  }

  /// Why it ended.
  public enum Reason: String, Sendable {
    /// All steps are done.
    case finished
    /// Timepoint 0 is reached.
    case beginning
    /// It came to a spot that has a parent.
    case parent = "has_parent"
    /// Nothing was found and nothing was to be put in.
    case nothing = "not_found"
  }

  /// What it did.
  public struct Result: Sendable, Equatable {
    /// Links made.
    public var links = 0
    /// Spots that were made where an image showed a nucleus.
    public var detected = 0
    /// Spots that were put where a nucleus was expected.
    public var interpolated = 0
    /// The earliest spot of the way.
    public var last: SpotID
    /// Why it ended there.
    public var reason = Reason.finished
  }

  /// Finds nuclei in the image of a timepoint around a point.
  public typealias Detect = (_ t: Timepoint, _ around: WorldPoint) throws -> [DetectedSpot]

  /// Follow a spot; one undo point.
  ///
  /// - Parameters:
  ///   - flow: where spots are expected one frame earlier; nil looks around their present position.
  ///   - detect: asked where no spot is near; nil for never.
  /// - Throws: `.argument` for an option out of range, `.interrupted`, and what `flow` and `detect` throw. The lineage
  ///   is then as it was.
  public static func run(
    _ spot: SpotID, in lineage: LineageGraph, options: Options = Options(),
    flow: NearestNeighborLinker.Flow? = nil, detect: Detect? = nil, progress: Progress = .none
  ) throws -> Result {
    try options.check()
    return try lineage.edit("back track") {
      try lineage.ensureElephantTagSets()
      let tags = try ElephantTagIDs(lineage)
      var walk = BackTracking(
        lineage: lineage, o: options, tags: tags, flow: flow, detect: detect,
        result: Result(last: spot))
      progress.begin(total: min(options.steps, lineage.timepoint(spot)), "tracking back")
      for _ in 0..<options.steps {
        try progress.check()
        guard try walk.step() else { break }
        progress.advance()
      }
      return walk.result
    }
  }

  private let lineage: LineageGraph
  private let o: Options
  private let tags: ElephantTagIDs
  private let flow: NearestNeighborLinker.Flow?
  private let detect: Detect?
  private var result: Result

  /// One frame back; false when the way ends.
  private mutating func step() throws -> Bool {
    let spot = result.last
    let t = lineage.timepoint(spot)
    guard t >= 1 else {
      result.reason = .beginning
      return false
    }
    if !o.compatible, !lineage.incoming(spot).isEmpty {
      result.reason = .parent
      return false
    }
    let (position, covariance) = (lineage.position(spot), lineage.covariance(spot))
    var expected = position
    if let flow {
      let query = NearestNeighborLinker.FlowQuery(
        spot: spot, position: position, covariance: covariance)
      if let answer = try flow(t, [query])?.first { expected = answer.position }
    }
    var parent = nearest(expected, at: t - 1)
    let isOld = parent != nil
    if parent == nil { parent = try make(expected, covariance, at: t - 1) }
    guard let parent else {
      result.reason = .nothing
      return false
    }
    let link = try lineage.addLink(parent, spot)
    try lineage.setTag(tags.tracking, of: link, to: tags.trackingUnlabeled)
    result.links += 1
    result.last = parent
    if isOld, !lineage.incoming(parent).isEmpty {
      result.reason = .parent
      return false
    }
    return true
  }

  /// The nearest spot that may be a parent. With `compatible` the nearest of all, or none when that one may not.
  private func nearest(_ p: WorldPoint, at t: Timepoint) -> SpotID? {
    let limit = o.threshold * o.threshold
    let near = lineage.within(radius: o.threshold, of: p, at: t).filter {
      $0.squaredDistance < limit
    }.sorted { ($0.squaredDistance, $0.id.index) < ($1.squaredDistance, $1.id.index) }
    let rejected = [tags.fp, tags.tn, tags.tb, tags.fb]
    for neighbor in near {
      let isFree = lineage.outDegree(neighbor.id) < o.maxLinks
      if o.compatible { return isFree ? neighbor.id : nil }
      let tag = lineage.tag(tags.detection, of: neighbor.id)
      if isFree, !(tag.map(rejected.contains) ?? false) { return neighbor.id }
    }
    return nil
  }

  /// A new spot where the image shows a nucleus, or where one is expected.
  private mutating func make(
    _ expected: WorldPoint, _ covariance: Covariance, at t: Timepoint
  ) throws -> SpotID? {
    let found = try detect?(t, expected).min {
      $0.position.squaredDistance(to: expected) < $1.position.squaredDistance(to: expected)
    }
    let spot: SpotID
    if let found, found.position.distance(to: expected) < o.threshold {
      spot = try lineage.addSpot(t: t, position: found.position, covariance: found.covariance)
      try lineage.setFeature(DetectionUpdate.qualityFeature, spot, found.quality)
      result.detected += 1
    } else if o.interpolate {
      spot = try lineage.addSpot(t: t, position: expected, covariance: covariance)
      result.interpolated += 1
    } else {
      return nil
    }
    try lineage.setTag(tags.detection, of: spot, to: tags.unlabeled)
    try lineage.setTag(tags.tracking, of: spot, to: tags.trackingUnlabeled)
    return spot
  }
}

// What the assignment linker is told and what it answers. Defaults are TrackMate's, but for the threshold,
// which is that of the nearest-neighbour linker.

import Core
import Lineage

extension AssignmentLinker {
  /// A number of each spot that two linked spots should share, such as size or brightness.
  public struct Penalty: Sendable {
    /// What the number is, for messages.
    public var name: String
    /// How much a difference counts; 0 not at all.
    public var weight: Double
    /// The number by spot id (slot); NaN where it is not known, which costs nothing.
    public var values: [Double]

    /// A penalty for differences of this number.
    public init(name: String, weight: Double, values: [Double]) {
      self.name = name
      self.weight = weight
      self.values = values
    }
  }

  /// The cost of linking a parent to a child that is within reach, at least 0; nil forbids the link.
  public typealias Cost = (_ parent: SpotID, _ child: SpotID) throws -> Double?

  /// How spots are linked. Distances are world units; costs are squared distances, times the penalties.
  public struct Options: Sendable {
    /// Timepoints whose spots get a parent, first and last included; `nil` means all.
    public var timepoints: ClosedRange<Timepoint>?
    /// A parent one frame earlier is at most this far from the (predicted) position.
    public var threshold = 5.0
    /// A track that ends may go on after a gap: the two spots are at most this far apart; nil takes
    /// `threshold`.
    public var gapThreshold: Double?
    /// How many frames from the last spot before a gap to the first after it, at most: 2 misses one spot,
    /// 1 or 0 closes no gaps.
    public var maxFrameGap = 2
    /// Whether a track may begin as a daughter of a spot that has a child.
    public var splitting = true
    /// How far a daughter may be from her mother; nil takes `threshold`.
    public var splitThreshold: Double?
    /// Whether a track may end by merging into a spot that has a parent.
    public var merging = false
    /// How far the two spots of a merge may be apart; nil takes `threshold`.
    public var mergeThreshold: Double?
    /// Whether spots that were linked to nothing from frame to frame may take part in gaps, splits and merges, as
    /// in LapTrack; TrackMate leaves them out.
    public var singleSpots = true
    /// Not linking costs this many times the dearest possible link (frame to frame), or the cost at
    /// `alternativePercentile` (gaps, splits and merges).
    public var alternativeFactor = 1.05
    /// 0 to 100: which of the sorted costs of all possible gaps, splits and merges the alternative is
    /// measured by.
    public var alternativePercentile = 90.0
    /// What else two linked spots should share. Each multiplies the distance by 1 + 3 w |a - b| / |a + b|,
    /// as TrackMate's feature penalties do.
    public var penalties: [Penalty] = []
    /// Put spots into the frames that a link over a gap skips, on the straight line.
    public var interpolate = false
    /// Only spots inside this box (world units) get a parent; parents may be anywhere.
    public var box: WorldBox?

    /// The defaults.
    public init() {}

    /// Throws `.argument` for the first option that is out of its range.
    func check() throws {
      func refuse(_ name: String, _ why: String) -> HowdahError {
        HowdahError(.argument, "link.lap: \(name) \(why)")
      }
      let thresholds = [
        ("threshold", threshold), ("gap_threshold", gapThreshold ?? 0),
        ("split_threshold", splitThreshold ?? 0), ("merge_threshold", mergeThreshold ?? 0),
      ]
      for (name, value) in thresholds where !(value >= 0) {
        throw refuse(name, "must be a distance of at least 0")
      }
      if maxFrameGap < 0 { throw refuse("max_frame_gap", "must be at least 0") }
      if !(alternativeFactor > 0) { throw refuse("alternative_factor", "must be above 0") }
      if !(0...100).contains(alternativePercentile) {
        throw refuse("alternative_percentile", "must be 0 to 100")
      }
      for penalty in penalties where !(penalty.weight >= 0) {
        throw refuse("the weight of \"\(penalty.name)\"", "must be at least 0")
      }
    }
  }

  /// What a linking run did.
  public struct Counts: Sendable, Equatable {
    /// Timepoints that were worked on.
    public var timepoints = 0
    /// Links made, of all kinds.
    public var linked = 0
    /// Unlabeled links that were removed before linking.
    public var cleared = 0
    /// Links over skipped frames.
    public var gaps = 0
    /// Links that made a spot divide.
    public var splits = 0
    /// Links that made two tracks one.
    public var merges = 0
    /// Spots that were put in where a frame was skipped.
    public var interpolated = 0
    /// Spots that stayed without a parent.
    public var unlinked = 0

    /// Nothing done yet.
    public init() {}
  }
}

// What the global linker is told and what it answers.

import Core
import Lineage

extension GlobalLinker {
  /// How spots are linked over a whole movie. Distances are world units.
  public struct Options: Sendable {
    /// Timepoints whose spots get a parent, first and last included; `nil` means all.
    public var timepoints: ClosedRange<Timepoint>?
    /// A parent is at most this far from the place that flow and the neighbours' motion predict; nil takes what
    /// the learned motion allows.
    public var threshold: Double?
    /// How far a spot may move before its neighbours' motion is known; nil takes 1.2 times the typical distance
    /// of nearest neighbours.
    public var reach: Double?
    /// Frames from a spot to its child, at most: 2 bridges one missing spot.
    public var maxFrameGap = 2
    /// Whether spots may divide.
    public var divisions = true
    /// Added to the logarithm of the odds of every division: above 0 finds more of them.
    public var divisionBias = 0.0
    /// How often costs are learned anew from the links found with the ones before.
    public var rounds = 2
    /// Put spots into the frames that a link over a gap skips, on the straight line.
    public var fillGaps = false
    /// Where the detection took two daughters for one spot after they had parted, put two in its place.
    public var partSisters = false
    /// Only spots inside this box (world units) get a parent; parents may be anywhere.
    public var box: WorldBox?
    /// Brightness by spot id (slot), above 0, NaN where not known; nil leaves brightness out.
    public var light: [Double]?
    /// Judges divisions.
    public var detector = DivisionDetector.standard

    /// The defaults.
    public init() {}

    /// Throws `.argument` for the first option that is out of its range.
    func check() throws {
      func refuse(_ name: String, _ why: String) -> HowdahError {
        HowdahError(.argument, "link.global: \(name) \(why)")
      }
      if let threshold, !(threshold > 0) { throw refuse("threshold", "must be above 0") }
      if let reach, !(reach > 0) { throw refuse("reach", "must be above 0") }
      if !(1...100).contains(maxFrameGap) { throw refuse("max_frame_gap", "must be 1 to 100") }
      if !(1...20).contains(rounds) { throw refuse("rounds", "must be 1 to 20") }
      if !divisionBias.isFinite { throw refuse("division_bias", "must be a number") }
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
    /// Divisions made.
    public var divisions = 0
    /// Spots that were put in where a frame was skipped.
    public var interpolated = 0
    /// Spots that were replaced by two, as they were two daughters already.
    public var parted = 0
    /// Spots that stayed without a parent.
    public var unlinked = 0
    /// The sum that was made least: minus the logarithm of the likelihood of the whole story.
    public var cost = 0.0
    /// No story costs less than `cost - gap`.
    public var gap = 0.0
    /// Whether this is proven to be the best story under the learned costs (the gap is 0 but for rounding).
    public var isOptimal = true
    /// Typical distance from the predicted place, world units.
    public var stray = 0.0
    /// Approved links that costs were learned from.
    public var approved = 0

    /// Nothing done yet.
    public init() {}
  }
}

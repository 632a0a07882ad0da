// What the classical detector is told and what it answers.

import Core

extension DoGDetector {
  /// How blobs are found. Lengths are world units (usually micrometres).
  public struct Options: Sendable {
    /// Timepoints to work on, first and last included; `nil` means all.
    public var timepoints: ClosedRange<Timepoint>?
    /// The view setup (channel, angle) whose images are used.
    public var setup = 0
    /// Radii of the nuclei to look for, world units. One value looks at one scale; a range looks at several
    /// scales a factor of at most 1.35 apart and keeps the best answer of each place. `nil` measures the
    /// radius of typical blobs in the first image that is worked on. Nuclei of half to twice a radius are
    /// found with it.
    public var radius: ClosedRange<Double>?
    /// Least quality of a spot. Quality is the contrast of the blob in units of the noise of such
    /// contrasts, after the shot noise has been made even, so it does not depend on the camera's gain
    /// and offset or on the size of the blob. `nil` chooses a value for each image; see `DoGDetector`.
    public var threshold: Double?
    /// Two spots of one image are at least this far apart, as a factor of twice the radius that is looked
    /// for: 1 means balls that touch. What is one nucleus is decided from the image before that.
    public var separation = 0.3
    /// A found spot nearer than this to a kept spot is not added, world units. ELEPHANT's "suppression
    /// distance" has the fixed value 3.0; `nil` means twice `separation` times the smallest radius.
    public var suppressionDistance: Double?
    /// Semi-axes below this are not believed, world units; `nil` means a third of the smallest `radius`.
    public var minRadius: Double?
    /// Semi-axes are cut to this, world units; `nil` means twice the largest `radius`.
    public var maxRadius: Double?
    /// Give each spot an ellipsoid fitted to the image; off gives spheres of the scale's radius.
    public var ellipsoids = true
    /// Work on this box only (world units): spots outside it are neither removed nor added.
    public var box: WorldBox?

    /// The defaults.
    public init() {}

    func check() throws {
      func refuse(_ name: String, _ why: String) -> HowdahError {
        HowdahError(.argument, "detect.dog: \(name) \(why)")
      }
      func positive(_ value: Double?) -> Bool { value.map { $0 > 0 && $0.isFinite } ?? true }
      if !positive(radius?.lowerBound) || !positive(radius?.upperBound) {
        throw refuse("radius", "must be above 0")
      }
      if !positive(minRadius) { throw refuse("min_radius", "must be above 0") }
      if !positive(maxRadius) { throw refuse("max_radius", "must be above 0") }
      if let low = minRadius, let high = maxRadius, low > high {
        throw refuse("min_radius", "is above max_radius")
      }
      if let t = threshold, !t.isFinite { throw refuse("threshold", "must be a number") }
      if !(separation >= 0) { throw refuse("separation", "must be at least 0") }
      if let d = suppressionDistance, !(d >= 0) {
        throw refuse("suppression_distance", "must be at least 0")
      }
      if setup < 0 { throw refuse("setup", "must be at least 0") }
    }
  }

  /// What a detection run did at one timepoint.
  public struct Counts: Sendable, Equatable {
    /// The timepoint.
    public var timepoint: Timepoint
    /// Blobs that passed the threshold and the separation.
    public var found = 0
    /// New spots.
    public var added = 0
    /// Unlabeled, not approved spots of before that were replaced.
    public var removed = 0
    /// Judged spots (tags fn, tn, tb) that were found again, now tp, fp, fb.
    public var confirmed = 0
    /// Found blobs that were not added because a kept spot is there.
    public var suppressed = 0
    /// The threshold that was used.
    public var threshold = 0.0
    /// The radius that was asked for, the middle of a range, or the measured one; world units.
    public var radius = 0.0

    /// Nothing done yet at a timepoint.
    public init(timepoint: Timepoint) { self.timepoint = timepoint }
  }
}

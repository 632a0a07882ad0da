// What a prediction is told and what it answers. Names and defaults are those of ELEPHANT's settings.

import Core
import Imaging

extension DetectionPrediction {
  /// How tiles are chosen.
  public enum Patch: Sendable, Equatable {
    /// By size and memory.
    case automatic
    /// The whole volume at once.
    case whole
    /// This size in voxels.
    case size(Size3)
  }

  /// What intensities are measured over when only a part is predicted.
  public enum Statistics: String, Sendable, CaseIterable {
    /// The whole volume, so that the part gives what the whole would give there.
    case volume
    /// The part itself, as ELEPHANT does.
    case box
  }

  /// How spots are predicted.
  public struct Options: Sendable {
    /// Timepoints to work on, first and last included; nil means all.
    public var timepoints: ClosedRange<Timepoint>?
    /// The view setup (channel, angle) whose images are used.
    public var setup = 0
    /// Where to predict.
    public var region = PredictionRegion.whole
    /// The tiles.
    public var patch = Patch.automatic
    /// Repeat the edges of each tile: "mitigate edge discontinuities". Networks that never learned from images that
    /// go on like this take neighbours at the rim for one.
    public var pad = false
    /// Give all planes of a volume the same median before.
    public var medianCorrection = false
    /// Voxels of the network's input for each voxel of the image, along each axis. Nil means by the size of the
    /// nuclei at each timepoint (`NucleusScale`): those that a person accepted, else those that the network finds
    /// itself; in compatible mode 1.
    public var rescale: VoxelSize? = .one
    /// How many poolings keep z; nil means by the (rescaled) voxel size.
    public var keepAxials: Int?
    /// What intensities are measured over; nil means the volume, in compatible mode the box.
    public var statistics: Statistics?
    /// How probabilities become spots.
    public var spots = ProbabilitySpots.Options()
    /// A found spot strictly nearer than this to a spot that is there is not added; world units. Nil means 3, or
    /// the median radius of what was found where that is less, and a quarter of it between spots that are found
    /// together; in compatible mode 3.
    public var suppressionDistance: Double?
    /// Nuclei with a smaller semi-axis are dropped, world units. Nil means a quarter of the median radius of what
    /// was found; in compatible mode 1.
    public var minRadius: Double?
    /// Move an unlabeled spot to a larger found one that it suppresses; nil means unless compatible, because
    /// ELEPHANT means to do so but never does.
    public var refit: Bool?
    /// The results of ELEPHANT 0.7 with its peculiarities: statistics of the box, no context around a box, sums of
    /// tiles that are not normalised, its treatment of thin components and of approved links.
    public var compatible = false

    /// The defaults: touching nuclei are separated, ellipsoids fitted to border and center, sizes judged by the
    /// median of what is found.
    public init() {
      spots.separation = ProbabilitySpots.Separation()
      spots.refine = true
    }

    /// ELEPHANT's defaults, but for its greatest radius of 5; `compatible` is set.
    public static var elephant: Options {
      var options = Options()
      options.compatible = true
      options.pad = true
      options.spots.separation = nil
      options.spots.refine = false
      return options
    }

    func check(_ images: any ImageSource) throws {
      try spots.check()
      func require(_ ok: Bool, _ message: String) throws {
        if !ok { throw HowdahError(.argument, message) }
      }
      if let wanted = timepoints {
        try require(
          wanted.lowerBound >= 0 && wanted.upperBound < images.timepoints,
          "timepoints \(wanted.lowerBound) to \(wanted.upperBound) are not all there; the images have "
            + "0 to \(images.timepoints - 1)")
      }
      try require(
        (0..<images.setups).contains(setup),
        "there is no setup \(setup); valid are 0 to \(images.setups - 1)")
      for axis in Axis.allCases {
        try require(
          rescale.map { $0[axis] > 0 && $0[axis] <= 100 } ?? true,
          "rescale \(axis) is above 0, at most 100, not \(rescale?[axis] ?? 1)")
      }
      try require(
        suppressionDistance.map { $0 >= 0 && $0.isFinite } ?? true,
        "suppression distance must be at least 0")
      try require(
        minRadius.map { $0 >= 0 && $0 <= spots.maxRadius } ?? true,
        "min radius must be at least 0, at most the max radius")
      if case .size(let patch) = patch {
        try require(
          min(patch.x, patch.y, patch.z) >= 1, "a patch has at least 1 voxel along each axis")
      }
    }
  }

  /// What a prediction did at one timepoint.
  public struct Counts: Sendable, Equatable {
    /// The timepoint.
    public var timepoint: Timepoint
    /// Connected components above the threshold.
    public var components = 0
    /// Spots made of them.
    public var found = 0
    /// What became of these and of the spots of before.
    public var update = DetectionUpdate.Counts()

    /// Nothing done yet at a timepoint.
    public init(timepoint: Timepoint) { self.timepoint = timepoint }
  }
}

// What the nearest-neighbour linker is told and what it answers. Every constant that ELEPHANT fixes in its
// source or keeps in its settings is an option here, with ELEPHANT's value as the default.

import Core

extension NearestNeighborLinker {
  /// Which rules decide where ELEPHANT's shipped program differs from what its author meant.
  public enum Rules: String, Sendable, CaseIterable {
    /// The rules as documented: the true longest link gives way, at once; every id is ordinary; only
    /// linkable spots count as neighbours; ties in distance go to the smaller id.
    case clean
    /// What ELEPHANT 0.8 does, quirk by quirk, so that a published analysis can be repeated.
    case elephant
  }

  /// How spots are linked. Distances are world units (usually micrometres).
  public struct Options: Sendable {
    /// Timepoints whose spots get a parent, first and last included; `nil` means all. Timepoint 0 has no
    /// parents and is left out.
    public var timepoints: ClosedRange<Timepoint>?
    /// A parent is at most this far from the (predicted) position. World units. ELEPHANT's "NN linking
    /// threshold".
    public var threshold = 5.0
    /// How many frames back a parent is looked for. ELEPHANT's "NN search depth".
    public var depth = 1
    /// How many nearest neighbours are considered in each frame. ELEPHANT's "NN search neighbors".
    public var neighbors = 3
    /// A spot has at most this many children. ELEPHANT's "NN max edges".
    public var maxLinks = 2
    /// Squared world units. A spot gets more than one child only where displacements exceed this, or where
    /// both children are closer than this. Hard-coded as 1.0 in ELEPHANT.
    public var divisionDistance = 1.0
    /// How often the spots of one timepoint are gone through to link those that lost their parent.
    /// Hard-coded as 5 in ELEPHANT.
    public var passes = 5
    /// When a parent is found more than one frame back, put a new spot into the frame before the child and
    /// link from there. ELEPHANT's "use interpolation for linking"; it needs `depth` above 1.
    public var interpolate = false
    /// When a parent is found more than one frame back, put a spot into every frame between, on the straight
    /// line, and link through them; takes the place of `interpolate`. Not one of ELEPHANT's rules.
    public var fillGaps = false
    /// Only spots inside this box (world units) get a parent; parents may be anywhere. ELEPHANT's "around
    /// mouse" variant.
    public var box: WorldBox?
    /// Which rules decide; see `Rules`.
    public var compat = Rules.clean

    /// The defaults.
    public init() {}

    /// Throws `.argument` for the first option that is out of its range.
    func check() throws {
      func refuse(_ name: String, _ why: String) -> HowdahError {
        HowdahError(.argument, "link.nearest: \(name) \(why)")
      }
      if !(threshold >= 0) { throw refuse("threshold", "must be a distance of at least 0") }
      if depth < 1 { throw refuse("depth", "must be at least 1") }
      if neighbors < 1 { throw refuse("neighbors", "must be at least 1") }
      if maxLinks < 1 { throw refuse("max_links", "must be at least 1") }
      if !(divisionDistance >= 0) { throw refuse("division_distance", "must be at least 0") }
      if passes < 1 { throw refuse("passes", "must be at least 1") }
    }
  }

  /// What a linking run did.
  public struct Counts: Sendable, Equatable {
    /// Timepoints that were worked on.
    public var timepoints = 0
    /// Links made and kept.
    public var linked = 0
    /// Unlabeled links that were removed before linking.
    public var cleared = 0
    /// Links that gave way to a nearer child, counted each time.
    public var displaced = 0
    /// Spots that were put in where a frame was skipped.
    public var interpolated = 0
    /// Linkable spots that stayed without a parent.
    public var unlinked = 0

    /// Nothing done yet.
    public init() {}
  }

  /// Where a spot is expected one frame earlier: its position moved back along the flow (world units), and
  /// the squared length of the predicted displacement.
  public struct FlowPrediction: Sendable {
    /// Expected centre, world units.
    public var position: WorldPoint
    /// Squared length of the predicted displacement, world units squared.
    public var squaredDisplacement: Double

    /// A prediction.
    public init(position: WorldPoint, squaredDisplacement: Double) {
      self.position = position
      self.squaredDisplacement = squaredDisplacement
    }
  }
}

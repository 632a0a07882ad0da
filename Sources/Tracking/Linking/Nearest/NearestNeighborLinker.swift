// ELEPHANT's nearest-neighbour linking. Timepoints are gone through from the last to the first; the spots
// of each look for a parent in the frame before (or some frames before), nearest first. A parent that has
// as many children as it may have gives up its longest unapproved link when a nearer child comes.
//
// What people have confirmed is respected: approved links are neither removed nor displaced, and spots
// that have a parent already are left alone.

import Core
import Lineage

/// Links spots to the nearest suitable spot of earlier frames, as ELEPHANT does.
///
/// Linkable are spots whose tag in the set `Detection` is `tp`, `fn` or `unlabeled`. New links carry
/// `Tracking` = `unlabeled`. The whole call is one undo point.
///
///     var options = NearestNeighborLinker.Options()
///     options.threshold = 8
///     let counts = try NearestNeighborLinker.run(project.lineage, options: options)
public enum NearestNeighborLinker {
  /// A spot whose place one frame earlier is asked for.
  public struct FlowQuery: Sendable {
    /// The spot.
    public let spot: SpotID
    /// Its centre, world units.
    public let position: WorldPoint
    /// Its ellipsoid, squared world units.
    public let covariance: Covariance

    /// The question for a spot.
    public init(spot: SpotID, position: WorldPoint, covariance: Covariance) {
      self.spot = spot
      self.position = position
      self.covariance = covariance
    }
  }

  /// Predicts where the spots of timepoint `t` were at `t - 1`: one answer a query in the same order, or
  /// nil when there is no prediction for this timepoint, which then is not linked.
  public typealias Flow = (_ t: Timepoint, _ queries: [FlowQuery]) throws -> [FlowPrediction]?

  /// Link spots.
  ///
  /// - Parameters:
  ///   - flow: Where spots are expected one frame earlier; nil looks around their present position.
  ///   - reasons: Remembers why each link was made.
  /// - Throws: `.argument` for an option out of range or a flow that answers with the wrong number of
  ///   predictions, `.interrupted`, and what `flow` throws. The lineage is then as it was.
  public static func run(
    _ lineage: LineageGraph, options: Options = Options(), flow: Flow? = nil,
    reasons: LinkReasons? = nil, progress: Progress = .none
  ) throws -> Counts {
    try options.check()
    guard let sought = lineage.linked(options.timepoints) else { return Counts() }
    return try lineage.edit("link nearest neighbours") {
      try lineage.ensureElephantTagSets()
      var step = try LinkStep(lineage, options, reasons, progress)
      progress.begin(total: sought.count, "linking")
      for t in sought.reversed() {
        try progress.check()
        try step.run(t, flow)
        progress.advance()
      }
      try step.finish()
      return step.counts
    }
  }
}

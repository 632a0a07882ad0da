// Linking a whole movie at once: the story of links, divisions, beginnings and ends that is most likely under
// costs learned from the project itself.
//
// What people have confirmed is respected: links that are not tagged `unlabeled` are neither removed nor
// contradicted; a pair that is linked with the Tracking tag `Rejected` is never linked, and that link does not
// count as a parent.

import Core
import Lineage

/// Links spots by the most likely story of the whole movie.
///
/// Linkable are spots whose tag in the set `Detection` is `tp`, `fn` or `unlabeled`. New links carry
/// `Tracking` = `unlabeled`. The whole call is one undo point.
///
/// 1. The motion of the tissue is found from the spots (`MotionField`), around a flow if one is given.
/// 2. Scales and rates are learned from the approved links and from the links found so far (`LinkModel`).
/// 3. All hypotheses get costs (`GlobalProblem`), divisions by the detector (`DivisionDetector`).
/// 4. The least sum is found and, where possible, proven to be least (`GlobalSolver`).
///
/// Steps 1 to 4 are repeated `rounds` times, each with what the one before has found.
public enum GlobalLinker {
  /// Link spots.
  ///
  /// - Parameters:
  ///   - flow: Where spots are expected one frame earlier; nil starts from their present position.
  ///   - reasons: Remembers why each link was made.
  /// - Throws: `.argument` for an option out of range or a flow with the wrong number of predictions,
  ///   `.interrupted`, and what `flow` throws. The lineage is then as it was.
  public static func run(
    _ lineage: LineageGraph, options: Options = Options(),
    flow: NearestNeighborLinker.Flow? = nil, reasons: LinkReasons? = nil,
    progress: Progress = .none
  ) throws -> Counts {
    try options.check()
    guard let sought = lineage.linked(options.timepoints) else { return Counts() }
    return try lineage.edit("link globally") {
      try lineage.ensureElephantTagSets()
      let tags = try ElephantTagIDs(lineage)
      var counts = Counts()
      counts.timepoints = sought.count
      let frames: SpotFrames
      (frames, counts.cleared) = try SpotFrames.clear(
        lineage, into: sought, back: options.maxFrameGap, box: options.box, tags, progress)
      var story = try GlobalStory(
        lineage, frames, options, tags, flow, last: sought.upperBound, progress)
      let links = try story.tell(progress)
      story.report(&counts)
      var written = AssignmentLinker.Counts()
      let writer = AssignmentWriter(
        lineage, frames, tags, reasons, interpolate: options.fillGaps, method: .global
      ) { parent, child in
        story.expectedPlace(of: child, near: parent)
      }
      try writer.write(links, &written, progress)
      counts.linked = written.linked
      counts.gaps = written.gaps
      counts.divisions = written.splits
      counts.interpolated = written.interpolated
      counts.unlinked = frames.unlinked(links)
      if options.partSisters {
        let mothers = Set(links.filter { $0.step == .split }.map { frames.spots[$0.parent] })
        counts.parted = try MergedSisters(lineage, tags, reasons).part(mothers.sorted(), progress)
      }
      return counts
    }
  }
}

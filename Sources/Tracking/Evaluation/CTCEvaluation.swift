// The measures of the Cell Tracking Challenge in one call.

import Core
import Formats

/// A label of the result and the label of the truth that it is matched to; neither is matched to another.
public struct CTCPair: Sendable, Hashable {
  /// The frame.
  public var frame: Int
  /// The label in the result.
  public var result: UInt32
  /// The label in the truth.
  public var truth: UInt32
}

/// What the Cell Tracking Challenge measures. Scores are between 0 and 1, and nil where there is nothing to
/// measure; `notes` says why.
public struct CTCResult: Sendable {
  /// Detection accuracy: 1 - AOGM-D / AOGM-D0.
  public var det: Double?
  /// Segmentation accuracy: mean Jaccard index of the outlines of the truth. Every reference image counts on
  /// its own, also when several are slices of one frame.
  public var seg: Double?
  /// SEG as py-ctcmetrics 1.3.3 takes it when a frame is outlined in several slices: they are one volume,
  /// counted once for each slice. Nil when there are no such frames.
  public var segStacked: Double?
  /// Tracking accuracy: 1 - AOGM / AOGM0.
  public var tra: Double?
  /// Linking accuracy: 1 - AOGM-A / AOGM-A0.
  public var lnk: Double?
  /// Complete tracks.
  public var ct: Double?
  /// Track fractions.
  public var tf: Double?
  /// Branching correctness BC(0) to BC(3): divisions that agree within so many frames.
  public var bc: [Double?]
  /// Cell cycle accuracy.
  public var cca: Double?
  /// Cell-specific higher order tracking accuracy.
  public var chota: Double?
  /// The six counts behind DET, TRA and LNK.
  public var operations: CTCOperations
  /// The counts behind BC(0) to BC(3).
  public var divisions: [CTCDivisions]
  /// Frames that were compared.
  public var frames: Int
  /// Labels that are matched one to one.
  public var pairs: [CTCPair]
  /// What could not be measured and why, and what is worth knowing; a sentence each.
  public var notes: [String]
}

/// Computes the measures of the Cell Tracking Challenge.
///
/// Equal to py-ctcmetrics 1.3.3, and to traccuracy 0.4.3 where that computes the same. They differ in three
/// places, in which this follows the challenge's own definition, as py-ctcmetrics does: NS counts the splits
/// that are needed (traccuracy counts the labels that need some), a link to an only child is a parental one
/// (traccuracy takes it for a gap in a track), and CCA compares tracks between two divisions (traccuracy joins
/// those over gaps).
public enum CTCEvaluation {
  /// How it is compared.
  public struct Options: Sendable {
    /// The truth has not all cells: labels that it does not know are not counted as errors, and tracks and
    /// divisions of the result count only when the truth knows them.
    public var isSparse = false

    /// A dense truth.
    public init() {}
  }

  /// Compare a result with the truth. Memory: a few frames at a time, as many as cores, at most about 1 GiB
  /// unless one frame alone needs more.
  ///
  /// - Throws: `.argument` when sizes or numbers of frames differ, `.format` with file, frame and label when
  ///   label images and track tables do not agree, `.interrupted`.
  public static func run(
    result: any CTCSubject, truth: any CTCSubject, options: Options = Options(),
    progress: Progress = .none
  ) throws -> CTCResult {
    let matching = try CTCMatching(result: result, truth: truth, progress)
    let operations = CTCOperations(matching, isSparse: options.isSparse)
    let biology = CTCBiology(matching, isSparse: options.isSparse)
    let divisions = (0...3).map { biology.divisions(tolerance: $0) }
    let s = matching.segmentation
    try progress.check()
    var found = CTCResult(
      det: CTCOperations.score(operations.detectionCost, of: 10 * Double(operations.vertices)),
      seg: s.outlines > 0 ? s.sum / Double(s.outlines) : nil,
      segStacked: s.hasSlices && s.stackedOutlines > 0
        ? s.stackedSum / Double(s.stackedOutlines) : nil,
      tra: CTCOperations.score(operations.cost, of: operations.costFromNothing),
      lnk: CTCOperations.score(operations.linkingCost, of: 1.5 * Double(operations.edges)),
      ct: biology.completeTracks, tf: biology.trackFractions, bc: divisions.map(\.score),
      cca: biology.cellCycleAccuracy,
      chota: CTCHigherOrder.score(matching, isSparse: options.isSparse),
      operations: operations, divisions: divisions, frames: matching.truthVertices.frames,
      pairs: matching.pairs, notes: [])
    found.note(truth)
    return found
  }
}

extension CTCResult {
  /// Say what is not there.
  mutating func note(_ truth: any CTCSubject) {
    if seg == nil {
      notes.append(
        truth.segmentations.isEmpty
          ? "no SEG: \(truth.name) has no reference segmentation (a folder SEG beside TRA)"
          : "no SEG: the reference segmentations of \(truth.name) hold no labels")
    }
    if segStacked != nil {
      notes.append(
        "SEG counts every outlined slice on its own, as the challenge does; seg_stacked takes the slices of "
          + "a frame together, as py-ctcmetrics does")
    }
    if det == nil { notes.append("no DET and TRA: \(truth.name) holds no labels") }
    if lnk == nil { notes.append("no LNK: \(truth.name) holds no links") }
    if bc.allSatisfy({ $0 == nil }) { notes.append("no BC: \(truth.name) has no divisions") }
    if cca == nil {
      notes.append("no CCA: no track of \(truth.name) begins and ends with a division")
    }
  }
}

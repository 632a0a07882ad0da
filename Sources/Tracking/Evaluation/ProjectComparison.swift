// Two projects compared in all ways: spots, links and divisions, and the measures of the Cell Tracking
// Challenge. Projects that were read from a folder of the challenge are compared by their label images,
// others are drawn.

import Core
import Formats
import Imaging
import Lineage

/// Everything that can be said about a result, given the truth.
public struct ProjectComparison {
  /// What is computed.
  public enum Measures: String, Sendable, CaseIterable {
    /// Everything that can be.
    case all
    /// The measures of the Cell Tracking Challenge only.
    case ctc
    /// Spots, links and divisions only; needs no images.
    case spots
  }

  /// How projects are compared.
  public struct Options: Sendable {
    /// What is computed.
    public var measures = Measures.all
    /// How spots are matched; `overlap` and its own pairs are filled in here.
    public var spots = Evaluation.Options()
    /// Whether spots are matched as the label images are: a label of the result is a label of the truth when
    /// it covers more than half of it. Nil means: when either project comes from a folder of the challenge.
    public var matchesByOverlap: Bool?
    /// How the measures of the challenge are taken.
    public var ctc = CTCEvaluation.Options()
    /// Draw the spots of a truth as balls of this radius, world units, instead of their ellipsoids; 0 draws
    /// single voxels. For truths that are points. Nothing to do with folders.
    public var markerRadius: Double?

    /// The defaults.
    public init() {}
  }

  /// Spots, links and divisions; nil when not asked for.
  public private(set) var spots: EvaluationResult?
  /// The measures of the challenge; nil when not asked for or not possible.
  public private(set) var ctc: CTCResult?
  /// What could not be computed and why.
  public private(set) var notes: [String] = []

  /// Compare two projects.
  ///
  /// - Throws: what `Evaluation.run` and `CTCEvaluation.run` throw. With `Measures.all`, that projects have no
  ///   images of the same known size is a note and no error.
  public init(
    result: Project, truth: Project, options: Options = Options(), progress: Progress = .none
  ) throws {
    let isFromFolder = result.labels != nil || truth.labels != nil
    let byOverlap =
      options.spots.pairs == nil && (options.matchesByOverlap ?? isFromFolder)
    var spotOptions = options.spots
    if options.measures != .spots || byOverlap {
      do {
        let (times, ignores) = (options.spots.timepoints, options.spots.ignoresRejected)
        let a = try Side(result, other: truth, nil, times, ignores, progress)
        let b = try Side(truth, other: result, options.markerRadius, times, ignores, progress)
        if a.subject.size != b.subject.size, !isFromFolder {
          throw HowdahError(
            .unavailable,
            "the images of the result have \(a.subject.size) voxels, those of the truth "
              + "\(b.subject.size)")
        }
        let found = try CTCEvaluation.run(
          result: a.subject, truth: b.subject, options: options.ctc, progress: progress)
        if byOverlap { spotOptions.pairs = Self.pairs(found, a, b) }
        if options.measures != .spots {
          ctc = found
          notes += found.notes
        }
      } catch let error as HowdahError
        where error.kind == .unavailable && options.measures == .all && !byOverlap
      {
        notes.append("no measures of the Cell Tracking Challenge: \(error.message)")
      }
    }
    if options.measures != .ctc {
      spots = try Evaluation.run(
        result: result.lineage, truth: truth.lineage, options: spotOptions, progress: progress)
    }
  }

  private static func pairs(_ found: CTCResult, _ a: Side, _ b: Side) -> [Evaluation.SpotPair] {
    let (result, truth) = (a.spots(), b.spots())
    return found.pairs.compactMap {
      guard let r = result[Side.Key(frame: $0.frame, label: $0.result)],
        let t = truth[Side.Key(frame: $0.frame, label: $0.truth)]
      else { return nil }
      return Evaluation.SpotPair(result: r, truth: t)
    }
  }

  /// A project as the measures see it.
  private struct Side {
    struct Key: Hashable {
      var frame: Int
      var label: UInt32
    }

    let project: Project
    let subject: any CTCSubject

    init(
      _ project: Project, other: Project, _ markerRadius: Double?,
      _ timepoints: ClosedRange<Timepoint>?, _ ignoresRejected: Bool, _ progress: Progress
    ) throws {
      self.project = project
      if let folder = project.labels {
        guard timepoints == nil else {
          throw HowdahError(
            .argument,
            "evaluate: timepoints cannot be chosen when label images of a folder are compared; leave "
              + "them out")
        }
        subject = folder
      } else {
        let isKnown = project.images != nil || project.imagesDescription != nil
        subject = try CTCDrawing(
          project, grid: isKnown ? project : other, markerRadius: markerRadius,
          timepoints: timepoints, except: project.lineage.judgedAsNone(isWanted: ignoresRejected),
          progress: progress)
      }
    }

    /// The spots by frame and label.
    func spots() -> [Key: SpotID] {
      let graph = project.lineage
      let drawn = (subject as? CTCDrawing)?.numbering.labels
      var spots: [Key: SpotID] = [:]
      graph.forEachSpot { spot in
        let label =
          drawn?[Int(spot.index)] ?? UInt32(graph.feature(CTCFolder.trackFeature, spot) ?? 0)
        spots[Key(frame: graph.timepoint(spot), label: label)] = spot
      }
      return spots
    }
  }
}

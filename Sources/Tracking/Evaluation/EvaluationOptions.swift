// What an evaluation is told and what it answers.

import Core
import Lineage

/// How well a result agrees with the truth: spots, links and divisions, as counts and scores.
public struct EvaluationResult: Sendable, Equatable {
  /// Right, wrong and missed items, and the three scores that follow from them.
  public struct Score: Sendable, Equatable {
    /// Items of the result that are in the truth.
    public var truePositives: Int
    /// Items of the result that are not in the truth.
    public var falsePositives: Int
    /// Items of the truth that are not in the result.
    public var falseNegatives: Int

    /// A score from its three counts.
    public init(truePositives: Int, falsePositives: Int, falseNegatives: Int) {
      self.truePositives = truePositives
      self.falsePositives = falsePositives
      self.falseNegatives = falseNegatives
    }

    /// Share of the result that is right; 1 when the result is empty and nothing was missed.
    public var precision: Double { ratio(truePositives, truePositives + falsePositives) }
    /// Share of the truth that was found; 1 when there was nothing to find.
    public var recall: Double { ratio(truePositives, truePositives + falseNegatives) }
    /// Harmonic mean of precision and recall: 2 TP / (2 TP + FP + FN).
    public var f1: Double {
      ratio(2 * truePositives, 2 * truePositives + falsePositives + falseNegatives)
    }

    /// Nothing to get wrong counts as right; something wrong or missed over nothing counts as 0.
    private func ratio(_ part: Int, _ whole: Int) -> Double {
      if whole == 0 { return falsePositives + falseNegatives == 0 ? 1 : 0 }
      return Double(part) / Double(whole)
    }
  }

  /// Spots, matched one to one within each timepoint.
  public var spots: Score
  /// Links: right when both ends are matched and the truth links the same two spots.
  public var links: Score
  /// Divisions: right when mother and two daughters are matched, within the frame tolerance.
  public var divisions: Score
  /// Mean distance of matched spots, world units; 0 without matches.
  public var meanDistance: Double
  /// Timepoints that were compared.
  public var timepoints: Int
  /// The spots of the result that are right, with their partners in the truth.
  public var right: [Evaluation.SpotPair] = []
  /// The spots of the result that are not in the truth.
  public var wrong: [SpotID] = []
  /// The spots of the truth that are not in the result.
  public var missed: [SpotID] = []
}

extension Evaluation {
  /// When two spots of one timepoint may be the same nucleus.
  public enum Criterion: String, Sendable, CaseIterable {
    /// Their centres are at most `maxDistance` apart.
    case distance
    /// One centre lies inside the other's ellipsoid (on the surface counts).
    case ellipsoid
  }

  /// A spot of the result and the spot of the truth that it is.
  public struct SpotPair: Sendable, Hashable {
    /// The spot of the result.
    public var result: SpotID
    /// The spot of the truth, at the same timepoint.
    public var truth: SpotID

    /// A pair of these spots.
    public init(result: SpotID, truth: SpotID) {
      self.result = result
      self.truth = truth
    }
  }

  /// How result and truth are compared.
  public struct Options: Sendable {
    /// When two spots may be the same nucleus.
    public var criterion = Criterion.distance
    /// Greatest distance of matched centres, world units; used by the criterion `distance`. `nil` takes
    /// the mean radius of the truth's spots.
    public var maxDistance: Double?
    /// Pairs that are known already, for example by overlap of label images (`CTCResult.pairs`); they take the
    /// place of the criterion. `nil` means that the criterion decides.
    public var pairs: [SpotPair]?
    /// A division may come this many frames early or late.
    public var divisionTolerance = 0
    /// Timepoints to compare, first and last included; `nil` means all. Links need both ends inside.
    public var timepoints: ClosedRange<Timepoint>?
    /// Whether spots that a person judged to be no nucleus (tags `fp`, `tn`, `fb`, `tb` of the set `Detection`)
    /// are taken as not there: they are notes about the images, not results.
    public var ignoresRejected = true
    /// Count only spots whose centre lies in this box (world units), for example the images without a rim
    /// where nuclei are cut. A pair counts when the truth's spot is inside; links need both ends to count.
    public var field: WorldBox?

    /// The defaults.
    public init() {}
  }
}

extension LineageGraph {
  /// Which spots a person judged to be no nucleus.
  ///
  /// - Parameter isWanted: false says "none" for all.
  func judgedAsNone(isWanted: Bool = true) -> (SpotID) -> Bool {
    guard isWanted, let set = tagSet(named: ElephantTags.detection) else { return { _ in false } }
    let labels = [ElephantTags.fp, ElephantTags.tn, ElephantTags.fb, ElephantTags.tb]
    let tags = Set(labels.compactMap { tag(named: $0, in: set) })
    return { [unowned self] spot in self.tag(set, of: spot).map(tags.contains) ?? false }
  }
}

// How well a tracking result agrees with the truth: which spots, links and divisions are right, wrong or
// missed. Spots are matched one to one within each timepoint; links and divisions follow from that.

import Core
import Lineage

/// Compares a result with the truth.
///
/// Spots: matched one to one by optimal assignment, as many as possible and then as near as possible.
/// Links: right when both ends are matched and the truth has the link; agrees with the basic errors of
/// traccuracy. Divisions: a spot with two or more children is right when it is matched to one with two or
/// more children and at least two of its links are right; see `DivisionMatching` for late and early ones.
public enum Evaluation {
  /// Compare two lineages.
  ///
  /// - Throws: `.argument` for a tolerance below 0, a distance that is no distance, or none given when the
  ///   truth's spots have no size; `.interrupted`.
  public static func run(
    result: LineageGraph, truth: LineageGraph, options: Options = Options(),
    progress: Progress = .none
  ) throws -> EvaluationResult {
    let matching = try SpotMatching(result: result, truth: truth, options, progress)
    let links = try LinkMatching(matching, progress)
    let divisions = DivisionMatching(matching, links, tolerance: options.divisionTolerance)
    return EvaluationResult(
      spots: matching.score, links: links.score, divisions: divisions.score,
      meanDistance: matching.meanDistance, timepoints: matching.timepoints,
      right: matching.right, wrong: matching.wrong, missed: matching.missed)
  }
}

/// Which spot of the result is which spot of the truth.
struct SpotMatching {
  let result, truth: LineageGraph
  /// By slot: the partner's id, or -1.
  private(set) var inTruth: [Int32]
  private(set) var inResult: [Int32]
  /// By slot: whether the spot is among those that are counted.
  private(set) var countsInResult: [Bool]
  private(set) var countsInTruth: [Bool]
  private(set) var score = EvaluationResult.Score(
    truePositives: 0, falsePositives: 0, falseNegatives: 0)
  private(set) var right: [Evaluation.SpotPair] = []
  private(set) var wrong: [SpotID] = []
  private(set) var missed: [SpotID] = []
  private let isNoneInResult, isNoneInTruth: (SpotID) -> Bool
  private(set) var meanDistance = 0.0
  private(set) var timepoints = 0

  init(
    result: LineageGraph, truth: LineageGraph, _ o: Evaluation.Options, _ progress: Progress
  ) throws {
    self.result = result
    self.truth = truth
    isNoneInResult = result.judgedAsNone(isWanted: o.ignoresRejected)
    isNoneInTruth = truth.judgedAsNone(isWanted: o.ignoresRejected)
    if o.divisionTolerance < 0 {
      throw HowdahError(.argument, "evaluate: division_tolerance must be at least 0")
    }
    inTruth = Array(repeating: -1, count: result.spotSlots)
    inResult = Array(repeating: -1, count: truth.spotSlots)
    countsInResult = Array(repeating: false, count: result.spotSlots)
    countsInTruth = Array(repeating: false, count: truth.spotSlots)
    let ranges = [result.timepoints, truth.timepoints].compactMap { $0 }
    guard let low = ranges.map(\.lowerBound).min(), let high = ranges.map(\.upperBound).max()
    else { return }
    let first = max(low, o.timepoints?.lowerBound ?? low)
    let last = min(high, o.timepoints?.upperBound ?? high)
    if first > last { return }
    let maxDistance = try o.pairs == nil ? SpotMatching.distance(o, truth) : 0
    let known = o.pairs.map {
      Dictionary($0.map { ($0.truth, $0.result) }, uniquingKeysWith: { a, _ in a })
    }
    timepoints = last - first + 1
    progress.begin(total: timepoints, "matching spots")
    var sum = 0.0
    for t in first...last {
      try progress.check()
      sum += match(t, o, maxDistance, known)
      progress.advance()
    }
    if score.truePositives > 0 { meanDistance = sum / Double(score.truePositives) }
  }

  /// The result's spot for a spot of the truth.
  func result(for spot: SpotID) -> SpotID? {
    let i = inResult[Int(spot.index)]
    return i < 0 ? nil : SpotID(UInt32(i))
  }

  /// The truth's spot for a spot of the result.
  func truth(for spot: SpotID) -> SpotID? {
    let i = inTruth[Int(spot.index)]
    return i < 0 ? nil : SpotID(UInt32(i))
  }

  private static func distance(_ o: Evaluation.Options, _ truth: LineageGraph) throws -> Double {
    if o.criterion == .ellipsoid { return 0 }
    if let d = o.maxDistance {
      if d >= 0 { return d }
      throw HowdahError(.argument, "evaluate: max_distance must be at least 0")
    }
    var sum = 0.0
    truth.forEachSpot { sum += truth.covariance($0).meanRadius }
    if truth.spotCount > 0, sum <= 0 {
      throw HowdahError(
        .argument, "evaluate: the truth's spots have no size; give max_distance in world units")
    }
    return truth.spotCount == 0 ? 0 : sum / Double(truth.spotCount)
  }

  /// Match the spots of one timepoint; answers the sum of the distances.
  private mutating func match(
    _ t: Timepoint, _ o: Evaluation.Options, _ maxDistance: Double, _ known: [SpotID: SpotID]?
  ) -> Double {
    let rows = truth.spots(at: t).filter { !isNoneInTruth($0) }
    let columns = result.spots(at: t).filter { !isNoneInResult($0) }
    var place: [SpotID: Int] = [:]
    for (i, spot) in columns.enumerated() { place[spot] = i }
    let reach = columns.reduce(0) { max($0, result.boundingSphereRadiusSquared($1)) }.squareRoot()
    let edges = (known == nil ? rows : []).map { spot -> [Assignment.Edge] in
      let p = truth.position(spot)
      switch o.criterion {
      case .distance:
        return result.within(radius: maxDistance, of: p, at: t).compactMap { near in
          place[near.id].map {
            Assignment.Edge(column: $0, cost: near.squaredDistance.squareRoot())
          }
        }
      case .ellipsoid:
        let own = truth.boundingSphereRadiusSquared(spot).squareRoot()
        return result.within(radius: max(own, reach), of: p, at: t).compactMap {
          guard let column = place[$0.id] else { return nil }
          let offset = result.position($0.id) - p
          if !truth.covariance(spot).contains(offset), !result.covariance($0.id).contains(offset) {
            return nil
          }
          return Assignment.Edge(column: column, cost: $0.squaredDistance.squareRoot())
        }
      }
    }
    let partner =
      known.map { known in rows.map { known[$0].flatMap { place[$0] } ?? -1 } }
      ?? Assignment.solve(edges, columns: columns.count)
    var sum = 0.0
    for (row, column) in partner.enumerated() {
      let spot = rows[row]
      let counts = o.field?.contains(truth.position(spot)) ?? true
      countsInTruth[Int(spot.index)] = counts
      guard column >= 0 else {
        if counts {
          score.falseNegatives += 1
          missed.append(spot)
        }
        continue
      }
      let match = columns[column]
      inResult[Int(spot.index)] = Int32(match.index)
      inTruth[Int(match.index)] = Int32(spot.index)
      countsInResult[Int(match.index)] = counts
      guard counts else { continue }
      sum += truth.position(spot).distance(to: result.position(match))
      score.truePositives += 1
      right.append(Evaluation.SpotPair(result: match, truth: spot))
    }
    for spot in columns where inTruth[Int(spot.index)] < 0 {
      guard o.field?.contains(result.position(spot)) ?? true else { continue }
      countsInResult[Int(spot.index)] = true
      score.falsePositives += 1
      wrong.append(spot)
    }
    return sum
  }
}

extension Covariance {
  /// Whether an offset from the centre lies inside the ellipsoid or on it. Nothing is inside one without
  /// volume but its centre.
  func contains(_ d: WorldPoint) -> Bool {
    if d == .zero { return true }
    guard let inverse = matrix.inverse else { return false }
    let v = inverse * d
    return d.x * v.x + d.y * v.y + d.z * v.z <= 1 + 1e-12
  }
}

/// Which links are right.
struct LinkMatching {
  /// By link slot of the truth: whether the result has it.
  private(set) var isFound: [Bool]
  private(set) var score: EvaluationResult.Score

  init(_ spots: SpotMatching, _ progress: Progress) throws {
    let (truth, result) = (spots.truth, spots.result)
    isFound = Array(repeating: false, count: truth.linkSlots)
    func counts(_ graph: LineageGraph, _ link: LinkID, _ spots: [Bool]) -> Bool {
      spots[Int(graph.source(link).index)] && spots[Int(graph.target(link).index)]
    }
    // A link of the result answers for one link of the truth, should there be several between two spots.
    var used = [Bool](repeating: false, count: result.linkSlots)
    var right = 0
    var wanted = 0
    for link in truth.links where counts(truth, link, spots.countsInTruth) {
      wanted += 1
      if wanted & 4095 == 0 { try progress.check() }
      guard let source = spots.result(for: truth.source(link)),
        let target = spots.result(for: truth.target(link))
      else { continue }
      for candidate in result.outgoing(source)
      where result.target(candidate) == target && !used[Int(candidate.index)] {
        used[Int(candidate.index)] = true
        isFound[Int(link.index)] = true
        right += 1
        break
      }
    }
    var given = 0
    result.forEachLink { if counts(result, $0, spots.countsInResult) { given += 1 } }
    score = EvaluationResult.Score(
      truePositives: right, falsePositives: given - right, falseNegatives: wanted - right)
  }
}

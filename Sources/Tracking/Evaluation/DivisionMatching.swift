// Which divisions are right, with a tolerance of some frames.

import Core
import Lineage

/// Compares divisions (spots with two or more children).
///
/// A division is right when the mother is matched to a mother and at least two of its links are right.
/// With a tolerance, a missed division and a wrong one that lie up to so many frames apart (in the same frame, too:
/// a daughter may have been missed in her first one) are one right division when both tell the same story: the earlier mother is matched to the later mother's ancestor in
/// its frame, and two daughters of the earlier mother lead to spots that are matched to descendants of two
/// different daughters of the later mother. Pairs closer in time are made first.
struct DivisionMatching {
  private(set) var score: EvaluationResult.Score
  private let spots: SpotMatching

  init(_ spots: SpotMatching, _ links: LinkMatching, tolerance: Int) {
    self.spots = spots
    let (truth, result) = (spots.truth, spots.result)
    var missed: [SpotID] = []
    var wrong = Set(result.dividing().filter { spots.countsInResult[Int($0.index)] })
    var right = 0
    for mother in truth.dividing() where spots.countsInTruth[Int(mother.index)] {
      let daughters = truth.outgoing(mother).filter { links.isFound[Int($0.index)] }.count
      if daughters >= 2, let partner = spots.result(for: mother), wrong.remove(partner) != nil {
        right += 1
      } else {
        missed.append(mother)
      }
    }
    score = EvaluationResult.Score(truePositives: 0, falsePositives: 0, falseNegatives: 0)
    if tolerance > 0 {
      var candidates: [(shift: Int, truth: SpotID, result: SpotID)] = []
      for a in missed {
        for b in wrong {
          let shift = abs(truth.timepoint(a) - result.timepoint(b))
          if shift <= tolerance, isSameDivision(a, b) {
            candidates.append((shift, a, b))
          }
        }
      }
      candidates.sort { ($0.shift, $0.truth, $0.result) < ($1.shift, $1.truth, $1.result) }
      var open = Set(missed)
      for c in candidates where open.contains(c.truth) && wrong.contains(c.result) {
        open.remove(c.truth)
        wrong.remove(c.result)
        right += 1
      }
      missed = Array(open)
    }
    score = EvaluationResult.Score(
      truePositives: right, falsePositives: wrong.count, falseNegatives: missed.count)
  }

  private func isSameDivision(_ a: SpotID, _ b: SpotID) -> Bool {
    let (truth, result) = (spots.truth, spots.result)
    if truth.timepoint(a) < result.timepoint(b) {
      return agree(early: a, in: truth, late: b, in: result) { spots.result(for: $0) }
    }
    return agree(early: b, in: result, late: a, in: truth) { spots.truth(for: $0) }
  }

  private func agree(
    early: SpotID, in one: LineageGraph, late: SpotID, in other: LineageGraph,
    _ partner: (SpotID) -> SpotID?
  ) -> Bool {
    guard let stem = ancestor(of: late, at: one.timepoint(early), in: other),
      partner(early) == stem
    else { return false }
    let after = other.timepoint(late)
    var reached: Set<SpotID> = []
    for link in one.outgoing(early) {
      // Along the daughter's branch to the first matched spot after the later division.
      var spot = one.target(link)
      while true {
        if one.timepoint(spot) > after, let match = partner(spot) {
          if let daughter = daughter(of: late, above: match, in: other) { reached.insert(daughter) }
          break
        }
        let next = one.outgoing(spot)
        guard next.count == 1, let onward = next.first, one.target(onward) != spot else { break }
        spot = one.target(onward)
      }
    }
    return reached.count >= 2
  }

  /// The ancestor of a spot at a timepoint, along first incoming links.
  private func ancestor(of spot: SpotID, at t: Timepoint, in graph: LineageGraph) -> SpotID? {
    var spot = spot
    while graph.timepoint(spot) > t {
      guard let link = graph.incoming(spot).first else { return nil }
      let parent = graph.source(link)
      if graph.timepoint(parent) >= graph.timepoint(spot) { return nil }
      spot = parent
    }
    return graph.timepoint(spot) == t ? spot : nil
  }

  /// The child of `mother` that is the spot or an ancestor of it.
  private func daughter(of mother: SpotID, above spot: SpotID, in graph: LineageGraph) -> SpotID? {
    var spot = spot
    while let link = graph.incoming(spot).first {
      let parent = graph.source(link)
      if parent == mother { return spot }
      if graph.timepoint(parent) >= graph.timepoint(spot) { return nil }
      if graph.timepoint(parent) < graph.timepoint(mother) { return nil }
      spot = parent
    }
    return nil
  }
}

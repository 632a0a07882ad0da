// The hypotheses that a spot divides, with their costs: a mother and two spots that may be her daughters. One of the
// three may have been missed by the detection in one frame.

import Core

extension GlobalProblem {
  /// How far a daughter may be from where her mother is expected, world units.
  var daughterReach: Double {
    min(o.threshold ?? .infinity, max(2.6 * traits.radius, 4 * model.stray.distance(to: .zero)))
  }

  /// The divisions whose last daughter is at a timepoint. Mother or daughter may have been missed in one frame: then
  /// the mother is taken from one frame earlier, or one daughter from one frame later.
  func divisions(_ t: Timepoint) -> [Division] {
    let daughters = Daughters(frames.places(at: t).filter { rowOf[$0] >= 0 }, gap: 1, self)
    if daughters.places.isEmpty { return [] }
    var found: [Division] = []
    for mother in mothers(t - 1) {
      let near = daughters.near(mother, self)
      collect(mother, near, near, missed: 0, &found)
    }
    if o.maxFrameGap < 2 { return found }
    let late = Daughters(daughters.places, gap: 2, self)
    let prompt = Daughters(frames.places(at: t - 1).filter { rowOf[$0] >= 0 }, gap: 1, self)
    for mother in mothers(t - 2) {
      let near = late.near(mother, self)
      if near.isEmpty { continue }
      collect(mother, near, near, missed: 1, &found)
      collect(mother, prompt.near(mother, self), near, missed: 1, &found)
    }
    return found
  }

  private func mothers(_ t: Timepoint) -> [Int] {
    frames.places(at: t).filter { columnOf[$0] >= 0 && frames.children[$0] == 0 }
  }

  /// The spots of a frame that may be daughters, `gap` frames after their mother.
  private struct Daughters {
    let places: [Int]
    private let gap: Int
    private let grid: PointGrid

    init(_ places: [Int], gap: Int, _ problem: GlobalProblem) {
      self.places = places
      self.gap = gap
      grid = PointGrid(
        places.map { problem.expected.place($0, frames: gap) }, reach: problem.daughterReach)
    }

    /// The few that are nearest to where a mother is expected, nearest first.
    func near(_ mother: Int, _ problem: GlobalProblem) -> [Int] {
      var near: [(spot: Int, distance: Double)] = []
      let place = problem.frames.positions[mother] + problem.motion[mother] * Double(gap)
      grid.forEach(within: problem.daughterReach, of: place) { n, d in
        if !problem.rejected.contains(problem.frames.spots[mother], problem.frames.spots[places[n]])
        {
          near.append((places[n], d))
        }
      }
      near.sort { ($0.distance, $0.spot) < ($1.distance, $1.spot) }
      return near.prefix(6).map(\.spot)
    }
  }

  /// Add the divisions of a mother into one of the first and one of the second spots.
  ///
  /// A division is as likely as the best story without it, times the odds of the detector: those were learned
  /// as the odds between the two. `missed` spots were not seen.
  private func collect(
    _ mother: Int, _ firsts: [Int], _ seconds: [Int], missed: Int, _ found: inout [Division]
  ) {
    let missing = -Double(missed) * logarithm(model.missing)
    let end = model.disappearCost(traits.isAtEdge[mother])
    let isSame = firsts == seconds
    for (n, first) in firsts.enumerated() {
      let a = offset(mother, first)
      for second in isSame ? seconds[(n + 1)...] : seconds[...] {
        let odds =
          o.detector.logOdds(features(mother: mother, first, second, a, offset(mother, second)))
          + divisionBias(first, second) - missing
        if odds < -4 { continue }
        let (begin, other) = (appearCost(first), appearCost(second))
        let without = min(
          seenLinkCost(mother, first) + other, seenLinkCost(mother, second) + begin,
          end + begin + other)
        found.append(
          Division(
            column: Int(columnOf[mother]), rows: (Int(rowOf[first]), Int(rowOf[second])),
            cost: without - odds, odds: odds))
      }
    }
  }

  /// What a link costs beside what was missed in between.
  private func seenLinkCost(_ parent: Int, _ child: Int) -> Double {
    let gap = frames.timepoint[child] - frames.timepoint[parent]
    return linkCost(parent, child) + Double(gap - 1) * logarithm(model.missing)
  }

  /// What it costs to give a second daughter to a mother whose first one stays.
  func secondDaughterCost(_ mother: Int, _ child: Int) -> Double? {
    guard o.divisions, let first = keptChild[mother],
      frames.timepoint[first] == frames.timepoint[child]
    else { return nil }
    let (a, b) = (offset(mother, first), offset(mother, child))
    if b.distance(to: .zero) > daughterReach { return nil }
    if rejected.contains(frames.spots[mother], frames.spots[child]) { return nil }
    let odds =
      o.detector.logOdds(features(mother: mother, first, child, a, b))
      + divisionBias(first, child)
    return odds > -4 ? appearCost(child) - odds : nil
  }

  /// What is added to the detector's odds for these daughters.
  private func divisionBias(_ first: Int, _ second: Int) -> Double {
    model.rates(traits.isAtEdge[first] || traits.isAtEdge[second]).divisionShift + o.divisionBias
      - (traits.crowding[first] + traits.crowding[second]) / 2
  }
}

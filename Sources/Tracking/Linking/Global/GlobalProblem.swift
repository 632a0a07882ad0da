// The hypotheses of a movie with their costs: links, divisions, beginnings, ends, and spots that are no nuclei.
//
// Every spot that looks for a parent is a row, every spot that may get a child is a column. A row takes a column
// (a link), or stays alone (a track begins); a column that stays free ends its track. A spot that is no nucleus
// takes its own column: neither begins nor ends anything. That is a minimum-cost flow through the movie, written
// as an assignment, and has whole-numbered solutions by itself. A division takes one column and two rows at once.

import Core

/// Rows, columns and costs of one movie under one model.
struct GlobalProblem: Sendable {
  /// A mother with two daughters, as numbers of a column and two rows.
  struct Division: Sendable {
    var column: Int
    var rows: (Int, Int)
    var cost: Double
    /// The logarithm of the odds that the detector gave.
    var odds: Double
  }

  /// The spot of each row and of each column, by place.
  private(set) var rowSpots: [Int] = []
  private(set) var columnSpots: [Int] = []
  private(set) var costs: SparseCosts
  private(set) var columnAlone: [Double] = []
  private(set) var divisions: [Division] = []

  let frames: SpotFrames
  let traits: SpotTraits
  let expected: ExpectedPlaces
  let model: LinkModel
  /// Displacement of each spot to the next frame, by place.
  let motion: [WorldPoint]
  let o: GlobalLinker.Options
  let rejected: RejectedPairs
  let features: DivisionFeatures
  /// The child that stays, for spots with one.
  let keptChild: [Int: Int]
  /// The row and the column of each spot, -1 for none.
  private(set) var rowOf: [Int32]
  private(set) var columnOf: [Int32]

  /// Pairs of one frame's rows, worked out on one core.
  private struct Part: Sendable {
    var pairs: [[(column: Int, cost: Double)]] = []
  }

  init(
    _ frames: SpotFrames, _ traits: SpotTraits, _ expected: ExpectedPlaces, _ model: LinkModel,
    _ motion: [WorldPoint], keptChild: [Int: Int], rejected: RejectedPairs,
    _ options: GlobalLinker.Options, last: Timepoint, _ progress: Progress
  ) throws {
    self.frames = frames
    self.traits = traits
    self.expected = expected
    self.model = model
    self.motion = motion
    self.keptChild = keptChild
    self.rejected = rejected
    o = options
    features = DivisionFeatures(frames, traits)
    rowOf = Array(repeating: -1, count: frames.count)
    columnOf = Array(repeating: -1, count: frames.count)
    for i in 0..<frames.count {
      if frames.seeks[i] {
        rowOf[i] = Int32(rowSpots.count)
        rowSpots.append(i)
      }
      let isFree = frames.children[i] == 0
      if frames.timepoint[i] < last, isFree || keptChild[i] != nil {
        columnOf[i] = Int32(columnSpots.count)
        columnSpots.append(i)
        columnAlone.append(isFree ? model.disappearCost(traits.isAtEdge[i]) : 0)
      }
    }
    costs = SparseCosts(columns: columnSpots.count)
    let me = self
    let parts = try parallelMap(frames.frames) { f in
      try progress.check()
      return me.links(frames.first + f)
    }
    for pairs in parts.lazy.flatMap(\.pairs) {
      if costs.rows & 4095 == 0 { try progress.check() }
      for pair in pairs { costs.add(pair.column, pair.cost) }
      costs.endRow(alone: appearCost(rowSpots[costs.rows]))
    }
    if o.divisions {
      let me = self
      divisions = concatenated(
        try parallelMap(frames.frames) { f in
          try progress.check()
          return me.divisions(frames.first + f)
        })
      try progress.check()
    }
  }

  /// The place of a child relative to where its parent is expected in the child's frame, world units.
  func offset(_ parent: Int, _ child: Int) -> WorldPoint {
    let gap = frames.timepoint[child] - frames.timepoint[parent]
    return expected.place(child, frames: gap) - frames.positions[parent] - motion[parent]
      * Double(gap)
  }

  /// What it costs to begin a track with a spot.
  func appearCost(_ spot: Int) -> Double {
    model.appearCost(traits.isAtEdge[spot], crowding: traits.crowding[spot])
  }

  /// What a link costs.
  func linkCost(_ parent: Int, _ child: Int) -> Double {
    model.linkCost(
      offset(parent, child), gap: frames.timepoint[child] - frames.timepoint[parent],
      size: traits.logVolume[child] - traits.logVolume[parent],
      light: traits.logLight[child] - traits.logLight[parent])
  }

  /// The pairs of the rows at a timepoint.
  private func links(_ t: Timepoint) -> Part {
    let rows = frames.places(at: t).filter { rowOf[$0] >= 0 }
    var part = Part()
    part.pairs = Array(repeating: [], count: rows.count)
    for gap in 1...o.maxFrameGap {
      let parents = frames.places(at: t - gap).filter {
        columnOf[$0] >= 0 && frames.children[$0] == 0
      }
      if parents.isEmpty { continue }
      let reach = min(model.reach(gap: gap), o.threshold ?? .infinity)
      let grid = PointGrid(
        parents.map { frames.positions[$0] + motion[$0] * Double(gap) }, reach: reach)
      for (r, child) in rows.enumerated() {
        grid.forEach(within: reach, of: expected.place(child, frames: gap)) { p, _ in
          let parent = parents[p]
          if rejected.contains(frames.spots[parent], frames.spots[child]) { return }
          let cost = linkCost(parent, child)
          // Dearer than ending one track and beginning another: never chosen.
          if cost < appearCost(child) + model.disappearCost(traits.isAtEdge[parent]) {
            part.pairs[r].append((Int(columnOf[parent]), cost))
          }
        }
      }
    }
    let mothers = frames.places(at: t - 1).filter { columnOf[$0] >= 0 && keptChild[$0] != nil }
    for (r, child) in rows.enumerated() {
      for mother in mothers {
        if let cost = secondDaughterCost(mother, child) {
          part.pairs[r].append((Int(columnOf[mother]), cost))
        }
      }
      // No nucleus at all.
      if columnOf[child] >= 0, frames.children[child] == 0 {
        part.pairs[r].append(
          (Int(columnOf[child]), model.spuriousCost(crowding: traits.crowding[child])))
      }
      part.pairs[r].sort { $0.column < $1.column }
    }
    return part
  }

}

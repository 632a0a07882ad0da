// The first step of linking by assignment: each frame with the one before.

import Core
import Lineage

/// Assigns the spots of each frame to those of the frame before.
struct FrameAssignment {
  private let frames: SpotFrames
  private let costs: AssignmentCosts
  private let o: AssignmentLinker.Options
  private let custom: AssignmentLinker.Cost?

  init(
    _ frames: SpotFrames, _ costs: AssignmentCosts, _ options: AssignmentLinker.Options,
    _ custom: AssignmentLinker.Cost?
  ) {
    self.frames = frames
    self.costs = costs
    o = options
    self.custom = custom
  }

  /// The links into the spots of these timepoints, ascending by child.
  func run(_ timepoints: ClosedRange<Timepoint>, _ progress: Progress) throws -> [ChosenLink] {
    let first = timepoints.lowerBound
    progress.begin(total: timepoints.count, "linking")
    if custom != nil {
      // A person's function may not be called from several threads.
      return try timepoints.flatMap { t in
        try progress.check()
        let pairs = try candidates(t) { try costs.cost($0, $1, $2, custom) }
        defer { progress.advance() }
        return try FrameAssignment.solve(pairs, o.alternativeFactor, progress)
      }
    }
    let (allFrames, allCosts, options) = (frames, costs, o)
    let parts = try parallelMap(timepoints.count) { f in
      try progress.check()
      let step = FrameAssignment(allFrames, allCosts, options, nil)
      let pairs = try step.candidates(first + f) { try allCosts.cost($0, $1, $2, nil) }
      defer { progress.advance() }
      return try FrameAssignment.solve(pairs, options.alternativeFactor, progress)
    }
    return concatenated(parts)
  }

  /// The pairs within reach at one timepoint: parents as columns, children as rows.
  struct Pairs {
    var parents: [Int] = []
    var children: [Int] = []
    /// Pairs of child r are at `start[r] ..< start[r + 1]`.
    var start: [Int] = [0]
    var column: [Int] = []
    var cost: [Double] = []
  }

  private func candidates(
    _ t: Timepoint, _ cost: (_ parent: Int, _ child: Int, _ distance: Double) throws -> Double?
  ) throws -> Pairs {
    var pairs = Pairs()
    pairs.parents = frames.places(at: t - 1).filter { frames.children[$0] == 0 }
    let grid = PointGrid(pairs.parents.map { frames.positions[$0] }, reach: o.threshold)
    var found: [(column: Int, distance: Double)] = []
    for child in frames.places(at: t) where frames.seeks[child] {
      found.removeAll(keepingCapacity: true)
      grid.forEach(within: o.threshold, of: costs.expected.place(child, frames: 1)) {
        found.append(($0, $1))
      }
      found.sort { $0.column < $1.column }
      for (column, distance) in found {
        if let c = try cost(pairs.parents[column], child, distance) {
          pairs.column.append(column)
          pairs.cost.append(c)
        }
      }
      pairs.children.append(child)
      pairs.start.append(pairs.column.count)
    }
    return pairs
  }

  /// The cheapest assignment, not linking costing `factor` times the dearest pair for each of the two spots.
  private static func solve(_ pairs: Pairs, _ factor: Double, _ progress: Progress) throws
    -> [ChosenLink]
  {
    guard let dearest = pairs.cost.max(), let cheapest = pairs.cost.min() else { return [] }
    let alternative = dearest > 0 ? factor * dearest : 1e-6
    let least = min(cheapest, alternative)
    var table = SparseCosts(columns: pairs.parents.count)
    for row in pairs.children.indices {
      for k in pairs.start[row]..<pairs.start[row + 1] {
        table.add(pairs.column[k], pairs.cost[k] + least)
      }
      table.endRow(alone: 2 * alternative)
    }
    let solved = try SparseAssignment(table, progress)
    let second = solved.leastOthers()
    var links: [ChosenLink] = []
    links.reserveCapacity(pairs.children.count)
    for (row, child) in pairs.children.enumerated() where solved.columnOf[row] >= 0 {
      var link = ChosenLink(
        parent: pairs.parents[Int(solved.columnOf[row])], child: child, step: .link, cost: 0,
        aloneCost: 2 * alternative - least, margin: 0)
      for k in pairs.start[row]..<pairs.start[row + 1] {
        if pairs.column[k] == Int(solved.columnOf[row]) {
          link.cost = pairs.cost[k]
        } else {
          link.others.insert(pairs.parents[pairs.column[k]], pairs.cost[k])
        }
      }
      link.margin = LinkReason.margin(cost: link.cost, loss: solved.margin(row, second))
      links.append(link)
    }
    return links
  }
}

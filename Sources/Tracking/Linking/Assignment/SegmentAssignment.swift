// The second step of linking by assignment: ends of tracks with beginnings of others over gaps, beginnings with
// spots that may be their mothers, ends with spots that they may merge into. All three compete in one table.

import Core
import Lineage

/// Assigns ends and beginnings of tracks to each other and to spots inside of tracks.
struct SegmentAssignment {
  private let frames: SpotFrames
  private let costs: AssignmentCosts
  private let o: AssignmentLinker.Options
  private let custom: AssignmentLinker.Cost?
  private var hasParent: [Bool]
  private var children: [UInt8]
  private var isLeftOut: [Bool]

  /// A possible link; `row` and `column` are numbers in the table.
  private struct Pair {
    var row, column: Int
    var parent, child: Int
    var step: LinkReason.Step
    var cost: Double
  }

  /// Rows are beginnings and the spots that ends may merge into; columns are ends and possible mothers.
  private var rowOf: [Int: Int] = [:]
  private var mergeRowOf: [Int: Int] = [:]
  private var columnOf: [Int: Int] = [:]
  private var motherColumnOf: [Int: Int] = [:]
  private var rows = 0
  private var columns = 0
  private var pairs: [Pair] = []

  init(
    _ frames: SpotFrames, _ costs: AssignmentCosts, _ options: AssignmentLinker.Options,
    _ custom: AssignmentLinker.Cost?, _ links: [ChosenLink]
  ) {
    self.frames = frames
    self.costs = costs
    o = options
    self.custom = custom
    hasParent = frames.seeks.map { !$0 }
    children = frames.children
    for link in links {
      hasParent[link.child] = true
      children[link.parent] += 1
    }
    isLeftOut = Array(repeating: false, count: frames.count)
    if !options.singleSpots {
      for i in 0..<frames.count { isLeftOut[i] = !hasParent[i] && children[i] == 0 }
    }
  }

  /// The links that close gaps, split and merge.
  mutating func run(_ timepoints: ClosedRange<Timepoint>, _ progress: Progress) throws
    -> [ChosenLink]
  {
    if o.maxFrameGap < 1, !o.splitting, !o.merging { return [] }
    progress.begin(total: timepoints.count, "closing gaps")
    for t in timepoints {
      try progress.check()
      try collect(t)
      progress.advance()
    }
    return try solve(progress)
  }

  /// Find the pairs whose child is at `t`.
  private mutating func collect(_ t: Timepoint) throws {
    let beginnings = frames.places(at: t).filter { !hasParent[$0] }
    for gap in stride(from: 1, through: o.maxFrameGap, by: 1) {
      let ends = frames.places(at: t - gap).filter { children[$0] == 0 }
      try match(beginnings, ends, o.gapThreshold ?? o.threshold, .gap)
    }
    if o.splitting {
      let mothers = frames.places(at: t - 1).filter { children[$0] < 2 }
      try match(beginnings, mothers, o.splitThreshold ?? o.threshold, .split)
    }
    if o.merging {
      let ends = frames.places(at: t - 1).filter { children[$0] == 0 }
      let meeting = frames.places(at: t).filter { frames.seeks[$0] }
      try match(Array(meeting), ends, o.mergeThreshold ?? o.threshold, .merge)
    }
  }

  private mutating func match(
    _ children: [Int], _ parents: [Int], _ reach: Double, _ step: LinkReason.Step
  ) throws {
    let children = children.filter { !isLeftOut[$0] }
    let parents = parents.filter { !isLeftOut[$0] }
    if children.isEmpty || parents.isEmpty { return }
    let gap = frames.timepoint[children[0]] - frames.timepoint[parents[0]]
    let grid = PointGrid(parents.map { frames.positions[$0] }, reach: reach)
    var found: [(parent: Int, distance: Double)] = []
    for child in children {
      found.removeAll(keepingCapacity: true)
      grid.forEach(within: reach, of: costs.expected.place(child, frames: gap)) {
        found.append((parents[$0], $1))
      }
      found.sort { $0.parent < $1.parent }
      for (parent, distance) in found {
        guard let cost = try costs.cost(parent, child, distance, custom) else { continue }
        let row = number(child, step == .merge ? \.mergeRowOf : \.rowOf, \.rows)
        let column = number(parent, step == .split ? \.motherColumnOf : \.columnOf, \.columns)
        pairs.append(
          Pair(row: row, column: column, parent: parent, child: child, step: step, cost: cost))
      }
    }
  }

  private mutating func number(
    _ spot: Int, _ numbers: WritableKeyPath<SegmentAssignment, [Int: Int]>,
    _ count: WritableKeyPath<SegmentAssignment, Int>
  ) -> Int {
    if let known = self[keyPath: numbers][spot] { return known }
    let number = self[keyPath: count]
    self[keyPath: numbers][spot] = number
    self[keyPath: count] += 1
    return number
  }

  private mutating func solve(_ progress: Progress) throws -> [ChosenLink] {
    if pairs.isEmpty { return [] }
    var alternative =
      SegmentAssignment.percentile(o.alternativePercentile, pairs.map(\.cost))
      * o.alternativeFactor
    if alternative == 0 { alternative = 1e-6 }
    pairs.sort { ($0.row, $0.column) < ($1.row, $1.column) }
    // All alternatives cost the same, so that c + m - (column's alternative) is c itself.
    var table = SparseCosts(columns: columns)
    var k = 0
    for row in 0..<rows {
      while k < pairs.count, pairs[k].row == row {
        table.add(pairs[k].column, pairs[k].cost)
        k += 1
      }
      table.endRow(alone: alternative)
    }
    let solved = try SparseAssignment(table, progress)
    let second = solved.leastOthers()
    var links: [ChosenLink] = []
    for row in 0..<rows where solved.columnOf[row] >= 0 {
      var chosen: ChosenLink?
      for k in solved.pairs(row) {
        let pair = pairs[k]
        if pair.column == Int(solved.columnOf[row]) {
          chosen = ChosenLink(
            parent: pair.parent, child: pair.child, step: pair.step, cost: pair.cost,
            aloneCost: alternative,
            margin: LinkReason.margin(cost: pair.cost, loss: solved.margin(row, second)))
        }
      }
      guard var link = chosen else { continue }
      // An end may be listed twice, as an end and as a mother.
      for k in solved.pairs(row) where pairs[k].parent != link.parent {
        link.others.insert(pairs[k].parent, pairs[k].cost)
      }
      links.append(link)
    }
    return links.sorted { ($0.child, $0.parent) < ($1.child, $1.parent) }
  }

  /// TrackMate's percentile: rank p (n + 1) counted from 1, between neighbours in proportion (Hyndman & Fan's
  /// sixth, numpy's "weibull").
  private static func percentile(_ percent: Double, _ values: [Double]) -> Double {
    let sorted = values.sorted()
    let rank = percent / 100 * Double(sorted.count + 1) - 1
    if rank <= 0 { return sorted[0] }
    if rank >= Double(sorted.count - 1) { return sorted[sorted.count - 1] }
    let low = Int(rank)
    return sorted[low] + (rank - Double(low)) * (sorted[low + 1] - sorted[low])
  }
}

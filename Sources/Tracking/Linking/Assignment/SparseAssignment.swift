// Optimal one-to-one assignment where few pairs are possible: the solver under all linkers that weigh links
// against each other.
//
// What always holds between two calls: a matched pair has reduced cost 0, no pair has one below 0, a column
// that is free has price 0, and no row costs more than leaving it alone. Those are the conditions under which
// the assignment of the rows placed so far is optimal, and the prices are the proof.

import Core

/// Which row may go with which column, at what cost. Rows are filled one after another.
public struct SparseCosts: Sendable {
  /// Pairs of row r are at `start[r] ..< start[r + 1]`.
  private(set) var start: [Int32] = [0]
  private(set) var column: [Int32] = []
  private(set) var cost: [Double] = []
  /// What it costs to leave a row without a column.
  private(set) var alone: [Double] = []
  /// Number of columns.
  let columns: Int

  /// A table without rows.
  public init(columns: Int) { self.columns = columns }

  /// Number of rows.
  var rows: Int { alone.count }

  /// Add a pair to the row that is being filled.
  public mutating func add(_ column: Int, _ cost: Double) {
    self.column.append(Int32(column))
    self.cost.append(cost)
  }

  /// The row that is being filled is complete; `alone` is what it costs to leave it without a column.
  public mutating func endRow(alone: Double) {
    start.append(Int32(column.count))
    self.alone.append(alone)
  }
}

/// The cheapest assignment: the sum of the costs of matched pairs and of rows left alone is least. A column
/// may stay free at no cost.
///
/// Shortest augmenting paths with prices (Jonker & Volgenant 1987; LAPMOD, Volgenant 1996): columns are
/// handed out greedily, two rounds of augmenting row reduction settle most conflicts, and the rows that are
/// left search for a cheapest path with a heap. A search never leaves the part of the table that its row is
/// connected with, so the connected parts need not be found beforehand, and a problem of many small clusters
/// costs what the clusters cost.
public struct SparseAssignment {
  let costs: SparseCosts
  /// The column of each row, -1 for a row left alone.
  public private(set) var columnOf: [Int32]
  /// The row of each column, -1 for a free one.
  private(set) var rowOf: [Int32]
  /// Prices: for every pair, `rowPrice + columnPrice <= cost`, with equality where matched.
  private(set) var rowPrice: [Double]
  /// See `rowPrice`; at most 0.
  private(set) var columnPrice: [Double]

  private var distance: [Double]
  private var via: [Int32]
  private var isDone: [Bool]
  private var heap = Heap<OpenLine>()

  /// Solve. `progress` is asked now and then.
  public init(_ costs: SparseCosts, _ progress: Progress = .none) throws {
    self.costs = costs
    columnOf = Array(repeating: -1, count: costs.rows)
    rowOf = Array(repeating: -1, count: costs.columns)
    rowPrice = Array(repeating: 0, count: costs.rows)
    columnPrice = Array(repeating: 0, count: costs.columns)
    distance = Array(repeating: .infinity, count: costs.columns)
    via = Array(repeating: -1, count: costs.columns)
    isDone = Array(repeating: false, count: costs.columns)
    var open = try reduceGreedily(progress)
    for _ in 0..<2 where !open.isEmpty { open = try reduce(open, progress) }
    for (n, row) in open.enumerated() {
      if n & 255 == 255 { try progress.check() }
      augment(Int(row))
    }
  }

  /// The sum that was made least.
  public var total: Double {
    var sum = 0.0
    for row in 0..<costs.rows {
      sum += columnOf[row] < 0 ? costs.alone[row] : cost(row, Int(columnOf[row]))
    }
    return sum
  }

  /// A lower bound of the sum that holds for every assignment; equal to `total` but for rounding.
  public var bound: Double {
    rowPrice.reduce(0, +) + columnPrice.reduce(0, +)
  }

  /// By how much, at least, the sum would grow if this matched row had to go elsewhere: the least that
  /// another choice of the row and another use of its column cost above their prices. `secondInColumn` is
  /// what `leastOthers` answers.
  func margin(_ row: Int, _ secondInColumn: [Double]) -> Double {
    let column = Int(columnOf[row])
    var least = costs.alone[row] - rowPrice[row]
    for k in pairs(row) where Int(costs.column[k]) != column { least = min(least, slack(row, k)) }
    return max(0, least) + max(0, min(-columnPrice[column], secondInColumn[column]))
  }

  /// For each column the least reduced cost of a pair with it that is not matched.
  func leastOthers() -> [Double] {
    var least = [Double](repeating: .infinity, count: costs.columns)
    for row in 0..<costs.rows {
      for k in pairs(row) where costs.column[k] != columnOf[row] {
        let column = Int(costs.column[k])
        least[column] = min(least[column], slack(row, k))
      }
    }
    return least
  }

  func pairs(_ row: Int) -> Range<Int> { Int(costs.start[row])..<Int(costs.start[row + 1]) }

  /// Cost of pair `k` of a row above its prices.
  @inline(__always)
  private func slack(_ row: Int, _ k: Int) -> Double {
    costs.cost[k] - rowPrice[row] - columnPrice[Int(costs.column[k])]
  }

  private func cost(_ row: Int, _ column: Int) -> Double {
    for k in pairs(row) where Int(costs.column[k]) == column { return costs.cost[k] }
    return .infinity
  }

  // MARK: Reduction

  /// Give each row its cheapest column while that is free. Answers the rows that got nothing.
  private mutating func reduceGreedily(_ progress: Progress) throws -> [Int32] {
    var open: [Int32] = []
    for row in 0..<costs.rows {
      if row & 8191 == 8191 { try progress.check() }
      var least = costs.alone[row]
      var best = -1
      for k in pairs(row) where costs.cost[k] < least {
        least = costs.cost[k]
        best = Int(costs.column[k])
      }
      rowPrice[row] = least
      if best < 0 { continue }
      if rowOf[best] < 0 {
        rowOf[best] = Int32(row)
        columnOf[row] = Int32(best)
      } else {
        open.append(Int32(row))
      }
    }
    return open
  }

  /// Augmenting row reduction: a row takes its best column, whoever has it, and lowers the column's price to
  /// where its second choice is as good. Answers the rows that are still without.
  private mutating func reduce(_ rows: [Int32], _ progress: Progress) throws -> [Int32] {
    var left: [Int32] = []
    var budget = 4 * rows.count + 16
    for (n, first) in rows.enumerated() {
      if n & 1023 == 1023 { try progress.check() }
      var row = Int(first)
      while true {
        var (least, second) = (costs.alone[row], Double.infinity)
        var best = -1
        for k in pairs(row) {
          let d = costs.cost[k] - columnPrice[Int(costs.column[k])]
          if d < least {
            (second, least) = (least, d)
            best = Int(costs.column[k])
          } else if d < second {
            second = d
          }
        }
        if best < 0 {  // Alone is cheapest.
          rowPrice[row] = least
          columnOf[row] = -1
          break
        }
        let rival = rowOf[best]
        budget -= 1
        if rival >= 0, second <= least || budget < 0 {
          rowPrice[row] = least
          left.append(Int32(row))
          break
        }
        // Only columns that are taken may have a price.
        let price = rival >= 0 ? second : least
        if price > least { columnPrice[best] -= price - least }
        rowPrice[row] = price
        rowOf[best] = Int32(row)
        columnOf[row] = Int32(best)
        if rival < 0 { break }
        columnOf[Int(rival)] = -1
        row = Int(rival)
      }
    }
    return left
  }

  // MARK: Augmentation

  /// Place one more row along the cheapest path of changes, which ends at a free column or at a row that is
  /// left alone instead.
  private mutating func augment(_ start: Int) {
    heap.removeAll()
    var touched: [Int32] = []
    var done: [Int32] = []
    var row = start
    var reached = 0.0
    var (aloneCost, aloneRow) = (Double.infinity, -1)
    var sink = -1
    while true {
      let base = reached - rowPrice[row]
      if base + costs.alone[row] < aloneCost {
        aloneCost = base + costs.alone[row]
        aloneRow = row
      }
      for k in pairs(row) {
        let column = Int(costs.column[k])
        if isDone[column] { continue }
        let d = base + costs.cost[k] - columnPrice[column]
        if d < distance[column], d < aloneCost {
          if distance[column] == .infinity { touched.append(Int32(column)) }
          distance[column] = d
          via[column] = Int32(row)
          heap.push(OpenLine(distance: d, line: Int32(column)))
        }
      }
      var next = heap.pop()
      while let item = next, isDone[Int(item.line)] || item.distance > distance[Int(item.line)] {
        next = heap.pop()
      }
      guard let item = next, item.distance < aloneCost else {
        reached = aloneCost
        break
      }
      reached = item.distance
      let column = Int(item.line)
      isDone[column] = true
      if rowOf[column] < 0 {
        sink = column
        break
      }
      done.append(item.line)
      row = Int(rowOf[column])
    }
    rowPrice[start] += reached
    for column in done {
      let change = reached - distance[Int(column)]
      rowPrice[Int(rowOf[Int(column)])] += change
      columnPrice[Int(column)] -= change
    }
    follow(to: sink, orAlone: aloneRow, from: start)
    for column in touched {
      distance[Int(column)] = .infinity
      isDone[Int(column)] = false
    }
  }

  /// Change the matches along the path that was found.
  private mutating func follow(to sink: Int, orAlone aloneRow: Int, from start: Int) {
    var column = sink
    if sink < 0 {
      // The row that is left alone hands its column back along the path.
      column = Int(columnOf[aloneRow])
      columnOf[aloneRow] = -1
      if aloneRow == start { return }
    }
    while true {
      let row = Int(via[column])
      let previous = Int(columnOf[row])
      rowOf[column] = Int32(row)
      columnOf[row] = Int32(column)
      if row == start { return }
      column = previous
    }
  }
}

/// A line that a shortest-path search has reached: the nearest comes first, then the first line.
struct OpenLine: HeapItem {
  var distance: Double
  var line: Int32

  @inline(__always)
  func isBefore(_ other: OpenLine) -> Bool {
    distance < other.distance || distance == other.distance && line < other.line
  }
}

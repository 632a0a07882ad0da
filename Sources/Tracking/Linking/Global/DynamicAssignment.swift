// An optimal assignment that can be changed: rows and columns are taken out and put back, and each time only
// what is affected is assigned anew. The global linker takes out what a division binds.
//
// What always holds for the rows and columns that are in: for each pair rowPrice + columnPrice <= cost, with
// equality where matched; rowPrice <= rowAlone and columnPrice <= columnAlone, with equality where alone. These
// are the conditions of optimality, and the prices add up to the least cost.

import Core

struct DynamicAssignment {
  /// What a row or column does.
  private static let alone: Int32 = -1
  private static let out: Int32 = -2

  /// One side of the table: its pairs by line, what lines cost alone, what they are matched with, prices.
  struct Side {
    var start: [Int32]
    var other: [Int32]
    var cost: [Double]
    var alone: [Double]
    var match: [Int32]
    var price: [Double]

    func pairs(_ line: Int) -> Range<Int> { Int(start[line])..<Int(start[line + 1]) }
  }

  private(set) var rows: Side
  private(set) var columns: Side
  /// What rows and columns that are in cost together.
  private(set) var total = 0.0

  /// Memory for searches.
  private struct Scratch {
    var distance: [Double]
    var via: [Int32]
    var isDone: [Bool]
    var heap = Heap<OpenLine>()
  }

  private var scratch: Scratch

  /// Solve a table in which each column that stays free costs `columnAlone`.
  init(_ costs: SparseCosts, columnAlone: [Double], _ progress: Progress) throws {
    // What a free column costs is taken off the pairs, so that it is free of charge.
    var reduced = SparseCosts(columns: costs.columns)
    for row in 0..<costs.rows {
      if row & 4095 == 0 { try progress.check() }
      for k in Int(costs.start[row])..<Int(costs.start[row + 1]) {
        let column = Int(costs.column[k])
        reduced.add(column, costs.cost[k] - columnAlone[column])
      }
      reduced.endRow(alone: costs.alone[row])
    }
    let solved = try SparseAssignment(reduced, progress)
    rows = Side(
      start: costs.start, other: costs.column, cost: costs.cost, alone: costs.alone,
      match: solved.columnOf, price: solved.rowPrice)
    try progress.check()
    columns = DynamicAssignment.transposed(rows, columns: costs.columns)
    columns.alone = columnAlone
    columns.match = solved.rowOf
    columns.price = zip(solved.columnPrice, columnAlone).map { $0 + $1 }
    let size = max(costs.rows, costs.columns)
    scratch = Scratch(
      distance: Array(repeating: .infinity, count: size), via: Array(repeating: -1, count: size),
      isDone: Array(repeating: false, count: size))
    total = rows.price.reduce(0, +) + columns.price.reduce(0, +)
  }

  private static func transposed(_ rows: Side, columns: Int) -> Side {
    var start = [Int32](repeating: 0, count: columns + 1)
    for column in rows.other { start[Int(column) + 1] += 1 }
    for c in 0..<columns { start[c + 1] += start[c] }
    var next = start
    var other = [Int32](repeating: 0, count: rows.other.count)
    var cost = [Double](repeating: 0, count: rows.other.count)
    for row in 0..<rows.alone.count {
      for k in rows.pairs(row) {
        let column = Int(rows.other[k])
        let place = Int(next[column])
        next[column] += 1
        other[place] = Int32(row)
        cost[place] = rows.cost[k]
      }
    }
    return Side(start: start, other: other, cost: cost, alone: [], match: [], price: [])
  }

  /// The column of a row; nil when it is alone or out.
  func column(of row: Int) -> Int? { rows.match[row] < 0 ? nil : Int(rows.match[row]) }
  /// Whether a row is in.
  func hasRow(_ row: Int) -> Bool { rows.match[row] != DynamicAssignment.out }
  /// Whether a column is in.
  func hasColumn(_ column: Int) -> Bool { columns.match[column] != DynamicAssignment.out }

  // MARK: Changes

  /// Take rows and a column out. What they were matched with is assigned anew.
  mutating func take(rows taken: [Int], column: Int) {
    var looseColumns: [Int] = []
    var looseRows: [Int] = []
    for row in taken {
      if rows.match[row] >= 0, rows.match[row] != column {
        looseColumns.append(Int(rows.match[row]))
      }
      release(row: row)
    }
    let partner = columns.match[column]
    if partner >= 0, !taken.contains(Int(partner)) { looseRows.append(Int(partner)) }
    release(column: column)
    for row in looseRows { release(row: row) }
    for column in looseColumns { release(column: column) }
    for row in looseRows { place(row: row) }
    for column in looseColumns { place(column: column) }
  }

  /// Put rows and a column back.
  mutating func giveBack(rows given: [Int], column: Int) {
    for row in given { place(row: row) }
    place(column: column)
  }

  /// Take a line out; its partner keeps pointing to it until it is released too or placed.
  private mutating func release(row: Int) {
    if rows.match[row] == DynamicAssignment.out { return }
    total -= rows.price[row]
    rows.match[row] = DynamicAssignment.out
  }

  private mutating func release(column: Int) {
    if columns.match[column] == DynamicAssignment.out { return }
    total -= columns.price[column]
    columns.match[column] = DynamicAssignment.out
  }

  private mutating func place(row: Int) {
    total += DynamicAssignment.place(row, &rows, &columns, &scratch)
  }

  private mutating func place(column: Int) {
    total += DynamicAssignment.place(column, &columns, &rows, &scratch)
  }

  /// Put a line back in at the least cost: a cheapest path of changes, which ends where a line of its own side
  /// goes alone or a line of the other side stops being alone. Written for both sides.
  /// Answers by how much the total grows.
  private static func place(
    _ start: Int, _ mine: inout Side, _ theirs: inout Side, _ scratch: inout Scratch
  ) -> Double {
    // The highest price that fits what is there.
    var price = mine.alone[start]
    for k in mine.pairs(start) where theirs.match[Int(mine.other[k])] != DynamicAssignment.out {
      price = min(price, mine.cost[k] - theirs.price[Int(mine.other[k])])
    }
    mine.price[start] = price
    scratch.heap.removeAll()
    var touched: [Int] = []
    var done: [Int] = []
    var line = start
    var reached = 0.0
    var (aloneCost, aloneLine) = (Double.infinity, -1)
    var sink = -1
    while true {
      let base = reached - mine.price[line]
      if base + mine.alone[line] < aloneCost {
        aloneCost = base + mine.alone[line]
        aloneLine = line
      }
      for k in mine.pairs(line) {
        let other = Int(mine.other[k])
        if scratch.isDone[other] || theirs.match[other] == DynamicAssignment.out { continue }
        let d = base + mine.cost[k] - theirs.price[other]
        if d < scratch.distance[other], d < aloneCost {
          if scratch.distance[other] == .infinity { touched.append(other) }
          scratch.distance[other] = d
          scratch.via[other] = Int32(line)
          scratch.heap.push(OpenLine(distance: d, line: Int32(other)))
        }
      }
      var next = scratch.heap.pop()
      while let item = next,
        scratch.isDone[Int(item.line)] || item.distance > scratch.distance[Int(item.line)]
      {
        next = scratch.heap.pop()
      }
      guard let item = next, item.distance < aloneCost else {
        reached = aloneCost
        break
      }
      reached = item.distance
      let other = Int(item.line)
      scratch.isDone[other] = true
      if theirs.match[other] == DynamicAssignment.alone {
        sink = other
        break
      }
      done.append(other)
      line = Int(theirs.match[other])
    }
    mine.price[start] += reached
    for other in done {
      let change = reached - scratch.distance[other]
      mine.price[Int(theirs.match[other])] += change
      theirs.price[other] -= change
    }
    // Every line on the tree but the start gained what its partner lost, so only the start adds to the total.
    var other: Int
    if sink >= 0 {
      other = sink
    } else {
      other = Int(mine.match[aloneLine])
      mine.match[aloneLine] = DynamicAssignment.alone
      if aloneLine == start { other = -1 }
    }
    while other >= 0 {
      let line = Int(scratch.via[other])
      let previous = line == start ? -1 : Int(mine.match[line])
      theirs.match[other] = Int32(line)
      mine.match[line] = Int32(other)
      other = previous
    }
    for other in touched {
      scratch.distance[other] = .infinity
      scratch.isDone[other] = false
    }
    return mine.price[start]
  }
}

// How good a story is at best: prices of rows and columns under which no hypothesis costs less than its prices add
// up to. Their sum is a lower bound of every story (weak duality of the linear program).

import Core

/// Builds prices from those of the assignment and repairs them where divisions ask for it.
struct GlobalBound {
  let solver: GlobalSolver
  private var rowPrice: [Double]
  private var columnPrice: [Double]

  /// Prices for a solved problem; they are what they should be where the story has no division.
  static func prices(_ solver: GlobalSolver, _ progress: Progress) throws -> GlobalBound {
    var bound = GlobalBound(solver)
    bound.priceDivisions()
    try bound.repair(progress)
    return bound
  }

  /// No story costs less than this.
  var value: Double { rowPrice.reduce(0, +) + columnPrice.reduce(0, +) }

  private init(_ solver: GlobalSolver) {
    self.solver = solver
    rowPrice = solver.table.rows.price
    columnPrice = solver.table.columns.price
  }

  var divisions: [GlobalProblem.Division] { solver.problem.divisions }

  /// The three spots of each division that is made, as dear as the others allow and no dearer than the division.
  private mutating func priceDivisions() {
    for n in solver.made {
      let d = divisions[n]
      // Not set yet: allows everything.
      (rowPrice[d.rows.0], rowPrice[d.rows.1]) = (-.infinity, -.infinity)
      columnPrice[d.column] = -.infinity
    }
    for n in solver.made.sorted() {
      let d = divisions[n]
      let (i, j, k) = (d.column, d.rows.0, d.rows.1)
      let (highestJ, highestK, highestI) = (rowLimit(j), rowLimit(k), columnLimit(i))
      let (ij, ik) = (solver.pairCost(j, i), solver.pairCost(k, i))
      func split(_ v: Double) -> (Double, Double) { (min(highestJ, ij - v), min(highestK, ik - v)) }
      var best = (sum: -Double.infinity, v: highestI)
      for v in [highestI, ij - highestJ, ik - highestK] where v <= highestI && v.isFinite {
        let (a, b) = split(v)
        if a + b + v > best.sum + 1e-12 { best = (a + b + v, v) }
      }
      let (a, b) = split(best.v)
      let excess = max(0, best.sum - d.cost) / 3
      rowPrice[j] = a - excess
      rowPrice[k] = b - excess
      columnPrice[i] = best.v - excess
    }
  }

  /// Lower prices until no division costs less than its three, each time the one whose neighbours can make up for
  /// most of it.
  private mutating func repair(_ progress: Progress) throws {
    var violated: [Int] = []
    for n in divisions.indices {
      if n & 16383 == 0 { try progress.check() }
      if lack(n) > 1e-9 { violated.append(n) }
    }
    violated.sort { (lack($1), $0) < (lack($0), $1) }
    for n in violated {
      try progress.check()
      let missing = lack(n)
      if missing <= 1e-12 { continue }
      let d = divisions[n]
      var best: (loss: Double, line: Line)?
      for line in [Line.row(d.rows.0), .row(d.rows.1), .column(d.column)] {
        let (loss, before) = lower(line, by: missing)
        for (changed, price) in before.reversed() { self[changed] = price }
        if loss < best?.loss ?? .infinity { best = (loss, line) }
      }
      if let best { _ = lower(best.line, by: missing) }
    }
    // What was lowered for one division may rise again where another has made room.
    for n in Set(violated).union(solver.made).sorted() {
      let d = divisions[n]
      for line in [Line.row(d.rows.0), .row(d.rows.1), .column(d.column)] { _ = raise(line) }
    }
  }

  enum Line: Hashable {
    case row(Int)
    case column(Int)
  }

  subscript(line: Line) -> Double {
    get {
      switch line {
      case .row(let r): rowPrice[r]
      case .column(let c): columnPrice[c]
      }
    }
    set {
      switch line {
      case .row(let r): rowPrice[r] = newValue
      case .column(let c): columnPrice[c] = newValue
      }
    }
  }

  private func lack(_ n: Int) -> Double {
    let d = divisions[n]
    return columnPrice[d.column] + rowPrice[d.rows.0] + rowPrice[d.rows.1] - d.cost
  }

  /// Lower a line and let its neighbours rise as far as they can: a column that falls lets its rows rise, a row
  /// its columns. Answers what is lost, and what the changed prices were.
  private mutating func lower(_ line: Line, by amount: Double) -> (
    loss: Double, before: [(Line, Double)]
  ) {
    var before = [(line, self[line])]
    self[line] -= amount
    var gained = 0.0
    for neighbor in neighbors(of: line) {
      let price = self[neighbor]
      let gain = raise(neighbor)
      if gain > 0 {
        gained += gain
        before.append((neighbor, price))
      }
    }
    return (amount - gained, before)
  }

  private func neighbors(of line: Line) -> [Line] {
    var lines: [Line] = []
    switch line {
    case .row(let r):
      for k in solver.table.rows.pairs(r) { lines.append(.column(Int(solver.table.rows.other[k]))) }
      for n in solver.byRow[r] {
        let d = divisions[n]
        lines.append(.row(d.rows.0 == r ? d.rows.1 : d.rows.0))
      }
    case .column(let c):
      for k in solver.table.columns.pairs(c) {
        lines.append(.row(Int(solver.table.columns.other[k])))
      }
    }
    return lines
  }

  /// Set a price as high as the others allow; answers by how much it rose.
  private mutating func raise(_ line: Line) -> Double {
    let limit = limit(line)
    let gain = limit - self[line]
    if gain <= 1e-12 { return 0 }
    self[line] = limit
    return gain
  }

  /// The highest price that all hypotheses allow under the other prices.
  func limit(_ line: Line) -> Double {
    switch line {
    case .row(let r): rowLimit(r)
    case .column(let c): columnLimit(c)
    }
  }

  /// The highest price of a row that all its hypotheses allow under the other prices.
  private func rowLimit(_ row: Int) -> Double {
    let rows = solver.table.rows
    var limit = rows.alone[row]
    for k in rows.pairs(row) { limit = min(limit, rows.cost[k] - columnPrice[Int(rows.other[k])]) }
    for n in solver.byRow[row] {
      let d = divisions[n]
      let other = d.rows.0 == row ? d.rows.1 : d.rows.0
      limit = min(limit, d.cost - columnPrice[d.column] - rowPrice[other])
    }
    return limit
  }

  private func columnLimit(_ column: Int) -> Double {
    let columns = solver.table.columns
    var limit = columns.alone[column]
    for k in columns.pairs(column) {
      limit = min(limit, columns.cost[k] - rowPrice[Int(columns.other[k])])
    }
    for n in solver.byColumn[column] {
      let d = divisions[n]
      limit = min(limit, d.cost - rowPrice[d.rows.0] - rowPrice[d.rows.1])
    }
    return limit
  }
}

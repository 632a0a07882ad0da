// The best story of a movie: the assignment without divisions first, then the divisions that make it better, and
// the prices that show how much better any other story could be.
//
// Divisions are what makes the problem hard: a column and two rows at once is no assignment any more, and linear
// programs over it may have fractional solutions. But they are rare and far apart. Each division that would pay
// is tried by taking its column and rows out and assigning anew what they leave loose; it stays if the sum falls,
// and rivals for the same spots are exchanged while that helps.
//
// The proof (GlobalBound, GlobalProof): prices of rows and columns under which no hypothesis costs less than its
// prices add up to are a lower bound of every story (weak duality of the linear program). The assignment brings
// such prices along; those of a division's three spots are set as high as the others allow. Where that leaves story
// and bound apart, a linear program over the lines around finds the best prices. If bound and story meet, the story
// is optimal. Otherwise the difference is reported.

import Core

/// Which divisions a line takes part in, ascending.
struct DivisionLists {
  /// Divisions of line l are at `start[l] ..< start[l + 1]`.
  private var start: [Int32]
  private var numbers: [Int]

  /// `taken` names the lines of each division, `perDivision` in a row.
  init(_ taken: [Int], perDivision: Int = 1, lines: Int, _ progress: Progress) throws {
    start = Array(repeating: 0, count: lines + 1)
    numbers = Array(repeating: 0, count: taken.count)
    for line in taken { start[line + 1] += 1 }
    try progress.check()
    for line in 0..<lines { start[line + 1] += start[line] }
    var next = start
    for (k, line) in taken.enumerated() {
      numbers[Int(next[line])] = k / perDivision
      next[line] += 1
    }
    try progress.check()
  }

  subscript(line: Int) -> ArraySlice<Int> { numbers[Int(start[line])..<Int(start[line + 1])] }
}

struct GlobalSolver {
  let problem: GlobalProblem
  private(set) var table: DynamicAssignment
  /// Divisions that are made, by number in the problem.
  private(set) var made: Set<Int> = []
  /// What a made division saved when it was made, by number.
  private(set) var saved: [Int: Double] = [:]
  /// The divisions that each column and each row takes part in.
  let byColumn: DivisionLists
  let byRow: DivisionLists
  private var isBoundRow: [Int: Int] = [:]
  private var isBoundColumn: [Int: Int] = [:]

  init(_ problem: GlobalProblem, _ progress: Progress) throws {
    self.problem = problem
    byColumn = try DivisionLists(
      problem.divisions.map(\.column), lines: problem.columnSpots.count, progress)
    byRow = try DivisionLists(
      problem.divisions.flatMap { [$0.rows.0, $0.rows.1] }, perDivision: 2,
      lines: problem.rowSpots.count, progress)
    table = try DynamicAssignment(problem.costs, columnAlone: problem.columnAlone, progress)
    try progress.check()
    try improve(progress)
  }

  /// What the whole story costs.
  var total: Double {
    table.total + made.reduce(0) { $0 + problem.divisions[$1].cost }
  }

  /// By how much a division is cheaper than its prices; below 0 it may pay.
  private func slack(_ n: Int) -> Double {
    let d = problem.divisions[n]
    return d.cost - table.columns.price[d.column] - table.rows.price[d.rows.0]
      - table.rows.price[d.rows.1]
  }

  // MARK: Finding divisions

  private mutating func improve(_ progress: Progress) throws {
    for _ in 0..<6 {
      var candidates: [(n: Int, slack: Double)] = []
      for n in problem.divisions.indices {
        if n & 16383 == 0 { try progress.check() }
        let slack = slack(n)
        if slack < -1e-9, !made.contains(n) { candidates.append((n, slack)) }
      }
      candidates.sort { ($0.slack, $0.n) < ($1.slack, $1.n) }
      var isBetter = false
      for (i, candidate) in candidates.enumerated() {
        if i & 63 == 0 { try progress.check() }
        if attempt(candidate.n) { isBetter = true }
      }
      if !isBetter { return }
    }
  }

  /// Make a division, unmaking its rivals, if that lowers the sum. Answers whether it did.
  private mutating func attempt(_ n: Int) -> Bool {
    let d = problem.divisions[n]
    let before = total
    let rivals = Set(
      [isBoundColumn[d.column], isBoundRow[d.rows.0], isBoundRow[d.rows.1]].compactMap { $0 })
    for rival in rivals.sorted() { unmake(rival) }
    make(n)
    let after = total
    if after < before - 1e-9 {
      saved[n] = before - after
      return true
    }
    unmake(n)
    for rival in rivals.sorted() { make(rival) }
    return false
  }

  /// Make some divisions instead of others if that lowers the sum. Answers whether it did.
  mutating func exchange(_ wanted: Set<Int>, for unwanted: Set<Int>) -> Bool {
    let before = total
    if !unwanted.isSubset(of: made) || !wanted.isDisjoint(with: made) { return false }
    var rivals = unwanted
    for n in wanted {
      let d = problem.divisions[n]
      for rival in [isBoundColumn[d.column], isBoundRow[d.rows.0], isBoundRow[d.rows.1]] {
        if let rival { rivals.insert(rival) }
      }
    }
    for n in rivals.sorted() { unmake(n) }
    for n in wanted.sorted() { make(n) }
    let gain = before - total
    if gain > 1e-9 {
      for n in wanted { saved[n] = gain }
      return true
    }
    for n in wanted.sorted() { unmake(n) }
    for n in rivals.sorted() { make(n) }
    return false
  }

  private mutating func make(_ n: Int) {
    let d = problem.divisions[n]
    table.take(rows: [d.rows.0, d.rows.1], column: d.column)
    made.insert(n)
    isBoundColumn[d.column] = n
    isBoundRow[d.rows.0] = n
    isBoundRow[d.rows.1] = n
  }

  private mutating func unmake(_ n: Int) {
    let d = problem.divisions[n]
    made.remove(n)
    isBoundColumn[d.column] = nil
    isBoundRow[d.rows.0] = nil
    isBoundRow[d.rows.1] = nil
    table.giveBack(rows: [d.rows.0, d.rows.1], column: d.column)
  }

  func pairCost(_ row: Int, _ column: Int) -> Double {
    for k in table.rows.pairs(row) where Int(table.rows.other[k]) == column {
      return table.rows.cost[k]
    }
    return .infinity
  }

  // MARK: The story

  /// The links of the story, ascending by child. `others` of a link are the next cheapest parents.
  func links(_ progress: Progress) throws -> [ChosenLink] {
    let (rows, columns) = (problem.rowSpots, problem.columnSpots)
    // For each column the least that another row would cost above its prices.
    var second = [Double](repeating: .infinity, count: columns.count)
    for row in rows.indices {
      if row & 4095 == 0 { try progress.check() }
      for k in table.rows.pairs(row) where table.rows.other[k] != table.rows.match[row] {
        let column = Int(table.rows.other[k])
        let slack = table.rows.cost[k] - table.rows.price[row] - table.columns.price[column]
        second[column] = min(second[column], slack)
      }
    }
    var links: [ChosenLink] = []
    func add(_ row: Int, _ column: Int, _ step: LinkReason.Step, _ cost: Double, loss: Double) {
      var link = ChosenLink(
        parent: columns[column], child: rows[row], step: step, cost: cost,
        aloneCost: table.rows.alone[row] + table.columns.alone[column],
        margin: 1 - exponential(-max(0, loss)))
      for k in table.rows.pairs(row) where Int(table.rows.other[k]) != column {
        let other = columns[Int(table.rows.other[k])]
        if other != rows[row] { link.others.insert(other, table.rows.cost[k]) }
      }
      links.append(link)
    }
    links.reserveCapacity(rows.count)
    for row in rows.indices {
      if row & 4095 == 0 { try progress.check() }
      guard let column = table.column(of: row), columns[column] != rows[row] else { continue }
      var least = table.rows.alone[row] - table.rows.price[row]
      for k in table.rows.pairs(row) where Int(table.rows.other[k]) != column {
        least = min(
          least,
          table.rows.cost[k] - table.rows.price[row]
            - table.columns.price[Int(table.rows.other[k])])
      }
      let other = min(second[column], table.columns.alone[column] - table.columns.price[column])
      var loss = max(0, least) + max(0, other)
      for n in byColumn[column] { loss = min(loss, max(0, slack(n))) }
      let gap = problem.frames.timepoint[rows[row]] - problem.frames.timepoint[columns[column]]
      let isSecond = problem.frames.children[columns[column]] > 0
      add(
        row, column, isSecond ? .split : gap > 1 ? .gap : .link,
        pairCost(row, column), loss: loss)
    }
    for n in made.sorted() {
      let d = problem.divisions[n]
      add(d.rows.0, d.column, .split, d.cost, loss: saved[n] ?? 0)
      add(d.rows.1, d.column, .split, d.cost, loss: saved[n] ?? 0)
    }
    return links.sorted { ($0.child, $0.parent) < ($1.child, $1.parent) }
  }
}

// Where story and bound do not meet: the prices around such a place are made the best there are, by a linear program
// over tens of lines, and the divisions that the program would make instead are offered to the story.

import Core

extension GlobalBound {
  /// A place where the story costs more than its prices.
  struct Gap {
    var lines: [Line]
    var loss: Double
  }

  /// Where story and prices differ, largest first.
  func gaps(_ progress: Progress) throws -> [Gap] {
    var gaps: [Gap] = []
    func note(_ lines: [Line], _ cost: Double) {
      let loss = cost - lines.reduce(0) { $0 + self[$1] }
      if loss > 1e-9 { gaps.append(Gap(lines: lines, loss: loss)) }
    }
    let (rows, columns) = (solver.table.rows, solver.table.columns)
    for row in rows.match.indices where solver.table.hasRow(row) {
      if row & 4095 == 0 { try progress.check() }
      if let column = solver.table.column(of: row) {
        note([.row(row), .column(column)], solver.pairCost(row, column))
      } else {
        note([.row(row)], rows.alone[row])
      }
    }
    for column in columns.match.indices
    where solver.table.hasColumn(column) && columns.match[column] < 0 {
      if column & 1023 == 0 { try progress.check() }
      note([.column(column)], columns.alone[column])
    }
    for n in solver.made.sorted() { note(lines(of: n), divisions[n].cost) }
    try progress.check()
    return gaps.sorted { $0.loss > $1.loss }
  }

  func lines(of division: Int) -> [Line] {
    let d = divisions[division]
    return [.column(d.column), .row(d.rows.0), .row(d.rows.1)]
  }

  /// The hypotheses of more than one line that a line takes part in, with what they cost.
  private func hypotheses(of line: Line) -> [(lines: [Line], cost: Double, division: Int?)] {
    let side: DynamicAssignment.Side
    let me: Int
    let numbers: ArraySlice<Int>
    switch line {
    case .row(let r): (side, me, numbers) = (solver.table.rows, r, solver.byRow[r])
    case .column(let c): (side, me, numbers) = (solver.table.columns, c, solver.byColumn[c])
    }
    var found: [(lines: [Line], cost: Double, division: Int?)] = []
    for k in side.pairs(me) {
      let other = Int(side.other[k])
      switch line {
      case .row: found.append(([line, .column(other)], side.cost[k], nil))
      case .column: found.append(([.row(other), line], side.cost[k], nil))
      }
    }
    return found + numbers.map { (lines(of: $0), divisions[$0].cost, $0) }
  }

  /// Lines around a gap: first those that a change of prices reaches soonest.
  private func surroundings(of gap: Gap, count: Int) -> [Line] {
    var chosen = gap.lines
    var isChosen = Set(gap.lines)
    var next = 0
    while next < chosen.count, chosen.count < count {
      let line = chosen[next]
      next += 1
      for h in hypotheses(of: line) {
        let slack = h.cost - h.lines.reduce(0) { $0 + self[$1] }
        if slack > 2 * gap.loss + 1e-9 { continue }
        for other in h.lines where isChosen.insert(other).inserted { chosen.append(other) }
      }
    }
    return Array(chosen.prefix(max(count, gap.lines.count)))
  }

  /// Make the prices around a gap the best there are while the others stay. Answers the divisions among these
  /// lines that the program makes; nil when it gave up.
  mutating func polish(_ gap: Gap, count: Int = 90) -> (made: Set<Int>, lines: Set<Line>)? {
    let lines = surroundings(of: gap, count: count)
    var place: [Line: Int] = [:]
    for (i, line) in lines.enumerated() { place[line] = i }
    // What a line may cost at most as far as the lines outside are concerned.
    var highest: [Double] = []
    var inside: [(places: [Int], cost: Double, division: Int?)] = []
    for (i, line) in lines.enumerated() {
      var limit = alone(line)
      for h in hypotheses(of: line) {
        let places = h.lines.compactMap { place[$0] }
        let outside = h.lines.reduce(0.0) { place[$1] == nil ? $0 + self[$1] : $0 }
        if places.count == 1 {
          limit = min(limit, h.cost - outside)
        } else if places.min() == i {
          inside.append(
            (places, h.cost - outside, places.count == h.lines.count ? h.division : nil))
        }
      }
      highest.append(limit)
    }
    // How far the prices fall short of their limits is the price of a line in a packing program.
    var program = PackingProgram(lines: lines.count)
    var division: [Int?] = []
    for h in inside {
      let worth = h.places.reduce(-h.cost) { $0 + highest[$1] }
      if worth <= 1e-12 { continue }
      var item = PackingProgram.Lines(repeating: -1)
      for (k, p) in h.places.enumerated() { item[k] = Int32(p) }
      program.add(item, worth: worth)
      division.append(h.division)
    }
    guard let solution = program.solve() else { return nil }
    let before = lines.map { self[$0] }
    for (i, line) in lines.enumerated() { self[line] = highest[i] - solution.prices[i] }
    // Rounding must not break a limit.
    for line in lines { self[line] = min(self[line], limit(line)) }
    let gain = zip(lines, before).reduce(0) { $0 + self[$1.0] - $1.1 }
    if gain < 0 { for (line, price) in zip(lines, before) { self[line] = price } }
    var made: Set<Int> = []
    for (e, n) in division.enumerated() {
      if let n, solution.shares[e] > 0.999 { made.insert(n) }
    }
    return (made, Set(lines))
  }

  private func alone(_ line: Line) -> Double {
    switch line {
    case .row(let r): solver.table.rows.alone[r]
    case .column(let c): solver.table.columns.alone[c]
    }
  }
}

extension GlobalSolver {
  /// Let story and bound approach each other. Answers a bound that no story falls below.
  mutating func prove(_ progress: Progress) throws -> Double {
    var best = -Double.infinity
    for _ in 0..<4 {
      var bound = try GlobalBound.prices(self, progress)
      var offers: [(made: Set<Int>, unmade: Set<Int>)] = []
      for _ in 0..<3 {
        let gaps = try bound.gaps(progress)
        if gaps.isEmpty { break }
        for gap in gaps.prefix(2000) {
          try progress.check()
          guard let (wanted, lines) = bound.polish(gap) else { continue }
          let present = made.filter { n in bound.lines(of: n).allSatisfy(lines.contains) }
          if wanted != present {
            offers.append((wanted.subtracting(present), present.subtracting(wanted)))
          }
        }
      }
      best = max(best, bound.value)
      if total - best <= 1e-9 * max(1, abs(total)) { break }
      var isBetter = false
      for offer in offers {
        try progress.check()
        if exchange(offer.made, for: offer.unmade) { isBetter = true }
      }
      if !isBetter { break }
    }
    return best
  }
}

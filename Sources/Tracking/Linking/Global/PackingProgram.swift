// A small linear program, solved exactly: which of many items, each of which takes up one to three lines, are worth
// most together when no line is taken up more than once.

import Core

/// Maximises the sum of `worth[e] * x[e]` for x >= 0, where the x of all items on a line add up to at most 1.
///
/// By the simplex method on the condensed table (a row a line, a column an item): for tens of lines and hundreds
/// of items. At its end the objective row holds the price of each line: the least prices that cover each item's
/// worth.
struct PackingProgram {
  /// The lines that an item takes up, -1 for none.
  typealias Lines = SIMD3<Int32>

  private(set) var items: [Lines] = []
  private(set) var worth: [Double] = []
  let lines: Int

  init(lines: Int) { self.lines = lines }

  mutating func add(_ item: Lines, worth: Double) {
    items.append(item)
    self.worth.append(worth)
  }

  /// What the best choice is made of, and the price of each line.
  struct Solution {
    var shares: [Double]
    var prices: [Double]
  }

  /// The best choice; nil when it takes more than `steps` exchanges.
  func solve(steps: Int = 4000) -> Solution? {
    let (m, n) = (lines, items.count)
    let width = n + 1
    // Rows of basic variables over columns of free ones, the right side last; the objective below.
    var table = [Double](repeating: 0, count: (m + 1) * width)
    for (e, item) in items.enumerated() {
      for k in 0..<3 where item[k] >= 0 { table[Int(item[k]) * width + e] = 1 }
      table[m * width + e] = -worth[e]
    }
    for line in 0..<m { table[line * width + n] = 1 }
    // Variables below n are items, the others what is left of a line.
    var basic = Array(n..<n + m)
    var free = Array(0..<n)
    for step in 0...steps {
      guard let column = entering(table, m, n, free, isCareful: step > 500) else {
        return read(table, basic, free)
      }
      guard let row = leaving(table, m, n, column, basic) else { return nil }
      pivot(&table, m, width, row, column)
      swap(&basic[row], &free[column])
    }
    return nil
  }

  /// The column that promises most; after many steps the first one that promises anything, which cannot go round in
  /// circles (Bland's rule).
  private func entering(_ table: [Double], _ m: Int, _ n: Int, _ free: [Int], isCareful: Bool)
    -> Int?
  {
    var best: Int?
    var least = -1e-10
    for column in 0..<n {
      let gain = table[m * (n + 1) + column]
      if gain >= -1e-10 { continue }
      if isCareful {
        if best == nil || free[column] < free[best!] { best = column }
      } else if gain < least {
        (least, best) = (gain, column)
      }
    }
    return best
  }

  private func leaving(_ table: [Double], _ m: Int, _ n: Int, _ column: Int, _ basic: [Int])
    -> Int?
  {
    var best: Int?
    var least = Double.infinity
    for row in 0..<m {
      let a = table[row * (n + 1) + column]
      if a <= 1e-9 { continue }
      let ratio = table[row * (n + 1) + n] / a
      if ratio < least - 1e-12 || (ratio <= least && basic[row] < basic[best ?? row]) {
        (least, best) = (min(least, ratio), row)
      }
    }
    return best
  }

  /// Exchange the basic variable of a row for the free one of a column.
  private func pivot(
    _ table: inout [Double], _ m: Int, _ width: Int, _ row: Int, _ column: Int
  ) {
    table.withUnsafeMutableBufferPointer { t in
      let scale = 1 / t[row * width + column]
      for c in 0..<width { t[row * width + c] *= scale }
      t[row * width + column] = scale
      for r in 0...m where r != row {
        let f = t[r * width + column]
        if f == 0 { continue }
        for c in 0..<width { t[r * width + c] -= f * t[row * width + c] }
        t[r * width + column] = -f * scale
      }
    }
  }

  private func read(_ table: [Double], _ basic: [Int], _ free: [Int]) -> Solution {
    let n = items.count
    var solution = Solution(
      shares: Array(repeating: 0, count: n), prices: Array(repeating: 0, count: lines))
    for (row, variable) in basic.enumerated() where variable < n {
      solution.shares[variable] = table[row * (n + 1) + n]
    }
    for (column, variable) in free.enumerated() where variable >= n {
      solution.prices[variable - n] = table[lines * (n + 1) + column]
    }
    return solution
  }
}

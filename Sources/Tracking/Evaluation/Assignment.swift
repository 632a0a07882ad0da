// Optimal one-to-one matching where only some pairs are possible.

/// The cheapest of the largest matchings between rows and columns of a sparse cost table.
///
/// Shortest augmenting paths with potentials (Jonker & Volgenant 1987, in the sparse form with a heap): a
/// row explores only what it is connected to, so clusters of nuclei cost what their own size asks for.
/// Greedy matching by distance would be faster, but in crowded tissue one wrong first choice costs
/// neighbours their match, and an evaluation should not report errors of its own.
struct Assignment {
  /// A possible pair and its cost (at least 0).
  struct Edge {
    var column: Int
    var cost: Double
  }

  private let edges: [[Edge]]
  private let columns: Int
  /// The price of leaving a row alone: more than any way of matching it can cost.
  private let alone: Double
  private var rowOf: [Int]
  private var columnOf: [Int]
  private var rowPotential, columnPotential: [Double]
  private var distance: [Double]
  private var via: [Int]
  private var isDone: [Bool]
  private var heap = Heap<Reached>()

  /// The column of each row, or -1. `edges[row]` lists the pairs that are possible for a row.
  static func solve(_ edges: [[Edge]], columns: Int) -> [Int] {
    var solver = Assignment(edges, columns)
    for row in edges.indices { solver.augment(row) }
    return solver.columnOf.map { $0 < columns ? $0 : -1 }
  }

  private init(_ edges: [[Edge]], _ columns: Int) {
    self.edges = edges
    self.columns = columns
    let dearest = edges.reduce(0.0) { max($0, $1.reduce(0.0) { max($0, $1.cost) }) }
    alone = (dearest + 1) * Double(edges.count + 1)
    // Every row has a column of its own that stands for "alone".
    let total = columns + edges.count
    rowOf = Array(repeating: -1, count: total)
    columnOf = Array(repeating: -1, count: edges.count)
    rowPotential = Array(repeating: 0, count: edges.count)
    columnPotential = Array(repeating: 0, count: total)
    distance = Array(repeating: .infinity, count: total)
    via = Array(repeating: -1, count: total)
    isDone = Array(repeating: false, count: total)
  }

  /// Match one more row, changing earlier matches along the cheapest path.
  private mutating func augment(_ start: Int) {
    heap.removeAll()
    var touched: [Int] = []
    var done: [Int] = []
    var row = start
    var reached = 0.0
    var sink = -1
    while sink < 0 {
      for edge in edges[row] { relax(row, edge.column, edge.cost, reached, &touched) }
      relax(row, columns + row, alone, reached, &touched)
      var next = heap.pop()!
      while isDone[next.column] || next.distance > distance[next.column] { next = heap.pop()! }
      reached = next.distance
      isDone[next.column] = true
      if rowOf[next.column] < 0 {
        sink = next.column
      } else {
        done.append(next.column)
        row = rowOf[next.column]
      }
    }
    rowPotential[start] += reached
    for column in done {
      rowPotential[rowOf[column]] += reached - distance[column]
      columnPotential[column] -= reached - distance[column]
    }
    var column = sink
    while true {
      let row = via[column]
      let previous = columnOf[row]
      rowOf[column] = row
      columnOf[row] = column
      if row == start { break }
      column = previous
    }
    for column in touched {
      distance[column] = .infinity
      isDone[column] = false
    }
  }

  private mutating func relax(
    _ row: Int, _ column: Int, _ cost: Double, _ reached: Double, _ touched: inout [Int]
  ) {
    if isDone[column] { return }
    let d = reached + cost - rowPotential[row] - columnPotential[column]
    if d < distance[column] {
      if distance[column] == .infinity { touched.append(column) }
      distance[column] = d
      via[column] = row
      heap.push(Reached(distance: d, column: column))
    }
  }

  /// A column that a path reaches; the nearest first, then by number.
  private struct Reached: HeapItem {
    var distance: Double
    var column: Int

    func isBefore(_ other: Reached) -> Bool {
      distance < other.distance || distance == other.distance && column < other.column
    }
  }
}

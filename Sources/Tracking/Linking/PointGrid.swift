// Which points of one frame lie within a distance: a grid of cells as wide as the distance, for linkers that
// ask for every spot of every frame and from several threads at once.

import Core

/// Points in cells. Building costs a pass over the points; a question looks at the few cells around it.
struct PointGrid: Sendable {
  private let origin: WorldPoint
  private let perUnit: Double
  private var size = SIMD3(1, 1, 1)
  /// Points of cell c are at `start[c] ..< start[c + 1]` of the columns, which are sorted by cell.
  private var start: [Int32] = [0, 0]
  private var x: [Double] = []
  private var y: [Double] = []
  private var z: [Double] = []
  /// Place of each sorted point in what the grid was made from.
  private var place: [Int32] = []

  /// A grid over points (world units) for questions within `reach`.
  init<Points: RandomAccessCollection>(_ points: Points, reach: Double)
  where Points.Element == WorldPoint {
    guard let first = points.first else {
      (origin, perUnit) = (.zero, 0)
      return
    }
    var (low, high) = (first, first)
    for p in points {
      low = WorldPoint(x: min(low.x, p.x), y: min(low.y, p.y), z: min(low.z, p.z))
      high = WorldPoint(x: max(high.x, p.x), y: max(high.y, p.y), z: max(high.z, p.z))
    }
    let extent = high - low
    // Cells are as wide as the reach, and wider where there would be many more of them than points.
    var width = max(reach, 1e-9)
    func cells(_ length: Double) -> Double { (length / width).rounded(.down) + 1 }
    while cells(extent.x) * cells(extent.y) * cells(extent.z) > Double(2 * points.count + 64) {
      width *= 1.3
    }
    origin = low
    perUnit = 1 / width
    size = SIMD3(Int(cells(extent.x)), Int(cells(extent.y)), Int(cells(extent.z)))
    fill(points)
  }

  private mutating func fill<Points: RandomAccessCollection>(_ points: Points)
  where Points.Element == WorldPoint {
    start = Array(repeating: 0, count: size.x * size.y * size.z + 1)
    let cells = points.map { cell($0) }
    for c in cells { start[c + 1] += 1 }
    for c in 1..<start.count { start[c] += start[c - 1] }
    var next = start
    let n = points.count
    x = Array(repeating: 0, count: n)
    y = x
    z = x
    place = Array(repeating: 0, count: n)
    for (i, p) in points.enumerated() {
      let k = Int(next[cells[i]])
      next[cells[i]] += 1
      (x[k], y[k], z[k], place[k]) = (p.x, p.y, p.z, Int32(i))
    }
  }

  private func index(_ offset: Double, _ count: Int) -> Int {
    let cell = offset * perUnit
    return cell <= 0 ? 0 : cell >= Double(count) ? count - 1 : Int(cell)
  }

  private func cell(_ p: WorldPoint) -> Int {
    (index(p.z - origin.z, size.z) * size.y + index(p.y - origin.y, size.y)) * size.x
      + index(p.x - origin.x, size.x)
  }

  /// Call `body` with the place and squared distance of each point within a distance (inclusive) of `p`.
  /// The order is that of the cells, not of the distance.
  @inline(__always)
  func forEach(within reach: Double, of p: WorldPoint, _ body: (Int, Double) -> Void) {
    if place.isEmpty { return }
    let limit = reach * reach
    let d = p - origin
    let (x0, x1) = (index(d.x - reach, size.x), index(d.x + reach, size.x))
    let (y0, y1) = (index(d.y - reach, size.y), index(d.y + reach, size.y))
    let (z0, z1) = (index(d.z - reach, size.z), index(d.z + reach, size.z))
    for cz in z0...z1 {
      for cy in y0...y1 {
        let row = (cz * size.y + cy) * size.x
        for k in Int(start[row + x0])..<Int(start[row + x1 + 1]) {
          let (dx, dy, dz) = (x[k] - p.x, y[k] - p.y, z[k] - p.z)
          let distance = dx * dx + dy * dy + dz * dz
          if distance <= limit { body(Int(place[k]), distance) }
        }
      }
    }
  }
}

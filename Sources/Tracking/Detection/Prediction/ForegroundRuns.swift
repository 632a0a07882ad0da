// The voxels of a probability map above a level, as runs along x: what is found in a volume takes memory in
// proportion to what there is, and the map itself can be forgotten plane by plane.

import Core
import Imaging
import Synchronization

/// Runs of voxels whose probability exceeds a level, in z, y, x order.
struct ForegroundRuns: Sendable {
  /// Voxels along x and y; planes are appended.
  let width, height: Int
  /// Voxels belong to the foreground when they are greater.
  let level: Float
  /// Whether the probabilities of the foreground are kept.
  let keepsValues: Bool
  /// The number of planes so far.
  private(set) var planes = 0
  /// The half-open stretch of x of each run.
  private(set) var starts: [Int32] = []
  private(set) var ends: [Int32] = []
  /// The sum of the probabilities of each run.
  private(set) var sums: [Double] = []
  /// For each row (z x height + y) the first run that is not before it, and the number of runs at the end.
  private(set) var firstOfRow: [Int] = [0]
  /// The probabilities of all runs one after another, and where each run's begin; empty unless kept.
  private(set) var values: [Float] = []
  private(set) var valueStarts: [Int] = []

  init(width: Int, height: Int, level: Float, keepsValues: Bool) {
    self.width = width
    self.height = height
    self.level = level
    self.keepsValues = keepsValues
  }

  var count: Int { starts.count }
  var rows: Int { planes * height }

  /// Append planes; `plane` gives them by their number among the new ones. Planes are searched in parallel.
  mutating func append(
    planes count: Int, progress: Progress = .none,
    _ plane: @Sendable (Int) -> UnsafeBufferPointer<Float>
  ) throws {
    let parts = Mutex([ForegroundRuns?](repeating: nil, count: count))
    let empty = ForegroundRuns(
      width: width, height: height, level: level, keepsValues: keepsValues)
    try parallelFor(count) { k in
      try progress.check()
      var part = empty
      part.scan(plane(k))
      parts.withLock { $0[k] = part }
    }
    for part in parts.withLock({ $0 }) {
      guard let part else { continue }
      let (runs, kept) = (self.count, values.count)
      starts += part.starts
      ends += part.ends
      sums += part.sums
      values += part.values
      valueStarts += part.valueStarts.map { $0 + kept }
      firstOfRow += part.firstOfRow.dropFirst().map { $0 + runs }
    }
    planes += count
  }

  private mutating func scan(_ plane: UnsafeBufferPointer<Float>) {
    firstOfRow.reserveCapacity(height + 1)
    for y in 0..<height {
      let row = plane.baseAddress! + y * width
      var x = 0
      while x < width {
        while x < width && !(row[x] > level) { x += 1 }
        if x == width { break }
        let start = x
        var sum = 0.0
        while x < width && row[x] > level {
          sum += Double(row[x])
          x += 1
        }
        starts.append(Int32(start))
        ends.append(Int32(x))
        sums.append(sum)
        if keepsValues {
          valueStarts.append(values.count)
          values.append(contentsOf: UnsafeBufferPointer(start: row + start, count: x - start))
        }
      }
      firstOfRow.append(starts.count)
    }
    planes = 1
  }

  /// The runs of each connected component (26 neighbours, 8 in a plane). Components come in z, y, x order of their
  /// first voxel, as `scipy.ndimage.label` numbers them, runs in z, y, x order.
  func components(progress: Progress = .none) throws -> [[Int32]] {
    var parent = (0..<Int32(count)).map { $0 }
    func root(_ member: Int) -> Int {
      var at = member
      while Int(parent[at]) != at {
        parent[at] = parent[Int(parent[at])]
        at = Int(parent[at])
      }
      return at
    }
    for row in 0..<rows where firstOfRow[row] < firstOfRow[row + 1] {
      if row & 255 == 0 { try progress.check() }
      let (z, y) = row.quotientAndRemainder(dividingBy: height)
      for (dz, dy) in [(0, -1), (-1, -1), (-1, 0), (-1, 1)]
      where (0..<height).contains(y + dy) && z + dz >= 0 {
        let other = row + dz * height + dy
        var (a, b) = (firstOfRow[row], firstOfRow[other])
        let (endA, endB) = (firstOfRow[row + 1], firstOfRow[other + 1])
        while a < endA && b < endB {
          if starts[a] <= ends[b] && starts[b] <= ends[a] {
            // The root of a set is always its smallest member, so roots come in raster order.
            let (x, y) = (root(a), root(b))
            parent[max(x, y)] = Int32(min(x, y))
          }
          if ends[a] < ends[b] { a += 1 } else { b += 1 }
        }
      }
    }
    var number = [Int32](repeating: -1, count: count)
    var result: [[Int32]] = []
    for run in 0..<count {
      let top = root(run)
      if top == run {
        number[run] = Int32(result.count)
        result.append([Int32(run)])
      } else {
        result[Int(number[top])].append(Int32(run))
      }
    }
    return result
  }

  /// The row of each run: z x height + y.
  func rowsOfRuns() -> [Int32] {
    var result = [Int32](repeating: 0, count: count)
    for row in 0..<rows {
      for run in firstOfRow[row]..<firstOfRow[row + 1] { result[run] = Int32(row) }
    }
    return result
  }
}

/// Sums over the voxels of a region, each voxel weighing 1 or its probability.
struct RegionSum: Sendable {
  /// Number of voxels, and the sum of their probabilities.
  private(set) var count = 0
  private(set) var probability = 0.0
  private var weight = 0.0
  private var first = SIMD3<Double>.zero
  private var squares = SIMD3<Double>.zero
  private var products = SIMD3<Double>.zero
  private var low = SIMD3<Int>(repeating: .max)
  private var high = SIMD3<Int>(repeating: .min)
  /// Positions are taken from here, so that squares stay exact far from the origin.
  private let origin: SIMD3<Int>

  init(origin: SIMD3<Int>) { self.origin = origin }

  /// Add the voxels start ..< end of a row.
  mutating func add(run start: Int, _ end: Int, y: Int, z: Int, probability sum: Double) {
    let n = end - start
    let (a, b) = (Double(start - origin.x), Double(end - 1 - origin.x))
    let m = Double(n)
    // Sums of i and i * i over a ... b.
    let sx = (a + b) * m / 2
    let sxx = (b * (b + 1) * (2 * b + 1) - (a - 1) * a * (2 * a - 1)) / 6
    let (dy, dz) = (Double(y - origin.y), Double(z - origin.z))
    count += n
    probability += sum
    weight += m
    first += SIMD3(sx, dy * m, dz * m)
    squares += SIMD3(sxx, dy * dy * m, dz * dz * m)
    products += SIMD3(sx * dy, sx * dz, dy * dz * m)
    low = pointwiseMin(low, SIMD3(start, y, z))
    high = pointwiseMax(high, SIMD3(end - 1, y, z))
  }

  /// Add one voxel with a weight.
  mutating func add(x: Int, y: Int, z: Int, probability p: Double, weight w: Double) {
    let d = SIMD3(Double(x - origin.x), Double(y - origin.y), Double(z - origin.z))
    count += 1
    probability += p
    weight += w
    first += d * w
    squares += d * d * w
    products += SIMD3(d.x * d.y, d.x * d.z, d.y * d.z) * w
    low = pointwiseMin(low, SIMD3(x, y, z))
    high = pointwiseMax(high, SIMD3(x, y, z))
  }

  /// The mean position in voxels.
  var centroid: SIMD3<Double> {
    first / weight + SIMD3(Double(origin.x), Double(origin.y), Double(origin.z))
  }

  /// The covariance of the positions in voxels.
  var covariance: Covariance {
    let m = first / weight
    let v = squares / weight - m * m
    let p = products / weight - SIMD3(m.x * m.y, m.x * m.z, m.y * m.z)
    return Covariance(
      xx: max(0, v.x), xy: p.x, xz: p.y, yy: max(0, v.y), yz: p.z, zz: max(0, v.z))
  }

  /// Voxels along each axis of the smallest box.
  var extent: SIMD3<Int> { high &- low &+ 1 }

  /// The smallest box.
  var box: VoxelBox {
    VoxelBox(
      origin: Size3(x: low.x, y: low.y, z: low.z),
      size: Size3(x: extent.x, y: extent.y, z: extent.z))
  }

  /// The mean probability.
  var quality: Double { count > 0 ? probability / Double(count) : 0 }
}

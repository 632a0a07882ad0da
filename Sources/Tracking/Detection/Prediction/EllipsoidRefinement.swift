// Ellipsoids fitted to where the network sees nuclei at all, border and centre together. The centre regions tell where
// nuclei are and keep them apart; but their size is divided by the center ratio, which multiplies every error.

import Core
import Imaging

/// The probability of belonging to any nucleus, in 255 steps, and ellipsoids that are fitted to it.
struct EllipsoidRefinement: Sendable {
  let width, height: Int
  let voxel: VoxelSize
  /// 255 x (1 - probability of background), z, y, x with x fastest.
  private var map: [UInt8] = []

  /// How far around an ellipsoid voxels are looked at, in its semi-axes.
  private static let reach = 1.5
  private static let rounds = 3

  init(width: Int, height: Int, voxel: VoxelSize) {
    self.width = width
    self.height = height
    self.voxel = voxel
  }

  private var planes: Int { map.count / (width * height) }
  private var isPlane: Bool { planes == 1 }

  /// Go on with further planes of the probability of background.
  mutating func append(
    planes count: Int, progress: Progress,
    _ plane: @Sendable (Int) -> UnsafeBufferPointer<Float>
  ) throws {
    let size = width * height
    let start = map.count
    map.append(contentsOf: repeatElement(0, count: count * size))
    try map.withUnsafeMutableBufferPointer { map in
      nonisolated(unsafe) let base = map.baseAddress! + start
      try parallelFor(count) { k in
        try progress.check()
        let values = plane(k)
        let out = base + k * size
        for i in 0..<size { out[i] = UInt8(max(0, min(255, 255.5 - 255 * values[i]))) }
      }
    }
  }

  /// The spots with ellipsoids of what is around each and nearer to it (in its semi-axes) than to any other.
  func refine(_ spots: [ProbabilitySpots.Found], progress: Progress) throws
    -> [ProbabilitySpots.Found]
  {
    var spots = spots
    let first = spots.map(\.covariance.meanRadius)
    for _ in 0..<Self.rounds {
      let shapes = spots.map { Shape($0, voxel, isPlane: isPlane) }
      let owners = try self.owners(shapes, progress: progress)
      let fixed = spots
      let results = PieceResults<ProbabilitySpots.Found>(count: fixed.count)
      try parallelFor(fixed.count) { i in
        var result = fixed[i]
        if let fit = try fitted(result, shapes[i], Int32(i), owners, progress: progress),
          fit.covariance.meanRadius < 2 * first[i], fit.covariance.meanRadius > first[i] / 2
        {
          result = fit
        }
        results.set(i, result)
      }
      spots = results.all
    }
    return spots
  }

  /// An ellipsoid to measure distances in, in voxels.
  private struct Shape: Sendable {
    let center: SIMD3<Double>
    /// Squared distance in semi-axes: d . (inverse * d), with d in voxels.
    let inverse: Matrix3
    let low, high: SIMD3<Double>

    init(_ spot: ProbabilitySpots.Found, _ voxel: VoxelSize, isPlane: Bool) {
      center = SIMD3(spot.center.x, spot.center.y, spot.center.z)
      // Never thinner than half a voxel, so that there is an inverse.
      let c = spot.covariance
      let (x, y, z) = (voxel.x, voxel.y, voxel.z)
      let floor = 0.25
      let m = Covariance(
        xx: max(floor, c.xx / (x * x)), xy: c.xy / (x * y), xz: isPlane ? 0 : c.xz / (x * z),
        yy: max(floor, c.yy / (y * y)), yz: isPlane ? 0 : c.yz / (y * z),
        zz: isPlane ? 1 : max(floor, c.zz / (z * z)))
      inverse = m.matrix.inverse ?? Matrix3([1 / m.xx, 0, 0], [0, 1 / m.yy, 0], [0, 0, 1 / m.zz])
      let half =
        reach
        * SIMD3(m.xx.squareRoot(), m.yy.squareRoot(), isPlane ? 0 : m.zz.squareRoot())
      (low, high) = (center - half, center + half)
    }

    @inline(__always)
    func squaredDistance(_ x: Double, _ y: Double, _ z: Double) -> Double {
      let d = SIMD3(x - center.x, y - center.y, z - center.z)
      return d.x * (inverse.rows.0 * d).sum() + d.y * (inverse.rows.1 * d).sum()
        + d.z * (inverse.rows.2 * d).sum()
    }
  }

  /// The share of a voxel that is nucleus: between a quarter and three quarters of the probability; what is less
  /// is noise and counts nothing.
  private static let weights = (0...255).map { min(1, max(0, (Double($0) / 255 - 0.25) * 2)) }

  /// Of each voxel the shape that it lies nearest to and within reach of, the first among equals; -1 without any,
  /// and where no nucleus is. One look at each voxel of each shape: what an untrained network sees are hundreds
  /// of thousands of shapes across one another.
  private func owners(_ shapes: [Shape], progress: Progress) throws -> [Int32] {
    var inPlane = [[Int32]](repeating: [], count: planes)
    for (i, shape) in shapes.enumerated() {
      for z in Self.range(shape.low.z, shape.high.z, planes) { inPlane[z].append(Int32(i)) }
    }
    let (size, limit) = (width * height, Self.reach * Self.reach)
    var owners = [Int32](repeating: -1, count: map.count)
    try owners.withUnsafeMutableBufferPointer { owners in
      nonisolated(unsafe) let owners = owners
      let inPlane = inPlane
      try parallelFor(planes) { z in
        var least = [Double](repeating: .infinity, count: size)
        for (k, i) in inPlane[z].enumerated() {
          if k % 256 == 0 { try progress.check() }
          let shape = shapes[Int(i)]
          let columns = Self.range(shape.low.x, shape.high.x, width)
          for y in Self.range(shape.low.y, shape.high.y, height) {
            for x in columns where Self.weights[Int(map[z * size + y * width + x])] > 0 {
              let distance = shape.squaredDistance(Double(x), Double(y), Double(z))
              if distance > limit || distance >= least[y * width + x] { continue }
              least[y * width + x] = distance
              owners[z * size + y * width + x] = i
            }
          }
        }
      }
    }
    return owners
  }

  /// The voxels from `low` to `high` among `count`.
  private static func range(_ low: Double, _ high: Double, _ count: Int) -> Range<Int> {
    let first = max(0, min(count, Int(low.rounded(.up))))
    return first..<max(first, min(count, Int(high.rounded(.down)) + 1))
  }

  private func fitted(
    _ spot: ProbabilitySpots.Found, _ shape: Shape, _ number: Int32, _ owners: [Int32],
    progress: Progress
  ) throws -> ProbabilitySpots.Found? {
    var sum = RegionSum(
      origin: SIMD3(Int(shape.center.x), Int(shape.center.y), Int(shape.center.z)))
    var total = 0.0
    for z in Self.range(shape.low.z, shape.high.z, planes) {
      try progress.check()
      for y in Self.range(shape.low.y, shape.high.y, height) {
        for x in Self.range(shape.low.x, shape.high.x, width) {
          let i = (z * height + y) * width + x
          guard owners[i] == number else { continue }
          let weight = Self.weights[Int(map[i])]
          sum.add(x: x, y: y, z: z, probability: 0, weight: weight)
          total += weight
        }
      }
    }
    // A handful of voxels says less than the centre region does.
    guard total >= 8 else { return nil }
    let (c, m) = (sum.centroid, sum.covariance)
    let own = 1.0 / 12
    let factor = isPlane ? 4.0 : 5
    var fit = spot
    fit.center = WorldPoint(x: c.x, y: c.y, z: c.z)
    let (x, y, z) = (voxel.x, voxel.y, voxel.z)
    fit.covariance = Covariance(
      xx: factor * (m.xx + own) * x * x, xy: factor * m.xy * x * y,
      xz: isPlane ? 0 : factor * m.xz * x * z, yy: factor * (m.yy + own) * y * y,
      yz: isPlane ? 0 : factor * m.yz * y * z, zz: isPlane ? 1 : factor * (m.zz + own) * z * z)
    return fit
  }
}

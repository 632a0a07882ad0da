// The ellipsoid of a blob from the image around its centre.

import Core
import Imaging

/// Measures ellipsoids by growing a region around each centre.
///
/// A region holds the voxels connected to the centre that are brighter than half way between the surroundings
/// and the centre, nearer to this centre than to any other, and within twice the filter's radius. A solid
/// ellipsoid has second moments of a fifth of its squared semi-axes (a quarter in 2D), which gives the
/// covariance. Regions of a few voxels, and axes along which the image has no extent, keep the filter's
/// radius.
struct EllipsoidEstimate {
  private let smooth: Volume
  private let voxel: SIMD3<Double>
  private let minRadius, maxRadius: Double
  private let noise: NoiseModel

  init(
    _ stable: Volume, voxel: SIMD3<Double>, smoothing: Double, minRadius: Double,
    maxRadius: Double, noise: NoiseModel, progress: Progress
  ) throws {
    let s = SIMD3(repeating: smoothing) / voxel
    smooth = try stable.gaussian(sigma: (s.x, s.y, s.z), progress: progress)
    self.voxel = voxel
    self.minRadius = minRadius
    self.maxRadius = maxRadius
    self.noise = noise
  }

  /// The blobs with their covariances.
  func measure(_ blobs: [Blob], progress: Progress) throws -> [Blob] {
    let widest = blobs.reduce(0) { max($0, $1.radius) }
    var grid = PeakGrid(cell: 4 * widest)
    for (i, blob) in blobs.enumerated() { grid.add(i, at: blob.center * voxel) }
    let shared = grid
    let pieces = min(64, max(1, blobs.count / 8))
    var measured = blobs
    try measured.withUnsafeMutableBufferPointer { out in
      nonisolated(unsafe) let out = out
      try parallelFor(pieces) { piece in
        let (low, high) = (piece * blobs.count / pieces, (piece + 1) * blobs.count / pieces)
        for i in low..<high {
          try progress.check()
          let rivals = shared.neighbors(of: blobs[i].center * voxel).filter { $0 != i }
          out[i].covariance = covariance(blobs[i], rivals.map { blobs[$0].center * voxel })
        }
      }
    }
    return measured
  }

  private func covariance(_ blob: Blob, _ rivals: [SIMD3<Double>]) -> Covariance {
    let size = smooth.size
    let isFlat = size.z == 1
    let reach = min(2 * blob.radius, maxRadius * 1.2)
    let lengths = [size.x, size.y, size.z]
    var low = SIMD3<Int>(repeating: 0)
    var high = SIMD3<Int>(repeating: 0)
    for axis in 0..<3 {
      let r = reach / voxel[axis]
      low[axis] = max(0, Int((blob.center[axis] - r).rounded(.up)))
      high[axis] = min(lengths[axis] - 1, Int((blob.center[axis] + r).rounded(.down)))
      // A blob between two planes that are farther apart than it is thick keeps the nearer one.
      let nearest = max(0, min(lengths[axis] - 1, Int(blob.center[axis].rounded())))
      low[axis] = min(low[axis], nearest)
      high[axis] = max(high[axis], nearest)
    }
    let extent = high &- low &+ SIMD3(repeating: 1)
    let count = extent.x * extent.y * extent.z
    let place = blob.center * voxel
    let near = rivals.filter { ($0 - place).length < 2 * reach }
    return smooth.withVoxels(as: Float.self) { v in
      var values = [Float](repeating: 0, count: count)
      var inside = [Bool](repeating: false, count: count)
      var surroundings: [Float] = []
      for z in 0..<extent.z {
        for y in 0..<extent.y {
          for x in 0..<extent.x {
            let at = low &+ SIMD3(x, y, z)
            let i = (z * extent.y + y) * extent.x + x
            values[i] = v[(at.z * size.y + at.y) * size.x + at.x]
            let p = SIMD3(Double(at.x), Double(at.y), Double(at.z)) * voxel
            let distance = (p - place).length
            if distance > reach { continue }
            surroundings.append(values[i])
            inside[i] = near.allSatisfy { ($0 - p).length >= distance }
          }
        }
      }
      guard !surroundings.isEmpty else { return .sphere(radius: blob.radius) }
      // A few hundred voxels tell the surroundings' brightness as well as all.
      let few = stride(from: 0, to: surroundings.count, by: max(1, surroundings.count / 512))
      surroundings = few.map { surroundings[$0] }.sorted()
      let start = blob.center.rounded(.toNearestOrEven)
      let seed = SIMD3<Int>(
        max(0, min(extent.x - 1, Int(start.x) - low.x)),
        max(0, min(extent.y - 1, Int(start.y) - low.y)),
        max(0, min(extent.z - 1, Int(start.z) - low.z)))
      let seedIndex = (seed.z * extent.y + seed.y) * extent.x + seed.x
      // Half way in grey values, not in stabilised ones: an edge blurred by the microscope is at half.
      let dark = noise.grey(Double(surroundings[surroundings.count / 10]))
      let bright = noise.grey(Double(values[seedIndex]))
      let level = Float(noise.stabilised((dark + bright) / 2))
      let region = grow(from: seedIndex, extent) { inside[$0] && values[$0] > level }
      return moments(region, extent, low, isFlat, blob)
    }
  }

  /// The voxels connected to a seed (faces) that satisfy a condition; the seed always belongs.
  private func grow(from seed: Int, _ extent: SIMD3<Int>, _ condition: (Int) -> Bool) -> [Int] {
    var seen = [Bool](repeating: false, count: extent.x * extent.y * extent.z)
    var region = [seed]
    seen[seed] = true
    var next = 0
    while next < region.count {
      let i = region[next]
      next += 1
      let (x, y) = (i % extent.x, i / extent.x % extent.y)
      let z = i / (extent.x * extent.y)
      func visit(_ j: Int) {
        if !seen[j], condition(j) {
          seen[j] = true
          region.append(j)
        }
      }
      if x > 0 { visit(i - 1) }
      if x < extent.x - 1 { visit(i + 1) }
      if y > 0 { visit(i - extent.x) }
      if y < extent.y - 1 { visit(i + extent.x) }
      if z > 0 { visit(i - extent.x * extent.y) }
      if z < extent.z - 1 { visit(i + extent.x * extent.y) }
    }
    return region
  }

  private func moments(
    _ region: [Int], _ extent: SIMD3<Int>, _ low: SIMD3<Int>, _ isFlat: Bool, _ blob: Blob
  ) -> Covariance {
    if region.count < 4 { return .sphere(radius: blob.radius) }
    var sum = SIMD3<Double>.zero
    let points = region.map { i -> SIMD3<Double> in
      let at =
        low &+ SIMD3(i % extent.x, i / extent.x % extent.y, i / (extent.x * extent.y))
      let p = SIMD3(Double(at.x), Double(at.y), Double(at.z)) * voxel
      sum += p
      return p
    }
    let n = Double(points.count)
    let mean = sum / n
    var c = Covariance(xx: 0, xy: 0, xz: 0, yy: 0, yz: 0, zz: 0)
    for p in points {
      let d = p - mean
      c.xx += d.x * d.x
      c.xy += d.x * d.y
      c.xz += d.x * d.z
      c.yy += d.y * d.y
      c.yz += d.y * d.z
      c.zz += d.z * d.z
    }
    // A voxel is a box, not a point: its own moment is a twelfth of its squared side.
    let own = voxel * voxel / 12
    let scale = isFlat ? 4.0 : 5.0
    c = Covariance(
      xx: (c.xx / n + own.x) * scale, xy: c.xy / n * scale, xz: c.xz / n * scale,
      yy: (c.yy / n + own.y) * scale, yz: c.yz / n * scale, zz: (c.zz / n + own.z) * scale)
    if isFlat {
      // One plane says nothing about depth: as deep as it is wide on average.
      let area = max(0, c.xx * c.yy - c.xy * c.xy)
      c.zz = area.squareRoot()
      (c.xz, c.yz) = (0, 0)
    }
    return clamped(c)
  }

  /// Semi-axes within the limits, directions kept.
  private func clamped(_ c: Covariance) -> Covariance {
    let (values, vectors) = c.eigen()
    var r = Matrix3([0, 0, 0], [0, 0, 0], [0, 0, 0])
    for k in 0..<3 {
      let radius = min(maxRadius, max(minRadius, max(0, values[k]).squareRoot()))
      let v = vectors[k]
      for i in 0..<3 {
        for j in 0..<3 { r[i, j] += radius * radius * v[i] * v[j] }
      }
    }
    return Covariance(r)
  }
}

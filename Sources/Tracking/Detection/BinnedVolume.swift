// Volumes made smaller by averaging blocks of voxels. A wide filter sees nothing of single voxels, and works
// many times faster on the smaller volume.

import Core
import Imaging

/// A volume of block means, and how its voxels relate to those of the full one.
struct BinnedVolume {
  let volume: Volume
  /// Voxels a block, by axis.
  let factors: SIMD3<Int>

  /// How coarse a volume may be for a Gaussian of these standard deviations (in voxels): two voxels at
  /// least remain for one standard deviation.
  static func factors(sigma: SIMD3<Double>, size: Size3) -> SIMD3<Int> {
    func factor(_ s: Double, _ n: Int) -> Int { max(1, min(n, Int(s / 2))) }
    return SIMD3(factor(sigma.x, size.x), factor(sigma.y, size.y), factor(sigma.z, size.z))
  }

  /// A volume that is made of block means already.
  init(_ volume: Volume, factors: SIMD3<Int>) {
    self.volume = volume
    self.factors = factors
  }

  /// Block means of a float volume. Blocks at the end of an axis may be smaller.
  init(_ full: Volume, factors: SIMD3<Int>, progress: Progress) throws {
    self.factors = factors
    if factors == SIMD3(1, 1, 1) {
      volume = full
      return
    }
    let (fx, fy, fz) = (factors.x, factors.y, factors.z)
    let size = full.size
    let small = Size3(
      x: (size.x + fx - 1) / fx, y: (size.y + fy - 1) / fy, z: (size.z + fz - 1) / fz)
    volume = try Volume.make(size: small, voxelSize: full.voxelSize, of: Float.self) { out in
      try full.withVoxels(as: Float.self) { v in
        nonisolated(unsafe) let (v, out) = (v, out)
        try parallelFor(small.z * small.y) { row in
          if row & 63 == 0 { try progress.check() }
          let (y0, z0) = (row % small.y * fy, row / small.y * fz)
          let (y1, z1) = (min(y0 + fy, size.y), min(z0 + fz, size.z))
          let target = row * small.x
          for x in 0..<small.x { out[target + x] = 0 }
          for z in z0..<z1 {
            for y in y0..<y1 {
              let source = (z * size.y + y) * size.x
              for x in 0..<small.x {
                var sum: Float = 0
                for i in x * fx..<min(x * fx + fx, size.x) { sum += v[source + i] }
                out[target + x] += sum
              }
            }
          }
          let rows = Float((y1 - y0) * (z1 - z0))
          for x in 0..<small.x {
            out[target + x] /= rows * Float(min(x * fx + fx, size.x) - x * fx)
          }
        }
      }
    }
  }

  /// Voxel coordinates here of voxel coordinates in the full volume.
  func coarse(_ p: SIMD3<Double>) -> SIMD3<Double> {
    (p + 0.5) / SIMD3(Double(factors.x), Double(factors.y), Double(factors.z)) - 0.5
  }

  /// Voxel coordinates in the full volume.
  func full(_ p: SIMD3<Double>) -> SIMD3<Double> {
    let f = SIMD3(Double(factors.x), Double(factors.y), Double(factors.z))
    return (p + 0.5) * f - 0.5
  }
}

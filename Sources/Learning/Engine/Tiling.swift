// How a volume is cut into overlapping tiles and how their results are blended, as ELEPHANT does it: along each
// axis size / patch + 1 tiles (one when the patch covers the axis), starts spread evenly, and weights that ramp
// linearly over the overlap.

import Core

/// The tiles along one axis.
public struct AxisTiling: Hashable, Sendable {
  /// Voxels of the axis and of a tile.
  public let size, patch: Int
  /// Where each tile begins.
  public let starts: [Int]
  /// The length of the ramps.
  public let overlap: Int

  /// Tiles of `patch` voxels (at most the size) over `size`.
  public init(size: Int, patch wanted: Int) {
    let patch = min(max(1, wanted), size)
    let count = size == patch ? 1 : size / patch + 1
    // Rounded down, also below zero.
    let excess = count > 1 ? floorDivide(patch * count - size, count - 1) : 0
    let interval = count == 1 ? 0 : patch - excess
    self.size = size
    self.patch = patch
    overlap = max(1, patch - interval)
    starts = (0..<count).map { min($0 * interval, size - patch) }
  }

  /// The weights of tile k: a ramp from 0 to 1 over the first `overlap` voxels unless it is the first, from 1 to
  /// 0 over the last ones unless it is the last.
  public func weights(_ k: Int) -> [Float] {
    var result = [Float](repeating: 1, count: patch)
    for i in 0..<min(overlap, patch) {
      let ramp = overlap > 1 ? Float(i) / Float(overlap - 1) : 0
      if k > 0 { result[i] *= ramp }
      if k < starts.count - 1 { result[patch - 1 - i] *= ramp }
    }
    return result
  }
}

private func floorDivide(_ a: Int, _ b: Int) -> Int {
  a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0)
}

/// A sum of blended tiles over a whole volume.
struct TileBlender {
  let tilings: (x: AxisTiling, y: AxisTiling, z: AxisTiling)
  private(set) var sum: Tensor

  /// - Parameter patch: the size of a tile; axes that it covers are not cut.
  init(channels: Int, size: Size3, patch: Size3) {
    tilings = (
      AxisTiling(size: size.x, patch: patch.x), AxisTiling(size: size.y, patch: patch.y),
      AxisTiling(size: size.z, patch: patch.z)
    )
    sum = Tensor(TensorShape(channels: channels, size: size))
  }

  /// Number of tiles.
  var count: Int { tilings.x.starts.count * tilings.y.starts.count * tilings.z.starts.count }

  /// The box of tile k; z is outermost, x innermost.
  func box(_ k: Int) -> VoxelBox {
    let (i, j, l) = place(k)
    return VoxelBox(
      origin: Size3(x: tilings.x.starts[i], y: tilings.y.starts[j], z: tilings.z.starts[l]),
      size: Size3(x: tilings.x.patch, y: tilings.y.patch, z: tilings.z.patch))
  }

  private func place(_ k: Int) -> (x: Int, y: Int, z: Int) {
    let (nx, ny) = (tilings.x.starts.count, tilings.y.starts.count)
    return (k % nx, k / nx % ny, k / (nx * ny))
  }

  /// Add what the network gave for tile k.
  mutating func add(_ tile: Tensor, _ k: Int) {
    let (i, j, l) = place(k)
    let (wx, wy, wz) = (tilings.x.weights(i), tilings.y.weights(j), tilings.z.weights(l))
    let (box, shape) = (box(k), sum.shape)
    sum.values.withUnsafeMutableBufferPointer { out in
      tile.values.withUnsafeBufferPointer { values in
        for c in 0..<shape.channels {
          for z in 0..<box.size.z {
            for y in 0..<box.size.y {
              let from = values.baseAddress! + ((c * box.size.z + z) * box.size.y + y) * box.size.x
              let row = (c * shape.depth + box.origin.z + z) * shape.height + box.origin.y + y
              let to = out.baseAddress! + row * shape.width + box.origin.x
              let w = wy[y] * wz[z]
              for x in 0..<box.size.x { to[x] += w * wx[x] * from[x] }
            }
          }
        }
      }
    }
  }

  /// Divide by the sum of the weights. It is 1 but where rounding makes the last tile overlap by more than the
  /// ramp, or where a ramp of one voxel leaves none.
  mutating func normalise() {
    func total(_ t: AxisTiling) -> [Float] {
      var result = [Float](repeating: 0, count: t.size)
      for (k, start) in t.starts.enumerated() {
        for (i, w) in t.weights(k).enumerated() { result[start + i] += w }
      }
      return result.map { $0 > 0 ? 1 / $0 : 0 }
    }
    let (fx, fy, fz) = (total(tilings.x), total(tilings.y), total(tilings.z))
    let shape = sum.shape
    sum.values.withUnsafeMutableBufferPointer { out in
      for row in 0..<(shape.channels * shape.depth * shape.height) {
        let f = fy[row % shape.height] * fz[row / shape.height % shape.depth]
        for x in 0..<shape.width { out[row * shape.width + x] *= f * fx[x] }
      }
    }
  }
}

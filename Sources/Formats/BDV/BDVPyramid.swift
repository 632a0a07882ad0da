// The resolution levels of a data set that Howdah writes: which axes are halved, and the halving.

import Core
import Imaging

/// The levels of one setup.
struct BDVPyramid: Sendable {
  /// How many level-0 voxels a voxel covers along each axis; powers of two, level 0 first.
  var factors: [Size3]
  /// Sizes in voxels.
  var sizes: [Size3]

  /// Levels that bring the voxels closer to cubes and halve until a level is small.
  ///
  /// From one level to the next every axis is halved whose voxels are not much longer than the shortest
  /// (less than twice), so thick slices are left alone until the planes have caught up. A level of at most
  /// 64 voxels along its longest axis, or 65,536 voxels, is the last.
  init(size: Size3, voxelSize: VoxelSize, levels: Int?) {
    var factor = Size3(x: 1, y: 1, z: 1)
    var now = size
    factors = [factor]
    sizes = [size]
    while factors.count < levels ?? 8 {
      if levels == nil && (max(now.x, now.y, now.z) <= 64 || now.count <= 1 << 16) { break }
      let extents = Axis.allCases.filter { now[$0] >= 2 }.map {
        voxelSize[$0] * Double(factor[$0])
      }
      guard let shortest = extents.min() else { break }
      for axis in Axis.allCases
      where now[axis] >= 2 && voxelSize[axis] * Double(factor[axis]) < 2 * shortest {
        factor[axis] *= 2
        now[axis] /= 2
      }
      factors.append(factor)
      sizes.append(now)
    }
  }

  /// A chunk of about 32,768 voxels, near to a cube in world units, sides powers of two up to 64 and never
  /// larger than the level.
  static func chunk(size: Size3, voxelSize: VoxelSize, factor: Size3) -> Size3 {
    var chunk = Size3(x: 1, y: 1, z: 1)
    while chunk.count < 1 << 15 {
      let growable = Axis.allCases.filter { chunk[$0] < min(64, size[$0]) }
      let extent = { (axis: Axis) in Double(chunk[axis] * factor[axis]) * voxelSize[axis] }
      guard let axis = growable.min(by: { extent($0) < extent($1) }) else { break }
      chunk[axis] *= 2
    }
    return Size3(x: min(chunk.x, size.x), y: min(chunk.y, size.y), z: min(chunk.z, size.z))
  }

  /// The mean over blocks of this step's size (1 or 2 along each axis); a last odd plane is left out, as
  /// in BigDataViewer. Integers round to the nearest.
  static func reduced(_ volume: Volume, from: Size3, to: Size3, step: Size3) throws -> Volume {
    switch volume.type {
    case .uint8: try reduce(volume, from, to, step, UInt8.self)
    case .uint16: try reduce(volume, from, to, step, UInt16.self)
    case .float32: try reduce(volume, from, to, step, Float.self)
    }
  }

  private static func reduce<T: VoxelElement>(
    _ volume: Volume, _ from: Size3, _ to: Size3, _ step: Size3, _: T.Type
  ) throws -> Volume {
    let scale = 1 / Float(step.count)
    let v = volume.voxelSize
    let voxelSize = VoxelSize(
      x: v.x * Double(step.x), y: v.y * Double(step.y), z: v.z * Double(step.z))
    return try volume.withVoxels(as: T.self) { source in
      let source = SharedVoxels(source)
      return try Volume.make(size: to, voxelSize: voxelSize, of: T.self) { target in
        let target = SharedTarget(target)
        try parallelFor(to.z) { z in
          // Sums of eight 16-bit values are exact in single precision.
          var sums = [Float](repeating: 0, count: to.x)
          for y in 0..<to.y {
            for x in 0..<to.x { sums[x] = 0 }
            for dz in 0..<step.z {
              for dy in 0..<step.y {
                let row = ((z * step.z + dz) * from.y + y * step.y + dy) * from.x
                for dx in 0..<step.x {
                  for x in 0..<to.x {
                    sums[x] += source.voxels[row + x * step.x + dx].asFloat
                  }
                }
              }
            }
            let out = (z * to.y + y) * to.x
            for x in 0..<to.x { target.voxels[out + x] = T(nearest: Double(sums[x] * scale)) }
          }
        }
      }
    }
  }
}

/// Voxels that several threads read.
private struct SharedVoxels<T>: @unchecked Sendable {
  let voxels: UnsafeBufferPointer<T>
  init(_ voxels: UnsafeBufferPointer<T>) { self.voxels = voxels }
}

/// Voxels that several threads write, each its own planes.
private struct SharedTarget<T>: @unchecked Sendable {
  let voxels: UnsafeMutableBufferPointer<T>
  init(_ voxels: UnsafeMutableBufferPointer<T>) { self.voxels = voxels }
}

extension VoxelElement {
  fileprivate var asFloat: Float { Float(asDouble) }
}

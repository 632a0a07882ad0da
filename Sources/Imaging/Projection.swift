// Projections along an axis: maximum, minimum, mean and sum.

import Core
import Kernels

/// How the voxels along a line become one.
public enum ProjectionKind: String, Sendable, CaseIterable {
  /// The largest (`max`) or smallest (`min`) voxel; NaN give way to numbers.
  case max, min
  /// The mean or the sum, in double precision; NaN spread.
  case mean, sum
}

extension Volume {
  /// Project along an axis: a volume of size 1 along it.
  ///
  /// `max` and `min` keep the voxel type, `mean` and `sum` give float32. Temporary memory: one row
  /// of doubles a thread.
  public func projection(
    axis: Axis, how: ProjectionKind = .max, progress: Progress = .none
  ) throws -> Volume {
    switch (how, type) {
    case (.max, .uint8): try extreme(axis, progress, hk_raise_u8) { hk_range_u8($0, $1, $2, $3) }
    case (.max, .uint16):
      try extreme(axis, progress, hk_raise_u16) { hk_range_u16($0, $1, $2, $3) }
    case (.max, .float32):
      try extreme(axis, progress, hk_raise_float) { hk_range_float($0, $1, $2, $3) }
    case (.min, .uint8): try extreme(axis, progress, hk_lower_u8) { hk_range_u8($0, $1, $3, $2) }
    case (.min, .uint16):
      try extreme(axis, progress, hk_lower_u16) { hk_range_u16($0, $1, $3, $2) }
    case (.min, .float32):
      try extreme(axis, progress, hk_lower_float) { hk_range_float($0, $1, $3, $2) }
    case (.mean, .uint8), (.sum, .uint8): try total(axis, how, progress, hk_accumulate_u8)
    case (.mean, .uint16), (.sum, .uint16): try total(axis, how, progress, hk_accumulate_u16)
    case (.mean, .float32), (.sum, .float32): try total(axis, how, progress, hk_accumulate_float)
    }
  }

  private func projectedSize(_ axis: Axis) -> Size3 {
    var projected = size
    projected[axis] = 1
    return projected
  }

  /// For every row of the result along y or z: the indices of the rows of this volume that it comes
  /// from.
  private func rows(of row: Int, _ axis: Axis) -> StrideTo<Int> {
    // Result rows along z are y rows of the first plane; along y they are one row for each plane.
    let plane = size.x * size.y
    return axis == .z
      ? stride(from: row * size.x, to: size.count, by: plane)
      : stride(from: row * plane, to: (row + 1) * plane, by: size.x)
  }

  private func extreme<T: VoxelElement>(
    _ axis: Axis, _ progress: Progress,
    _ choose: @Sendable (UnsafePointer<T>?, UnsafeMutablePointer<T>?, Int) -> Void,
    _ alongX:
      @Sendable (
        UnsafePointer<T>, Int, UnsafeMutablePointer<T>, UnsafeMutablePointer<T>
      ) -> Void
  ) throws -> Volume {
    let projected = projectedSize(axis)
    return try Volume.make(size: projected, voxelSize: voxelSize, of: T.self) { out in
      nonisolated(unsafe) let out = out.baseAddress!
      try forRows(of: projected, axis, progress) { (voxels: UnsafePointer<T>, row: Int) in
        if axis == .x {
          let line = voxels + row * size.x
          var (lowest, best) = (T.zero, T.zero)
          alongX(line, size.x, &lowest, &best)
          // All NaN leaves the two crossed over.
          let empty = line[0].asDouble.isNaN && (0..<size.x).allSatisfy { line[$0].asDouble.isNaN }
          out[row] = empty ? line[0] : best
          return
        }
        let target = out + row * size.x
        var isFirst = true
        for start in rows(of: row, axis) {
          if isFirst { target.update(from: voxels + start, count: size.x) }
          if !isFirst { choose(voxels + start, target, size.x) }
          isFirst = false
        }
      }
    }
  }

  private func total<T: VoxelElement>(
    _ axis: Axis, _ how: ProjectionKind, _ progress: Progress,
    _ accumulate: @Sendable (UnsafePointer<T>?, UnsafeMutablePointer<Double>?, Int) -> Void
  ) throws -> Volume {
    let projected = projectedSize(axis)
    let divisor = how == .mean ? Double(size[axis]) : 1
    return try Volume.make(size: projected, voxelSize: voxelSize, of: Float.self) { out in
      nonisolated(unsafe) let out = out.baseAddress!
      try forRows(of: projected, axis, progress) { (voxels: UnsafePointer<T>, row: Int) in
        if axis == .x {
          let line = voxels + row * size.x
          let sum = (0..<size.x).reduce(0.0) { $0 + line[$1].asDouble }
          out[row] = Float(sum / divisor)
          return
        }
        var sums = [Double](repeating: 0, count: size.x)
        for start in rows(of: row, axis) { accumulate(voxels + start, &sums, size.x) }
        for x in 0..<size.x { out[row * size.x + x] = Float(sums[x] / divisor) }
      }
    }
  }

  /// Run `body` for every row of the result, in parallel.
  private func forRows<T: VoxelElement>(
    of projected: Size3, _ axis: Axis, _ progress: Progress,
    _ body: @Sendable (UnsafePointer<T>, Int) throws -> Void
  ) throws {
    nonisolated(unsafe) let voxels = UnsafePointer(
      storage.bytes.baseAddress!.assumingMemoryBound(to: T.self))
    let rowCount = projected.y * projected.z
    let voxelsPerRow = size.count / rowCount
    try parallelRanges(
      rowCount, grain: voxelGrain / max(1, voxelsPerRow), progress: progress
    ) { range in
      for row in range {
        try progress.check()
        try body(voxels, row)
      }
    }
    withExtendedLifetime(storage) {}
  }
}

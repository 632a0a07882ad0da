// Volumes on another grid.

import Core
import Kernels

/// How voxels between voxels are found.
public enum Interpolation: String, Sendable, CaseIterable {
  /// Linear along each axis, with the centres of the corner voxels of both grids on each other:
  /// voxel i of n comes from i (m - 1) / (n - 1) of m, as torch does with `align_corners=True`. One
  /// voxel comes from voxel 0.
  case linear
  /// The voxel at floor(i m / n), as torch's `mode="nearest"`.
  case nearest
}

extension Volume {
  /// Resample to another size; the voxel type stays (linear results are rounded for integers).
  ///
  /// The voxel size changes so that the outer edges (`nearest`) or the corner centres (`linear`)
  /// keep their distance. NaN spread to the voxels between. Throws `.argument` for an empty size.
  /// Temporary memory: 3 rows of floats a thread.
  public func resampled(
    to target: Size3, _ interpolation: Interpolation = .linear, progress: Progress = .none
  ) throws -> Volume {
    let spacing = VoxelSize(
      x: spacing(.x, target, interpolation), y: spacing(.y, target, interpolation),
      z: spacing(.z, target, interpolation))
    if target == size { return self }
    return try Volume.make(size: target, voxelSize: spacing, type: type) { out in
      nonisolated(unsafe) let out = out.baseAddress!
      switch (interpolation, type) {
      case (.nearest, .uint8): try nearest(UInt8.self, target, out, progress)
      case (.nearest, .uint16): try nearest(UInt16.self, target, out, progress)
      case (.nearest, .float32): try nearest(Float.self, target, out, progress)
      case (.linear, _): try linear(target, out, progress)
      }
    }
  }

  private func spacing(_ axis: Axis, _ target: Size3, _ interpolation: Interpolation) -> Double {
    let (m, n) = (Double(size[axis]), Double(target[axis]))
    switch interpolation {
    case .linear where m > 1 && n > 1: return voxelSize[axis] * (m - 1) / (n - 1)
    default: return voxelSize[axis] * m / max(1, n)
    }
  }

  private func nearest<T: VoxelElement>(
    _: T.Type, _ target: Size3, _ out: UnsafeMutableRawPointer, _ progress: Progress
  ) throws {
    nonisolated(unsafe) let out = out.assumingMemoryBound(to: T.self)
    func sources(_ axis: Axis) -> [Int] {
      // The ratio in single precision and truncation, as torch; exact ratios would differ in rare
      // cases.
      let ratio = Float(size[axis]) / Float(target[axis])
      return (0..<target[axis]).map { min(Int(Float($0) * ratio), size[axis] - 1) }
    }
    let (xs, ys, zs) = (sources(.x), sources(.y), sources(.z))
    try parallelRanges(
      target.y * target.z, grain: max(1, voxelGrain / target.x), progress: progress
    ) { rows in
      try withVoxels(as: T.self) { voxels in
        for row in rows {
          if row & 15 == 0 { try progress.check() }
          let (z, y) = row.quotientAndRemainder(dividingBy: target.y)
          let source = voxels.baseAddress! + (zs[z] * size.y + ys[y]) * size.x
          let line = out + row * target.x
          for x in 0..<target.x { line[x] = source[xs[x]] }
        }
      }
    }
  }

  private func linear(
    _ target: Size3, _ out: UnsafeMutableRawPointer, _ progress: Progress
  ) throws {
    nonisolated(unsafe) let out = out
    let (xs, ys, zs) = (
      LinearSource.all(size.x, target.x), LinearSource.all(size.y, target.y),
      LinearSource.all(size.z, target.z)
    )
    let nx = size.x
    try parallelRanges(
      target.y * target.z, grain: max(1, (1 << 16) / max(nx, target.x)), progress: progress
    ) { rows in
      try withScratch(3 * nx + target.x) { scratch in
        let (a, b, c) = (scratch, scratch + nx, scratch + 2 * nx)
        let mixed = scratch + 3 * nx
        // The row of the source volume at (y, z) interpolated along y, into `target`.
        func alongY(_ y: LinearSource, _ z: Int, into line: UnsafeMutablePointer<Float>) {
          loadFloats(from: (z * size.y + y.index) * nx, count: nx, into: line)
          if y.weight == 0 { return }
          let next = floats(from: (z * size.y + y.index + 1) * nx, count: nx, scratch: c)
          hk_mix(line, next, y.weight, line, nx)
        }
        for row in rows {
          if row & 15 == 0 { try progress.check() }
          let (k, j) = row.quotientAndRemainder(dividingBy: target.y)
          alongY(ys[j], zs[k].index, into: a)
          if zs[k].weight != 0 {
            alongY(ys[j], zs[k].index + 1, into: b)
            hk_mix(a, b, zs[k].weight, a, nx)
          }
          for (x, source) in xs.enumerated() {
            let low = a[source.index]
            mixed[x] =
              source.weight == 0 ? low : low + source.weight * (a[source.index + 1] - low)
          }
          store(mixed, row * target.x, target.x, out)
        }
      }
    }
  }

  /// Write floats as voxels of this volume's type.
  private func store(
    _ values: UnsafePointer<Float>, _ index: Int, _ n: Int, _ out: UnsafeMutableRawPointer
  ) {
    switch type {
    case .uint8: hk_u8_from_float(values, out.assumingMemoryBound(to: UInt8.self) + index, n)
    case .uint16: hk_u16_from_float(values, out.assumingMemoryBound(to: UInt16.self) + index, n)
    case .float32:
      (out.assumingMemoryBound(to: Float.self) + index).update(from: values, count: n)
    }
  }
}

/// Where a voxel comes from: `index`, and with `weight` (0 ..< 1) from `index` + 1.
private struct LinearSource: Sendable {
  var index: Int
  var weight: Float

  static func all(_ m: Int, _ n: Int) -> [LinearSource] {
    (0..<n).map { i in
      guard n > 1, m > 1 else { return LinearSource(index: 0, weight: 0) }
      // Whole numbers keep the last voxel exactly on the last one.
      let (index, rest) = (i * (m - 1)).quotientAndRemainder(dividingBy: n - 1)
      return LinearSource(index: index, weight: Float(rest) / Float(n - 1))
    }
  }
}

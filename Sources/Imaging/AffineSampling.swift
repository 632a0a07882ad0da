// A volume seen through an affine map in the plane of x and y and a scaling along z: crops that are turned, stretched
// and mirrored in one step, so that voxels are interpolated once.

import Core

extension Volume {
  /// The volume at the points that a map gives for the voxels of a new one: voxel v of the result is the value at
  /// `map(v)`. What lies outside counts as 0, voxel by voxel: half-way out is half the value.
  ///
  /// - Parameters:
  ///   - map: from voxel coordinates of the result to those of this volume; it must not mix z with x and y.
  ///   - interpolation: `linear` gives float32; `nearest` (halves away from zero) keeps the voxel type.
  /// - Throws: `.argument` for an empty size, or a map that mixes z with x and y or is not finite.
  public func sampled(
    _ target: Size3, through map: Affine3, _ interpolation: Interpolation = .linear,
    progress: Progress = .none
  ) throws -> Volume {
    let m = map.linear
    let isFinite =
      map.translation.isFinite
      && (0..<3).allSatisfy { i in (0..<3).allSatisfy { m[i, $0].isFinite } }
    guard isFinite, m[2, 0] == 0, m[2, 1] == 0, m[0, 2] == 0, m[1, 2] == 0 else {
      throw HowdahError(.argument, "sampling a volume: the map must be finite and keep z apart")
    }
    let spacing = VoxelSize(
      x: voxelSize.x * (m[0, 0] * m[0, 0] + m[1, 0] * m[1, 0]).squareRoot(),
      y: voxelSize.y * (m[0, 1] * m[0, 1] + m[1, 1] * m[1, 1]).squareRoot(),
      z: voxelSize.z * abs(m[2, 2]))
    let result = interpolation == .linear ? VoxelType.float32 : type
    return try Volume.make(size: target, voxelSize: spacing, type: result) { out in
      nonisolated(unsafe) let out = out.baseAddress!
      func run<T: VoxelElement>(_: T.Type) throws {
        try withVoxels(as: T.self) { voxels in
          let source = PlaneSampler(voxels: voxels.baseAddress!, size: size, map: map)
          try parallelRanges(
            target.y * target.z, grain: max(1, (1 << 14) / target.x), progress: progress
          ) { rows in
            for row in rows {
              let (z, y) = row.quotientAndRemainder(dividingBy: target.y)
              if interpolation == .linear {
                let line = out.assumingMemoryBound(to: Float.self) + row * target.x
                source.linear(Double(z), Double(y), target.x, line)
              } else {
                let line = out.assumingMemoryBound(to: T.self) + row * target.x
                source.nearest(Double(z), Double(y), target.x, line)
              }
            }
          }
        }
      }
      switch type {
      case .uint8: try run(UInt8.self)
      case .uint16: try run(UInt16.self)
      case .float32: try run(Float.self)
      }
    }
  }
}

/// Rows of a volume seen through a map.
private struct PlaneSampler<T: VoxelElement>: @unchecked Sendable {
  let voxels: UnsafePointer<T>
  let size: Size3
  let map: Affine3

  /// The point that voxel (0, y, z) comes from, and the step to the next voxel.
  private func start(_ z: Double, _ y: Double) -> (x: Double, y: Double, z: Double) {
    let (m, t) = (map.linear, map.translation)
    return (m[0, 1] * y + t.x, m[1, 1] * y + t.y, m[2, 2] * z + t.z)
  }

  func linear(_ z: Double, _ y: Double, _ count: Int, _ out: UnsafeMutablePointer<Float>) {
    let from = start(z, y)
    let (dx, dy) = (map.linear[0, 0], map.linear[1, 0])
    let low = from.z.rounded(.down)
    let weight = Float(from.z - low)
    let (first, second) = (plane(low), weight > 0 ? plane(low + 1) : nil)
    for i in 0..<count {
      let (px, py) = (from.x + dx * Double(i), from.y + dy * Double(i))
      var value: Float = 0
      if let first { value = (1 - weight) * bilinear(first, px, py) }
      if let second { value += weight * bilinear(second, px, py) }
      out[i] = value
    }
  }

  func nearest(_ z: Double, _ y: Double, _ count: Int, _ out: UnsafeMutablePointer<T>) {
    let from = start(z, y)
    let (dx, dy) = (map.linear[0, 0], map.linear[1, 0])
    let plane = plane(from.z.rounded())
    for i in 0..<count {
      let px = (from.x + dx * Double(i)).rounded()
      let py = (from.y + dy * Double(i)).rounded()
      guard let plane, px >= 0, py >= 0, px < Double(size.x), py < Double(size.y) else {
        out[i] = T.zero
        continue
      }
      out[i] = plane[Int(py) * size.x + Int(px)]
    }
  }

  private func plane(_ z: Double) -> UnsafePointer<T>? {
    z >= 0 && z < Double(size.z) ? voxels + Int(z) * size.x * size.y : nil
  }

  @inline(__always)
  private func bilinear(_ plane: UnsafePointer<T>, _ x: Double, _ y: Double) -> Float {
    guard x > -1, y > -1, x < Double(size.x), y < Double(size.y) else { return 0 }
    let (x0, y0) = (x.rounded(.down), y.rounded(.down))
    let (wx, wy) = (Float(x - x0), Float(y - y0))
    let (ix, iy) = (Int(x0), Int(y0))
    func value(_ x: Int, _ y: Int) -> Float {
      x >= 0 && y >= 0 && x < size.x && y < size.y ? Float(plane[y * size.x + x].asDouble) : 0
    }
    let top = (1 - wx) * value(ix, iy) + (wx > 0 ? wx * value(ix + 1, iy) : 0)
    if wy == 0 { return top }
    return (1 - wy) * top + wy
      * ((1 - wx) * value(ix, iy + 1) + (wx > 0 ? wx * value(ix + 1, iy + 1) : 0))
  }
}

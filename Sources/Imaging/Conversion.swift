// Volumes of one voxel type as another, and as rows of floats for the filters.

import Core
import Glibc
import Kernels

extension Volume {
  /// The same image with voxels of another type.
  ///
  /// To integers: rounded half away from zero and saturated, NaN becomes 0. All integers are exact
  /// as float32. The same type gives the same volume at no cost.
  public func converted(to target: VoxelType, progress: Progress = .none) throws -> Volume {
    if target == type { return self }
    return try Volume.make(size: size, voxelSize: voxelSize, type: target) { out in
      nonisolated(unsafe) let out = out.baseAddress!
      try parallelRanges(size.count, grain: voxelGrain, progress: progress) { range in
        convert(range, to: target, out + range.lowerBound * target.byteCount)
      }
    }
  }

  /// Write the voxels of a range of the z, y, x order as another type.
  private func convert(
    _ range: Range<Int>, to target: VoxelType, _ out: UnsafeMutableRawPointer
  ) {
    let n = range.count
    let source = storage.bytes.baseAddress! + range.lowerBound * type.byteCount
    let u8 = source.assumingMemoryBound(to: UInt8.self)
    let u16 = source.assumingMemoryBound(to: UInt16.self)
    let float = source.assumingMemoryBound(to: Float.self)
    switch (type, target) {
    case (.uint8, .float32): hk_float_from_u8(u8, out.assumingMemoryBound(to: Float.self), n)
    case (.uint16, .float32): hk_float_from_u16(u16, out.assumingMemoryBound(to: Float.self), n)
    case (.float32, .uint8): hk_u8_from_float(float, out.assumingMemoryBound(to: UInt8.self), n)
    case (.float32, .uint16): hk_u16_from_float(float, out.assumingMemoryBound(to: UInt16.self), n)
    case (.uint8, .uint16): hk_u16_from_u8(u8, out.assumingMemoryBound(to: UInt16.self), n)
    case (.uint16, .uint8): hk_u8_from_u16(u16, out.assumingMemoryBound(to: UInt8.self), n)
    default: memcpy(out, source, n * type.byteCount)
    }
    withExtendedLifetime(storage) {}
  }

  /// Write `count` voxels from an index of the z, y, x order on as floats.
  func loadFloats(from index: Int, count: Int, into out: UnsafeMutablePointer<Float>) {
    convert(index..<index + count, to: .float32, out)
  }

  /// The voxels as floats from an index on: in place when they are floats, else copied to
  /// `scratch`.
  func floats(
    from index: Int, count: Int, scratch: UnsafeMutablePointer<Float>
  ) -> UnsafePointer<Float> {
    if type == .float32 {
      return UnsafePointer(storage.bytes.baseAddress!.assumingMemoryBound(to: Float.self) + index)
    }
    loadFloats(from: index, count: count, into: scratch)
    return UnsafePointer(scratch)
  }

  /// Run `body` on pieces of the voxels as floats, in parallel: the range of the z, y, x order and
  /// its values.
  func forFloatPieces(
    progress: Progress, _ body: @Sendable (Range<Int>, UnsafePointer<Float>) throws -> Void
  ) throws {
    try parallelRanges(size.count, grain: voxelGrain, progress: progress) { range in
      try withScratch(type == .float32 ? 1 : min(range.count, 1 << 14)) { scratch in
        // Short stretches keep the converted copy in the first-level cache.
        var start = range.lowerBound
        while start < range.upperBound {
          let n = type == .float32 ? range.count : min(1 << 14, range.upperBound - start)
          try body(start..<start + n, floats(from: start, count: n, scratch: scratch))
          start += n
        }
      }
    }
  }
}

/// Uninitialised floats that live as long as `body` runs.
func withScratch<R>(
  _ count: Int, _ body: (UnsafeMutablePointer<Float>) throws -> R
) rethrows -> R {
  let scratch = UnsafeMutablePointer<Float>.allocate(capacity: max(1, count))
  defer { scratch.deallocate() }
  return try body(scratch)
}

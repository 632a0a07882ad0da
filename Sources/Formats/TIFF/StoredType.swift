// The kinds of samples a TIFF file may hold and how they become voxels.

import ImageShim
import Imaging

/// A sample type of a TIFF file. The first three are voxel types; the others become float32, which is exact
/// for whole numbers up to 16,777,216 (label images of that many objects).
enum StoredType {
  case uint8, uint16, float32
  case int8, int16, int32, uint32, float64

  /// Nil for what is none of these (bit masks, complex numbers, half floats).
  init?(_ page: HowdahTIFFPage) {
    switch (page.bits, page.format) {
    case (8, 1), (8, 4): self = .uint8
    case (16, 1), (16, 4): self = .uint16
    case (32, 3): self = .float32
    case (8, 2): self = .int8
    case (16, 2): self = .int16
    case (32, 2): self = .int32
    case (32, 1), (32, 4): self = .uint32
    case (64, 3): self = .float64
    default: return nil
    }
  }

  var byteCount: Int {
    switch self {
    case .uint8, .int8: 1
    case .uint16, .int16: 2
    case .float32, .int32, .uint32: 4
    case .float64: 8
    }
  }

  var voxelType: VoxelType {
    switch self {
    case .uint8: .uint8
    case .uint16: .uint16
    default: .float32
    }
  }

  /// Whether samples are voxels without conversion.
  var isVoxelType: Bool {
    switch self {
    case .uint8, .uint16, .float32: true
    default: false
    }
  }

  /// Converts `count` samples from index `start` on into voxels.
  func convert(
    _ plane: UnsafeMutableRawBufferPointer, from start: Int, count: Int,
    to target: UnsafeMutableRawBufferPointer
  ) {
    func floats<T>(_ type: T.Type, _ value: (T) -> Float) {
      let from = plane.assumingMemoryBound(to: T.self)
      let to = target.assumingMemoryBound(to: Float.self)
      for k in 0..<count { to[k] = value(from[start + k]) }
    }
    switch self {
    case .uint8, .uint16, .float32:
      target.copyMemory(
        from: UnsafeRawBufferPointer(
          rebasing: plane[start * byteCount..<(start + count) * byteCount]))
    case .int8: floats(Int8.self) { Float($0) }
    case .int16: floats(Int16.self) { Float($0) }
    case .int32: floats(Int32.self) { Float($0) }
    case .uint32: floats(UInt32.self) { Float($0) }
    case .float64: floats(Double.self) { Float($0) }
    }
  }

  /// Turns the bytes of every sample round.
  func swap(_ buffer: UnsafeMutableRawBufferPointer) {
    func turn<T: FixedWidthInteger>(_ type: T.Type) {
      let values = buffer.assumingMemoryBound(to: T.self)
      for k in values.indices { values[k] = values[k].byteSwapped }
    }
    switch byteCount {
    case 2: turn(UInt16.self)
    case 4: turn(UInt32.self)
    case 8: turn(UInt64.self)
    default: break
    }
  }
}

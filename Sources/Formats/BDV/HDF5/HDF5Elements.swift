// From elements as stored to the voxel types that Howdah computes with.

import Core
import Imaging

/// What a reader wants to have made of a data set's elements.
struct HDF5Target: Equatable, Sendable {
  var type: VoxelType
  /// Take signed integers for unsigned ones of the same bits, as BigDataViewer's old files need.
  var ignoresSign: Bool

  /// Whether stored elements already are voxels of this type.
  func isIdentity(_ stored: HDF5ElementType) -> Bool {
    guard !stored.isBigEndian || stored.size == 1, stored.size == type.byteCount else {
      return false
    }
    if type == .float32 { return stored.isFloat }
    return !stored.isFloat && (ignoresSign || !stored.isSigned)
  }

  /// Convert `count` elements. Values outside the target's range saturate.
  func convert(
    _ source: UnsafeRawBufferPointer, _ stored: HDF5ElementType, count: Int,
    into target: UnsafeMutableRawBufferPointer
  ) {
    func each<S: BitwiseCopyable>(_: S.Type, _ value: (S) -> Double) {
      switch type {
      case .uint8: store(UInt8.self, value)
      case .uint16: store(UInt16.self, value)
      case .float32: store(Float.self, value)
      }
    }
    func store<S: BitwiseCopyable, T: VoxelElement>(_: T.Type, _ value: (S) -> Double) {
      for i in 0..<count {
        let element = source.loadUnaligned(fromByteOffset: i * stored.size, as: S.self)
        target.storeBytes(
          of: T(nearest: value(element)), toByteOffset: i * MemoryLayout<T>.size, as: T.self)
      }
    }
    func integers<S: FixedWidthInteger & BitwiseCopyable>(_: S.Type) {
      let swap = stored.isBigEndian
      each(S.self) { Double(swap ? $0.byteSwapped : $0) }
    }
    let swap = stored.isBigEndian
    switch (stored.isFloat, stored.size, stored.isSigned && !ignoresSign) {
    case (true, 4, _):
      each(UInt32.self) { Double(Float(bitPattern: swap ? $0.byteSwapped : $0)) }
    case (true, _, _):
      each(UInt64.self) { Double(bitPattern: swap ? $0.byteSwapped : $0) }
    case (_, 1, true): integers(Int8.self)
    case (_, 1, false): integers(UInt8.self)
    case (_, 2, true): integers(Int16.self)
    case (_, 2, false): integers(UInt16.self)
    case (_, 4, true): integers(Int32.self)
    case (_, 4, false): integers(UInt32.self)
    case (_, _, true): integers(Int64.self)
    case (_, _, false): integers(UInt64.self)
    }
  }
}

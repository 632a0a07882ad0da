// The three kinds of voxel that microscopes and filters use, and the Swift types behind them. Every
// operation on a `Volume` accepts all three.

import Core

/// The type of one voxel.
public enum VoxelType: String, Sendable, CaseIterable {
  case uint8, uint16, float32

  /// Bytes of one voxel.
  public var byteCount: Int {
    switch self {
    case .uint8: 1
    case .uint16: 2
    case .float32: 4
    }
  }

  /// Whether voxels are whole numbers.
  public var isInteger: Bool { self != .float32 }

  /// The largest value that a voxel can hold; infinity for `float32`.
  public var largestValue: Double {
    switch self {
    case .uint8: 255
    case .uint16: 65535
    case .float32: .infinity
    }
  }
}

/// A Swift type that voxels are made of: `UInt8`, `UInt16` or `Float`.
public protocol VoxelElement: BitwiseCopyable, Comparable, Sendable {
  /// The voxel type that this Swift type stores.
  static var voxelType: VoxelType { get }
  /// Zero.
  static var zero: Self { get }
  /// The value as a double, exactly.
  var asDouble: Double { get }
  /// The nearest value of this type: integers round half away from zero and saturate, NaN becomes
  /// 0.
  init(nearest value: Double)
}

extension UInt8: VoxelElement {
  /// The voxel type that this type stores.
  public static var voxelType: VoxelType { .uint8 }
  /// The value as a double, exactly.
  @inlinable public var asDouble: Double { Double(self) }
  /// The nearest value of this type; NaN becomes 0 for integers.
  @inlinable public init(nearest value: Double) {
    self = value >= 0.5 ? UInt8(Swift.min(value.rounded(), 255)) : 0
  }
}

extension UInt16: VoxelElement {
  /// The voxel type that this type stores.
  public static var voxelType: VoxelType { .uint16 }
  /// The value as a double, exactly.
  @inlinable public var asDouble: Double { Double(self) }
  /// The nearest value of this type; NaN becomes 0 for integers.
  @inlinable public init(nearest value: Double) {
    self = value >= 0.5 ? UInt16(Swift.min(value.rounded(), 65535)) : 0
  }
}

extension Float: VoxelElement {
  /// The voxel type that this type stores.
  public static var voxelType: VoxelType { .float32 }
  /// The value as a double, exactly.
  @inlinable public var asDouble: Double { Double(self) }
  /// The nearest value of this type; NaN becomes 0 for integers.
  @inlinable public init(nearest value: Double) { self = Float(value) }
}

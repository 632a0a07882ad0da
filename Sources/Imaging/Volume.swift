// A volume: an immutable box of voxels with named axes and a voxel size. Copies share their voxels,
// so passing one around is free and safe between threads. Memory order is z, y, x with x fastest,
// without padding. 2D data are volumes of size 1 along z; every operation accepts axes of size 1.

import Core
import Glibc

/// A 3D image with voxels of type uint8, uint16 or float32.
///
/// A volume never changes after it was made; operations return new ones. Voxel coordinates are
/// 0-based.
///
///     let volume = try Volume(floats: values, size: Size3(x: 64, y: 48, z: 12))
///     let smooth = try volume.gaussian(sigma: (x: 2, y: 2, z: 0.5))
///     let peak = try volume.projection(axis: .z, how: .max)
public struct Volume: Sendable {
  /// Size in voxels.
  public let size: Size3
  /// Extent of one voxel in world units.
  public let voxelSize: VoxelSize
  /// Type of the voxels.
  public let type: VoxelType
  /// How voxels of value 0, 1, 2, ... are drawn, when they are labels; nil for intensities. Crops and
  /// slices keep them.
  public private(set) var colors: [Color]?
  let storage: VoxelStorage

  /// A volume of zeros. Throws `.argument` for an empty or negative size, `.limit` when there is
  /// not enough memory.
  public init(zeroed size: Size3, voxelSize: VoxelSize = .one, type: VoxelType) throws {
    self.size = size
    self.voxelSize = voxelSize
    self.type = type
    storage = try VoxelStorage(size: size, type: type, zeroed: true)
  }

  /// A volume whose voxels `fill` writes. The buffer holds `size.count * type.byteCount` bytes,
  /// aligned to 64 bytes, with undefined content: `fill` must write all of it.
  ///
  /// Throws what `fill` throws, `.argument` for an empty size, `.limit` when memory is short.
  public static func make(
    size: Size3, voxelSize: VoxelSize = .one, type: VoxelType,
    fill: (UnsafeMutableRawBufferPointer) throws -> Void
  ) throws -> Volume {
    let storage = try VoxelStorage(size: size, type: type, zeroed: false)
    try fill(storage.bytes)
    return Volume(size: size, voxelSize: voxelSize, type: type, storage: storage)
  }

  /// A volume whose voxels `fill` writes as values of its type. The same rules as for `make`.
  public static func make<T: VoxelElement>(
    size: Size3, voxelSize: VoxelSize = .one, of: T.Type,
    fill: (UnsafeMutableBufferPointer<T>) throws -> Void
  ) throws -> Volume {
    try make(size: size, voxelSize: voxelSize, type: T.voxelType) {
      try fill($0.bindMemory(to: T.self))
    }
  }

  /// A float32 volume; `floats` has one value a voxel in z, y, x order with x fastest.
  public init(floats: [Float], size: Size3, voxelSize: VoxelSize = .one) throws {
    try self.init(values: floats, size: size, voxelSize: voxelSize)
  }

  /// A uint16 volume from values in z, y, x order with x fastest.
  public init(uint16s: [UInt16], size: Size3, voxelSize: VoxelSize = .one) throws {
    try self.init(values: uint16s, size: size, voxelSize: voxelSize)
  }

  /// A uint8 volume from values in z, y, x order with x fastest.
  public init(uint8s: [UInt8], size: Size3, voxelSize: VoxelSize = .one) throws {
    try self.init(values: uint8s, size: size, voxelSize: voxelSize)
  }

  /// A volume from values in z, y, x order with x fastest; the voxel type follows from theirs.
  ///
  /// Throws `.argument` when the number of values is not that of the size.
  public init<T: VoxelElement>(values: [T], size: Size3, voxelSize: VoxelSize = .one) throws {
    guard size.checkedCount == values.count else {
      throw HowdahError(
        .argument,
        "volume: \(values.count) values do not fill a size of \(size); give one value a voxel")
    }
    self = try Volume.make(size: size, voxelSize: voxelSize, of: T.self) { buffer in
      _ = buffer.update(fromContentsOf: values)
    }
  }

  init(size: Size3, voxelSize: VoxelSize, type: VoxelType, storage: VoxelStorage) {
    self.size = size
    self.voxelSize = voxelSize
    self.type = type
    self.storage = storage
  }

  /// Number of bytes of the voxels.
  public var byteCount: Int { size.count * type.byteCount }

  /// The voxels as bytes in the machine's byte order.
  public func withBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
    defer { withExtendedLifetime(storage) {} }
    return try body(UnsafeRawBufferPointer(storage.bytes))
  }

  /// The voxels as an array in memory. `T` must be the Swift type of the volume's voxel type.
  public func withVoxels<T: VoxelElement, R>(
    as: T.Type, _ body: (UnsafeBufferPointer<T>) throws -> R
  ) rethrows -> R {
    precondition(T.voxelType == type, "the volume holds \(type), not \(T.voxelType)")
    defer { withExtendedLifetime(storage) {} }
    return try body(UnsafeBufferPointer(storage.bytes.bindMemory(to: T.self)))
  }

  /// Whether voxel coordinates lie inside.
  public func contains(x: Int, y: Int, z: Int) -> Bool {
    x >= 0 && y >= 0 && z >= 0 && x < size.x && y < size.y && z < size.z
  }

  /// The value of one voxel. The coordinates must be inside.
  public func value(x: Int, y: Int, z: Int) -> Double {
    precondition(contains(x: x, y: y, z: z), "voxel (\(x), \(y), \(z)) is outside \(size)")
    return value(at: (z * size.y + y) * size.x + x)
  }

  /// The value of one voxel. The coordinates must be inside.
  public subscript(x x: Int, y y: Int, z z: Int) -> Double { value(x: x, y: y, z: z) }

  /// The value at an index into the z, y, x order.
  func value(at index: Int) -> Double {
    withBytes { bytes in
      switch type {
      case .uint8: Double(bytes[index])
      case .uint16: Double(bytes.load(fromByteOffset: index * 2, as: UInt16.self))
      case .float32: Double(bytes.load(fromByteOffset: index * 4, as: Float.self))
      }
    }
  }

  /// All values as doubles, in z, y, x order. Meant for small volumes and tests.
  public func values() -> [Double] { (0..<size.count).map(value(at:)) }

  /// The same voxels with another voxel size.
  public func withVoxelSize(_ voxelSize: VoxelSize) -> Volume {
    Volume(size: size, voxelSize: voxelSize, type: type, storage: storage).withColors(colors)
  }

  /// The same voxels, drawn in these colours.
  public func withColors(_ colors: [Color]?) -> Volume {
    var result = self
    result.colors = colors
    return result
  }

  /// Whether two volumes have the same size, type and voxels, bit by bit. The voxel size is not
  /// compared.
  public func hasSameVoxels(as other: Volume) -> Bool {
    guard size == other.size, type == other.type else { return false }
    return withBytes { a in
      other.withBytes { b in memcmp(a.baseAddress!, b.baseAddress!, a.count) == 0 }
    }
  }
}

/// The memory behind a volume: written while the volume is made, only read afterwards.
final class VoxelStorage: @unchecked Sendable {
  let bytes: UnsafeMutableRawBufferPointer
  private static let hugePage = 2 << 20

  init(size: Size3, type: VoxelType, zeroed: Bool) throws {
    guard size.x > 0, size.y > 0, size.z > 0 else {
      throw HowdahError(
        .argument, "volume: size \(size) is empty; every axis needs at least 1 voxel")
    }
    let count = size.checkedCount?.multipliedReportingOverflow(by: type.byteCount)
    guard let count, !count.overflow, count.partialValue < Int.max - 4096 else {
      throw HowdahError(.limit, "volume: size \(size) is too large to address")
    }
    let length = count.partialValue
    var memory: UnsafeMutableRawPointer?
    if zeroed {
      // calloc hands out untouched pages of zeros; 16-byte alignment is enough for every kernel.
      memory = calloc(1, length)
    } else if length >= 4 * Self.hugePage {
      // First writes to small pages would cost more than most filters do.
      if posix_memalign(&memory, Self.hugePage, length) != 0 { memory = nil }
      if let memory { madvise(memory, length, MADV_HUGEPAGE) }
    } else if posix_memalign(&memory, 64, length) != 0 {
      memory = nil
    }
    guard let memory else {
      throw HowdahError(
        .limit,
        "volume: \(length >> 20) MiB for \(size) voxels of \(type) are not available; "
          + "use a smaller box or a coarser level")
    }
    bytes = UnsafeMutableRawBufferPointer(start: memory, count: length)
  }

  deinit { free(bytes.baseAddress) }
}

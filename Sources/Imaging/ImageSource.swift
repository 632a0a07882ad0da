// Where volumes come from. Formats implement `ImageSource` for files; `MemoryImageSource` serves
// volumes that are already there or are computed on demand, for the simulator and for tests.

import Core

/// A time-lapse of 3D images: timepoints x setups (channels, views) x resolution levels.
///
/// Timepoints and setups are 0-based indices in file order; level 0 is full resolution. A source
/// may be used from several threads.
public protocol ImageSource: AnyObject, Sendable {
  /// The file that it was opened from, for messages.
  var path: String { get }
  /// Size in voxels of level 0 of setup 0.
  var size: Size3 { get }
  /// Voxel size of level 0 of setup 0 in world units.
  var voxelSize: VoxelSize { get }
  /// Name of the world unit, e.g. "micrometer".
  var unit: String { get }
  /// Number of timepoints.
  var timepoints: Int { get }
  /// Number of setups.
  var setups: Int { get }
  /// Voxel type of the stored data.
  var type: VoxelType { get }
  /// Name of a setup as the file gives it; may be empty.
  func setupName(_ setup: Int) -> String
  /// Number of resolution levels.
  func levels(setup: Int) -> Int
  /// How many level-0 voxels one voxel of a level covers along each axis.
  func downsampling(setup: Int, level: Int) -> (x: Double, y: Double, z: Double)
  /// Size in voxels of a level.
  func size(setup: Int, level: Int) -> Size3
  /// The map from voxel coordinates of a level to world coordinates. An integer index is a voxel's
  /// centre.
  func transform(t: Timepoint, setup: Int, level: Int) -> Affine3
  /// Read a volume, or the part of it inside a box of voxels of that level.
  ///
  /// Throws `.argument` for a timepoint, setup, level or box that is not there, `.file` or
  /// `.format` when reading fails, `.interrupted`.
  func volume(t: Timepoint, setup: Int, level: Int, box: VoxelBox?, progress: Progress) throws
    -> Volume
  /// Let go of files. Reading afterwards throws.
  func close()
}

extension ImageSource {
  /// Throws `.argument` with the valid range when an index of a view is out of range.
  public func checkView(t: Timepoint, setup: Int, level: Int, box: VoxelBox? = nil) throws {
    func check(_ value: Int, _ count: Int, _ name: String) throws {
      if value < 0 || value >= count {
        throw HowdahError(
          .argument, "\(path): there is no \(name) \(value); valid are 0 to \(count - 1)")
      }
    }
    try check(t, timepoints, "timepoint")
    try check(setup, setups, "setup")
    try check(level, levels(setup: setup), "level")
    let full = size(setup: setup, level: level)
    if let box, !box.fits(in: full) {
      throw HowdahError(
        .argument,
        "\(path): a box of \(box.size) voxels at (\(box.origin.x), \(box.origin.y), "
          + "\(box.origin.z)) does not lie inside \(full)")
    }
  }

  /// Read a whole volume.
  public func volume(t: Timepoint, setup: Int = 0, level: Int = 0, progress: Progress = .none)
    throws
    -> Volume
  {
    try volume(t: t, setup: setup, level: level, box: nil, progress: progress)
  }
}

/// A source of one resolution level whose setups are alike, with voxel x voxel size as registration unless it says
/// otherwise.
public protocol SingleLevelImageSource: ImageSource {}

extension SingleLevelImageSource {
  /// Always 1.
  public func levels(setup: Int) -> Int { 1 }

  /// Always 1.
  public func downsampling(setup: Int, level: Int) -> (x: Double, y: Double, z: Double) {
    (1, 1, 1)
  }

  /// Size in voxels.
  public func size(setup: Int, level: Int) -> Size3 { size }

  /// Voxel x voxel size.
  public func transform(t: Timepoint, setup: Int, level: Int) -> Affine3 {
    Affine3(scale: voxelSize)
  }
}

/// Images that are in memory or computed on demand. One resolution level.
public final class MemoryImageSource: SingleLevelImageSource {
  /// Makes the volume of a timepoint and setup; called once for each reading, on any thread.
  public typealias Provider = @Sendable (_ t: Timepoint, _ setup: Int, Progress) throws -> Volume

  /// A name for messages.
  public let path: String
  /// Size in voxels.
  public let size: Size3
  /// Voxel size in world units.
  public let voxelSize: VoxelSize
  /// Name of the world unit.
  public let unit: String
  /// Number of timepoints.
  public let timepoints: Int
  /// Voxel type.
  public let type: VoxelType
  private let setupNames: [String]
  private let registration: Affine3
  private let provider: Provider

  /// A source that asks `provider` for its volumes, which must have this size and type.
  ///
  /// - Parameters:
  ///   - transform: voxel to world; nil means voxel x voxel size.
  public init(
    path: String = "memory", size: Size3, voxelSize: VoxelSize, unit: String = "micrometer",
    timepoints: Int, setupNames: [String] = [""], type: VoxelType, transform: Affine3? = nil,
    provider: @escaping Provider
  ) {
    self.path = path
    self.size = size
    self.voxelSize = voxelSize
    self.unit = unit
    self.timepoints = timepoints
    self.setupNames = setupNames
    self.type = type
    registration = transform ?? Affine3(scale: voxelSize)
    self.provider = provider
  }

  /// A source of volumes that are already there: `volumes[t][setup]`, all alike in size and type.
  ///
  /// Throws `.argument` when there is none, or they differ.
  public convenience init(
    _ volumes: [[Volume]], path: String = "memory", unit: String = "micrometer",
    setupNames: [String]? = nil, transform: Affine3? = nil
  ) throws {
    guard let first = volumes.first?.first else {
      throw HowdahError(.argument, "image source: give at least one volume")
    }
    let setups = volumes[0].count
    for row in volumes {
      guard row.count == setups,
        row.allSatisfy({ $0.size == first.size && $0.type == first.type })
      else {
        throw HowdahError(
          .argument, "image source: volumes must be alike in number of setups, size and type")
      }
    }
    self.init(
      path: path, size: first.size, voxelSize: first.voxelSize, unit: unit,
      timepoints: volumes.count,
      setupNames: setupNames ?? (0..<setups).map { setups == 1 ? "" : "channel \($0)" },
      type: first.type, transform: transform
    ) { t, setup, _ in volumes[t][setup] }
  }

  /// Number of setups.
  public var setups: Int { setupNames.count }

  /// The name given to a setup; empty unless there are several.
  public func setupName(_ setup: Int) -> String { setupNames[setup] }

  /// The map from voxels to world, the same for all views.
  public func transform(t: Timepoint, setup: Int, level: Int) -> Affine3 { registration }

  /// What the provider makes, or the part of it inside a box.
  public func volume(t: Timepoint, setup: Int, level: Int, box: VoxelBox?, progress: Progress)
    throws
    -> Volume
  {
    try checkView(t: t, setup: setup, level: level, box: box)
    try progress.check()
    let whole = try provider(t, setup, progress)
    guard whole.size == size, whole.type == type else {
      throw HowdahError(
        .internal,
        "\(path): timepoint \(t) came as \(whole.size) \(whole.type), not \(size) \(type)")
    }
    return try box.map(whole.crop) ?? whole
  }

  /// Nothing to let go of.
  public func close() {}
}

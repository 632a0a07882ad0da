// A BigDataViewer data set (XML and HDF5) as a source of volumes.

import Core
import Glibc
import Imaging

/// Images of a BigDataViewer data set.
///
/// Timepoints are 0-based indices into the ascending timepoint ids of the XML, setups are indices in the
/// order of the XML. World coordinates are those of the view registrations, as in BigDataViewer and Mastodon;
/// `voxelSize` is the registration's scale, which can differ from the XML's `<voxelSize>`.
///
/// Voxel types: without a `dataType` attribute, 16-bit data are uint16 whatever their sign in the file
/// (BigDataViewer's old convention); with one, the attribute says. Types other than uint8 and uint16 come as
/// float32. Views that are missing, and data sets and chunks that were never written, are black.
public final class BDVImageSource: ImageSource {
  /// What is known of one setup.
  private struct Setup: Sendable {
    var id: Int
    var name: String
    /// Downsampling factors of the levels, level 0 first.
    var factors: [(x: Double, y: Double, z: Double)]
    var sizes: [Size3]
    /// The XML says the size too, so the HDF5 file cannot be wrong about it unnoticed.
    var isSizeStated: Bool
    var voxelSize: VoxelSize
    var target: HDF5Target
  }

  /// The XML that the data set was opened from.
  public let path: String
  /// The HDF5 file that the XML names.
  public let hdf5Path: String
  /// The unit that the XML gives setup 0, "pixel" when it gives none.
  public let unit: String
  /// Voxel type of setup 0; other setups may have another.
  public let type: VoxelType
  private let data: SpimData
  private let store: BDVStore
  private let views: [Setup]

  /// Open the data set whose XML is at `xmlPath`.
  ///
  /// Throws `.file` when the XML cannot be read, `.unavailable` when the images are not there (no such HDF5
  /// file, or an image loader that Howdah does not have), `.format` or `.limit` when a file is damaged.
  public static func open(_ xmlPath: String) throws -> BDVImageSource {
    try BDVImageSource(xmlPath)
  }

  private init(_ xmlPath: String) throws {
    let data = try SpimData(contentsOf: xmlPath)
    let named: String
    switch data.loader {
    case .hdf5(let file): named = file
    case .other(let name):
      throw HowdahError(
        .unavailable,
        "\(xmlPath): images with the loader \"\(name)\" cannot be read yet, only bdv.hdf5; "
          + "in Fiji, BigDataViewer can export them as XML/HDF5")
    }
    let hdf5 = Self.existing(named)
    guard access(hdf5, F_OK) == 0 else {
      throw HowdahError(
        .unavailable,
        "\(hdf5): the images are not there (\(lastSystemError())); \(xmlPath) names this file")
    }
    let store = try BDVStore(path: hdf5)
    self.data = data
    self.store = store
    path = xmlPath
    hdf5Path = hdf5
    views = try data.setups.map { try Self.describe($0, data, store) }
    unit = data.setups[0].unit.flatMap { $0.isEmpty ? nil : $0 } ?? "pixel"
    type = views[0].target.type
  }

  /// Some writers percent-encode the path; the literal one is preferred.
  private static func existing(_ path: String) -> String {
    if access(path, F_OK) == 0 || !path.utf8.contains(UInt8(ascii: "%")) { return path }
    var decoded: [UInt8] = []
    let bytes = Array(path.utf8)
    var i = 0
    while i < bytes.count {
      if bytes[i] == UInt8(ascii: "%"), i + 2 < bytes.count,
        let code = UInt8(String(decoding: bytes[i + 1...i + 2], as: UTF8.self), radix: 16)
      {
        decoded.append(code)
        i += 3
      } else {
        decoded.append(bytes[i])
        i += 1
      }
    }
    let text = String(decoding: decoded, as: UTF8.self)
    return access(text, F_OK) == 0 ? text : path
  }

  // MARK: Opening

  private static func describe(_ setup: SpimData.Setup, _ data: SpimData, _ store: BDVStore) throws
    -> Setup
  {
    let group = padded(setup.id, 2, "s")
    let table = try store.table(group + "/resolutions") ?? [[1, 1, 1]]
    guard table.allSatisfy({ $0.allSatisfy { $0 >= 1 && $0 <= 0x1p31 } }) else {
      throw HowdahError.format(
        store.path, at: group + "/resolutions", "holds factors that are not 1 or more")
    }
    let factors = table.map { (x: $0[0], y: $0[1], z: $0[2]) }
    // The first view that exists tells the sizes of the levels and the stored type.
    let present = data.timepoints.lazy.filter {
      !data.missing.contains(.init(timepoint: $0, setup: setup.id))
    }.prefix(8)
    var shapes: [[Int]?] = Array(repeating: nil, count: factors.count)
    var stored: HDF5ElementType?
    for id in present where stored == nil {
      for level in factors.indices {
        guard let found = try store.describe(datasetPath(id, setup.id, level)) else { continue }
        shapes[level] = found.shape
        if level == 0 { stored = found.type }
      }
    }
    guard let size = setup.size ?? shapes[0].map(size) else {
      throw HowdahError.format(
        data.path, at: "setup \(setup.id)", "its size is neither in the XML nor in \(store.path)")
    }
    let sizes = try factors.indices.map { level -> Size3 in
      let f = factors[level]
      let computed = Size3(
        x: max(1, Int(Double(size.x) / f.x)), y: max(1, Int(Double(size.y) / f.y)),
        z: max(1, Int(Double(size.z) / f.z)))
      guard level > 0, let shape = shapes[level] else { return level == 0 ? size : computed }
      let real = Self.size(shape)
      // Writers round up, down, or by their own rule; far off is damage.
      for axis in Axis.allCases where abs(real[axis] - computed[axis]) > 2 + computed[axis] / 8 {
        throw HowdahError.format(
          store.path, at: datasetPath(data.timepoints[0], setup.id, level),
          "level \(level) has \(real) voxels where \(computed) were expected")
      }
      return real
    }
    return Setup(
      id: setup.id, name: setup.name, factors: factors, sizes: sizes,
      isSizeStated: setup.size != nil,
      voxelSize: voxelSize(setup, data),
      target: try target(store.dataType(ofSetup: group), stored, store, group))
  }

  /// The scale of the first registration, or what the XML says when there is none.
  private static func voxelSize(_ setup: SpimData.Setup, _ data: SpimData) -> VoxelSize {
    for id in data.timepoints {
      guard let affine = data.registrations[.init(timepoint: id, setup: setup.id)] else { continue }
      return affine.scale
    }
    return setup.voxelSize ?? .one
  }

  private static func target(
    _ attribute: String?, _ stored: HDF5ElementType?, _ store: BDVStore, _ group: String
  ) throws -> HDF5Target {
    switch attribute {
    case nil:
      // Old files: 8 and 16 bits are unsigned whatever they say, and a float is a float.
      guard let stored, stored.isFloat || stored.size > 2 else {
        return HDF5Target(type: stored?.size == 1 ? .uint8 : .uint16, ignoresSign: true)
      }
      return HDF5Target(type: .float32, ignoresSign: false)
    case "uint8": return HDF5Target(type: .uint8, ignoresSign: true)
    case "uint16": return HDF5Target(type: .uint16, ignoresSign: true)
    case "uint32", "uint64": return HDF5Target(type: .float32, ignoresSign: true)
    case "int8", "int16", "int32", "int64", "float32", "float64":
      return HDF5Target(type: .float32, ignoresSign: false)
    case let other?:
      throw HowdahError.format(
        store.path, at: "\(group), attribute dataType", "the type \"\(other)\" is unknown")
    }
  }

  private static func size(_ shape: [Int]) -> Size3 { Size3(x: shape[2], y: shape[1], z: shape[0]) }

  private static func datasetPath(_ timepointID: Int, _ setupID: Int, _ level: Int) -> String {
    padded(timepointID, 5, "t") + "/" + padded(setupID, 2, "s") + "/\(level)/cells"
  }

  // MARK: ImageSource

  /// Size of level 0 of setup 0 in voxels.
  public var size: Size3 { views[0].sizes[0] }
  /// Scale of the first registration of setup 0, in world units.
  public var voxelSize: VoxelSize { views[0].voxelSize }
  /// Number of timepoints.
  public var timepoints: Int { data.timepoints.count }
  /// Number of setups.
  public var setups: Int { views.count }

  /// The name in the XML, or "".
  public func setupName(_ setup: Int) -> String { views[setup].name }

  /// Number of resolution levels.
  public func levels(setup: Int) -> Int { views[setup].factors.count }

  /// Level-0 voxels that one voxel of the level covers along each axis.
  public func downsampling(setup: Int, level: Int) -> (x: Double, y: Double, z: Double) {
    views[setup].factors[level]
  }

  /// Size of a level in voxels.
  public func size(setup: Int, level: Int) -> Size3 { views[setup].sizes[level] }

  /// The BigDataViewer id of a timepoint, as HDF5 groups and the XML use it.
  public func timepointID(_ t: Timepoint) -> Int { data.timepoints[t] }

  /// Whether the data set declares this view as missing. Missing views are black.
  public func isMissing(t: Timepoint, setup: Int) -> Bool {
    data.missing.contains(.init(timepoint: data.timepoints[t], setup: views[setup].id))
  }

  /// Voxel of the level to world: the view's registration after the level's own scale and offset.
  public func transform(t: Timepoint, setup: Int, level: Int) -> Affine3 {
    let view = SpimData.View(timepoint: data.timepoints[t], setup: views[setup].id)
    let full = data.registrations[view] ?? Affine3(scale: views[setup].voxelSize)
    let f = views[setup].factors[level]
    // Voxel v of a level lies at f v + (f - 1) / 2 of level 0.
    let toLevel0 = Affine3(
      linear: Matrix3([f.x, 0, 0], [0, f.y, 0], [0, 0, f.z]),
      translation: WorldPoint(x: (f.x - 1) / 2, y: (f.y - 1) / 2, z: (f.z - 1) / 2))
    return full * toLevel0
  }

  /// Read a volume, or a box of it. Only the chunks that the box touches are read; they are decoded on all
  /// cores. Throws also `.limit` when the volume is larger than the memory that is free.
  public func volume(t: Timepoint, setup: Int, level: Int, box: VoxelBox?, progress: Progress)
    throws -> Volume
  {
    try checkView(t: t, setup: setup, level: level, box: box)
    try progress.check()
    let view = views[setup]
    let full = view.sizes[level]
    let box = box ?? VoxelBox(full)
    let f = view.factors[level]
    let voxelSize = VoxelSize(
      x: view.voxelSize.x * f.x, y: view.voxelSize.y * f.y, z: view.voxelSize.z * f.z)
    let target = view.target
    try checkMemory(box.size, target.type)
    let name = Self.datasetPath(data.timepoints[t], view.id, level)
    let dataset =
      isMissing(t: t, setup: setup) ? nil : try store.dataset(name, progress: progress)
    guard let dataset else {
      return try Volume(zeroed: box.size, voxelSize: voxelSize, type: target.type)
    }
    guard Self.size(dataset.shape) == full else {
      throw HowdahError.format(
        dataset.filePath, at: name,
        "has \(Self.size(dataset.shape)) voxels, but \(full) were expected (\(path)); "
          + "the XML and the HDF5 file do not belong together, or one is damaged")
    }
    if !view.isSizeStated { try checkPlausible(box.size, target.type, dataset.filePath, name) }
    let region = HDF5Box(
      origin: [box.origin.z, box.origin.y, box.origin.x],
      extent: [box.size.z, box.size.y, box.size.x])
    return try Volume.make(size: box.size, voxelSize: voxelSize, type: target.type) { output in
      try store.read(name, dataset, region, as: target, into: output, progress: progress)
    }
  }

  private func checkMemory(_ size: Size3, _ type: VoxelType) throws {
    let bytes = size.checkedCount.map { $0.multipliedReportingOverflow(by: type.byteCount) }
    if let bytes, !bytes.overflow, bytes.partialValue <= 64 << 20 { return }
    let free = availableMemory()
    guard let bytes, !bytes.overflow, bytes.partialValue <= free else {
      throw HowdahError(
        .limit,
        "\(path): a volume of \(size) voxels is larger than the free memory (\(free >> 20) MiB); "
          + "read a box of it or a coarser level")
    }
  }

  /// Chunks that were never written take no space in a file, so a size with one wrong byte could make a
  /// small file a volume of gigabytes. Compression alone never saves more than a factor of 1,032.
  private func checkPlausible(
    _ size: Size3, _ type: VoxelType, _ file: String, _ name: String
  ) throws {
    let bytes = size.count * type.byteCount
    var info = stat()
    guard bytes > 32 << 20, stat(file, &info) == 0, bytes / 1032 > info.st_size else { return }
    throw HowdahError(
      .limit,
      "\(file): \(name): a volume of \(size) voxels in a file of \(info.st_size) bytes is "
        + "taken for damage; if it is right, give the setup's <size> in \(path)")
  }

  /// Let go of files and caches. Reading afterwards throws `.state`.
  public func close() { store.close() }
}

/// `prefix` and a number with at least so many digits.
func padded(_ number: Int, _ digits: Int, _ prefix: String) -> String {
  let text = String(number)
  return prefix + String(repeating: "0", count: max(0, digits - text.count)) + text
}

/// Bytes of memory that the system can hand out without swapping.
func availableMemory() -> Int {
  let fallback = Int(sysconf(Int32(_SC_PHYS_PAGES))) * Int(sysconf(Int32(_SC_PAGESIZE)))
  let fd = open("/proc/meminfo", O_RDONLY | O_CLOEXEC)
  guard fd >= 0 else { return fallback }
  defer { close(fd) }
  var buffer = [UInt8](repeating: 0, count: 2048)
  let n = read(fd, &buffer, buffer.count)
  let text = String(decoding: buffer.prefix(max(0, n)), as: UTF8.self)
  for line in text.split(separator: "\n") where line.hasPrefix("MemAvailable:") {
    return (Int(line.filter(\.isNumber)) ?? 0) << 10
  }
  return fallback
}

// The HDF5 side of a BigDataViewer data set: opens the main file and its partitions, finds data sets, keeps
// a bounded number of them with their chunk indexes.

import Core
import Glibc
import Imaging
import Synchronization

/// A data set of one view and level, by whichever reader can read it.
enum BDVDataset: Sendable {
  case own(HDF5Dataset)
  case isolated(HDF5IsolatedDataset)

  var shape: [Int] {
    switch self {
    case .own(let dataset): dataset.shape
    case .isolated(let dataset): dataset.shape
    }
  }

  var type: HDF5ElementType {
    switch self {
    case .own(let dataset): dataset.type
    case .isolated(let dataset): dataset.type
    }
  }

  /// The file that the data set is in, for messages.
  var filePath: String {
    switch self {
    case .own(let dataset): dataset.file.path
    case .isolated(let dataset): dataset.filePath
    }
  }
}

/// The opened HDF5 files of a data set. May be used from several threads.
final class BDVStore: Sendable {
  private struct State: ~Copyable {
    var isClosed = false
    var partitions: [String: HDF5File] = [:]
    var datasets: [String: BDVDataset?] = [:]
    /// Keys of `datasets` in the order of their coming.
    var order: [String] = []
    var indexTotal = 0
  }

  let path: String
  private let main: HDF5File
  private let state = Mutex(State())
  private let cache = HDF5ChunkCache(limit: 64 << 20)

  init(path: String) throws {
    self.path = path
    main = try HDF5File(path: path)
  }

  func close() {
    state.withLock {
      $0.isClosed = true
      $0.partitions = [:]
      $0.datasets = [:]
      $0.order = []
      $0.indexTotal = 0
    }
    cache.removeAll()
  }

  // MARK: Finding

  /// The object a path leads to, or nil.
  private func find(_ path: String) throws -> (file: HDF5File, address: UInt64)? {
    try main.find(path, openFile: openPartition)
  }

  /// The file of an external link. As libhdf5: relative to the folder of the file that links; an absolute
  /// name that does not exist is tried by its last part in that folder. Links may lead anywhere on the
  /// disk, as they may in BigDataViewer.
  private func openPartition(from file: HDF5File, name: String) throws -> HDF5File {
    let name = String(name.map { $0 == "\\" ? "/" : $0 })
    let folder = folderOf(file.path)
    var full = name.hasPrefix("/") ? name : joinPath(folder, name)
    if access(full, F_OK) != 0, let last = name.split(separator: "/").last {
      let beside = joinPath(folder, String(last))
      if access(beside, F_OK) == 0 { full = beside }
    }
    if let known = state.withLock({ $0.partitions[full] }) { return known }
    let opened: HDF5File
    do {
      opened = try HDF5File(path: full)
    } catch let error as HowdahError {
      throw HowdahError(error.kind, "\(error.message) (a link in \(file.path) leads to it)")
    }
    state.withLock {
      if $0.partitions.count >= 64 { $0.partitions.removeAll() }
      $0.partitions[full] = opened
    }
    return opened
  }

  /// The data set at a path, or nil when there is none. Kept for the next time.
  func dataset(_ path: String, progress: Progress) throws -> BDVDataset? {
    let (isClosed, known) = state.withLock { ($0.isClosed, $0.datasets[path]) }
    if isClosed { throw HowdahError(.state, "\(self.path) has been closed") }
    if let known { return known }
    let found = try open(path, progress: progress)
    let size = found.map(Self.indexCount) ?? 0
    state.withLock {
      guard $0.datasets.updateValue(found, forKey: path) == nil else { return }
      $0.order.append(path)
      $0.indexTotal += size
      // 2 million chunks take 48 MB.
      while $0.order.count > 1 && ($0.order.count > 512 || $0.indexTotal > 2_000_000) {
        let oldest = $0.order.removeFirst()
        if let gone = $0.datasets.removeValue(forKey: oldest), let gone {
          $0.indexTotal -= Self.indexCount(gone)
        }
      }
    }
    return found
  }

  private static func indexCount(_ dataset: BDVDataset) -> Int {
    if case .own(let dataset) = dataset { return dataset.indexCount }
    return 0
  }

  private func open(_ path: String, progress: Progress) throws -> BDVDataset? {
    do {
      guard let (file, address) = try find(path) else { return nil }
      return .own(try HDF5Dataset(file: file, address: address, path: path))
    } catch is HDF5Unsupported {
      return try isolated(path, progress)
    }
  }

  private func isolated(_ path: String, _ progress: Progress) throws -> BDVDataset? {
    try HDF5IsolatedDataset(filePath: main.path, path: "/" + path, progress: progress)
      .map { .isolated($0) }
  }

  // MARK: Describing

  /// Shape and stored type of a data set without its chunk index, or nil when there is none.
  func describe(_ path: String) throws -> (shape: [Int], type: HDF5ElementType)? {
    do {
      guard let (file, address) = try find(path) else { return nil }
      return try HDF5Dataset.describe(file: file, address: address, path: path)
    } catch is HDF5Unsupported {
      return try isolated(path, .none).map { ($0.shape, $0.type) }
    }
  }

  /// The `dataType` attribute of a setup's group, or nil.
  func dataType(ofSetup group: String) throws -> String? {
    do {
      guard let (file, address) = try find(group) else { return nil }
      return try file.textAttribute("dataType", of: address)
    } catch is HDF5Unsupported {
      return nil
    }
  }

  /// The rows of a table of three columns (`resolutions`, `subdivisions`), or nil when there is none.
  func table(_ path: String) throws -> [[Double]]? {
    let values: [Double]
    let shape: [Int]
    do {
      guard let (file, address) = try find(path) else { return nil }
      let dataset = try HDF5Dataset(file: file, address: address, path: path)
      values = try dataset.readSmall(limit: 3 * 64)
      shape = dataset.shape
    } catch is HDF5Unsupported {
      guard case .isolated(let dataset)? = try isolated(path, .none) else { return nil }
      shape = dataset.shape
      guard shape[1] * shape[2] <= 3 * 64, shape[0] == 1 else { return nil }
      var floats = [Float](repeating: 0, count: shape[1] * shape[2])
      try floats.withUnsafeMutableBytes {
        try dataset.read(
          HDF5Box(origin: [0, 0, 0], extent: shape),
          as: HDF5Target(type: .float32, ignoresSign: false), into: $0, progress: .none)
      }
      values = floats.map { Double($0) }
    }
    guard shape[0] == 1, shape[2] == 3 else {
      throw HowdahError.format(main.path, at: path, "is no table of three columns")
    }
    return stride(from: 0, to: values.count, by: 3).map { Array(values[$0..<$0 + 3]) }
  }

  // MARK: Reading

  /// Fill `output` with a box of a data set.
  func read(
    _ path: String, _ dataset: BDVDataset, _ box: HDF5Box, as target: HDF5Target,
    into output: UnsafeMutableRawBufferPointer, progress: Progress
  ) throws {
    switch dataset {
    case .isolated(let dataset):
      try dataset.read(box, as: target, into: output, progress: progress)
    case .own(let dataset):
      do {
        try dataset.read(box, as: target, into: output, cache: cache, progress: progress)
      } catch is HDF5Unsupported {
        // A filter of the library's: from now on the library reads this data set.
        guard let other = try isolated(path, progress) else {
          throw HowdahError.format(dataset.file.path, at: path, "cannot be found by the library")
        }
        state.withLock { $0.datasets[path] = .some(other) }
        try read(path, other, box, as: target, into: output, progress: progress)
      }
    }
  }
}

// libhdf5, where Howdah needs it: for writing, and for reading data sets with features that Howdah's own
// reader does not know. Calls into the library are made by one thread at a time.
//
// Reading goes through a child process. Measured on libhdf5 1.10.8 with 5000 single-byte changes each of two
// real files, the library crashed five times and once ran for ten seconds through 3 GB. In a child that is an
// error message.

import Core
import Glibc
import HDF5Shim
import Synchronization

/// The one door to libhdf5.
enum HDF5Library {
  private static let lock = Mutex<Void>(())

  /// Run calls of the library while no other thread does. Do not nest.
  static func locked<R>(_ body: () throws -> R) rethrows -> R {
    try lock.withLock { _ in
      howdah_h5_prepare()
      return try body()
    }
  }
}

/// A data set that is read by the library in a child process, each time anew.
struct HDF5IsolatedDataset: Sendable {
  let filePath: String
  let path: String
  /// Three axes, slowest first.
  let shape: [Int]
  let type: HDF5ElementType
  private let rank: Int

  /// Describe the data set; nil when a link on its path does not exist. Throws `.format` when the library
  /// fails, dies or takes too long.
  init?(filePath: String, path: String, progress: Progress) throws {
    guard let result = howdah_h5_share(0) else { throw Self.noMemory(filePath) }
    defer { howdah_h5_unshare(result, 0) }
    try Self.run(filePath, path, nil, nil, 0, result, 0, progress)
    if Int(result.pointee.status) == HOWDAH_H5_ABSENT { return nil }
    let r = result.pointee
    rank = Int(r.rank)
    let extents = [r.shape.0, r.shape.1, r.shape.2, r.shape.3].prefix(rank)
    guard rank <= 3, extents.allSatisfy({ $0 >= 1 && $0 < 1 << 31 }) else {
      throw HowdahError.format(filePath, at: path, "has an impossible size")
    }
    self.filePath = filePath
    self.path = path
    shape = Array(repeating: 1, count: 3 - rank) + extents.map { Int($0) }
    type = HDF5ElementType(
      isFloat: r.is_float != 0, size: Int(r.element_size), isSigned: r.is_signed != 0,
      isBigEndian: false)
  }

  /// Fill `output` with the box's elements as voxels of the target's type.
  func read(
    _ box: HDF5Box, as target: HDF5Target, into output: UnsafeMutableRawBufferPointer,
    progress: Progress
  ) throws {
    let bytes = box.count * type.size
    guard let result = howdah_h5_share(bytes) else { throw Self.noMemory(filePath) }
    defer { howdah_h5_unshare(result, bytes) }
    let origin = box.origin.suffix(rank).map { UInt64($0) }
    let extent = box.extent.suffix(rank).map { UInt64($0) }
    try Self.run(filePath, path, origin, extent, rank, result, bytes, progress)
    guard Int(result.pointee.status) == HOWDAH_H5_OK else {
      throw HowdahError.format(filePath, at: path, "is gone")
    }
    let start = MemoryLayout<howdah_h5_result>.size
    let data = UnsafeRawBufferPointer(start: UnsafeRawPointer(result) + start, count: bytes)
    target.convert(data, type, count: box.count, into: output)
  }

  private static func noMemory(_ path: String) -> HowdahError {
    HowdahError(.limit, "\(path): no memory to read it")
  }

  /// Run one child to its end.
  private static func run(
    _ filePath: String, _ path: String, _ origin: [UInt64]?, _ extent: [UInt64]?, _ rank: Int,
    _ result: UnsafeMutablePointer<howdah_h5_result>, _ bytes: Int, _ progress: Progress
  ) throws {
    // A second, and more for large reads at a pace that any filter reaches.
    let seconds = 1 + bytes / (20 << 20)
    let pid = HDF5Library.locked {
      howdah_h5_start_read(
        filePath, path, origin, extent, Int32(rank), result, bytes, UInt32(seconds + 1),
        (256 << 20) + 2 * bytes)
    }
    guard pid > 0 else {
      throw HowdahError.file(filePath, "cannot start a process to read it: \(lastSystemError())")
    }
    var status: Int32 = 0
    var waited = 0
    var pause: UInt32 = 100
    while true {
      let ended = waitpid(pid, &status, WNOHANG)
      if ended == pid || (ended < 0 && errno != EINTR) { break }
      let isLate = waited > (seconds + 1) * 1_000_000
      if isLate || progress.isCancelled {
        kill(pid, SIGKILL)
        waitpid(pid, &status, 0)
        try progress.check()
        throw HowdahError.format(
          filePath, at: path, "the HDF5 library does not come to an end; the file is damaged")
      }
      usleep(pause)
      waited += Int(pause)
      pause = min(10_000, pause * 2)
    }
    switch Int(result.pointee.status) {
    case HOWDAH_H5_OK, HOWDAH_H5_ABSENT: return
    case HOWDAH_H5_FAILED:
      throw HowdahError.format(filePath, at: path, "the HDF5 library cannot read it")
    default:
      throw HowdahError.format(
        filePath, at: path,
        "the HDF5 library crashed on it (in a process of its own); the file is "
          + "damaged")
    }
  }
}

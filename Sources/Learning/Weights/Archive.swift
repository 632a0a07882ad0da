// A zip file opened for reading. Sizes come from the central directory and are checked against a limit before
// memory is taken; the library checks each member's checksum.

import CZip
import Core

/// The members of a zip file by name.
final class Archive {
  let path: String
  /// The names of all members.
  private(set) var names: [String] = []
  private var handle: OpaquePointer?

  /// Open a zip file; throws `.file` or `.format`.
  init(_ path: String) throws {
    self.path = path
    var code: Int32 = 0
    guard let opened = zip_open(path, ZIP_RDONLY, &code) else {
      var failure = zip_error_t()
      zip_error_init_with_code(&failure, code)
      defer { zip_error_fini(&failure) }
      if code == ZIP_ER_NOZIP {
        throw HowdahError.format(
          path, at: "",
          "is not a zip file. If PyTorch before 1.6 wrote it, load it in a newer "
            + "PyTorch and save it again")
      }
      throw HowdahError.file(
        path, "cannot be opened: " + String(cString: zip_error_strerror(&failure)))
    }
    handle = opened
    let count = zip_get_num_entries(opened, 0)
    for i in 0..<max(0, count) {
      if let name = zip_get_name(opened, zip_uint64_t(i), 0) { names.append(String(cString: name)) }
    }
  }

  deinit { close() }

  /// Close the file; reading is over.
  func close() {
    if let handle { zip_discard(handle) }
    handle = nil
  }

  /// The bytes of a member. Throws `.format` when it is missing, damaged or longer than `limit`.
  func read(_ name: String, limit: Int, progress: Progress = .none) throws -> [UInt8] {
    var status = zip_stat_t()
    guard zip_stat(handle, name, 0, &status) == 0, let file = zip_fopen(handle, name, 0) else {
      throw HowdahError.format(path, at: name, "the member is missing or cannot be read")
    }
    defer { zip_fclose(file) }
    guard status.size <= UInt64(limit) else {
      throw HowdahError.format(
        path, at: name, "has \(status.size) bytes; at most \(limit) are read")
    }
    // A stored member cannot be longer than the file; a compressed one may expand, but not without end.
    guard status.size <= status.comp_size &* 1100 &+ 1024 else {
      throw HowdahError.format(path, at: name, "announces an impossible size, \(status.size) bytes")
    }
    let size = Int(status.size)
    return try [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
      count = 0
      while count < size {
        try progress.check()
        let n = zip_fread(
          file, buffer.baseAddress! + count, zip_uint64_t(min(1 << 20, size - count)))
        if n <= 0 {
          throw HowdahError.format(path, at: name, "the member is damaged or ends too early")
        }
        count += Int(n)
      }
      var beyond: UInt8 = 0
      if zip_fread(file, &beyond, 1) != 0 {
        throw HowdahError.format(path, at: name, "the member is damaged (checksum or length)")
      }
    }
  }
}

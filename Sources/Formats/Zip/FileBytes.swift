// What lies at a path: kind, first bytes, entries of a folder. Whole files are read by readWholeFile.

import Core
import Glibc

/// Questions about the file system.
enum FileBytes {
  /// What a path is.
  enum Kind { case missing, file, folder, other }

  /// What lies at `path` (symbolic links are followed).
  static func kind(of path: String) -> Kind {
    var info = stat()
    guard stat(path, &info) == 0 else { return .missing }
    switch info.st_mode & S_IFMT {
    case S_IFREG: return .file
    case S_IFDIR: return .folder
    default: return .other
    }
  }

  /// Size of the file in bytes, 0 when there is none.
  static func size(of path: String) -> Int {
    var info = stat()
    return stat(path, &info) == 0 ? Int(info.st_size) : 0
  }

  /// The first bytes of a file, at most `count`; fewer when the file is shorter or cannot be read.
  static func head(of path: String, count: Int) -> [UInt8] {
    let fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard fd >= 0 else { return [] }
    defer { close(fd) }
    return [UInt8](unsafeUninitializedCapacity: count) { buffer, read in
      let n = Glibc.read(fd, buffer.baseAddress!, count)
      read = max(0, n)
    }
  }

  /// Names of the entries of a folder in ascending order, without `.` and `..`.
  static func entries(of folder: String) throws -> [String] {
    guard let handle = opendir(folder) else {
      throw HowdahError.file(folder, "cannot be read: \(lastSystemError())")
    }
    defer { closedir(handle) }
    var names: [String] = []
    while let entry = readdir(handle) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names.sorted()
  }
}

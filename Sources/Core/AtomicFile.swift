// Writing files so that nothing is ever half-written: a temporary name in the same folder, fsync,
// rename. A process that is killed leaves its temporary file; the next one that writes the same file removes
// it.

import Glibc

/// Writes whole files so that a reader, a crash or a full disk never sees half of one.
public enum AtomicFile {
  /// Replace (or create) the file at `path`.
  ///
  /// `body` writes to a temporary path in the same folder; when it returns the temporary file is
  /// synced and renamed over `path`. When it throws, or syncing fails, the temporary file is
  /// removed and `path` is as it was.
  ///
  /// - Parameter durable: sync, so that the new content survives a crash of the machine, and remove what a killed
  ///   process left. Without it, which is many times faster for one of many small files, a reader still never sees
  ///   half of one.
  public static func write(
    to path: String, durable: Bool = true, _ body: (_ temporaryPath: String) throws -> Void
  ) throws {
    if durable {
      for leftover in TemporaryName.leftovers(of: path) { unlink(leftover) }
    }
    let temporary = TemporaryName.beside(path)
    do {
      try body(temporary)
      if durable { try sync(temporary, as: path) }
    } catch {
      unlink(temporary)
      throw error
    }
    if rename(temporary, path) != 0 {
      let reason = lastSystemError()
      unlink(temporary)
      throw HowdahError.file(path, "cannot be replaced: \(reason)")
    }
    if durable { syncFolder(of: path) }
  }

  /// Replace (or create) the file at `path` with these bytes; `durable` as above.
  public static func write(
    _ bytes: UnsafeRawBufferPointer, to path: String, durable: Bool = true
  ) throws {
    try write(to: path, durable: durable) { temporary in
      let fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
      guard fd >= 0 else { throw HowdahError.file(path, "cannot be written: \(lastSystemError())") }
      defer { close(fd) }
      var offset = 0
      while offset < bytes.count {
        let n = Glibc.write(fd, bytes.baseAddress! + offset, bytes.count - offset)
        if n < 0 {
          if errno == EINTR { continue }
          throw HowdahError.file(path, "cannot be written: \(lastSystemError())")
        }
        offset += n
      }
    }
  }

  /// Replace (or create) the file at `path` with this array of bytes.
  public static func write(_ bytes: [UInt8], to path: String) throws {
    try bytes.withUnsafeBytes { try write($0, to: path) }
  }

  /// Replace (or create) a text file (UTF-8).
  public static func write(_ text: String, to path: String) throws {
    try write(Array(text.utf8), to: path)
  }

  private static func sync(_ temporary: String, as path: String) throws {
    let fd = open(temporary, O_RDONLY | O_CLOEXEC)
    guard fd >= 0 else { throw HowdahError.file(path, "cannot be written: \(lastSystemError())") }
    defer { close(fd) }
    if fsync(fd) != 0 { throw HowdahError.file(path, "cannot be synced: \(lastSystemError())") }
  }

  /// Make the rename itself durable. Some file systems refuse to sync a folder; the file is whole
  /// anyway.
  private static func syncFolder(of path: String) {
    let slash = path.lastIndex(of: "/")
    let folder = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    let fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    if fd >= 0 {
      fsync(fd)
      close(fd)
    }
  }
}

/// The text of the C library's `errno`.
public func lastSystemError() -> String { String(cString: strerror(errno)) }

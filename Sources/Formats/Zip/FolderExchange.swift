// Replacing a folder as a whole. The new content is put together in a folder beside it, and one system call
// exchanges the two, so that there is no moment at which the folder is half old and half new.

import Core
import Glibc
import SystemShim

/// Whole folders, replaced in one step.
enum FolderExchange {
  /// Replace the folder at `path`.
  ///
  /// `change` gets a second folder with the same content, which it may change in any way: its files are hard
  /// links of the old ones, so they must be replaced and not written into. When it returns, the two folders
  /// are exchanged and the old one is removed. When it throws, everything is as it was.
  /// - Throws: `.file` when the file system has no hard links or cannot exchange folders; also what `change`
  ///   throws.
  static func replace(_ path: String, _ change: (_ folder: String) throws -> Void) throws {
    var end = path.endIndex
    while end > path.startIndex, path[path.index(before: end)] == "/" {
      end = path.index(before: end)
    }
    let target = String(path[..<end])
    for leftover in TemporaryName.leftovers(of: target) { removeTree(leftover) }
    let other = TemporaryName.beside(target)
    do {
      try copyTree(target, to: other)
      try change(other)
      try sync(other)
      guard howdah_exchange_paths(other, target) == 0 else {
        throw HowdahError.file(
          target,
          "cannot be replaced as a whole on this file system (\(lastSystemError())); save the "
            + "project as a file instead")
      }
    } catch {
      removeTree(other)
      throw error
    }
    // The exchange itself is made durable by syncing the parent.
    let parent = target.lastIndex(of: "/").map {
      $0 == target.startIndex ? "/" : String(target[..<$0])
    }
    try? sync(parent ?? ".")
    removeTree(other)
  }

  /// Make the folder at `path`, or replace it as `replace` does when it exists.
  ///
  /// A new folder appears in one step when `fill` returns; when it throws, nothing was made.
  /// - Throws: `.argument` when a file is in the way, `.file`, what `fill` throws.
  static func put(_ path: String, _ fill: (_ folder: String) throws -> Void) throws {
    switch FileBytes.kind(of: path) {
    case .folder: return try replace(path, fill)
    case .file, .other:
      throw HowdahError(.argument, "\(path): is a file; name a folder")
    case .missing: break
    }
    let other = path + ".tmp-\(getpid())-" + String(UInt64.random(in: 0 ... .max), radix: 36)
    guard mkdir(other, 0o777) == 0 else {
      throw HowdahError.file(path, "cannot be made: \(lastSystemError())")
    }
    do {
      try fill(other)
      try sync(other)
      guard rename(other, path) == 0 else {
        throw HowdahError.file(path, "cannot be made: \(lastSystemError())")
      }
    } catch {
      removeTree(other)
      throw error
    }
  }

  private static func copyTree(_ from: String, to: String) throws {
    func fail(_ path: String) -> HowdahError {
      HowdahError.file(
        path,
        "cannot be linked into a new folder (\(lastSystemError())); save the project as a file instead"
      )
    }
    var info = stat()
    guard lstat(from, &info) == 0, mkdir(to, info.st_mode & 0o7777 | 0o700) == 0 else {
      throw fail(from)
    }
    for name in try FileBytes.entries(of: from) {
      let (source, target) = (from + "/" + name, to + "/" + name)
      guard lstat(source, &info) == 0 else { throw fail(source) }
      if info.st_mode & S_IFMT == S_IFDIR {
        try copyTree(source, to: target)
      } else if linkat(AT_FDCWD, source, AT_FDCWD, target, 0) != 0 {
        throw fail(source)
      }
    }
  }

  private static func sync(_ folder: String) throws {
    let fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard fd >= 0 else { throw HowdahError.file(folder, "cannot be synced: \(lastSystemError())") }
    defer { close(fd) }
    guard fsync(fd) == 0 else {
      throw HowdahError.file(folder, "cannot be synced: \(lastSystemError())")
    }
  }

  private static func removeTree(_ path: String) {
    var info = stat()
    guard lstat(path, &info) == 0 else { return }
    guard info.st_mode & S_IFMT == S_IFDIR else {
      unlink(path)
      return
    }
    for name in (try? FileBytes.entries(of: path)) ?? [] { removeTree(path + "/" + name) }
    rmdir(path)
  }
}

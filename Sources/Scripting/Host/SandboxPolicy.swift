// What a recipe may touch outside its Lua state, in one place that can be reviewed.
//
// A path is judged after every symbolic link and `..` is resolved (the folder of a file that does not exist
// yet is resolved in its place), so neither can lead out of what was granted.

import Core
import Glibc

/// The permissions of a sandboxed state.
public struct SandboxPolicy: Sendable {
  /// Files named on the command line that may be read, resolved.
  public var readableFiles: Set<String> = []
  /// Files named on the command line that may be written, resolved.
  public var writableFiles: Set<String> = []
  /// Folders given by --allow-read, resolved.
  public var readableFolders: [String] = []
  /// Folders given by --allow-write, resolved.
  public var writableFolders: [String] = []
  /// --allow-env: `os.getenv`.
  public var allowsEnvironment = false
  /// --allow-run: `os.execute` and `io.popen`.
  public var allowsRun = false
  /// --allow-net: models from http and https addresses.
  public var allowsNetwork = false

  /// A policy that allows nothing.
  public init() {}

  /// Throws kind `permission` unless `path` may be read.
  public func checkRead(_ path: String) throws {
    let real = Self.resolve(path)
    if readableFiles.contains(real) || writableFiles.contains(real) { return }
    if (readableFolders + writableFolders).contains(where: { Self.isInside(real, $0) }) { return }
    throw HowdahError(
      .permission,
      "\(path): this recipe may not read it; name it on the command line or run it with "
        + "--allow-read=\(Self.folder(of: path))")
  }

  /// Throws kind `permission` unless `path` may be written.
  public func checkWrite(_ path: String) throws {
    let real = Self.resolve(path)
    if writableFiles.contains(real) { return }
    if writableFolders.contains(where: { Self.isInside(real, $0) }) { return }
    throw HowdahError(
      .permission,
      "\(path): this recipe may not write it; name it on the command line as an output or run it "
        + "with --allow-write=\(Self.folder(of: path))")
  }

  /// Throws kind `permission` unless files may be fetched from the network.
  public func checkNetwork(_ address: String) throws {
    if allowsNetwork { return }
    throw HowdahError(
      .permission, "\(address): this recipe may not use the network; run it with --allow-net")
  }

  /// The path without links and dots. What does not exist is put behind the resolved part that does.
  public static func resolve(_ path: String) -> String {
    if let real = realpath(path, nil) {
      defer { free(real) }
      return String(cString: real)
    }
    let name =
      path.split(separator: "/", omittingEmptySubsequences: true).last.map(String.init) ?? ""
    let parent = folder(of: path)
    if name.isEmpty || name == "." || name == ".." || parent == path { return path }
    // A dangling link would be followed by the writer; judge it by where it points.
    var target = [CChar](repeating: 0, count: Int(PATH_MAX))
    let length = readlink(path, &target, target.count - 1)
    if length > 0 {
      let text = String(decoding: target[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
      return resolve(text.hasPrefix("/") ? text : parent + "/" + text)
    }
    let base = resolve(parent)
    return base == "/" ? "/" + name : base + "/" + name
  }

  /// The folder part of a path, "." when it has none.
  public static func folder(of path: String) -> String {
    var trimmed = Substring(path)
    while trimmed.count > 1, trimmed.hasSuffix("/") { trimmed = trimmed.dropLast() }
    guard let slash = trimmed.lastIndex(of: "/") else { return "." }
    return slash == trimmed.startIndex ? "/" : String(trimmed[..<slash])
  }

  static func isInside(_ path: String, _ folder: String) -> Bool {
    folder == "/" || path == folder || path.hasPrefix(folder.hasSuffix("/") ? folder : folder + "/")
  }
}

extension Call {
  /// Give back `path` when this state may read it; throws kind `permission` when not.
  public func readablePath(_ path: String) throws -> String {
    try host.context.sandbox?.checkRead(path)
    return path
  }

  /// Give back `path` when this state may write it; throws kind `permission` when not.
  public func writablePath(_ path: String) throws -> String {
    try host.context.sandbox?.checkWrite(path)
    return path
  }
}

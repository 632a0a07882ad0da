// Paths between a project and its images. A project's relative paths start at the project itself taken as a
// folder (also when it is a zip file), and `..` is resolved by the text alone, never through the file system:
// that is how Mastodon does it, and why a data set beside the project is `../x.xml`.

import Glibc

/// Path arithmetic on text.
enum ProjectPath {
  /// The path from the root of the file system, with `.`, `..` and doubled slashes resolved by text.
  static func absolute(_ path: String) -> String {
    if path.hasPrefix("/") { return normalized(path) }
    var folder = "/"
    if let current = getcwd(nil, 0) {
      folder = String(cString: current)
      free(current)
    }
    return normalized(folder + "/" + path)
  }

  /// The path with `.`, `..` and doubled slashes resolved by text; backslashes count as slashes.
  static func normalized(_ path: String) -> String {
    let isAbsolute = path.hasPrefix("/") || path.hasPrefix("\\")
    var parts: [Substring] = []
    for part in path.split(whereSeparator: { $0 == "/" || $0 == "\\" }) where part != "." {
      if part == "..", let last = parts.last, last != ".." {
        parts.removeLast()
      } else if part != ".." || !isAbsolute {
        parts.append(part)
      }
    }
    let joined = parts.joined(separator: "/")
    return isAbsolute ? "/" + joined : joined.isEmpty ? "." : joined
  }

  /// A path of a project's `project.xml` seen from that project.
  static func resolve(_ relative: String, from project: String) -> String {
    normalized(absolute(project) + "/" + relative)
  }

  /// The way from a project (taken as a folder) to a file, both absolute.
  static func relative(_ file: String, from project: String) -> String {
    let target = normalized(file).split(separator: "/")
    let base = normalized(project).split(separator: "/")
    var common = 0
    while common < base.count, common < target.count, base[common] == target[common] { common += 1 }
    let parts = [Substring](repeating: "..", count: base.count - common) + target[common...]
    return parts.joined(separator: "/")
  }

  /// The last part of a path.
  static func name(_ path: String) -> String {
    String(path.split(whereSeparator: { $0 == "/" || $0 == "\\" }).last ?? "")
  }

  /// What follows the last dot of the name, in lower case; empty when there is none.
  static func fileExtension(_ path: String) -> String {
    let name = name(path)
    guard let dot = name.lastIndex(of: "."), dot != name.startIndex else { return "" }
    return name[name.index(after: dot)...].lowercased()
  }

  /// Whether the text is a path of Windows with a drive letter, or an address such as `https://...`.
  static func isElsewhere(_ path: String) -> Bool {
    if path.contains("://") { return true }
    let head = Array(path.utf8.prefix(3))
    guard head.count == 3, head[1] == UInt8(ascii: ":") else { return path.hasPrefix("\\\\") }
    return head[2] == UInt8(ascii: "\\") || head[2] == UInt8(ascii: "/")
  }
}

// Names for what is written beside a file before it takes the file's place, and how to know what a process
// that was killed has left: the name says whose it is.

import Glibc

/// Names beside a path: `PATH.tmp-PLACE-PROCESS-RANDOM`.
public enum TemporaryName {
  /// A name in the same folder that no other process and no other thread uses.
  public static func beside(_ path: String) -> String {
    path + ".tmp-" + place + "-" + String(getpid()) + "-"
      + String(UInt64.random(in: 0 ... .max), radix: 36)
  }

  /// What processes that are no longer there have left beside `path`. Their writers were killed, so
  /// nobody will need it again. What other computers wrote into a shared folder is not listed.
  public static func leftovers(of path: String) -> [String] {
    let slash = path.lastIndex(of: "/")
    let folder = slash.map { String(path[...$0]) } ?? "./"
    let file = slash.map { path[path.index(after: $0)...] } ?? path[...]
    let start = file + ".tmp-" + place + "-"
    guard let entries = opendir(folder) else { return [] }
    defer { closedir(entries) }
    var found: [String] = []
    while let entry = readdir(entries) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      guard name.hasPrefix(start) else { continue }
      let parts = name.dropFirst(start.count).split(separator: "-")
      if parts.count == 2, let writer = pid_t(parts[0]), writer > 0, kill(writer, 0) != 0,
        errno == ESRCH
      {
        found.append(folder + name)
      }
    }
    return found
  }

  /// Which computer, and which container on it, process ids belong to.
  private static let place: String = {
    var buffer = [UInt8](repeating: 0, count: 256)
    var bytes: [UInt8] = []
    if gethostname(&buffer, buffer.count - 1) == 0 { bytes += buffer.prefix { $0 != 0 } }
    let length = readlink("/proc/self/ns/pid", &buffer, buffer.count)
    if length > 0 { bytes += buffer.prefix(length) }
    // FNV-1a.
    let hash = bytes.reduce(0xCBF2_9CE4_8422_2325 as UInt64) {
      ($0 ^ UInt64($1)) &* 0x100_0000_01B3
    }
    return String(hash, radix: 36)
  }()
}

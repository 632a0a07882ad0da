// The entrance to an HDF5 file: superblock, paths, links. The structures follow the HDF5 File Format
// Specification, version 3.0. An HDF5File may be used from several threads; what it has read of groups is
// kept behind a lock.

import Core
import Synchronization

/// An HDF5 file opened for reading.
final class HDF5File: Sendable {
  let bytes: HDF5Bytes
  /// Bytes of an address and of a length in this file.
  let addressWidth, lengthWidth: Int
  /// Added to every address (the size of a user block).
  let base: UInt64
  private let root: UInt64
  private let groups = Mutex<[UInt64: [String: HDF5Link]]>([:])

  var path: String { bytes.path }

  init(path: String) throws {
    let bytes = try HDF5Bytes(path: path)
    guard let start = try Self.findSuperblock(bytes) else {
      throw HowdahError.format(path, at: "", "is not an HDF5 file, or its beginning is damaged")
    }
    var c = try bytes.read(
      at: start, count: Int(min(128, bytes.size - start)), "superblock")
    try c.skip(8)
    let version = try c.u8()
    guard version <= 3 else { throw c.broken("superblock version \(version) is unknown") }
    if version < 2 {
      try c.skip(4)
      addressWidth = try c.u8()
      lengthWidth = try c.u8()
      try c.skip(1 + 4 + 4 + (version == 1 ? 4 : 0))
    } else {
      addressWidth = try c.u8()
      lengthWidth = try c.u8()
      try c.skip(1)
    }
    guard [2, 4, 8].contains(addressWidth), [2, 4, 8].contains(lengthWidth) else {
      throw c.broken("addresses of \(addressWidth) and lengths of \(lengthWidth) bytes")
    }
    // As in the library, the superblock's place counts, not the base address that it states.
    try c.skip(addressWidth)
    base = start
    if version < 2 {
      try c.skip(3 * addressWidth + addressWidth)
    } else {
      try c.skip(2 * addressWidth)
    }
    root = try c.number(addressWidth)
    self.bytes = bytes
  }

  /// The signature is at 0, 512, 1024, 2048, ...
  private static func findSuperblock(_ bytes: HDF5Bytes) throws -> UInt64? {
    let signature: [UInt8] = [0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A]
    var start: UInt64 = 0
    while start + 8 <= bytes.size {
      if try bytes.read(at: start, count: 8, "signature").bytes == signature { return start }
      start = start == 0 ? 512 : start * 2
    }
    return nil
  }

  /// Whether this address stands for "nothing".
  func isUndefined(_ address: UInt64) -> Bool {
    address == (addressWidth == 8 ? .max : (1 << UInt64(8 * addressWidth)) - 1)
  }

  /// Read a piece of metadata at an address of this file.
  func read(_ address: UInt64, _ count: Int, _ what: String) throws -> HDF5Cursor {
    let (place, overflow) = address.addingReportingOverflow(base)
    guard !overflow else { throw bytes.broken(address, "\(what) beyond the end") }
    return try bytes.read(at: place, count: count, what)
  }

  /// What a path leads to: the object header's address, in this file or in the one an external link
  /// names, or nil when a link on the way does not exist.
  ///
  /// `openFile` opens the file of an external link, given the file that links and the name in the link.
  func find(
    _ path: String, openFile: (HDF5File, String) throws -> HDF5File, hops: Int = 0
  ) throws -> (file: HDF5File, address: UInt64)? {
    guard hops < 16 else { throw bytes.broken(0, "links that lead in a circle at \(path)") }
    var address = root
    let names = path.split(separator: "/", omittingEmptySubsequences: true).map(String.init)
    for (index, name) in names.enumerated() where name != "." {
      guard let link = try links(ofGroup: address)[name] else { return nil }
      switch link {
      case .hard(let target): address = target
      case .soft(let target):
        let rest = names[(index + 1)...].joined(separator: "/")
        let before = target.hasPrefix("/") ? "" : names[..<index].joined(separator: "/") + "/"
        return try find(before + target + "/" + rest, openFile: openFile, hops: hops + 1)
      case .external(let file, let target):
        let rest = names[(index + 1)...].joined(separator: "/")
        return try openFile(self, file).find(
          target + "/" + rest, openFile: openFile, hops: hops + 1)
      }
    }
    return (self, address)
  }

  /// The links of a group, read once. At most a few hundred groups are kept.
  private func links(ofGroup address: UInt64) throws -> [String: HDF5Link] {
    if let known = groups.withLock({ $0[address] }) { return known }
    let links = try readLinks(ofGroup: address)
    groups.withLock {
      if $0.count >= 512 { $0.removeAll() }
      $0[address] = links
    }
    return links
  }
}

/// Where a link of a group leads.
enum HDF5Link: Sendable {
  /// An object header in the same file.
  case hard(UInt64)
  /// A path in the same file.
  case soft(String)
  /// A path in another file.
  case external(file: String, path: String)
}

// Writes a zip archive whose members are stored without compression and start at multiples of 64 bytes, as
// PyTorch does it, so that a reader may map them. Sizes above 4 GiB are refused (no zip64).

import Core

/// A zip archive in memory.
struct StoredZip {
  private var bytes: [UInt8] = []
  private var directory: [UInt8] = []
  private var count = 0

  mutating func add(_ name: String, _ content: [UInt8]) throws {
    try content.withUnsafeBytes { try add(name, $0) }
  }

  mutating func add(_ name: String, _ content: UnsafeRawBufferPointer) throws {
    let utf8 = Array(name.utf8)
    guard bytes.count + content.count + 4096 < Int(UInt32.max), count < 65_000 else {
      throw HowdahError(.limit, "a weights file cannot be larger than 4 GiB")
    }
    let checksum = CRC32.of(content)
    let start = bytes.count
    // An extra field (id "FB", as PyTorch's) pads the header up to the alignment.
    let header = start + 30 + utf8.count + 4
    let padding = (64 - header % 64) % 64
    let fields = Fields(crc: checksum, size: UInt32(content.count), name: UInt16(utf8.count))
    append(UInt32(0x0403_4b50), to: &bytes)
    fields.append(to: &bytes, extra: UInt16(4 + padding))
    bytes += utf8
    append(UInt16(0x4246), to: &bytes)
    append(UInt16(padding), to: &bytes)
    bytes += [UInt8](repeating: UInt8(ascii: "Z"), count: padding)
    bytes += content
    append(UInt32(0x0201_4b50), to: &directory)
    append(UInt16(0), to: &directory)
    fields.append(to: &directory, extra: 0)
    directory += [UInt8](repeating: 0, count: 10)
    append(UInt32(start), to: &directory)
    directory += utf8
    count += 1
  }

  /// The whole archive.
  func finished() -> [UInt8] {
    var result = bytes + directory
    append(UInt32(0x0605_4b50), to: &result)
    append(UInt32(0), to: &result)
    append(UInt16(count), to: &result)
    append(UInt16(count), to: &result)
    append(UInt32(directory.count), to: &result)
    append(UInt32(bytes.count), to: &result)
    append(UInt16(0), to: &result)
    return result
  }

  /// What local header and directory have in common.
  private struct Fields {
    var crc, size: UInt32
    var name: UInt16

    func append(to bytes: inout [UInt8], extra: UInt16) {
      // Version 2.0, UTF-8 names, stored, 1 January 1980.
      for value in [20, 0x0800, 0, 0, 0x21] as [UInt16] { Learning.append(value, to: &bytes) }
      for value in [crc, size, size] { Learning.append(value, to: &bytes) }
      Learning.append(name, to: &bytes)
      Learning.append(extra, to: &bytes)
    }
  }
}

private func append<T: FixedWidthInteger>(_ value: T, to bytes: inout [UInt8]) {
  withUnsafeBytes(of: value.littleEndian) { bytes += $0 }
}

/// The checksum of zip files, polynomial 0xEDB88320, four bytes at a time.
enum CRC32 {
  private static let tables: [[UInt32]] = {
    var first = [UInt32](repeating: 0, count: 256)
    for i in 0..<256 {
      var c = UInt32(i)
      for _ in 0..<8 { c = c & 1 == 1 ? 0xEDB8_8320 ^ (c >> 1) : c >> 1 }
      first[i] = c
    }
    var all = [first]
    for k in 1..<4 { all.append(all[k - 1].map { first[Int($0 & 255)] ^ ($0 >> 8) }) }
    return all
  }()

  static func of(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    let t = tables
    var c: UInt32 = 0xFFFF_FFFF
    var i = 0
    while i + 4 <= bytes.count {
      c ^= UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: i, as: UInt32.self))
      c =
        t[3][Int(c & 255)] ^ t[2][Int(c >> 8 & 255)] ^ t[1][Int(c >> 16 & 255)]
        ^ t[0][Int(c >> 24)]
      i += 4
    }
    while i < bytes.count {
      c = t[0][Int((c ^ UInt32(bytes[i])) & 255)] ^ (c >> 8)
      i += 1
    }
    return ~c
  }
}

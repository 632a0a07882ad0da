// Writes a zip archive whose members are stored without compression and start at multiples of 64 bytes, as
// PyTorch does it, so that a reader may map them. Sizes above 4 GiB are refused (no zip64).

import Core
import Glibc

/// A zip archive that is being written.
final class StoredZip {
  private let descriptor: Int32
  private let path: String
  private let progress: Progress
  private var length = 0
  private var directory: [UInt8] = []
  private var count = 0
  /// Bytes that are summed or written between two checks of the progress.
  private static let piece = 1 << 20

  /// Begin a file. `path` is its name in messages.
  init(_ temporary: String, as path: String, progress: Progress) throws {
    self.path = path
    self.progress = progress
    descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else {
      throw HowdahError.file(path, "cannot be written: \(lastSystemError())")
    }
  }

  deinit { close(descriptor) }

  func add(_ name: String, _ content: [UInt8]) throws {
    try content.withUnsafeBytes { try add(name, $0) }
  }

  func add(_ name: String, _ content: UnsafeRawBufferPointer) throws {
    let utf8 = Array(name.utf8)
    guard length + content.count + 4096 < Int(UInt32.max), count < 65_000 else {
      throw HowdahError(.limit, "a weights file cannot be larger than 4 GiB")
    }
    var sum = CRC32()
    for start in stride(from: 0, to: content.count, by: Self.piece) {
      try progress.check()
      let end = min(content.count, start + Self.piece)
      sum.add(UnsafeRawBufferPointer(rebasing: content[start..<end]))
    }
    let start = length
    // An extra field (id "FB", as PyTorch's) pads the header up to the alignment.
    let header = start + 30 + utf8.count + 4
    let padding = (64 - header % 64) % 64
    let fields = Fields(crc: sum.value, size: UInt32(content.count), name: UInt16(utf8.count))
    var bytes: [UInt8] = []
    append(UInt32(0x0403_4b50), to: &bytes)
    fields.append(to: &bytes, extra: UInt16(4 + padding))
    bytes += utf8
    append(UInt16(0x4246), to: &bytes)
    append(UInt16(padding), to: &bytes)
    bytes += [UInt8](repeating: UInt8(ascii: "Z"), count: padding)
    try bytes.withUnsafeBytes { try write($0) }
    try write(content)
    append(UInt32(0x0201_4b50), to: &directory)
    append(UInt16(0), to: &directory)
    fields.append(to: &directory, extra: 0)
    directory += [UInt8](repeating: 0, count: 10)
    append(UInt32(start), to: &directory)
    directory += utf8
    count += 1
  }

  /// Write the directory; nothing may be added afterwards.
  func finish() throws {
    var end = directory
    append(UInt32(0x0605_4b50), to: &end)
    append(UInt32(0), to: &end)
    append(UInt16(count), to: &end)
    append(UInt16(count), to: &end)
    append(UInt32(directory.count), to: &end)
    append(UInt32(length), to: &end)
    append(UInt16(0), to: &end)
    try end.withUnsafeBytes { try write($0) }
  }

  private func write(_ content: UnsafeRawBufferPointer) throws {
    var done = 0
    while done < content.count {
      try progress.check()
      let n = Glibc.write(
        descriptor, content.baseAddress! + done, min(Self.piece, content.count - done))
      if n < 0 && errno == EINTR { continue }
      guard n >= 0 else { throw HowdahError.file(path, "cannot be written: \(lastSystemError())") }
      done += n
    }
    length += content.count
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

/// The checksum of zip files, polynomial 0xEDB88320, eight bytes at a time.
struct CRC32 {
  private var state: UInt32 = 0xFFFF_FFFF

  /// The checksum of everything added.
  var value: UInt32 { ~state }

  private static let tables: [UInt32] = {
    var all: [UInt32] = []
    for i in 0..<256 {
      var c = UInt32(i)
      for _ in 0..<8 { c = c & 1 == 1 ? 0xEDB8_8320 ^ (c >> 1) : c >> 1 }
      all.append(c)
    }
    for k in 256..<2048 {
      let before = all[k - 256]
      all.append(all[Int(before & 255)] ^ (before >> 8))
    }
    return all
  }()

  mutating func add(_ bytes: UnsafeRawBufferPointer) {
    var c = state
    Self.tables.withUnsafeBufferPointer { t in
      var i = 0
      while i + 8 <= bytes.count {
        let word =
          UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: i, as: UInt64.self)) ^ UInt64(c)
        c = 0
        for k in 0..<8 {
          let byte = Int(truncatingIfNeeded: word >> UInt64(8 * k)) & 255
          c ^= t[(7 - k) * 256 + byte]
        }
        i += 8
      }
      while i < bytes.count {
        c = t[Int((c ^ UInt32(bytes[i])) & 255)] ^ (c >> 8)
        i += 1
      }
    }
    state = c
  }
}

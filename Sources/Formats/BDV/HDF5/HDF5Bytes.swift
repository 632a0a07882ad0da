// The bytes of an HDF5 file: reads by position that cannot leave the file, and a cursor over one piece of
// metadata that cannot leave the piece. Every number that comes from the file passes through here.
//
// Howdah reads HDF5's structures itself because libhdf5 1.10 crashes, hangs or takes gigabytes on about one
// in two thousand files with a single changed byte; IsolatedHDF5 has the rest of the story.

import Core
import Glibc

/// Thrown inside the reader when a file is valid, as far as can be told, but uses a part of HDF5 that the
/// reader does not know. The caller then asks the library, in a process of its own.
struct HDF5Unsupported: Error {
  var feature: String
}

/// An open file. Reads may come from several threads at a time; the file is closed with its last owner.
final class HDF5Bytes: Sendable {
  let path: String
  let size: UInt64
  private let fd: Int32

  init(path: String) throws {
    // Non-blocking, so that a named pipe in place of a file cannot hang the open.
    let fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard fd >= 0 else { throw HowdahError.file(path, "cannot be read: \(lastSystemError())") }
    var info = stat()
    guard fstat(fd, &info) == 0, info.st_mode & S_IFMT == S_IFREG else {
      close(fd)
      throw HowdahError.file(path, "is not an ordinary file")
    }
    self.path = path
    self.fd = fd
    size = UInt64(max(0, info.st_size))
  }

  deinit { close(fd) }

  /// An error about the structure at this offset.
  func broken(_ offset: UInt64, _ reason: String) -> HowdahError {
    .format(path, at: "offset \(offset)", "damaged HDF5: \(reason)")
  }

  /// Throws unless the range lies inside the file.
  func check(_ offset: UInt64, _ count: UInt64, _ what: String) throws {
    guard offset <= size, count <= size - offset else {
      throw broken(offset, "\(what) of \(count) bytes goes beyond the end (\(size) bytes)")
    }
  }

  /// Read bytes of metadata.
  func read(at offset: UInt64, count: Int, _ what: String) throws -> HDF5Cursor {
    try check(offset, UInt64(max(0, count)), what)
    let bytes = try [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      try read(at: offset, into: UnsafeMutableRawBufferPointer(buffer), what)
      filled = count
    }
    return HDF5Cursor(bytes: bytes, file: self, offset: offset)
  }

  /// Fill a buffer from the file.
  func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer, _ what: String) throws {
    try check(offset, UInt64(buffer.count), what)
    var done = 0
    while done < buffer.count {
      let n = pread(
        fd, buffer.baseAddress! + done, buffer.count - done, off_t(offset) + off_t(done))
      if n < 0 && errno == EINTR { continue }
      if n < 0 { throw HowdahError.file(path, "cannot be read: \(lastSystemError())") }
      if n == 0 { throw broken(offset, "\(what): the file became shorter while it was read") }
      done += n
    }
  }
}

/// Little-endian numbers from a piece of metadata, one after the other.
struct HDF5Cursor {
  let bytes: [UInt8]
  let file: HDF5Bytes
  /// Where `bytes` begins in the file.
  let offset: UInt64
  var position = 0

  init(bytes: [UInt8], file: HDF5Bytes, offset: UInt64) {
    self.bytes = bytes
    self.file = file
    self.offset = offset
  }

  var remaining: Int { bytes.count - position }

  /// An error at the present position.
  func broken(_ reason: String) -> HowdahError {
    file.broken(offset &+ UInt64(position), reason)
  }

  mutating func skip(_ count: Int) throws {
    guard count >= 0, count <= remaining else { throw broken("a structure is cut off") }
    position += count
  }

  /// An unsigned number of 1 to 8 bytes.
  mutating func number(_ width: Int) throws -> UInt64 {
    guard width <= remaining else { throw broken("a structure is cut off") }
    defer { position += width }
    let start = position
    return bytes.withUnsafeBytes { raw in
      switch width {
      case 8: return UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: start, as: UInt64.self))
      case 4:
        return UInt64(
          UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: start, as: UInt32.self)))
      default:
        var value: UInt64 = 0
        for i in 0..<width { value |= UInt64(raw[start + i]) << UInt64(8 * i) }
        return value
      }
    }
  }

  mutating func u8() throws -> Int { Int(try number(1)) }
  mutating func u16() throws -> Int { Int(try number(2)) }
  mutating func u32() throws -> Int { Int(try number(4)) }
  mutating func u64() throws -> UInt64 { try number(8) }

  mutating func take(_ count: Int) throws -> [UInt8] {
    let start = position
    try skip(count)
    return Array(bytes[start..<start + count])
  }

  /// A part as a cursor of its own, with its place in the file.
  mutating func part(_ count: Int) throws -> HDF5Cursor {
    let start = offset &+ UInt64(position)
    return HDF5Cursor(bytes: try take(count), file: file, offset: start)
  }

  /// Bytes up to a zero, which is skipped, as text.
  mutating func zeroTerminated() throws -> String {
    guard let end = bytes[position...].firstIndex(of: 0) else { throw broken("a name has no end") }
    let text = String(decoding: bytes[position..<end], as: UTF8.self)
    position = end + 1
    return text
  }

  mutating func expect(_ signature: StaticString) throws {
    let wanted = signature.withUTF8Buffer { Array($0) }
    guard remaining >= wanted.count, Array(bytes[position..<position + wanted.count]) == wanted
    else { throw broken("no \(signature) signature") }
    position += wanted.count
  }
}

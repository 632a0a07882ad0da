// The values inside block data, as Java's DataOutput writes them: all big-endian. `DataRun` collects them
// for writing, `DataCursor` takes them off again.

import Core

/// A run of block data that is being put together.
struct DataRun {
  var bytes: [UInt8] = []

  init(capacity: Int = 0) { bytes.reserveCapacity(capacity) }

  mutating func int(_ value: Int) {
    withUnsafeBytes(of: Int32(truncatingIfNeeded: value).bigEndian) { bytes.append(contentsOf: $0) }
  }

  mutating func double(_ value: Double) {
    withUnsafeBytes(of: value.bitPattern.bigEndian) { bytes.append(contentsOf: $0) }
  }

  /// `writeUTF`. `MastodonWriter` refuses longer texts before anything is encoded.
  mutating func utf(_ text: String) {
    let count = ModifiedUTF8.length(text)
    precondition(count <= ModifiedUTF8.limit, "a text is too long for the format")
    bytes.append(UInt8(count >> 8))
    bytes.append(UInt8(count & 0xFF))
    ModifiedUTF8.append(text, to: &bytes)
  }
}

/// Takes values off a run of block data in order. Offsets in errors count from the run's first byte.
struct DataCursor {
  let bytes: UnsafeRawBufferPointer
  private(set) var offset = 0
  private let path: String
  private let place: String

  /// - Parameters:
  ///   - path, place: for error messages, `path: place, byte 17 of the data: reason`.
  init(_ bytes: UnsafeRawBufferPointer, path: String, place: String) {
    self.bytes = bytes
    self.path = path
    self.place = place
  }

  var left: Int { bytes.count - offset }

  func fail(_ reason: String, at offset: Int? = nil) -> HowdahError {
    HowdahError.format(path, at: "\(place), byte \(offset ?? self.offset) of the data", reason)
  }

  /// The next `count` bytes as they are.
  mutating func raw(_ count: Int, of what: String) throws -> UnsafeRawBufferPointer {
    guard count >= 0, count <= left else {
      throw fail("ends in the middle of \(what) (\(count) bytes wanted, \(left) left)")
    }
    defer { offset += count }
    return UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + count])
  }

  mutating func int(_ what: String) throws -> Int {
    Int(Int32(bigEndian: try raw(4, of: what).loadUnaligned(as: Int32.self)))
  }

  mutating func double(_ what: String) throws -> Double {
    Double(bitPattern: UInt64(bigEndian: try raw(8, of: what).loadUnaligned(as: UInt64.self)))
  }

  /// A number of items of which each takes at least `bytesEach` bytes: refused when they cannot be there.
  mutating func count(_ what: String, bytesEach: Int) throws -> Int {
    let start = offset
    let n = try int(what)
    guard n >= 0, n <= left / bytesEach else {
      throw fail("declares \(n) \(what), but only \(left) bytes follow", at: start)
    }
    return n
  }

  mutating func utf(_ what: String) throws -> String {
    let start = offset
    let head = try raw(2, of: what)
    let text = try raw(Int(head[0]) << 8 | Int(head[1]), of: what)
    guard let text = ModifiedUTF8.decode(text) else {
      throw fail("\(what) is not modified UTF-8", at: start)
    }
    return text
  }

  /// Throws unless all has been taken.
  func finish() throws {
    if left != 0 { throw fail("has \(left) bytes too many") }
  }
}

// The string encoding of Java's DataOutput: UTF-8, but NUL takes two bytes and a character above U+FFFF is
// written as its two surrogates of three bytes each.

/// Modified UTF-8, as `writeUTF` makes it.
enum ModifiedUTF8 {
  /// Appends the encoding of `text`.
  static func append(_ text: String, to bytes: inout [UInt8]) {
    for unit in text.utf16 {
      switch unit {
      case 1..<0x80:
        bytes.append(UInt8(unit))
      case 0, 0x80..<0x800:
        bytes.append(0xC0 | UInt8(unit >> 6))
        bytes.append(0x80 | UInt8(unit & 0x3F))
      default:
        bytes.append(0xE0 | UInt8(unit >> 12))
        bytes.append(0x80 | UInt8(unit >> 6 & 0x3F))
        bytes.append(0x80 | UInt8(unit & 0x3F))
      }
    }
  }

  /// The text, or nil when the bytes are no modified UTF-8. A surrogate without its partner becomes
  /// U+FFFD.
  static func decode(_ bytes: UnsafeRawBufferPointer) -> String? {
    // Nearly all texts are ASCII: those need no units in between.
    if bytes.allSatisfy({ $0 &- 1 < 0x7F }) { return String(decoding: bytes, as: UTF8.self) }
    var units: [UInt16] = []
    units.reserveCapacity(bytes.count)
    var i = 0
    func continuation(_ k: Int) -> UInt16? {
      guard k < bytes.count, bytes[k] & 0xC0 == 0x80 else { return nil }
      return UInt16(bytes[k] & 0x3F)
    }
    while i < bytes.count {
      let b = UInt16(bytes[i])
      if b < 0x80 {
        units.append(b)
        i += 1
      } else if b & 0xE0 == 0xC0, let c = continuation(i + 1) {
        units.append((b & 0x1F) << 6 | c)
        i += 2
      } else if b & 0xF0 == 0xE0, let c = continuation(i + 1), let d = continuation(i + 2) {
        units.append((b & 0x0F) << 12 | c << 6 | d)
        i += 3
      } else {
        return nil
      }
    }
    return String(decoding: units, as: UTF16.self)
  }

  /// Number of bytes that `append` writes for this text.
  static func length(_ text: String) -> Int {
    text.utf16.reduce(0) { $0 + ($1 == 0 ? 2 : $1 < 0x80 ? 1 : $1 < 0x800 ? 2 : 3) }
  }

  /// The most bytes that `writeUTF` can write.
  static let limit = 65535
}

// The framing of Java's ObjectOutputStream, as far as Mastodon's files use it: runs of block data with
// strings, arrays, enum constants and class objects between them.
//
// Block data is one logical stream of bytes that the blocks merely cut into pieces, so the reader joins
// each run of blocks inside the buffer itself (the joined run is never longer than the blocks were) and
// hands out ranges of that buffer. Nothing is copied elsewhere, and nothing that the file declares is
// allocated before it has been seen to be there.

import Core

/// One item of an object stream. Ranges are byte ranges of the reader's `bytes`.
enum JavaItem: Equatable {
  /// A run of block data, joined.
  case data(Range<Int>)
  case string(String)
  case null
  /// A String[]; an element may be null.
  case strings([String?])
  /// An int[]: big-endian, four bytes each.
  case ints(Range<Int>)
  /// A byte[].
  case bytes(Range<Int>)
  /// An enum constant: the name of its class and its own name.
  case constant(type: String, name: String)
  /// A class object.
  case type(String)
}

/// Splits the bytes of one file into its items.
struct JavaStreamReader {
  /// The file's bytes, with each run of block data joined.
  private(set) var bytes: [UInt8]
  private(set) var items: [JavaItem] = []
  /// Whether all blocks are cut as Java's own writer cuts them, so that `JavaStreamWriter` makes the same
  /// bytes again.
  private(set) var isCanonical = true

  private let path: String
  private let place: String
  private var position = 4
  private var handles: [Handle] = []
  private var objects = 0

  private enum Handle {
    case type(name: String)
    case string(String)
    case other
  }

  /// The most items, those in arrays of texts and in class descriptions included; real files have a few
  /// dozen. One byte can say an item of 16 bytes.
  private static let itemLimit = 1 << 16

  /// Parse a whole file.
  ///
  /// - Parameters:
  ///   - path, member: for error messages, `path: member, byte 17: reason`.
  init(_ content: consuming [UInt8], path: String, member: String) throws {
    bytes = content
    self.path = path
    place = member
    guard bytes.count >= 4, bytes[0] == 0xAC, bytes[1] == 0xED, bytes[2] == 0, bytes[3] == 5 else {
      throw HowdahError.format(path, at: "\(member), byte 0", "is no Java object stream")
    }
    while position < bytes.count {
      if bytes[position] == 0x77 || bytes[position] == 0x7A {
        items.append(.data(try joinBlocks()))
      } else {
        items.append(try object(depth: 0))
      }
      if items.count > Self.itemLimit { throw fail("has too many objects") }
    }
  }

  func fail(_ reason: String, at offset: Int? = nil) -> HowdahError {
    HowdahError.format(path, at: "\(place), byte \(offset ?? position)", reason)
  }

  private func need(_ count: Int) throws {
    if count > bytes.count - position {
      throw fail(
        "ends in the middle of an item (\(count) bytes wanted, \(bytes.count - position) left)")
    }
  }

  private mutating func integer(_ width: Int) throws -> Int {
    try need(width)
    var value: UInt64 = 0
    for k in 0..<width { value = value << 8 | UInt64(bytes[position + k]) }
    position += width
    return width == 4 ? Int(Int32(truncatingIfNeeded: value)) : Int(truncatingIfNeeded: value)
  }

  private mutating func utf(_ count: Int) throws -> String {
    guard count >= 0 else { throw fail("has a text of negative length") }
    try need(count)
    let text = bytes.withUnsafeBytes {
      ModifiedUTF8.decode(UnsafeRawBufferPointer(rebasing: $0[position..<position + count]))
    }
    guard let text else { throw fail("has a text that is not modified UTF-8") }
    position += count
    return text
  }

  /// Joins the blocks from here on and returns where the joined bytes are.
  private mutating func joinBlocks() throws -> Range<Int> {
    let start = position
    var end = start
    var lastBlock = 1024
    while position < bytes.count {
      let count: Int
      if bytes[position] == 0x77 {
        try need(2)
        count = Int(bytes[position + 1])
        position += 2
        if count == 0 { isCanonical = false }
      } else if bytes[position] == 0x7A {
        position += 1
        count = try integer(4)
        if count < 256 || count > 1024 { isCanonical = false }
      } else {
        break
      }
      guard count >= 0 else { throw fail("has a block of negative length") }
      try need(count)
      if lastBlock != 1024 { isCanonical = false }
      lastBlock = count
      bytes.withUnsafeMutableBytes {
        // Source and target may overlap; copyMemory allows that.
        ($0.baseAddress! + end).copyMemory(from: $0.baseAddress! + position, byteCount: count)
      }
      end += count
      position += count
    }
    return start..<end
  }

  private mutating func object(depth: Int) throws -> JavaItem {
    try need(1)
    objects += 1
    if objects > Self.itemLimit { throw fail("has too many objects") }
    let tag = bytes[position]
    position += 1
    switch tag {
    case 0x70: return .null
    case 0x71:
      if case .string(let text) = try handle() { return .string(text) }
      throw fail("refers back to something that is no text")
    case 0x74:
      let text = try utf(try unsigned16())
      handles.append(.string(text))
      return .string(text)
    case 0x7C:
      let text = try utf(try integer(8))
      handles.append(.string(text))
      return .string(text)
    case 0x75: return try array(depth: depth)
    case 0x76:
      let name = try typeDescription(depth: depth)
      handles.append(.other)
      return .type(name ?? "")
    case 0x7E:
      let type = try typeDescription(depth: depth)
      handles.append(.other)
      guard let type, case .string(let name) = try object(depth: depth + 1) else {
        throw fail("has an enum constant without a name")
      }
      return .constant(type: type, name: name)
    default:
      position -= 1
      throw fail("has an item of an unknown kind (\(tag))")
    }
  }

  private mutating func unsigned16() throws -> Int { try integer(2) & 0xFFFF }

  private mutating func handle() throws -> Handle {
    let index = try integer(4) - 0x7E0000
    guard handles.indices.contains(index) else { throw fail("refers back to nothing") }
    return handles[index]
  }

  /// A class description, new or by back reference; nil for null. Classes with annotations do not occur.
  private mutating func typeDescription(depth: Int) throws -> String? {
    guard depth < 16 else { throw fail("nests classes too deeply") }
    try need(1)
    let tag = bytes[position]
    position += 1
    switch tag {
    case 0x70: return nil
    case 0x71:
      guard case .type(let name) = try handle() else { throw fail("refers back to no class") }
      return name
    case 0x72:
      let name = try utf(try unsigned16())
      _ = try integer(8)
      handles.append(.type(name: name))
      try need(1)
      position += 1
      for _ in 0..<(try unsigned16()) {
        try need(1)
        let kind = bytes[position]
        position += 1
        _ = try utf(try unsigned16())
        if kind == UInt8(ascii: "L") || kind == UInt8(ascii: "[") {
          _ = try object(depth: depth + 1)
        }
      }
      try need(1)
      guard bytes[position] == 0x78 else { throw fail("has a class with annotations") }
      position += 1
      _ = try typeDescription(depth: depth + 1)
      return name
    default:
      position -= 1
      throw fail("has no class where one must be")
    }
  }

  private mutating func array(depth: Int) throws -> JavaItem {
    guard depth < 16, let type = try typeDescription(depth: depth) else {
      throw fail("has an array without a class")
    }
    handles.append(.other)
    let count = try integer(4)
    guard count >= 0 else { throw fail("has an array of negative length") }
    switch type {
    case "[I":
      try need(count * 4)
      position += count * 4
      return .ints(position - count * 4..<position)
    case "[B":
      try need(count)
      position += count
      return .bytes(position - count..<position)
    case "[Ljava.lang.String;":
      guard count <= Self.itemLimit else { throw fail("has an array of \(count) texts") }
      try need(count)
      var texts: [String?] = []
      for _ in 0..<count {
        switch try object(depth: depth + 1) {
        case .string(let text): texts.append(text)
        case .null: texts.append(nil)
        default: throw fail("has something else than texts in an array of texts")
        }
      }
      return .strings(texts)
    default: throw fail("has an array of an unknown class \(type)")
    }
  }
}

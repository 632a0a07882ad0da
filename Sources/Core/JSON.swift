// JSON as the metadata of file formats needs it. Text from a file is hostile: depth is limited, and errors say at which
// byte. Foundation has a reader, but it would cost more than the program's whole start.

/// A JSON value; members keep their order.
public enum JSON: Equatable, Sendable {
  case null
  case bool(Bool)
  case number(Double)
  case string(String)
  case array([JSON])
  case object([Member])

  /// A name and its value.
  public struct Member: Equatable, Sendable {
    /// Its name.
    public var name: String
    /// What stands there.
    public var value: JSON
  }

  /// The member of an object, nil when it is absent or this is none.
  public subscript(name: String) -> JSON? {
    guard case .object(let members) = self else { return nil }
    return members.first { $0.name == name }?.value
  }

  /// The text of a string, else nil.
  public var text: String? {
    if case .string(let s) = self { s } else { nil }
  }

  /// The value of a number, else nil.
  public var number: Double? {
    if case .number(let d) = self { d } else { nil }
  }

  /// The value of a whole number, else nil.
  public var integer: Int? { number.flatMap { Int(exactly: $0) } }

  /// The elements of a list, else nil.
  public var array: [JSON]? {
    if case .array(let a) = self { a } else { nil }
  }

  /// The members of an object, else nil.
  public var members: [Member]? {
    if case .object(let m) = self { m } else { nil }
  }

  /// An object of these members.
  public static func record(_ members: [(String, JSON)]) -> JSON {
    .object(members.map { Member(name: $0.0, value: $0.1) })
  }

  /// A list of whole numbers.
  public static func integers(_ values: [Int]) -> JSON {
    .array(values.map { .number(Double($0)) })
  }

  /// A list of texts.
  public static func strings(_ values: [String]) -> JSON { .array(values.map { .string($0) }) }

  /// As text; lists of scalars on one line.
  public func written(indent: String = "") -> String {
    let inner = indent + "    "
    switch self {
    case .null: return "null"
    case .bool(let b): return b ? "true" : "false"
    case .number(let d):
      if let i = Int(exactly: d) { return String(i) }
      return d.isFinite ? "\(d)" : "null"
    case .string(let s): return Self.quoted(s)
    case .array(let a):
      let isFlat = a.allSatisfy {
        switch $0 {
        case .array, .object: false
        default: true
        }
      }
      if isFlat { return "[" + a.map { $0.written() }.joined(separator: ", ") + "]" }
      let lines = a.map { inner + $0.written(indent: inner) }
      return "[\n" + lines.joined(separator: ",\n") + "\n\(indent)]"
    case .object(let members):
      if members.isEmpty { return "{}" }
      let lines = members.map {
        inner + Self.quoted($0.name) + ": " + $0.value.written(indent: inner)
      }
      return "{\n" + lines.joined(separator: ",\n") + "\n\(indent)}"
    }
  }

  private static func quoted(_ s: String) -> String {
    var out = "\""
    for scalar in s.unicodeScalars {
      switch scalar {
      case "\"": out += "\\\""
      case "\\": out += "\\\\"
      case "\n": out += "\\n"
      default:
        if scalar.value < 0x20 {
          let hex = String(scalar.value, radix: 16)
          out += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
        } else {
          out.unicodeScalars.append(scalar)
        }
      }
    }
    return out + "\""
  }

  /// Parse a text; `path` and `place` are for messages. Throws `.format`.
  public init(parsing bytes: some Sequence<UInt8>, path: String, place: String = "") throws {
    var parser = JSONParser(bytes: Array(bytes), path: path, place: place)
    self = try parser.whole()
  }
}

private struct JSONParser {
  let bytes: [UInt8]
  let path: String
  let place: String
  private var at = 0
  private static let deepest = 32

  init(bytes: [UInt8], path: String, place: String) {
    (self.bytes, self.path, self.place) = (bytes, path, place)
  }

  mutating func whole() throws -> JSON {
    let result = try value(0)
    skipSpace()
    guard at == bytes.count else { throw failure("text after the end of the value") }
    return result
  }

  private func failure(_ reason: String) -> HowdahError {
    .format(path, at: "\(place)byte \(at)", "no valid JSON: \(reason)")
  }

  private mutating func skipSpace() {
    while at < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[at]) { at += 1 }
  }

  private mutating func accept(_ c: Character) -> Bool {
    skipSpace()
    guard at < bytes.count, bytes[at] == c.asciiValue else { return false }
    at += 1
    return true
  }

  private mutating func expect(_ c: Character) throws {
    if !accept(c) { throw failure("'\(c)' is missing") }
  }

  private mutating func word(_ text: String) -> Bool {
    let word = Array(text.utf8)
    guard at + word.count <= bytes.count, Array(bytes[at..<(at + word.count)]) == word else {
      return false
    }
    at += word.count
    return true
  }

  private mutating func value(_ depth: Int) throws -> JSON {
    guard depth < Self.deepest else { throw failure("it is nested too deeply") }
    skipSpace()
    guard at < bytes.count else { throw failure("it ends too early") }
    switch bytes[at] {
    case UInt8(ascii: "{"): return try object(depth)
    case UInt8(ascii: "["):
      at += 1
      var elements: [JSON] = []
      if accept("]") { return .array([]) }
      repeat { elements.append(try value(depth + 1)) } while accept(",")
      try expect("]")
      return .array(elements)
    case UInt8(ascii: "\""): return .string(try string())
    default:
      if word("true") { return .bool(true) }
      if word("false") { return .bool(false) }
      if word("null") { return .null }
      // Zarr writes fill values that JSON does not know.
      if word("NaN") { return .number(.nan) }
      return try number()
    }
  }

  private mutating func object(_ depth: Int) throws -> JSON {
    try expect("{")
    var members: [JSON.Member] = []
    if accept("}") { return .object([]) }
    repeat {
      skipSpace()
      let name = try string()
      try expect(":")
      members.append(JSON.Member(name: name, value: try value(depth + 1)))
    } while accept(",")
    try expect("}")
    return .object(members)
  }

  private mutating func number() throws -> JSON {
    let start = at
    while at < bytes.count, "+-.eE0123456789".utf8.contains(bytes[at]) { at += 1 }
    guard let d = Double(String(decoding: bytes[start..<at], as: UTF8.self)) else {
      throw failure("a value is expected")
    }
    return .number(d)
  }

  private mutating func string() throws -> String {
    try expect("\"")
    var out: [UInt8] = []
    while at < bytes.count {
      let c = bytes[at]
      at += 1
      switch c {
      case UInt8(ascii: "\""): return String(decoding: out, as: UTF8.self)
      case UInt8(ascii: "\\"): out += try escape()
      default: out.append(c)
      }
    }
    throw failure("a string does not end")
  }

  private mutating func escape() throws -> [UInt8] {
    guard at < bytes.count else { throw failure("a string does not end") }
    let c = bytes[at]
    at += 1
    switch c {
    case UInt8(ascii: "n"): return [0x0A]
    case UInt8(ascii: "t"): return [0x09]
    case UInt8(ascii: "r"): return [0x0D]
    case UInt8(ascii: "b"): return [0x08]
    case UInt8(ascii: "f"): return [0x0C]
    case UInt8(ascii: "u"):
      guard at + 4 <= bytes.count,
        let code = UInt32(String(decoding: bytes[at..<(at + 4)], as: UTF8.self), radix: 16)
      else { throw failure("\\u needs four digits") }
      at += 4
      // Halves of pairs are not needed for metadata; they become the replacement character.
      return Array(String(Unicode.Scalar(code) ?? "\u{FFFD}").utf8)
    default: return [c]
    }
  }
}

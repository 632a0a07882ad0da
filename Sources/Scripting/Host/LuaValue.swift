// Values that travel between Swift and Lua by copy: what options, recipe parameters, results and JSON are
// made of.

import Core

/// A Lua value held by Swift. Tables are copied; functions and objects are kept by reference.
public enum LuaValue: Sendable {
  case `nil`
  case bool(Bool)
  case int(Int)
  case double(Double)
  case string(String)
  /// A table with keys 1...n. An empty table is an empty list.
  case list([LuaValue])
  /// A table with names, in the order given (sorted when it came from Lua).
  case record([(key: String, value: LuaValue)])
  /// A spot, link, track or tag view.
  case handle(Handle)
  /// Something else that lives in Lua (a function, an object): its type name, for messages.
  case opaque(String)

  /// The number, from an integer or a float.
  public var number: Double? {
    switch self {
    case .int(let i): Double(i)
    case .double(let d): d
    default: nil
    }
  }

  /// The integer, also from a float with an integral value.
  public var integer: Int? {
    switch self {
    case .int(let i): i
    case .double(let d): Int(exactly: d)
    default: nil
    }
  }

  /// The text, if it is a string.
  public var text: String? {
    if case .string(let s) = self { s } else { nil }
  }

  /// The truth value, if it is a boolean.
  public var boolean: Bool? {
    if case .bool(let b) = self { b } else { nil }
  }

  /// The elements, if it is a list (an empty record is an empty list).
  public var elements: [LuaValue]? {
    switch self {
    case .list(let l): l
    case .record(let r) where r.isEmpty: []
    default: nil
    }
  }

  /// The fields, if it is a record (an empty list is an empty record).
  public var fields: [(key: String, value: LuaValue)]? {
    switch self {
    case .record(let r): r
    case .list(let l) where l.isEmpty: []
    default: nil
    }
  }

  /// The field of a record, `.nil` when it is absent or this is no record.
  public subscript(key: String) -> LuaValue {
    fields?.first { $0.key == key }?.value ?? .nil
  }

  /// Whether it is nil.
  public var isNil: Bool {
    if case .nil = self { true } else { false }
  }

  /// The name of the value's type in messages.
  public var typeName: String {
    switch self {
    case .nil: "nil"
    case .bool: "boolean"
    case .int, .double: "number"
    case .string: "string"
    case .list, .record: "table"
    case .handle: "handle"
    case .opaque(let name): name
    }
  }
}

extension LuaValue: Equatable {
  /// Equal types and contents; a record's order counts.
  public static func == (a: LuaValue, b: LuaValue) -> Bool {
    switch (a, b) {
    case (.nil, .nil): true
    case (.bool(let x), .bool(let y)): x == y
    case (.int(let x), .int(let y)): x == y
    case (.double(let x), .double(let y)): x == y
    case (.string(let x), .string(let y)): x == y
    case (.list(let x), .list(let y)): x == y
    case (.record(let x), .record(let y)):
      x.count == y.count
        && zip(x, y).allSatisfy { $0.key == $1.key && $0.value == $1.value }
    case (.handle(let x), .handle(let y)): x == y
    case (.opaque(let x), .opaque(let y)): x == y
    default: false
    }
  }
}

extension LuaValue: ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
  ExpressibleByStringLiteral, ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral,
  ExpressibleByDictionaryLiteral
{
  /// A value from a literal.
  public init(integerLiteral value: Int) { self = .int(value) }
  /// A value from a literal.
  public init(floatLiteral value: Double) { self = .double(value) }
  /// A value from a literal.
  public init(stringLiteral value: String) { self = .string(value) }
  /// A value from a literal.
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  /// A value from a literal.
  public init(arrayLiteral elements: LuaValue...) { self = .list(elements) }
  /// A value from a literal.
  public init(dictionaryLiteral elements: (String, LuaValue)...) {
    self = .record(elements.map { (key: $0.0, value: $0.1) })
  }
}

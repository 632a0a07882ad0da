// Parameters of Lua functions and of recipes: name, type, default, sentence. Checking, help, completion,
// command lines and editor stubs all read these.

import Core
import LuaShim

/// The type of a parameter or option.
public indirect enum ParamType: Sendable, Equatable {
  case any
  case boolean
  case number
  case integer
  case string
  case function
  case table
  /// One of these words.
  case choice([String])
  /// An object or handle of this registered type.
  case object(String)
  /// `{x=, y=, z=}` or `{x, y, z}`; read with `call.point`.
  case point
  /// A timepoint `t` or a range `{t0, t1}` (both ends included); read with `call.timepoints`.
  case timepoints
  /// `{minimum={x=,...}, maximum={x=,...}}`, in world units; read with `call.box`.
  case box
  /// A sequence of values of one type.
  case list(ParamType)
  /// Any of several types.
  case either([ParamType])
  /// A file that a recipe reads (checked against the sandbox policy by the recipe runner).
  case file
  /// A file that a recipe writes.
  case output
  /// A tag name, of the tag set in the parameter `tag_set` (for completion and help).
  case tag

  /// The type as help and messages write it.
  public var name: String {
    switch self {
    case .any: "any"
    case .boolean: "boolean"
    case .number: "number"
    case .integer: "integer"
    case .string: "string"
    case .function: "function"
    case .table: "table"
    case .choice(let words): words.map { "\"\($0)\"" }.joined(separator: "|")
    case .object(let name): name
    case .point: "{x=,y=,z=}"
    case .timepoints: "t|{t0,t1}"
    case .box: "{minimum={x=,y=,z=},maximum={x=,y=,z=}}"
    case .list(let type): "list of \(type.name)"
    case .either(let types): types.map(\.name).joined(separator: "|")
    case .file: "file"
    case .output: "output file"
    case .tag: "tag"
    }
  }
}

/// One parameter of a function, or one key of an options table.
public struct Param: Sendable {
  /// The name, in snake_case.
  public var name: String
  /// What values it takes.
  public var type: ParamType
  /// One sentence.
  public var doc: String
  /// Whether it may be left out.
  public var isOptional: Bool
  /// What an absent optional parameter stands for; `.nil` when there is no default.
  public var defaultValue: LuaValue
  /// The smallest number it takes.
  public var minimum: Double?
  /// The largest number it takes.
  public var maximum: Double?
  /// For an options table: its keys.
  public var options: [Param]?
  /// For an options table: the keys that the values at 1, 2, ... stand for, as in `nearest{x, y, z, t}`.
  public var positional: [String] = []
  /// The last parameter may stand for any number of further arguments.
  public var isVariadic = false

  /// A parameter of any type.
  public init(
    _ name: String, _ type: ParamType, _ doc: String = "", default defaultValue: LuaValue = .nil,
    optional: Bool = false, min: Double? = nil, max: Double? = nil
  ) {
    self.name = name
    self.type = type
    self.doc = doc
    self.defaultValue = defaultValue
    isOptional = optional || !defaultValue.isNil
    minimum = min
    maximum = max
  }

  /// A number.
  public static func number(
    _ name: String, _ doc: String = "", default value: Double? = nil, optional: Bool = false,
    min: Double? = nil, max: Double? = nil
  ) -> Param {
    Param(
      name, .number, doc, default: value.map { .double($0) } ?? .nil, optional: optional, min: min,
      max: max)
  }

  /// An integer.
  public static func integer(
    _ name: String, _ doc: String = "", default value: Int? = nil, optional: Bool = false,
    min: Double? = nil, max: Double? = nil
  ) -> Param {
    Param(
      name, .integer, doc, default: value.map { .int($0) } ?? .nil, optional: optional, min: min,
      max: max)
  }

  /// A string.
  public static func string(
    _ name: String, _ doc: String = "", default value: String? = nil, optional: Bool = false
  ) -> Param {
    Param(name, .string, doc, default: value.map { .string($0) } ?? .nil, optional: optional)
  }

  /// A truth value.
  public static func boolean(
    _ name: String, _ doc: String = "", default value: Bool? = nil, optional: Bool = false
  ) -> Param {
    Param(name, .boolean, doc, default: value.map { .bool($0) } ?? .nil, optional: optional)
  }

  /// One of several words.
  public static func choice(
    _ name: String, _ choices: [String], _ doc: String = "", default value: String? = nil,
    optional: Bool = false
  ) -> Param {
    Param(
      name, .choice(choices), doc, default: value.map { .string($0) } ?? .nil, optional: optional)
  }

  /// A Lua function.
  public static func function(_ name: String, _ doc: String = "", optional: Bool = false) -> Param {
    Param(name, .function, doc, optional: optional)
  }

  /// An object or handle of a registered type.
  public static func object(
    _ name: String, _ type: String, _ doc: String = "", optional: Bool = false
  ) -> Param {
    Param(name, .object(type), doc, optional: optional)
  }

  /// A position, `{x=, y=, z=}` or `{x, y, z}`.
  public static func point(_ name: String, _ doc: String = "", optional: Bool = false) -> Param {
    Param(name, .point, doc, optional: optional)
  }

  /// A timepoint or an inclusive range.
  public static func timepoints(_ name: String, _ doc: String = "", optional: Bool = false) -> Param
  {
    Param(name, .timepoints, doc, optional: optional)
  }

  /// A table of any content.
  public static func table(_ name: String, _ doc: String = "", optional: Bool = false) -> Param {
    Param(name, .table, doc, optional: optional)
  }

  /// Anything.
  public static func any(_ name: String, _ doc: String = "", optional: Bool = false) -> Param {
    Param(name, .any, doc, optional: optional)
  }

  /// The trailing options table. It may be left out unless one of its keys is required.
  public static func options(_ keys: [Param], positional: [String] = []) -> Param {
    var p = Param("options", .table, "", optional: keys.allSatisfy(\.isOptional))
    p.options = keys
    p.positional = positional
    return p
  }

  /// Any number of further values of this type.
  public static func rest(_ name: String, _ type: ParamType = .any, _ doc: String = "") -> Param {
    var p = Param(name, type, doc, optional: true)
    p.isVariadic = true
    return p
  }
}

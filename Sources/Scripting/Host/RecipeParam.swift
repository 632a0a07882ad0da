// The parameters of recipes: from the recipe's table, from the command line, and checked values.

import Core

/// Reading and checking recipe parameters.
public enum RecipeParam {
  static let types = [
    "number", "integer", "string", "boolean", "choice", "output", "file", "input", "timepoints",
    "tag",
    "list", "point", "box",
  ]

  /// A parameter from its description `{type=, default=, choices=, min=, max=, help=, required=, of=}`.
  static func make(_ name: String, _ table: LuaValue, _ bad: (String) -> HowdahError) throws
    -> Param
  {
    guard table.fields != nil else { throw bad("params.\(name) must be a table {type=, ...}") }
    let known = ["type", "default", "choices", "min", "max", "help", "required", "of", "unit"]
    for field in table.fields ?? [] where !known.contains(field.key) {
      throw bad(
        "params.\(name): unknown field \"\(field.key)\""
          + Suggest.hint(for: field.key, among: known))
    }
    let word = table["type"].text ?? "string"
    var type: ParamType
    switch word {
    case "number": type = .number
    case "integer": type = .integer
    case "string": type = .string
    case "boolean": type = .boolean
    case "output": type = .output
    case "file", "input": type = .file
    case "timepoints": type = .timepoints
    case "tag": type = .tag
    case "point": type = .point
    case "box": type = .box
    case "choice":
      let words = (table["choices"].elements ?? []).compactMap(\.text)
      guard !words.isEmpty else { throw bad("params.\(name): choices = {...} is missing") }
      type = .choice(words)
    case "list": type = .list(table["of"].text == "number" ? .number : .string)
    default:
      throw bad("params.\(name): unknown type \"\(word)\"" + Suggest.hint(for: word, among: types))
    }
    let required = table["required"].boolean ?? false
    let param = Param(
      name, type, table["help"].text ?? "", default: table["default"], optional: !required,
      min: table["min"].number, max: table["max"].number)
    if !param.defaultValue.isNil {
      do {
        _ = try check(param.defaultValue, param)
      } catch let error as HowdahError {
        throw bad("params.\(name): default: \(error.message)")
      }
    }
    return param
  }

  /// The word behind the flag in help.
  static func placeholder(_ p: Param) -> String {
    switch p.type {
    case .number: "NUMBER"
    case .integer: "N"
    case .choice(let words): words.joined(separator: "|")
    case .timepoints: "T0..T1"
    case .output, .file: "FILE"
    case .tag: "TAG"
    case .list: "A,B,..."
    case .point: "X,Y,Z"
    default: "TEXT"
    }
  }

  /// A value from the text of a command line.
  public static func parse(_ text: String, _ p: Param) throws -> LuaValue {
    func number(_ text: Substring) throws -> LuaValue {
      if let i = Int(text) { return .int(i) }
      guard let d = Double(text) else { throw wrong(p, "\"\(text)\"") }
      return .double(d)
    }
    switch p.type {
    case .number, .integer: return try check(try number(Substring(text)), p)
    case .boolean:
      switch text.lowercased() {
      case "true", "yes", "1", "on": return true
      case "false", "no", "0", "off": return false
      default: throw wrong(p, "\"\(text)\"")
      }
    case .timepoints: return try timepoints(text, p)
    case .point:
      return try check(.list(try text.split(separator: ",").map(number)), p)
    case .list(let element):
      let parts = text.split(separator: ",")
      return try check(
        .list(element == .number ? try parts.map(number) : parts.map { .string(String($0)) }), p)
    default: return try check(.string(text), p)
    }
  }

  /// `7`, `0..10` or `0-10`.
  private static func timepoints(_ text: String, _ p: Param) throws -> LuaValue {
    if let t = Int(text) { return try check(.int(t), p) }
    var ends: [Int] = []
    for part in text.split(whereSeparator: { $0 == "." || $0 == "-" || $0 == ":" || $0 == "," }) {
      guard let t = Int(part) else { throw wrong(p, "\"\(text)\"") }
      ends.append(t)
    }
    guard ends.count == 2 else { throw wrong(p, "\"\(text)\" (such as 0..10)") }
    return try check(.list([.int(ends[0]), .int(ends[1])]), p)
  }

  /// The value when it fits the parameter (integers from integral floats); throws kind `argument`.
  public static func check(_ value: LuaValue, _ p: Param) throws -> LuaValue {
    var result = value
    switch p.type {
    case .number:
      guard let n = value.number, !n.isNaN else { throw wrong(p, describe(value)) }
      try checkRange(n, p)
    case .integer:
      guard let i = value.integer else { throw wrong(p, describe(value)) }
      try checkRange(Double(i), p)
      result = .int(i)
    case .boolean: guard value.boolean != nil else { throw wrong(p, describe(value)) }
    case .choice(let words):
      guard let word = value.text, words.contains(word) else {
        throw wrong(p, describe(value) + Suggest.hint(for: value.text ?? "", among: words))
      }
    case .string, .tag: guard value.text != nil else { throw wrong(p, describe(value)) }
    case .file, .output:
      guard let path = value.text, !path.isEmpty, !path.utf8.contains(0) else {
        throw wrong(p, describe(value))
      }
    case .timepoints: _ = try Argument.timepoints(value, p.name)
    case .point:
      let q = try Argument.point(value, p.name)
      result = .record([("x", .double(q.x)), ("y", .double(q.y)), ("z", .double(q.z))])
    case .box: _ = try Argument.box(value, p.name)
    case .list(let element):
      guard let elements = value.elements else { throw wrong(p, describe(value)) }
      for e in elements where element == .number ? e.number == nil : e.text == nil {
        throw wrong(p, "a list with \(describe(e))")
      }
    default: break
    }
    return result
  }

  private static func checkRange(_ n: Double, _ p: Param) throws {
    if let minimum = p.minimum, n < minimum { throw wrong(p, ValueText.number(n)) }
    if let maximum = p.maximum, n > maximum { throw wrong(p, ValueText.number(n)) }
  }

  private static func wrong(_ p: Param, _ got: String) -> HowdahError {
    HowdahError(.argument, "\(p.name): \(p.expectation) expected, got \(got)")
  }

  private static func describe(_ value: LuaValue) -> String { ValueText.short(value) }

  /// All parameters of a run: those given, checked, and the defaults; unknown names are refused.
  static func complete(_ given: LuaValue, _ recipe: Recipe) throws -> LuaValue {
    let names = recipe.params.map(\.name)
    guard given.isNil || given.fields != nil else {
      throw HowdahError(.argument, "\(recipe.name): params must be a table {name = value}")
    }
    for field in given.fields ?? [] where !names.contains(Recipe.canonical(field.key)) {
      throw HowdahError(
        .argument,
        "\(recipe.name): no parameter \"\(field.key)\"" + Suggest.hint(for: field.key, among: names)
      )
    }
    var result: [(key: String, value: LuaValue)] = []
    for p in recipe.params {
      let value = given.fields?.first { Recipe.canonical($0.key) == p.name }?.value ?? .nil
      if !value.isNil {
        do {
          result.append((p.name, try check(value, p)))
        } catch let error as HowdahError {
          throw HowdahError(.argument, "\(recipe.name): \(error.message)")
        }
      } else if !p.defaultValue.isNil {
        result.append((p.name, try check(p.defaultValue, p)))
      } else if !p.isOptional {
        throw HowdahError(.argument, "\(recipe.name): parameter \"\(p.name)\" is missing: \(p.doc)")
      }
    }
    return .record(result)
  }
}

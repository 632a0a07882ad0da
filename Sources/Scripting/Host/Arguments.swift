// Checking arguments against their declared parameters. The shim lets calls pass whose arguments fit at first
// sight; the others come here, where the declaration is looked at and errors get their words.

import CLua
import Core
import LuaShim

extension hw_parameter {
  /// What fits a declared parameter at first sight; `type` is set when the host binds the registry.
  init(_ p: Param) {
    self.init()
    (type, minimum, maximum) = (-1, 1, 0)
    if p.isOptional { mask |= bit(LUA_TNONE) | bit(LUA_TNIL) }
    default_number = p.defaultValue.number ?? 0
    switch p.type {
    case .any: mask = p.isOptional ? .max : .max & ~bit(LUA_TNONE)
    case .boolean: mask |= bit(LUA_TBOOLEAN)
    case .number, .integer:
      integers = p.type == .integer
      (minimum, maximum) = (p.minimum ?? -.infinity, p.maximum ?? .infinity)
    case .string, .tag: mask |= bit(LUA_TSTRING)
    case .function: mask |= bit(LUA_TFUNCTION)
    case .table where p.options == nil: mask |= bit(LUA_TTABLE)
    default: break
    }
    if p.type == .number, p.minimum == nil, p.maximum == nil { mask |= bit(LUA_TNUMBER) }
  }

  private func bit(_ type: Int32) -> UInt32 { 1 << UInt32(type + 1) }
}

extension Call {
  /// Check all arguments; throws an error of kind `argument` or `stale`.
  func checkArguments() throws {
    for (i, param) in entry.params.enumerated() {
      try checkArgument(i, param, at: first + Int32(i))
    }
    let given = lua_gettop(lua) - first + 1
    if given > Int32(entry.params.count) { try checkSurplus(Int(given)) }
  }

  private func checkSurplus(_ given: Int) throws {
    let params = entry.params
    if let last = params.last, last.isVariadic {
      for i in params.count..<given { try checkArgument(i, last, at: first + Int32(i)) }
      return
    }
    // Trailing nils are harmless (f(x, nil)); metamethods get a second operand that some do not use.
    for i in params.count..<given where entry.role != .metamethod && has(i) {
      throw HowdahError(
        .argument,
        "\(entry.fullName): takes \(params.count) argument\(params.count == 1 ? "" : "s"), got \(given)"
      )
    }
  }

  private func checkArgument(_ i: Int, _ param: Param, at index: Int32) throws {
    let type = lua_type(lua, index)
    if type <= LUA_TNIL {
      if param.isOptional { return }
      try refuse(i, param, got: type == LUA_TNIL ? "nil" : "nothing")
    }
    if let options = param.options {
      guard type == LUA_TTABLE else {
        throw HowdahError(
          .argument,
          "\(entry.fullName): argument \(i + 1): options in a table expected, such as "
            + "{\(options.first?.name ?? "name") = ...}, got \(typeName(i))")
      }
      try checkOptions(options, positional: param.positional, at: index)
      return
    }
    if type == LUA_TNUMBER, param.type == .number || param.type == .integer {
      let number = lua_tonumberx(lua, index, nil)
      if param.type == .integer {
        var exact: Int32 = 0
        _ = lua_tointegerx(lua, index, &exact)
        if exact == 0 { try refuse(i, param, got: ValueText.number(number)) }
      }
      if let minimum = param.minimum, !(number >= minimum) {
        try refuse(i, param, got: ValueText.number(number))
      }
      if let maximum = param.maximum, !(number <= maximum) {
        try refuse(i, param, got: ValueText.number(number))
      }
      return
    }
    if let problem = try mismatch(param.type, of: param.name, at: index) {
      try refuse(i, param, got: problem)
    }
  }

  /// Why the value at `index` is not of this type, or nil. Throws where a message of its own says more; `name` is
  /// the parameter's.
  func mismatch(_ type: ParamType, of name: String, at index: Int32) throws -> String? {
    let found = lua_type(lua, index)
    switch type {
    case .any: return nil
    case .boolean: return found == LUA_TBOOLEAN ? nil : host.typeName(lua, at: index)
    case .number: return found == LUA_TNUMBER ? nil : host.typeName(lua, at: index)
    case .integer:
      var exact: Int32 = 0
      if found == LUA_TNUMBER { _ = lua_tointegerx(lua, index, &exact) }
      if exact != 0 { return nil }
      return found == LUA_TNUMBER
        ? ValueText.number(lua_tonumberx(lua, index, nil)) : host.typeName(lua, at: index)
    case .string, .file, .output, .tag:
      return found == LUA_TSTRING ? nil : host.typeName(lua, at: index)
    case .function: return found == LUA_TFUNCTION ? nil : host.typeName(lua, at: index)
    case .table: return found == LUA_TTABLE ? nil : host.typeName(lua, at: index)
    case .choice(let words):
      guard found == LUA_TSTRING, let text = luaText(lua, index) else {
        return host.typeName(lua, at: index)
      }
      return words.contains(text) ? nil : "\"\(text)\"" + Suggest.hint(for: text, among: words)
    case .object(let typeName):
      guard let number = host.registry.type(named: typeName)?.number else {
        return "unknown type \(typeName)"
      }
      switch hw_test(lua, index, number) {
      case 0: return nil
      case 2: throw host.staleError(lua, at: index)
      default: return host.typeName(lua, at: index)
      }
    case .point:
      return Argument.isPoint(try host.value(lua, at: index)) ? nil : describe(index)
    case .timepoints:
      _ = try Argument.timepoints(
        try host.value(lua, at: index), "\(entry.fullName): \(name)")
      return nil
    case .box:
      _ = try Argument.box(try host.value(lua, at: index), "\(entry.fullName): \(name)")
      return nil
    case .list(let element):
      guard found == LUA_TTABLE else { return host.typeName(lua, at: index) }
      guard lua_checkstack(lua, 4) != 0 else { return "too deep a table" }
      for k in 0..<Int(lua_rawlen(lua, index)) {
        lua_rawgeti(lua, index, lua_Integer(k + 1))
        defer { hw_pop(lua, 1) }
        if let problem = try mismatch(element, of: name, at: lua_gettop(lua)) {
          return "\(problem) at [\(k + 1)]"
        }
      }
      return nil
    case .either(let types):
      for t in types where try mismatch(t, of: name, at: index) == nil { return nil }
      return host.typeName(lua, at: index)
    }
  }

  private func describe(_ index: Int32) -> String {
    lua_type(lua, index) == LUA_TTABLE
      ? "a table without numbers x, y, z" : host.typeName(lua, at: index)
  }

  private func checkOptions(_ options: [Param], positional: [String], at index: Int32) throws {
    guard lua_checkstack(lua, 8) != 0 else { throw HowdahError(.limit, "stack overflow") }
    var seen = Set<String>()
    lua_pushnil(lua)
    // The table is not changed in between and the key comes from the last step, so lua_next cannot raise.
    while lua_next(lua, index) != 0 {
      let top = lua_gettop(lua)
      do {
        let key = try optionName(options, positional, keyAt: top - 1)
        seen.insert(key.name)
        try checkOption(key, at: top)
      } catch {
        lua_settop(lua, top - 2)
        throw error
      }
      lua_settop(lua, top - 1)
    }
    for option in options where !option.isOptional && !seen.contains(option.name) {
      throw HowdahError(
        .argument, "\(entry.fullName): option \"\(option.name)\" (\(option.type.name)) is missing")
    }
  }

  private func optionName(_ options: [Param], _ positional: [String], keyAt index: Int32) throws
    -> Param
  {
    if lua_type(lua, index) == LUA_TSTRING, let name = luaText(lua, index) {
      if let known = options.first(where: { $0.name == name }) { return known }
      throw HowdahError(
        .argument,
        "\(entry.fullName): unknown option \"\(name)\""
          + Suggest.hint(for: name, among: options.map(\.name)))
    }
    let number = Int(lua_tointegerx(lua, index, nil))
    if lua_isinteger(lua, index) != 0, positional.indices.contains(number - 1),
      let known = options.first(where: { $0.name == positional[number - 1] })
    {
      return known
    }
    throw HowdahError(
      .argument,
      "\(entry.fullName): options are given by name, such as \(options.first?.name ?? "name")=...")
  }

  private func checkOption(_ option: Param, at index: Int32) throws {
    var problem = try mismatch(option.type, of: option.name, at: index)
    if problem == nil, lua_type(lua, index) == LUA_TNUMBER {
      let number = lua_tonumberx(lua, index, nil)
      if let minimum = option.minimum, !(number >= minimum) { problem = ValueText.number(number) }
      if let maximum = option.maximum, !(number <= maximum) { problem = ValueText.number(number) }
    }
    if let problem {
      throw HowdahError(
        .argument,
        "\(entry.fullName): option \"\(option.name)\": \(option.expectation) expected, got \(problem)"
      )
    }
  }

  /// The error for a wrong argument; knows the two ways to confuse dot and colon.
  private func refuse(_ i: Int, _ param: Param, got: String) throws {
    if entry.role == .function, i == 0, got == "table", host.isModule(lua, at: first) {
      throw HowdahError(
        .argument,
        "\(entry.fullName) is a function: call it with a dot, \(entry.fullName)(...), not with a colon"
      )
    }
    if entry.role == .setter {
      throw HowdahError(
        .argument, "\(entry.fullName): \(param.expectation) expected, got \(got)")
    }
    throw HowdahError(
      .argument,
      "\(entry.fullName): argument \(i + 1) (\(param.name)): \(param.expectation) expected, got \(got)"
    )
  }
}

extension Param {
  /// The type with its range, as messages say it.
  public var expectation: String {
    switch (minimum, maximum) {
    case (nil, nil): type.name
    case (let low?, nil): "\(type.name) of at least \(plain(low))"
    case (nil, let high?): "\(type.name) of at most \(plain(high))"
    case (let low?, let high?): "\(type.name) from \(plain(low)) to \(plain(high))"
    }
  }

  private func plain(_ x: Double) -> String { Int(exactly: x).map(String.init) ?? String(x) }
}

/// Reading the compound parameter types.
public enum Argument {
  static func isPoint(_ value: LuaValue) -> Bool { (try? point(value, "")) != nil }

  /// A position from `{x=, y=, z=}` or `{x, y, z}`.
  public static func point(_ value: LuaValue, _ name: String) throws -> WorldPoint {
    if let list = value.elements, list.count == 3, let x = list[0].number, let y = list[1].number,
      let z = list[2].number
    {
      return WorldPoint(x: x, y: y, z: z)
    }
    if let x = value["x"].number, let y = value["y"].number, let z = value["z"].number {
      return WorldPoint(x: x, y: y, z: z)
    }
    throw HowdahError(.argument, "\(name): a position is {x=, y=, z=} or {x, y, z}")
  }

  /// A range of timepoints from `t` or `{t0, t1}`.
  public static func timepoints(_ value: LuaValue, _ name: String) throws -> ClosedRange<Timepoint>
  {
    if let t = value.integer { return t...t }
    if let list = value.elements, list.count == 2, let a = list[0].integer, let b = list[1].integer
    {
      guard a <= b else {
        throw HowdahError(.argument, "\(name): timepoints {\(a), \(b)} run backwards")
      }
      return a...b
    }
    throw HowdahError(
      .argument,
      "\(name): timepoints are a number t or a range {t0, t1}, got \(value.quoted(depth: 0))")
  }

  /// A box from `{minimum=, maximum=}`.
  public static func box(_ value: LuaValue, _ name: String) throws -> WorldBox {
    if value.fields == nil {
      throw HowdahError(
        .argument,
        "\(name): a box is {minimum = {x=, y=, z=}, maximum = {x=, y=, z=}}, got "
          + value.quoted(depth: 0))
    }
    return WorldBox(
      minimum: try point(value["minimum"], "\(name).minimum"),
      maximum: try point(value["maximum"], "\(name).maximum"))
  }
}

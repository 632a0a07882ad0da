// How the prompt shows values: scalars plainly, tables with a head and a count, lists of records and
// collections as aligned columns.

import CLua
import Core
import LuaShim

extension LuaHost {
  /// The text for the value at `index`, ending in a newline.
  func display(_ lua: OpaquePointer, at index: Int32, limit: Int = 20) throws -> String {
    switch lua_type(lua, index) {
    case LUA_TSTRING:
      let text = luaText(lua, index) ?? ""
      let most = 4000
      if text.utf8.count <= most { return text + "\n" }
      return text.prefix(most) + "\n... \(text.count) characters in all; print(_) shows them\n"
    case LUA_TNUMBER, LUA_TBOOLEAN, LUA_TNIL: return try value(lua, at: index).plain + "\n"
    case LUA_TTABLE:
      if hw_is_error(lua, index) || hasTostring(lua, index) {
        return try tostring(lua, index) + "\n"
      }
      return try displayTable(lua, at: index, limit: limit)
    case LUA_TLIGHTUSERDATA, LUA_TUSERDATA:
      if let type = registry.type(number: hw_type_of(lua, index)), let display = type.display,
        let entry = registry.displayEntry(of: type)
      {
        if hw_test(lua, index, type.number) == 2 { throw staleError(lua, at: index) }
        return try onReceiver(lua, index, entry, display).text
      }
      return try tostring(lua, index) + "\n"
    default: return try tostring(lua, index) + "\n"
    }
  }

  private func hasTostring(_ lua: OpaquePointer, _ index: Int32) -> Bool {
    hw_has_tostring(lua, index)
  }

  private func tostring(_ lua: OpaquePointer, _ index: Int32) throws -> String {
    guard hw_tostring(lua, index) == LUA_OK else { throw LuaRaised(host: self, popping: lua) }
    defer { hw_pop(lua, 1) }
    return luaText(lua, -1) ?? ""
  }

  /// Run a closure that expects its receiver at stack index 1: in a function of its own.
  private func onReceiver(
    _ lua: OpaquePointer, _ index: Int32, _ entry: Entry,
    _ body: @escaping (Call) throws -> DisplayValue
  ) throws -> DisplayValue {
    var result = DisplayValue.text("")
    let function = try makeFunction { call in
      result = try body(Call(host: self, entry: entry, lua: call.lua, first: 2))
      lua_settop(call.lua, 1)
    }
    function.push(lua)
    lua_pushvalue(lua, index)
    try call(lua, 1, 0)
    return result
  }

  /// A table on one line when it is short, else a line an element.
  private func displayTable(_ lua: OpaquePointer, at index: Int32, limit: Int) throws -> String {
    guard let copy = try? head(lua, at: lua_absindex(lua, index), limit: limit) else {
      return try tostring(lua, index) + "\n"
    }
    let (value, total) = copy
    if let table = ValueText.table(value, limit: limit) {
      let shown = value.elements?.count ?? 0
      return table + (total > shown ? "... \(total - shown) more of \(total)\n" : "")
    }
    let line = value.quoted(depth: 0)
    if line.count <= 76 && total <= limit { return line + "\n" }
    var text = "{\n"
    for (i, e) in (value.elements ?? []).prefix(limit).enumerated() {
      text += "  [\(i + 1)] = \(e.quoted(depth: 1)),\n"
    }
    for f in (value.elements == nil ? value.fields ?? [] : []).prefix(limit) {
      text += "  \(f.key) = \(f.value.quoted(depth: 1)),\n"
    }
    if total > limit { text += "  ... \(total - limit) more of \(total)\n" }
    return text + "}\n"
  }

  /// The first elements of a table, two levels deep, and how many there are.
  private func head(_ lua: OpaquePointer, at index: Int32, limit: Int) throws -> (LuaValue, Int) {
    let count = Int(lua_rawlen(lua, index))
    if count > limit {
      var elements: [LuaValue] = []
      for i in 1...limit {
        lua_rawgeti(lua, index, lua_Integer(i))
        defer { hw_pop(lua, 1) }
        elements.append(try shown(lua, at: lua_gettop(lua)))
      }
      return (.list(elements), count)
    }
    let value = try shown(lua, at: index)
    return (value, value.fields?.count ?? value.elements?.count ?? 0)
  }

  /// The value with handles and objects replaced by their text.
  private func shown(_ lua: OpaquePointer, at index: Int32, depth: Int = 0) throws -> LuaValue {
    switch lua_type(lua, index) {
    case LUA_TLIGHTUSERDATA, LUA_TUSERDATA, LUA_TFUNCTION, LUA_TTHREAD:
      return .opaque((try? tostring(lua, index)) ?? typeName(lua, at: index))
    case LUA_TTABLE:
      guard depth < 3, lua_checkstack(lua, 6) != 0 else { return .opaque("table") }
      var list: [LuaValue] = []
      let count = Int(lua_rawlen(lua, index))
      for i in 0..<min(count, 100) {
        lua_rawgeti(lua, index, lua_Integer(i + 1))
        defer { hw_pop(lua, 1) }
        list.append(try shown(lua, at: lua_gettop(lua), depth: depth + 1))
      }
      var record: [(key: String, value: LuaValue)] = []
      let top = lua_gettop(lua)
      lua_pushnil(lua)
      // Nothing in the loop changes the table: tostring of an element may run script code, so the number of
      // steps is bounded, and a key that has gone ends the loop by the protected step.
      while record.count < 1000, hw_next(lua, index) == 1 {
        defer { lua_settop(lua, top + 1) }
        if lua_isinteger(lua, -2) != 0 {
          let k = Int(lua_tointegerx(lua, -2, nil))
          if k >= 1 && k <= count { continue }
        }
        let key =
          lua_type(lua, -2) == LUA_TSTRING
          ? luaText(lua, -2) ?? "" : "[" + (try value(lua, at: -2).plain) + "]"
        record.append((key, try shown(lua, at: lua_gettop(lua), depth: depth + 1)))
      }
      lua_settop(lua, top)
      if record.isEmpty { return .list(list) }
      record.sort { $0.key < $1.key }
      return .record(
        list.enumerated().map { (key: "[\($0.offset + 1)]", value: $0.element) } + record)
    default: return try value(lua, at: index)
    }
  }
}

extension DisplayValue {
  /// As printed, ending in a newline.
  var text: String {
    switch self {
    case .text(let text): return text.hasSuffix("\n") ? text : text + "\n"
    case .table(let columns, let rows, let total, let title):
      let table = rows.isEmpty ? "" : ValueText.table(columns: columns, rows: rows, total: total)
      return title.isEmpty ? table : title + "\n" + table
    }
  }
}

extension LuaValue {
  /// A scalar as `tostring` gives it.
  var plain: String {
    switch self {
    case .double(let d):
      if let i = Int(exactly: d), abs(i) < 1 << 53 { return "\(i).0" }
      return d.isFinite ? ValueText.significant(d, digits: 14) : ValueText.number(d)
    default: return ValueText.short(self, limit: .max)
    }
  }

  /// As Lua source, strings in quotes.
  func quoted(depth: Int) -> String {
    switch self {
    case .string(let s): return s.count > 200 ? "\"\(s.prefix(200))...\"" : "\"\(s)\""
    case .double, .int, .nil, .bool: return plain
    case .opaque(let text): return text
    case .list(let l):
      if depth > 3 { return "{...}" }
      return "{" + l.prefix(20).map { $0.quoted(depth: depth + 1) }.joined(separator: ", ")
        + (l.count > 20 ? ", ... \(l.count) in all" : "") + "}"
    case .record(let r):
      if depth > 3 { return "{...}" }
      return "{"
        + r.prefix(20).map { "\($0.key) = \($0.value.quoted(depth: depth + 1))" }.joined(
          separator: ", ")
        + (r.count > 20 ? ", ... \(r.count) in all" : "") + "}"
    default: return ValueText.short(self)
    }
  }
}

extension Registry {
  /// An entry of the type, for calls that only look at the receiver.
  func displayEntry(of type: TypeEntry) -> Entry? {
    (type.properties.first?.getter ?? type.methods.first?.entry ?? type.metamethods.first?.entry)
      .map { entry($0) }
  }
}

// Copying values between Swift and Lua. Only raise-free functions and protected shims are used.

import CLua
import Core
import LuaShim

/// The bytes of a Lua string as text (invalid UTF-8 is repaired), nil when it is no string.
func luaText(_ lua: OpaquePointer, _ index: Int32) -> String? {
  guard lua_type(lua, index) == LUA_TSTRING else { return nil }
  var length = 0
  guard let p = lua_tolstring(lua, index, &length) else { return nil }
  return String(
    decoding: UnsafeRawBufferPointer(start: UnsafeRawPointer(p), count: length), as: UTF8.self)
}

extension LuaHost {
  /// Tables nested deeper than this are refused (they may contain themselves).
  static let maximumDepth = 64

  /// The value at `index`, by copy.
  func value(_ lua: OpaquePointer, at index: Int32, depth: Int = 0) throws -> LuaValue {
    switch lua_type(lua, index) {
    case LUA_TNONE, LUA_TNIL: return .nil
    case LUA_TBOOLEAN: return .bool(lua_toboolean(lua, index) != 0)
    case LUA_TNUMBER:
      return lua_isinteger(lua, index) != 0
        ? .int(Int(lua_tointegerx(lua, index, nil))) : .double(lua_tonumberx(lua, index, nil))
    case LUA_TSTRING: return .string(luaText(lua, index) ?? "")
    case LUA_TLIGHTUSERDATA: return .handle(Handle(rawValue: hw_to_handle(lua, index)))
    case LUA_TTABLE: return try table(lua, at: lua_absindex(lua, index), depth: depth)
    default: return .opaque(typeName(lua, at: index))
    }
  }

  private func table(_ lua: OpaquePointer, at index: Int32, depth: Int) throws -> LuaValue {
    guard depth < Self.maximumDepth, lua_checkstack(lua, 6) != 0 else {
      throw HowdahError(
        .argument,
        "a table is nested deeper than \(Self.maximumDepth) levels (does it contain itself?)")
    }
    let count = Int(lua_rawlen(lua, index))
    var list: [LuaValue] = []
    list.reserveCapacity(min(count, 1 << 16))
    if count > 0 {
      for i in 1...count {
        lua_rawgeti(lua, index, lua_Integer(i))
        defer { hw_pop(lua, 1) }
        list.append(try value(lua, at: -1, depth: depth + 1))
      }
    }
    var record: [(key: String, value: LuaValue)] = []
    let top = lua_gettop(lua)
    lua_pushnil(lua)
    // The table is not changed in between and the key comes from the last step, so lua_next cannot raise.
    while lua_next(lua, index) != 0 {
      let isListed =
        count > 0 && lua_isinteger(lua, -2) != 0
        && (1...count).contains(Int(lua_tointegerx(lua, -2, nil)))
      if !isListed {
        do {
          record.append((try key(lua), try value(lua, at: -1, depth: depth + 1)))
        } catch {
          lua_settop(lua, top)
          throw error
        }
      }
      lua_settop(lua, top + 1)
    }
    lua_settop(lua, top)
    if record.isEmpty { return .list(list) }
    record.sort { $0.key < $1.key }
    let numbered = list.enumerated().map { (key: String($0.offset + 1), value: $0.element) }
    return .record(numbered + record)
  }

  /// The key below the top, as text.
  private func key(_ lua: OpaquePointer) throws -> String {
    switch lua_type(lua, -2) {
    case LUA_TSTRING: return luaText(lua, -2) ?? ""
    case LUA_TNUMBER:
      return lua_isinteger(lua, -2) != 0
        ? String(lua_tointegerx(lua, -2, nil)) : String(lua_tonumberx(lua, -2, nil))
    case LUA_TBOOLEAN: return lua_toboolean(lua, -2) != 0 ? "true" : "false"
    default:
      throw HowdahError(.argument, "a table has a \(typeName(lua, at: -2)) as a key")
    }
  }

  /// The name of a value's registered type or Lua type.
  func typeName(_ lua: OpaquePointer, at index: Int32) -> String {
    let type = lua_type(lua, index)
    if type == LUA_TNONE { return "nothing" }
    if type == LUA_TLIGHTUSERDATA || type == LUA_TUSERDATA,
      let known = registry.type(number: hw_type_of(lua, index))
    {
      return known.name
    }
    return String(cString: lua_typename(lua, type))
  }

  /// A protected push ran out of memory: push nil in its place; the dispatcher raises afterwards.
  func noteOutOfMemory(_ lua: OpaquePointer) {
    box.pointee.out_of_memory = 1
    if lua_checkstack(lua, 1) != 0 { lua_pushnil(lua) }
  }

  func push(_ lua: OpaquePointer, _ text: String) {
    var text = text
    let status = text.withUTF8 { bytes in
      bytes.withMemoryRebound(to: CChar.self) { hw_push_string(lua, $0.baseAddress, $0.count) }
    }
    if status != LUA_OK { noteOutOfMemory(lua) }
  }

  /// Push a copy of a value. `.opaque` values cannot come back and push nil.
  func push(_ lua: OpaquePointer, _ value: LuaValue) {
    guard lua_checkstack(lua, 4) != 0 else { return noteOutOfMemory(lua) }
    switch value {
    case .nil, .opaque: lua_pushnil(lua)
    case .bool(let b): lua_pushboolean(lua, b ? 1 : 0)
    case .int(let i): lua_pushinteger(lua, lua_Integer(i))
    case .double(let d): lua_pushnumber(lua, d)
    case .string(let s): push(lua, s)
    case .handle(let h): hw_push_handle(lua, h.rawValue)
    case .list(let elements):
      guard hw_push_table(lua, Int32(clamping: elements.count), 0) == LUA_OK else {
        return noteOutOfMemory(lua)
      }
      let table = lua_gettop(lua)
      for (i, element) in elements.enumerated() {
        push(lua, element)
        _ = hw_set_index(lua, table, Int64(i + 1))
      }
    case .record(let fields):
      guard hw_push_table(lua, 0, Int32(clamping: fields.count)) == LUA_OK else {
        return noteOutOfMemory(lua)
      }
      let table = lua_gettop(lua)
      for field in fields {
        push(lua, field.value)
        _ = hw_set_field(lua, table, field.key, field.key.utf8.count)
      }
    }
  }

  func push<T>(
    _ lua: OpaquePointer, object value: T, bytes: Int, array: UnsafeBufferPointer<Double>?
  ) {
    guard let number = number(of: T.self) else {
      preconditionFailure("\(T.self) is not a registered type")
    }
    let object: AnyObject =
      T.self is AnyObject.Type ? unsafeBitCast(value, to: AnyObject.self) : Boxed(value)
    let ref = Unmanaged.passRetained(object)
    let status = hw_push_object(
      lua, number, ref.toOpaque(), array?.baseAddress, UInt64(array?.count ?? 0), UInt64(bytes))
    if status != LUA_OK {
      ref.release()
      noteOutOfMemory(lua)
    }
  }

  func push(_ lua: OpaquePointer, function body: @escaping Handler) {
    push(lua, object: SwiftFunction(body), bytes: 0, array: nil)
    guard hw_push_closure(lua, closureEntry) == LUA_OK else { return noteOutOfMemory(lua) }
  }
}

/// A Swift closure behind a Lua function made by `Call.pushFunction`.
struct SwiftFunction {
  let body: Handler
  init(_ body: @escaping Handler) { self.body = body }
}

// Errors on their way between Lua and Swift.
//
// Swift to Lua: a HowdahError becomes an error object with `.kind` and `.message`. Lua to Swift: the error
// value stays in Lua, held by a `LuaRaised`, and is raised again as it was when Swift lets it through.

import CLua
import Core
import LuaShim

/// An error that Lua code raised, on its way through Swift. It never leaves the thread of its host (`Error`
/// asks for Sendable all the same).
public final class LuaRaised: Error, CustomStringConvertible, @unchecked Sendable {
  /// The `.kind` of an error object; "error" for plain Lua errors.
  public let kind: String
  /// The text of the error.
  public let message: String
  /// Where the error was raised, `file:line:` with its blank, when an error object tells.
  public let place: String
  /// The stack of the script at the error, when it was asked for.
  public let traceback: String
  /// The files of the state that raised it.
  let files: [String]
  private let reference: Int32
  private let life: HostLife

  /// Takes the error value from the top of the stack (popped).
  init(host: LuaHost, popping lua: OpaquePointer) {
    var traceback = ""
    if lua_type(lua, -1) == LUA_TTABLE, !hw_is_error(lua, -1),
      hw_get_field(lua, lua_gettop(lua), "traceback", 9) == LUA_OK
    {
      traceback = luaText(lua, -1) ?? ""
      hw_pop(lua, 1)
      if !traceback.isEmpty, hw_get_field(lua, lua_gettop(lua), "value", 5) == LUA_OK {
        hw_remove(lua, -2)
      }
    }
    self.traceback = traceback
    life = host.life
    files = host.loadedFiles
    if hw_is_error(lua, -1) {
      kind = Self.field(lua, "kind") ?? "error"
      message = Self.field(lua, "message") ?? "error"
      place = Self.field(lua, "where") ?? ""
    } else {
      kind = "error"
      place = ""
      message = Self.text(lua, host)
    }
    reference = hw_ref(lua)
  }

  deinit {
    if let host = life.host { hw_unref(host.lua, reference) }
  }

  /// Push the error value again.
  func push(_ lua: OpaquePointer) {
    if reference >= 0 { hw_push_ref(lua, reference) } else { lua_pushnil(lua) }
  }

  /// `place` and `message`.
  public var description: String { place + message }

  /// The kind, if it is one of Howdah's own.
  public var howdahKind: HowdahError.Kind? { HowdahError.Kind(rawValue: kind) }

  private static func field(_ lua: OpaquePointer, _ name: String) -> String? {
    guard hw_get_field(lua, lua_gettop(lua), name, name.utf8.count) == LUA_OK else { return nil }
    defer { hw_pop(lua, 1) }
    return luaText(lua, -1)
  }

  /// The text of the error value on top; `__tostring` is called under protection. Of a table without one, the
  /// fields are told.
  private static func text(_ lua: OpaquePointer, _ host: LuaHost) -> String {
    if let text = luaText(lua, -1) { return text }
    if lua_type(lua, -1) == LUA_TNIL { return "nil was raised as an error" }
    if lua_type(lua, -1) == LUA_TTABLE, !hw_has_tostring(lua, lua_gettop(lua)),
      let value = try? host.value(lua, at: -1)
    {
      return value.quoted(depth: 0)
    }
    let status = hw_tostring(lua, lua_gettop(lua))
    defer { hw_pop(lua, 1) }
    guard status == LUA_OK, let text = luaText(lua, -1) else {
      return "an error object without a text"
    }
    return text
  }
}

/// A Lua function that Swift holds.
public final class LuaFunction {
  private let reference: Int32
  unowned let host: LuaHost
  private let life: HostLife

  /// Takes the function from the top of the stack (popped).
  init(host: LuaHost, popping lua: OpaquePointer) throws {
    self.host = host
    life = host.life
    reference = hw_ref(lua)
    if reference < 0 { throw HowdahError(.limit, "not enough memory") }
  }

  deinit {
    if let host = life.host { hw_unref(host.lua, reference) }
  }

  /// Call it with values, and copy its results.
  @discardableResult
  public func call(_ arguments: LuaValue...) throws -> [LuaValue] {
    let lua = host.running
    let top = lua_gettop(lua)
    try begin(lua, arguments.count)
    for argument in arguments { host.push(lua, argument) }
    try host.call(lua, arguments.count, LUA_MULTRET)
    defer { lua_settop(lua, top) }
    return try (0..<(lua_gettop(lua) - top)).map { try host.value(lua, at: top + 1 + $0) }
  }

  /// Call it with one handle and return whether the result is true: the fast path of `where(f)`.
  public func test(_ handle: Handle) throws -> Bool {
    let lua = host.running
    try begin(lua, 1)
    hw_push_handle(lua, handle.rawValue)
    try host.call(lua, 1, 1)
    defer { hw_pop(lua, 1) }
    return lua_toboolean(lua, -1) != 0
  }

  /// Call it with two handles and return the number it gives (nil for nil): the fast path of cost functions.
  public func number(_ a: Handle, _ b: Handle) throws -> Double? {
    let lua = host.running
    try begin(lua, 2)
    hw_push_handle(lua, a.rawValue)
    hw_push_handle(lua, b.rawValue)
    try host.call(lua, 2, 1)
    defer { hw_pop(lua, 1) }
    switch lua_type(lua, -1) {
    case LUA_TNUMBER: return lua_tonumberx(lua, -1, nil)
    case LUA_TNIL: return nil
    default: throw HowdahError(.argument, "the function must return a number or nil")
    }
  }

  /// Call it and leave its results as the results of `call`.
  public func forward(to call: Call, _ arguments: LuaValue...) throws {
    let lua = call.lua
    try begin(lua, arguments.count)
    for argument in arguments { host.push(lua, argument) }
    try host.call(lua, arguments.count, LUA_MULTRET)
  }

  func push(_ lua: OpaquePointer) { hw_push_ref(lua, reference) }

  func begin(_ lua: OpaquePointer, _ arguments: Int) throws {
    guard lua_checkstack(lua, Int32(arguments) + 8) != 0 else {
      throw HowdahError(.limit, "stack overflow")
    }
    hw_push_ref(lua, reference)
  }
}

extension LuaHost {
  /// Call the function below `arguments` values; throws `LuaRaised`.
  func call(_ lua: OpaquePointer, _ arguments: Int, _ results: Int32) throws {
    hw_sync(box)
    if hw_call(lua, Int32(arguments), results) != LUA_OK {
      throw LuaRaised(host: self, popping: lua)
    }
  }

  /// Note or push the error for the shim to raise; the status for it.
  func report(_ error: any Error, _ lua: OpaquePointer) -> Int32 {
    switch error {
    case let raised as LuaRaised:
      guard lua_checkstack(lua, 1) != 0 else { return fail("limit", "stack overflow") }
      raised.push(lua)
      return Int32(HW_RAISE_TOP)
    case let error as HowdahError: return fail(error.kind.rawValue, error.message)
    default: return fail("internal", "\(error)")
    }
  }

  private func fail(_ kind: String, _ message: String) -> Int32 {
    hw_set_error(box, kind, message, message.utf8.count)
    return Int32(HW_RAISE)
  }

  /// The error for a handle or object that is of the right type but no longer there.
  func staleError(_ lua: OpaquePointer, at index: Int32) -> HowdahError {
    let name = typeName(lua, at: index)
    guard lua_type(lua, index) == LUA_TLIGHTUSERDATA else {
      return HowdahError(.stale, "this \(name) has been closed")
    }
    let handle = Handle(rawValue: hw_to_handle(lua, index))
    if space(handle) == nil {
      return HowdahError(
        .stale, "the project of this \(name) (id \(handle.index)) is closed; keep it in a variable")
    }
    return HowdahError(.stale, "this \(name) (id \(handle.index)) has been removed")
  }
}

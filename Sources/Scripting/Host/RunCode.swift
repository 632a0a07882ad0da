// Loading and running Lua source in a host.

import CLua
import Core
import LuaShim

extension LuaHost {
  /// Compile source text (never bytecode). `name` is what messages call it: "@file.lua" or "=prompt".
  /// Throws `LuaRaised` with the syntax error.
  public func load(_ source: String, name: String) throws -> LuaFunction {
    var source = source
    if name.hasPrefix("@"), !loadedFiles.contains(String(name.dropFirst())) {
      loadedFiles.append(String(name.dropFirst()))
    }
    let status = source.withUTF8 { bytes in
      bytes.withMemoryRebound(to: CChar.self) { hw_load(lua, $0.baseAddress, $0.count, name) }
    }
    if status != LUA_OK { throw LuaRaised(host: self, popping: lua) }
    return try LuaFunction(host: self, popping: lua)
  }

  /// Run source text and copy its results; errors are `LuaRaised` with a traceback.
  @discardableResult
  public func run(_ source: String, name: String = "=code", _ arguments: [LuaValue] = []) throws
    -> [LuaValue]
  {
    let function = try load(source, name: name)
    return try top(function, arguments) { first, count in
      try (0..<count).map { try value(lua, at: first + $0) }
    }
  }

  /// Call a function from outside any other call, with traceback and interruption; `results` reads its
  /// results from the stack, `count` from index `first` on.
  func top<R>(
    _ function: LuaFunction, _ arguments: [LuaValue], _ results: (Int32, Int32) throws -> R
  ) throws -> R {
    let base = lua_gettop(lua)
    hw_enter(box)
    defer {
      hw_leave(box)
      lua_settop(lua, base)
    }
    if context.listensToInterrupts { box.pointee.process_stop = hw_interrupt_flag() }
    guard lua_checkstack(lua, Int32(arguments.count) + 8) != 0 else {
      throw HowdahError(.limit, "stack overflow")
    }
    function.push(lua)
    for argument in arguments { push(lua, argument) }
    hw_sync(box)
    if hw_call_traced(lua, Int32(arguments.count), LUA_MULTRET) != LUA_OK {
      throw LuaRaised(host: self, popping: lua)
    }
    return try results(base + 1, lua_gettop(lua) - base)
  }
}

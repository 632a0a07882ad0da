// What Swift adds to a sandboxed state: print, require of files beside the recipe, and the functions of io
// and os that ask the policy. The allow list of everything else is LuaShim/sandbox.c.

import CLua
import Core
import Glibc
import LuaShim

extension LuaHost {
  /// Add the guarded functions. `folder` is where `require` looks; nil refuses every file.
  func openSandbox(folder: String?) throws {
    addGlobal("print") { call in
      call.host.context.output(
        try (0..<call.count).map { try call.tostring($0) }.joined(separator: "\t") + "\n")
    }
    var loaded: Set<String> = []
    addGlobal("require") { call in
      try call.host.requireModule(call, folder: folder, loading: &loaded)
    }
    guard hw_push_system_libraries(lua) == LUA_OK else {
      throw HowdahError(.limit, "not enough memory for the sandbox")
    }
    let os = lua_gettop(lua)
    let io = os - 1
    try guardTable(
      "io", from: io,
      [
        ("open", { call in try Self.checkOpen(call) }),
        ("lines", { call in _ = try call.readablePath(call.path(0)) }),
        ("popen", { call in try Self.checkRun(call, "io.popen") }),
      ])
    try guardTable(
      "os", from: os,
      [
        ("getenv", { call in try Self.checkEnvironment(call) }),
        ("execute", { call in try Self.checkRun(call, "os.execute") }),
        ("remove", { call in _ = try call.writablePath(call.path(0)) }),
        (
          "rename",
          { call in
            _ = try call.writablePath(call.path(0))
            _ = try call.writablePath(call.path(1))
          }
        ),
      ])
    lua_settop(lua, io - 1)
  }

  private func addGlobal(_ name: String, _ body: @escaping Handler) {
    push(lua, function: body)
    _ = hw_set_global(lua, name)
  }

  /// A global table of functions that first check and then call the standard function.
  private func guardTable(
    _ name: String, from library: Int32, _ functions: [(String, (Call) throws -> Void)]
  ) throws {
    guard hw_push_table(lua, 0, 4) == LUA_OK else { throw HowdahError(.limit, "not enough memory") }
    let table = lua_gettop(lua)
    for (function, check) in functions {
      guard hw_get_field(lua, library, function, function.utf8.count) == LUA_OK else { continue }
      let standard = try LuaFunction(host: self, popping: lua)
      push(
        lua,
        function: { call in
          try check(call)
          try standard.forward(to: call, arguments: 0)
        })
      _ = hw_set_field(lua, table, function, function.utf8.count)
    }
    _ = hw_set_global(lua, name)
  }

  private static func checkOpen(_ call: Call) throws {
    let mode = call.count > 1 ? call.text(at: call.first + 1) ?? "r" : "r"
    let path = try call.path(0)
    if mode.hasPrefix("r"), !mode.contains("+") {
      _ = try call.readablePath(path)
    } else {
      _ = try call.writablePath(path)
    }
  }

  private static func checkRun(_ call: Call, _ what: String) throws {
    if call.host.context.sandbox?.allowsRun == false {
      throw HowdahError(
        .permission, "\(what): this recipe may not start programs; run it with --allow-run")
    }
  }

  private static func checkEnvironment(_ call: Call) throws {
    if call.host.context.sandbox?.allowsEnvironment == false {
      throw HowdahError(
        .permission,
        "os.getenv: this recipe may not read the environment; run it with --allow-env")
    }
  }

  /// `require "howdah"` gives the module; `require "a.b"` runs a/b.lua beside the recipe, once.
  private func requireModule(_ call: Call, folder: String?, loading: inout Set<String>) throws {
    guard let name = luaText(call.lua, call.first) else {
      throw HowdahError(.argument, "require: a module name (string) expected")
    }
    if name == "howdah" {
      _ = hw_get_global(call.lua, "howdah")
      return
    }
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    let plain = parts.allSatisfy { part in
      !part.isEmpty
        && part.utf8.allSatisfy { c in
          (c | 32 >= 97 && c | 32 <= 122) || (c >= 48 && c <= 57) || c == 95 || c == 45
        }
    }
    guard plain, let folder else {
      throw HowdahError(.permission, "require \"\(name)\": only modules beside the recipe")
    }
    let key = "required:" + name
    guard hw_get_field(call.lua, hw_registry_index(), key, key.utf8.count) == LUA_OK else { return }
    if lua_type(call.lua, -1) != LUA_TNIL { return }
    hw_pop(call.lua, 1)
    let path = folder + "/" + parts.joined(separator: "/") + ".lua"
    guard SandboxPolicy.isInside(SandboxPolicy.resolve(path), SandboxPolicy.resolve(folder)) else {
      throw HowdahError(
        .permission, "require \"\(name)\": \(path) leads out of the recipe's folder")
    }
    guard loading.insert(name).inserted else {
      throw HowdahError(.argument, "require \"\(name)\": the module requires itself")
    }
    defer { loading.remove(name) }
    let chunk = try load(try readText(path), name: "@" + path)
    let top = lua_gettop(call.lua)
    try chunk.forward(to: call, .string(name))
    lua_settop(call.lua, top + 1)
    if lua_type(call.lua, -1) == LUA_TNIL {
      hw_pop(call.lua, 1)
      lua_pushboolean(call.lua, 1)
    }
    lua_pushvalue(call.lua, -1)
    _ = hw_set_field(call.lua, hw_registry_index(), key, key.utf8.count)
  }
}

extension Call {
  /// Argument `i` as `tostring` would give it.
  public func tostring(_ i: Int) throws -> String {
    guard hw_tostring(lua, first + Int32(i)) == LUA_OK else {
      throw LuaRaised(host: host, popping: lua)
    }
    defer { hw_pop(lua, 1) }
    return luaText(lua, -1) ?? ""
  }

  /// Argument `i` as a path; for functions whose arguments are not declared.
  func path(_ i: Int) throws -> String {
    guard let path = luaText(lua, first + Int32(i)) else {
      throw HowdahError(
        .argument, "argument \(i + 1): a path (string) expected, got \(typeName(i))")
    }
    if path.utf8.contains(0) { throw HowdahError(.argument, "a path cannot contain a zero byte") }
    return path
  }
}

/// The text of a file, at most 16 MB.
public func readText(_ path: String) throws -> String {
  let descriptor = open(path, O_RDONLY | O_CLOEXEC)
  guard descriptor >= 0 else {
    throw HowdahError.file(path, "cannot be read: \(lastSystemError())")
  }
  defer { close(descriptor) }
  var bytes: [UInt8] = []
  var block = [UInt8](repeating: 0, count: 1 << 16)
  while true {
    let n = read(descriptor, &block, block.count)
    if n < 0 {
      if errno == EINTR { continue }
      throw HowdahError.file(path, "cannot be read: \(lastSystemError())")
    }
    if n == 0 { break }
    bytes += block[..<n]
    if bytes.count > 16 << 20 { throw HowdahError.format(path, at: "", "is larger than 16 MB") }
  }
  return String(decoding: bytes, as: UTF8.self)
}

// What trusted states get on top of the standard library: the table `arg`, modules of the folder lua/.

import CLua
import Core
import Glibc
import LuaShim

extension LuaHost {
  /// Run source text and drop its results; errors are `LuaRaised` with a traceback.
  public func execute(_ source: String, name: String, _ arguments: [String] = []) throws {
    let function = try load(source, name: name)
    try top(function, arguments.map { .string($0) }) { _, _ in }
  }

  /// Set the global `arg`: `all[scriptAt]` at 0, what follows from 1 on, what stands before at -1, -2, ...
  public func setArgumentTable(_ all: [String], scriptAt: Int) throws {
    guard hw_push_table(lua, Int32(all.count), 1) == LUA_OK else {
      throw HowdahError(.limit, "not enough memory")
    }
    let table = lua_gettop(lua)
    // Without a script the program's name is at 0, as in lua.
    let zero = scriptAt < all.count ? scriptAt : 0
    for (i, text) in all.enumerated() {
      push(lua, text)
      _ = hw_set_index(lua, table, Int64(i - zero))
    }
    _ = hw_set_global(lua, "arg")
  }

  /// Let `require` find the modules of this folder, and know the registry's modules by name.
  public func installLuaFolder(_ folder: String?) throws {
    try run(
      """
      local folder = ...
      package.loaded.howdah = howdah
      if folder then package.path = folder .. "/?.lua;" .. package.path end
      """, name: "=(setup)", [folder.map { .string($0) } ?? .nil])
  }
}

extension RecipeLibrary {
  /// The folder of Lua modules that comes with the program, installed or in the source tree.
  public static func luaFolder(executable: String? = executablePath()) -> String? {
    guard let executable else { return nil }
    var folder = SandboxPolicy.folder(of: executable)
    var places = [SandboxPolicy.folder(of: folder) + "/share/howdah/lua"]
    for _ in 0..<5 {
      if access(folder + "/Package.swift", R_OK) == 0 { places.append(folder + "/lua") }
      folder = SandboxPolicy.folder(of: folder)
    }
    return places.first { access($0, R_OK) == 0 }
  }
}

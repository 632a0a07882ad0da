// What a Lua state remembers between calls that belongs to no project: the seed of random operations.

import CLua
import LuaShim

extension Call {
  /// Set a field of the table on top of the stack to what `value` pushes.
  func setField(_ name: String, _ value: () -> Void) {
    let table = lua_gettop(lua)
    value()
    if lua_gettop(lua) > table { _ = hw_set_field(lua, table, name, name.utf8.count) }
  }
}

extension LuaHost {
  /// The seed for a random operation that was given none. Each gets another one, and the same script gets
  /// the same ones again.
  func nextSeed() -> Int {
    defer { context.seed &+= 1 }
    return context.seed
  }
}

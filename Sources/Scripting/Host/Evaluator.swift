// One input of the prompt: expressions without `return`, `;` silences, `_` is the last value, `?name` is help,
// unfinished input asks for more.

import CLua
import Core
import LuaShim

extension LuaHost {
  /// What became of an input.
  public enum InputResult {
    /// It ran; the text to show.
    case done(String)
    /// The statement is not finished; read another line.
    case incomplete
  }

  /// Run one input of the prompt and give what it shows. Throws `LuaRaised`.
  public func evaluate(_ input: String) throws -> InputResult {
    var source = input.trimmedOfBlanks
    if source.isEmpty { return .done("") }
    if source.hasPrefix("?") {
      return .done(help(String(source.dropFirst()).trimmedOfBlanks))
    }
    let isSilent = source.hasSuffix(";")
    while source.hasSuffix(";") { source.removeLast() }
    let function: LuaFunction
    if let expression = try? load("return " + source, name: "=prompt") {
      function = expression
    } else {
      do {
        function = try load(input, name: "=prompt")
      } catch let error as LuaRaised where error.message.hasSuffix("<eof>") {
        return .incomplete
      }
    }
    defer { settle() }
    return try top(function, []) { first, count in
      if count == 0 { return .done("") }
      lua_pushvalue(lua, first)
      _ = hw_set_global(lua, "_")
      if isSilent { return .done("") }
      // One nil from a call is not worth a line; it is when somebody types an expression like p.x.
      if count == 1, lua_type(lua, first) == LUA_TNIL, source.hasSuffix(")") { return .done("") }
      return .done(try (0..<count).map { try display(lua, at: first + $0) }.joined())
    }
  }
}

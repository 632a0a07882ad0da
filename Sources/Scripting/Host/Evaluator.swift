// One input of the prompt: expressions without `return`, `;` silences, `_` is the last value, `?name` is help,
// unfinished input asks for more.

import CLua
import Core
import LuaShim

/// An owner of a handle space that wants to know when an input of the prompt begins and ends.
protocol Settling: AnyObject {
  /// What is done from now on is one step for the person.
  func begin()
  /// The person has control now; what they changed stays for a while.
  func settle()
}

extension LuaHost {
  /// What became of an input.
  public enum InputResult {
    /// It ran; the text to show.
    case done(String)
    /// The statement is not finished; read another line.
    case incomplete
  }

  /// Run one input of the prompt and give what it shows. What it changes is one undo point of each project.
  /// Throws `LuaRaised`.
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
        function =
          try Self.lasting(source).flatMap { try? load($0, name: "=prompt") }
          ?? load(input, name: "=prompt")
      } catch let error as LuaRaised where error.message.hasSuffix("<eof>") {
        return .incomplete
      }
    }
    settling.forEach { $0.begin() }
    defer { settling.forEach { $0.settle() } }
    return try top(function, []) { first, count in
      if count == 0 { return .done("") }
      lua_pushvalue(lua, first)
      _ = hw_set_global(lua, "_")
      if isSilent { return .done("") }
      // One nil from a call is not worth a line; it is when somebody types an expression like p.x.
      if count == 1, lua_type(lua, first) == LUA_TNIL {
        if source.hasSuffix(")") { return .done("") }
        if let note = missingVariable(source) { return .done("nil  \(note)\n") }
      }
      return .done(try (0..<count).map { try display(lua, at: first + $0) }.joined())
    }
  }

  /// A local variable would be gone at the end of its input, so at the prompt `local x = 1` keeps `x`; nil when
  /// an input does not begin so.
  private static func lasting(_ source: String) -> String? {
    guard source.hasPrefix("local ") else { return nil }
    let rest = source.dropFirst(6).trimmedOfBlanks
    if rest.contains("=") || rest.hasPrefix("function ") { return rest }
    let isNames = rest.allSatisfy { $0.isLetter || $0.isNumber || "_, ".contains($0) }
    return isNames ? rest + " = nil" : nil
  }

  /// What to say of an input that is a name which no variable has.
  private func missingVariable(_ source: String) -> String? {
    guard source.allSatisfy({ $0.isLetter || $0.isNumber || $0 == "_" }), source != "nil" else {
      return nil
    }
    let names = Completion(self).globals()
    if names.contains(source) { return nil }
    return "(there is no variable \"\(source)\"\(Suggest.hint(for: source, among: names)))"
  }
}

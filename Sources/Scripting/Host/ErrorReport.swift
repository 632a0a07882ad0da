// An error as people see it: file and line, the source line, the reason, the nearest right name. Frames of the
// host are left out unless they are asked for.

import Core

/// Turns errors into text.
public struct ErrorReport {
  /// Source texts by chunk name, for scripts that are in no file.
  public typealias Sources = [String: String]

  let sources: Sources
  let registry: Registry?
  let showsHostFrames: Bool

  /// A report that finds source lines in `sources` and names in `registry`.
  public init(sources: Sources = [:], registry: Registry? = nil, showsHostFrames: Bool = false) {
    self.sources = sources
    self.registry = registry
    self.showsHostFrames = showsHostFrames
  }

  /// The text, ending in a newline.
  public func text(of error: any Error) -> String {
    guard let raised = error as? LuaRaised else {
      let message = (error as? HowdahError)?.message ?? "\(error)"
      return message + "\n"
    }
    var (place, message) = split(raised)
    if let chunk = place?.chunk, chunk.hasPrefix("..."),
      let file = raised.files.first(where: { $0.hasSuffix(chunk.dropFirst(3)) })
    {
      place?.chunk = file
    }
    var text = place.map { "\($0.chunk):\($0.line): " } ?? ""
    text += message + suggestion(for: message) + "\n"
    if let place, let line = sourceLine(place.chunk, place.line) {
      text += "  \(place.line) | \(line)\n"
    }
    return text + frames(raised.traceback)
  }

  private func split(_ raised: LuaRaised) -> (place: (chunk: String, line: Int)?, message: String) {
    let whole = raised.description
    // `chunk:line: message`; the chunk may itself contain colons.
    var from = whole.startIndex
    while let colon = whole[from...].firstIndex(of: ":") {
      let rest = whole[whole.index(after: colon)...]
      let digits = rest.prefix { $0.isNumber }
      if !digits.isEmpty, rest.dropFirst(digits.count).hasPrefix(": "), let line = Int(digits) {
        let message = rest.dropFirst(digits.count + 2)
        return ((String(whole[..<colon]), line), String(message))
      }
      if whole[from..<colon].contains("\n") { break }
      from = whole.index(after: colon)
    }
    return (nil, whole)
  }

  private func sourceLine(_ chunk: String, _ number: Int) -> String? {
    guard let text = sources[chunk] ?? (try? readText(chunk)) else { return nil }
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    guard number >= 1, number <= lines.count else { return nil }
    return lines[number - 1].trimmedOfBlanks
  }

  /// For "attempt to call a nil value (field 'opn')": the registered name that is meant.
  private func suggestion(for message: String) -> String {
    guard let registry, message.hasPrefix("attempt to"), let open = message.firstIndex(of: "("),
      let quote = message[open...].firstIndex(of: "'"),
      let end = message[message.index(after: quote)...].firstIndex(of: "'")
    else { return "" }
    let name = String(message[message.index(after: quote)..<end])
    let what = message[message.index(after: open)..<quote]
    var names: [String]
    if what.hasPrefix("global") {
      names = Self.globals + registry.modules.filter { !$0.name.contains(".") }.map(\.name)
      names += registry.module("").functions.map(\.name)
    } else {
      names = registry.modules.flatMap { $0.functions.map(\.name) }
      names += registry.types.flatMap(\.memberNames)
    }
    if names.contains(name) || what.hasPrefix("local") || what.hasPrefix("upvalue") { return "" }
    return Suggest.hint(for: name, among: names)
  }

  /// The standard globals of Lua.
  public static let globals = [
    "assert", "collectgarbage", "dofile", "error", "getmetatable", "ipairs", "load", "loadfile",
    "next",
    "pairs", "pcall", "print", "rawequal", "rawget", "rawlen", "rawset", "require", "select",
    "setmetatable", "tonumber", "tostring", "type", "warn", "xpcall", "coroutine", "debug", "io",
    "math",
    "os", "package", "string", "table", "utf8",
  ]

  /// The script's own frames when there are several; all frames when asked for.
  private func frames(_ traceback: String) -> String {
    let lines = traceback.split(separator: "\n").dropFirst().map { $0.trimmedOfBlanks }
    if showsHostFrames { return lines.map { "    \($0)\n" }.joined() }
    let own = lines.filter { !$0.hasPrefix("[C]") && !$0.hasPrefix("(...") }
    if own.count < 2 { return "" }
    return own.prefix(12).map { "    \($0)\n" }.joined()
  }
}

extension StringProtocol {
  /// Without blanks and tabs at both ends.
  var trimmedOfBlanks: String {
    var text = Substring(self)
    while let c = text.first, c == " " || c == "\t" { text = text.dropFirst() }
    while let c = text.last, c == " " || c == "\t" || c == "\r" { text = text.dropLast() }
    return String(text)
  }
}

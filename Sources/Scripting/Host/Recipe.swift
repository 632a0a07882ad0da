// A recipe as data: what its table says, without running it.

import CLua
import Core
import LuaShim

/// The description that a recipe file returns.
public struct Recipe: Sendable {
  /// The file.
  public var path: String
  /// The name, in snake_case.
  public var name: String
  /// Its version, as the author writes it.
  public var version: String
  /// The version of the Lua surface it was written for.
  public var api: Int
  /// One sentence.
  public var summary: String
  /// Its parameters in the order of the file.
  public var params: [Param]

  /// The version of the Lua surface that this program has; `howdah.api`.
  public static let apiVersion = 1

  /// A dash on the command line and an underscore in Lua are the same.
  public static func canonical(_ name: String) -> String {
    String(name.map { $0 == "-" ? "_" : $0 })
  }

  init(_ table: LuaValue, path: String, source: String) throws {
    func bad(_ reason: String) -> HowdahError { .format(path, at: "recipe", reason) }
    guard table.fields != nil, !(table.fields ?? []).isEmpty else {
      throw bad("the file must return a table {name=, summary=, params=, run=}")
    }
    self.path = path
    guard let name = table["name"].text, !name.isEmpty else { throw bad("name is missing") }
    self.name = name
    version = table["version"].text ?? "0"
    api = table["api"].integer ?? 1
    guard api <= Self.apiVersion else {
      throw bad("needs api \(api), this program has \(Self.apiVersion); install a newer Howdah")
    }
    summary = table["summary"].text ?? ""
    guard case .opaque("function") = table["run"] else {
      throw bad("run = function(project, params) is missing")
    }
    let known = [
      "name", "version", "api", "summary", "params", "run", "author", "license", "example",
    ]
    for field in table.fields ?? [] where !known.contains(field.key) {
      throw bad("unknown field \"\(field.key)\"" + Suggest.hint(for: field.key, among: known))
    }
    let declared = table["params"]
    guard declared.isNil || declared.fields != nil else {
      throw bad("params must be a table by name")
    }
    params = try (declared.fields ?? []).map { try RecipeParam.make($0.key, $0.value, bad) }
    let order = Self.order(of: params.map(\.name), in: source)
    params.sort { order[$0.name] ?? 0 < order[$1.name] ?? 0 }
  }

  /// Where each parameter is first assigned in the source: Lua tables have no order, people's files have.
  private static func order(of names: [String], in source: String) -> [String: Int] {
    let text = Array(source.utf8)
    let start = position(of: Array("params".utf8), in: text, from: 0) ?? 0
    var result: [String: Int] = [:]
    for name in names {
      let letters = Array(name.utf8)
      var from = start
      while let at = position(of: letters, in: text, from: from) {
        var after = at + letters.count
        while after < text.count, text[after] == 32 { after += 1 }
        let before = at == 0 ? 32 : text[at - 1]
        let isWord = before == 95 || (before | 32 >= 97 && before | 32 <= 122)
        if !isWord, after < text.count, text[after] == 61 {
          result[name] = at
          break
        }
        from = at + 1
      }
    }
    return result
  }

  private static func position(of word: [UInt8], in text: [UInt8], from: Int) -> Int? {
    guard !word.isEmpty, text.count >= word.count, from <= text.count - word.count else {
      return nil
    }
    return (from...(text.count - word.count)).first {
      text[$0..<($0 + word.count)].elementsEqual(word)
    }
  }

  /// What `howdah run NAME --help` prints.
  public func help(program: String = "howdah run") -> String {
    var text = "\(summary)\n\nusage: \(program) \(name) [PROJECT] [options]\n"
    var rows = params.map { p -> (String, String) in
      let flag = "--" + String(p.name.map { $0 == "_" ? "-" : $0 })
      var note = p.doc
      if !p.defaultValue.isNil { note += " (default \(ValueText.short(p.defaultValue)))" }
      if !p.isOptional { note += " (required)" }
      return (p.type == .boolean ? flag : "\(flag) \(RecipeParam.placeholder(p))", note)
    }
    text += rows.isEmpty ? "" : "\nparameters:\n" + Columns.aligned(rows)
    rows = [
      ("-o FILE", "save the project here when the recipe is done"),
      ("--in-place", "save the project over its own file"),
      ("--json", "print the result as one JSON object"),
      ("--max-time SECONDS", "stop the recipe after this time"),
      ("--max-memory SIZE", "most memory for the script, such as 500M"),
      ("--allow-read DIR", "let the recipe read files in DIR"),
      ("--allow-write DIR", "let the recipe write files in DIR"),
      ("--allow-env, --allow-run", "let it read the environment, start programs"),
      ("--allow-net", "let it fetch models from addresses that it is given"),
    ]
    return text + "\nfor every recipe:\n" + Columns.aligned(rows)
      + "\n\(name) \(version), \(path)\n"
  }
}

/// Two columns of text.
enum Columns {
  static func aligned(_ rows: [(String, String)]) -> String {
    let width = min(30, rows.map(\.0.count).max() ?? 0)
    return rows.map { left, right in
      if right.isEmpty { return "  \(left)\n" }
      let gap = left.count <= width ? String(repeating: " ", count: width - left.count) : ""
      return "  \(left)\(gap)  \(right)\n"
    }.joined()
  }
}

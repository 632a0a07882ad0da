// Completion inside options tables and strings: option keys, the words of choices, tag sets, tags and the
// parameters of recipes.

import CLua
import Core

extension Completion {
  /// A table that is open at the end of a line, and the call that it belongs to.
  private struct OpenTable {
    /// The name that is called, or the key that the table is the value of.
    var name = ""
    /// The same with what stands before it, as in `howdah.link.nearest`.
    var path = ""
    /// The arguments before the table, "" when it is called without parentheses.
    var arguments = ""
    /// What stands in it so far.
    var inside = ""

    /// The key that a value is to be given to, as in `{a = 1, mode = `; nil where a key can stand.
    var key: String? {
      var level = 0
      var start = inside.startIndex
      for i in inside.indices {
        let c = inside[i]
        if c == "{" || c == "(" { level += 1 }
        if c == "}" || c == ")" { level -= 1 }
        if c == ",", level == 0 { start = inside.index(after: i) }
      }
      let last = inside[start...]
      return last.firstIndex(of: "=").map { last[..<$0].trimmedOfBlanks }
    }
  }

  /// What can stand in the table that is open at the end of `before`; nil when that is any name.
  func inTable(_ before: String, _ word: String) -> [String]? {
    guard !word.contains("."), !word.contains(":"), let table = openTable(before) else {
      return nil
    }
    if let key = table.key {
      switch options(of: table).first(where: { $0.name == key })?.type {
      case .choice(let words): return words.map { "\"\($0)\"" }.filter { $0.hasPrefix(word) }
      case .boolean: return ["false", "true"].filter { $0.hasPrefix(word) }
      default: return nil
      }
    }
    let known =
      table.name == "tags" ? tagNames("p.tags") : options(of: table).map(\.name)
    let keys = known.filter {
      $0.hasPrefix(word) && !table.inside.contains("\($0)=") && !table.inside.contains("\($0) =")
    }
    // A value may stand without a key too, but nobody asks for all names to find one.
    return keys.isEmpty && (known.isEmpty || !word.isEmpty) ? nil : keys.map { $0 + "=" }
  }

  /// The words that a string can be after `call`; nil when it may be anything.
  func stringWords(_ call: String) -> [String]? {
    let tagWords = ["tagged(", "untagged(", ":tag(", "untag("]
    if tagWords.contains(where: call.hasSuffix) { return tagNames("p.tags") }
    // The second argument: the set is the string before.
    let parts = call.split(separator: "\"", omittingEmptySubsequences: false)
    if parts.count >= 3, parts[parts.count - 1].trimmedOfBlanks == ",",
      tagWords.contains(where: parts[parts.count - 3].hasSuffix)
    {
      let names = tagNames("p.tags[\"\(parts[parts.count - 2])\"]")
      return names.isEmpty ? nil : names
    }
    // `spot.tags.Detection == ` and `spot.tags.Detection = `
    let left = call.reversed().drop { $0 == "=" || $0 == "~" || $0 == " " }
    let path = String(
      left.prefix { $0.isLetter || $0.isNumber || $0 == "_" || $0 == "." }.reversed()
    )
    .split(separator: ".")
    if path.count >= 2, path[path.count - 2] == "tags", call.hasSuffix("=") {
      return tagNames("p.tags[\"\(path[path.count - 1])\"]")
    }
    guard let table = openTable(call), let key = table.key, call.hasSuffix("=") else { return nil }
    if table.name == "tags" { return tagNames("p.tags[\"\(key)\"]") }
    if case .choice(let words) = options(of: table).first(where: { $0.name == key })?.type {
      return words
    }
    switch key {
    case "tag_set": return tagNames("p.tags")
    case "tag":
      let sets = tagNames("p.tags")
      return sets.filter { table.inside.contains("\"\($0)\"") }
        .flatMap { tagNames("p.tags[\"\($0)\"]") }
    default: return nil
    }
  }

  private func openTable(_ before: String) -> OpenTable? {
    guard let open = lastOpen("{", "}", before[...]) else { return nil }
    var table = OpenTable(inside: String(before[before.index(after: open)...]))
    var head = before[..<open].trimmedOfBlanks[...]
    if head.hasSuffix("=") { head = head.dropLast().trimmedOfBlanks[...] }
    if head.hasSuffix(",") || head.hasSuffix("(") {
      // Back over the arguments before the table to the name that is called.
      guard let call = lastOpen("(", ")", head) else { return nil }
      table.arguments = String(head[head.index(after: call)...])
      head = head[..<call].trimmedOfBlanks[...]
    }
    func isPart(_ c: Character) -> Bool { c.isLetter || c.isNumber || c == "_" }
    table.name = String(head.reversed().prefix(while: isPart).reversed())
    table.path = String(
      head.reversed().prefix { isPart($0) || $0 == "." || $0 == ":" }.reversed())
    return table.name.isEmpty ? nil : table
  }

  /// The last bracket that is not closed.
  private func lastOpen(_ open: Character, _ close: Character, _ text: Substring) -> String.Index? {
    var level = 0
    for i in text.indices.reversed() {
      if text[i] == close { level += 1 }
      if text[i] == open {
        if level == 0 { return i }
        level -= 1
      }
    }
    return nil
  }

  /// The keys of an options table: those of every function or method of the name, or of a recipe.
  private func options(of table: OpenTable) -> [Param] {
    let quoted = table.arguments.split(separator: "\"", omittingEmptySubsequences: false)
    if table.name == "run", quoted.count >= 3, quoted[0].trimmedOfBlanks.isEmpty {
      return (try? host.runner?.describe(String(quoted[1])))?.params ?? []
    }
    let entries = host.registry.entries.filter { $0.name == table.name }
    if let function = entries.first(where: { $0.fullName == table.path }) {
      return function.options
    }
    return entries.filter { $0.role == .method || !table.path.contains(":") }.flatMap(\.options)
  }

  /// The dynamic names of the tag view that `expression` gives.
  private func tagNames(_ expression: String) -> [String] {
    guard let function = try? host.load("return p and \(expression)", name: "=completion") else {
      return []
    }
    let names = try? host.top(function, []) { first, count -> [String] in
      guard count == 1 else { return [] }
      return host.dynamicNames(host.lua, at: first)
    }
    return names ?? []
  }
}

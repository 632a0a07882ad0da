// What `help`, `?name`, `howdah help` and the reference page print, from the registry.

import Core

/// Help texts from a registry.
public struct Help {
  let registry: Registry
  private let width: Int?

  /// Help over these names, wrapped to so many columns.
  public init(registry: Registry, width: Int? = nil) {
    self.registry = registry
    self.width = width
  }

  /// Help for a topic: a module, type, function, method or property; "" is the overview, "all" everything.
  public func topic(_ topic: String) -> String {
    let text = find(topic)
    guard let width, width > 40 else { return text }
    return text.split(separator: "\n", omittingEmptySubsequences: false)
      .map { Self.wrapped($0, width) }.joined(separator: "\n")
  }

  /// A line broken at blanks; what follows is indented.
  private static func wrapped(_ line: Substring, _ width: Int) -> String {
    var rest = line
    var lines: [String] = []
    var room = width - 1
    while rest.count > room, let blank = rest.prefix(room + 1).lastIndex(of: " "),
      rest[..<blank].contains(where: { $0 != " " })
    {
      lines.append(String(rest[..<blank]))
      rest = rest[rest.index(after: blank)...]
      room = width - 9
    }
    return (lines + [String(rest)]).joined(separator: "\n        ")
  }

  private func find(_ topic: String) -> String {
    let name = topic.map { $0 == ":" ? "." : String($0) }.joined()
    if name.isEmpty { return overview() }
    if name == "all" { return reference() }
    if let module = registry.modules.first(where: { $0.name == name && !name.isEmpty }) {
      return text(of: module)
    }
    if let type = registry.type(named: name) { return text(of: type) }
    let matches = entries().filter { entry in
      let full = entry.fullName.replacing(":", by: ".")
      return full == name || full.hasSuffix("." + name)
    }
    // What people type has their own names before ours: `p.spots.at`.
    if matches.isEmpty, let dot = name.firstIndex(of: ".") {
      let found = find(String(name[name.index(after: dot)...]))
      if !found.hasPrefix("no help for") { return found }
    }
    if matches.isEmpty {
      let names =
        entries().map { $0.fullName.replacing(":", by: ".") } + entries().map(\.name)
        + registry.types.map(\.name) + registry.modules.map(\.name)
      return "no help for \"\(topic)\"" + Suggest.hint(for: name, among: names) + "\n"
    }
    return matches.map(text).joined(separator: "\n")
  }

  private func entries() -> [Entry] {
    registry.entries.filter { !$0.doc.isEmpty && $0.role != .setter && $0.role != .metamethod }
  }

  private func overview() -> String {
    var text = "Howdah: 3D cell tracking, scripted in Lua.\n\n"
    for module in registry.modules where !module.functions.isEmpty {
      if !module.name.isEmpty { text += "\(module.name)  \(module.doc)\n" }
      let rows = module.functions.map {
        (registry.entry($0.entry).fullName, registry.entry($0.entry).doc)
      }
      text += Columns.aligned(rows) + "\n"
    }
    text += "objects  (help(\"spot\") shows what one has)\n"
    text += Columns.aligned(
      registry.types.filter { !$0.memberNames.isEmpty }.map { ($0.name, $0.doc) })
    return text
      + "\ntimepoints, voxels and ids count from 0; positions are in world units; Lua lists count from 1\n"
  }

  private func text(of module: ModuleEntry) -> String {
    var text = "\(module.name)  \(module.doc)\n"
    let functions = module.functions.map { registry.entry($0.entry) }
    text += Columns.aligned(functions.map { (Self.signature($0), $0.doc) })
    text += Columns.aligned(
      module.constants.map { ("\(module.name).\($0.name) = \(ValueText.short($0.value))", $0.doc) })
    let inner = registry.modules.filter { $0.name.hasPrefix(module.name + ".") }
    return text + Columns.aligned(inner.map { ($0.name, $0.doc) })
  }

  private func text(of type: TypeEntry) -> String {
    var text = "\(type.name)  \(type.doc)\n"
    text += Columns.aligned(
      type.properties.map {
        (".\($0.name): \($0.type)", $0.doc + ($0.isWritable ? " Can be set." : ""))
      })
    text += Columns.aligned(
      type.methods.map { registry.entry($0.entry) }.map { e in
        (String(Self.signature(e).dropFirst(type.name.count)), e.doc)
      })
    return text
  }

  private func text(_ entry: Entry) -> String {
    var text = Self.signature(entry) + "\n  \(entry.doc)\n"
    for p in entry.params {
      if let options = p.options {
        text += Columns.aligned(options.map { ($0.name, Self.note($0)) })
      } else if !p.doc.isEmpty || !p.defaultValue.isNil {
        text += Columns.aligned([(p.name, Self.note(p))])
      }
    }
    if !entry.example.isEmpty { text += "  example: \(entry.example)\n" }
    return text
  }

  /// Type, sentence and default of a parameter.
  private static func note(_ p: Param) -> String {
    var text = p.expectation
    if !p.doc.isEmpty { text += ". \(p.doc)" }
    if !p.defaultValue.isNil { text += " (default \(ValueText.short(p.defaultValue)))" }
    if !p.isOptional { text += " (required)" }
    return text
  }

  /// `howdah.make(name, {radius=, count=3}) -> table`, `spot.x: number`.
  public static func signature(_ entry: Entry) -> String {
    if entry.role == .getter { return "\(entry.fullName): \(entry.returns)" }
    let arguments = entry.params.map { p -> String in
      if let options = p.options {
        return "{"
          + options.map { o in
            o.defaultValue.isNil ? "\(o.name)=" : "\(o.name)=\(ValueText.short(o.defaultValue))"
          }.joined(separator: ", ") + "}"
      }
      if p.isVariadic { return "..." }
      return p.isOptional ? "[\(p.name)]" : p.name
    }
    return "\(entry.fullName)(\(arguments.joined(separator: ", ")))"
      + (entry.returns.isEmpty ? "" : " -> \(entry.returns)")
  }

  /// Everything, as one page.
  public func reference() -> String {
    var text = overview()
    for module in registry.modules {
      for (_, number) in module.functions { text += "\n" + self.text(registry.entry(number)) }
    }
    for type in registry.types where !type.memberNames.isEmpty {
      text += "\n" + self.text(of: type)
      for (_, number) in type.methods where !registry.entry(number).params.isEmpty {
        text += "\n" + self.text(registry.entry(number))
      }
    }
    return text
  }
}

extension String {
  /// Every `letter` replaced.
  func replacing(_ letter: Character, by other: Character) -> String {
    String(map { $0 == letter ? other : $0 })
  }
}

// Completion at the prompt: globals, fields, methods, option keys, tag and recipe names, files in strings.
//
// Tables are walked raw and types are followed through the registry, so that Tab runs no code of the session;
// tag names ask the project `p`, and the parameters of a recipe are read as `howdah recipes` reads them. What
// an options table or a string can hold is in Completion+Options.swift.

import CLua
import Core
import Glibc
import LuaShim

/// Finds what can stand at a place of a line.
public struct Completion {
  let host: LuaHost

  /// Completion over the names and values of a host.
  public init(_ host: LuaHost) { self.host = host }

  static let keywords = [
    "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "goto", "if", "in",
    "local",
    "nil", "not", "or", "repeat", "return", "then", "true", "until", "while",
  ]

  /// The words that can replace `line[start..<end]` (byte offsets), sorted.
  public func candidates(_ line: String, _ start: Int, _ end: Int) -> [String] {
    let bytes = Array(line.utf8)
    guard start >= 0, start <= end, end <= bytes.count else { return [] }
    let before = String(decoding: bytes[..<start], as: UTF8.self)
    let word = String(decoding: bytes[start..<end], as: UTF8.self)
    let found: [String]
    if let opening = openString(before) {
      let prefix = String(before[before.index(after: opening)...]) + word
      found = inString(before: String(before[..<opening]), prefix, word)
    } else if before.hasPrefix("?") || word.hasPrefix("?") {
      found = helpTopics(word)
    } else {
      found = inTable(before, word) ?? names(word)
    }
    return Array(Set(found)).sorted()
  }

  // MARK: Strings

  /// The quote of a string that is still open at the end of `text`.
  private func openString(_ text: String) -> String.Index? {
    var open: String.Index?
    var i = text.startIndex
    while i < text.endIndex {
      let c = text[i]
      if let at = open {
        if c == "\\" {
          i = text.index(after: i)
          if i == text.endIndex { break }
        } else if c == text[at] {
          open = nil
        }
      } else if c == "\"" || c == "'" {
        open = i
      }
      i = text.index(after: i)
    }
    return open
  }

  private func inString(before: String, _ prefix: String, _ word: String) -> [String] {
    let call = before.trimmedOfBlanks
    if call.hasSuffix("howdah.run(") || call.hasSuffix("howdah.run") {
      let names = host.runner?.library.names() ?? []
      return names.filter { $0.hasPrefix(word) }.map { $0 + "\"" }
    }
    if let words = stringWords(call) { return words.filter { $0.hasPrefix(word) } }
    return files(prefix, word)
  }

  private func files(_ prefix: String, _ word: String) -> [String] {
    let folder = prefix.lastIndex(of: "/").map { String(prefix[...$0]) } ?? ""
    let name = String(prefix.dropFirst(folder.count))
    guard let directory = opendir(folder.isEmpty ? "." : folder) else { return [] }
    defer { closedir(directory) }
    var result: [String] = []
    while let entry = readdir(directory) {
      let file = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      guard file.hasPrefix(name), file != ".", file != "..", !file.hasPrefix(".") || !name.isEmpty
      else {
        continue
      }
      let isFolder = Int32(entry.pointee.d_type) == Int32(DT_DIR)
      // readline replaces only the word; what stands before it in the string stays.
      result.append(
        String((folder + file).dropFirst(prefix.count - word.count)) + (isFolder ? "/" : ""))
    }
    return result
  }

  // MARK: Names

  private func helpTopics(_ word: String) -> [String] {
    let mark = word.hasPrefix("?") ? "?" : ""
    let name = String(word.dropFirst(mark.count))
    let entries = host.registry.entries.filter { $0.role == .function || $0.role == .method }
    let all = entries.map(\.fullName) + host.registry.types.map(\.name)
    return all.filter { $0.hasPrefix(name) }.map { mark + $0 }
  }

  private func names(_ word: String) -> [String] {
    guard let mark = word.lastIndex(where: { $0 == "." || $0 == ":" }) else {
      return fields(ofGlobals: word) + Self.keywords.filter { !word.isEmpty && $0.hasPrefix(word) }
    }
    let path = word[..<mark].split(whereSeparator: { $0 == "." || $0 == ":" }).map(String.init)
    let last = String(word[word.index(after: mark)...])
    let base = String(word[...mark])
    return members(path, methodsOnly: word[mark] == ":")
      .filter { $0.hasPrefix(last) && ($0 != "_" || last == "_") }
      .map { base + $0 }
  }

  /// The names of all global variables.
  func globals() -> [String] {
    fields(ofGlobals: "").map { $0.hasSuffix("(") ? String($0.dropLast()) : $0 }
  }

  private func fields(ofGlobals word: String) -> [String] {
    let lua = host.lua
    let top = lua_gettop(lua)
    defer { lua_settop(lua, top) }
    lua_rawgeti(lua, hw_registry_index(), lua_Integer(LUA_RIDX_GLOBALS))
    return keys(top + 1).filter { $0.hasPrefix(word) }
  }

  /// What can follow a path of names: the keys of a table, or the members of a registered type.
  private func members(_ path: [String], methodsOnly: Bool) -> [String] {
    let lua = host.lua
    let top = lua_gettop(lua)
    defer { lua_settop(lua, top) }
    guard let first = path.first, hw_get_global(lua, first) == LUA_OK else { return [] }
    for (i, part) in path.enumerated().dropFirst() {
      if lua_type(lua, -1) != LUA_TTABLE { return members(of: path[i...], methodsOnly) }
      guard hw_get_field(lua, lua_gettop(lua), part, part.utf8.count) == LUA_OK else { return [] }
    }
    switch lua_type(lua, -1) {
    case LUA_TTABLE: return keys(lua_gettop(lua))
    case LUA_TSTRING:
      guard hw_get_global(lua, "string") == LUA_OK, lua_type(lua, -1) == LUA_TTABLE else {
        return []
      }
      return keys(lua_gettop(lua))
    default: return members(of: [], methodsOnly)
    }
  }

  /// Follow property names from the object on top of the stack through the registry's types.
  private func members(of rest: ArraySlice<String>, _ methodsOnly: Bool) -> [String] {
    let lua = host.lua
    guard var type = host.registry.type(number: hw_type_of(lua, -1)) else { return [] }
    for name in rest {
      guard let property = type.properties.first(where: { $0.name == name }),
        let next = host.registry.type(named: property.type)
      else { return [] }
      type = next
    }
    let methods = type.methods.map { $0.name + "(" }
    if methodsOnly { return methods }
    let dynamic = rest.isEmpty ? host.dynamicNames(lua, at: lua_gettop(lua)) : []
    return type.properties.map(\.name) + dynamic
  }

  /// The string keys of the table at `index` that are names; functions with "(".
  private func keys(_ index: Int32) -> [String] {
    let lua = host.lua
    guard lua_checkstack(lua, 6) != 0 else { return [] }
    var result: [String] = []
    lua_pushnil(lua)
    while result.count < 5000, hw_next(lua, index) == 1 {
      if let name = luaText(lua, -2), name.utf8.allSatisfy({ $0 == 95 || $0 >= 48 }), name != "_" {
        result.append(lua_type(lua, -1) == LUA_TFUNCTION ? name + "(" : name)
      }
      hw_pop(lua, 1)
    }
    return result
  }
}

extension LuaHost {
  /// The names behind a value whose type has dynamic ones (tag sets, tags).
  func dynamicNames(_ lua: OpaquePointer, at index: Int32) -> [String] {
    guard let type = registry.type(number: hw_type_of(lua, index)), let keys = type.dynamicKeys,
      hw_test(lua, index, type.number) == 0
    else { return [] }
    var names: [String] = []
    let entry = registry.entry(type.dynamicGetter)
    guard
      let function = try? makeFunction({ call in
        names = try keys(Call(host: self, entry: entry, lua: call.lua, first: 2))
        lua_settop(call.lua, 1)
      })
    else { return [] }
    function.push(lua)
    lua_pushvalue(lua, lua_absindex(lua, index < 0 ? index - 1 : index))
    try? call(lua, 1, 0)
    return names
  }
}

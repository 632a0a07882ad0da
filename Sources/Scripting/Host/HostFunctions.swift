// The names that belong to the host itself: howdah.run and help.

import CLua
import Core
import Formats
import LuaShim

/// Declares the host's own names.
public enum HostFunctions {
  /// The version of the program.
  public static let version = "0.1.0"

  /// Add the names to a registry.
  public static func register(_ registry: Registry) {
    registerRun(registry.module("howdah"))
    let global = registry.module("", "Names without a table before them.")
    global.function(
      "help",
      params: [
        .any("what", "a name, an object or a recipe; nothing for the overview", optional: true)
      ],
      "Show what a name is for, with its parameters and an example.",
      example: #"help("howdah.open")   help(p.spots)"#
    ) { call in
      guard !call.has(0) || lua_type(call.lua, call.first) != LUA_TFUNCTION else {
        throw HowdahError(.argument, #"help finds functions by name, as in help("spots.at")"#)
      }
      let topic = call.has(0) ? (call.text(at: call.first) ?? call.typeName(0)) : ""
      call.host.context.output(call.host.help(topic))
    }
  }

  private static func registerRun(_ howdah: ModuleEntry) {
    howdah.function(
      "run",
      params: [
        .string("recipe", "the name or path of a recipe"),
        .object("project", "project", "what it works on", optional: true),
        .table("params", "its parameters by name", optional: true),
      ],
      returns: "any", "Run a recipe on a project as one undo point and return its result.",
      example: #"howdah.run("count_divisions", p, {mode = "trackwise"})"#
    ) { call in
      let host = call.host
      guard let runner = host.runner else {
        throw HowdahError(.unavailable, "recipes cannot be run from here")
      }
      let project = call.has(1) ? host.registry.projects?.take(call, 1) : nil
      let result = try runner.run(
        call.string(0), project: project, params: try call.value(2), parent: host.context.sandbox)
      call.push(result)
    }
  }
}

extension LuaHost {
  /// What `help(topic)` and `?topic` print: help on a name, or the parameters of a recipe.
  func help(_ topic: String) -> String {
    let text = Help(registry: registry, width: context.width).topic(topic)
    guard text.hasPrefix("no help for"), let recipe = try? runner?.describe(topic) else {
      return text
    }
    return recipe.help()
  }
}

extension LuaFunction {
  /// Call it with the arguments of `call` from number `first` on; its results become those of `call`.
  func forward(to call: Call, arguments first: Int) throws {
    let base = lua_gettop(call.lua)
    let from = call.first + Int32(first)
    let count = max(0, base - from + 1)
    try begin(call.lua, Int(count))
    for i in 0..<count { lua_pushvalue(call.lua, from + i) }
    do {
      try host.call(call.lua, Int(count), LUA_MULTRET)
    } catch {
      lua_settop(call.lua, base)
      throw error
    }
  }
}

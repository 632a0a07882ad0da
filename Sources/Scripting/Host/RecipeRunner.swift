// Running a recipe: a fresh sandboxed state, checked parameters, one undo point, limits.

import CLua
import Core
import Formats
import Lineage
import LuaShim

/// How projects travel between Lua and Swift; set by the room that defines the Lua object `project`.
public struct ProjectBinding {
  /// Push the Lua object of a project onto a call's results.
  public var push: (Call, Project) throws -> Void
  /// The project in an argument, nil when it is none.
  public var take: (Call, Int) -> Project?

  /// A binding made of these two functions.
  public init(
    push: @escaping (Call, Project) throws -> Void, take: @escaping (Call, Int) -> Project?
  ) {
    self.push = push
    self.take = take
  }
}

/// What a recipe may use.
public struct RecipeLimits: Sendable {
  /// Bytes of Lua memory.
  public var memory = 1 << 30
  /// Seconds, nil for no limit.
  public var seconds: Double?
  /// When the recipe has not stopped two seconds after its time limit, end the process with this status; nil
  /// keeps on asking it to stop.
  public var exitStatus: Int32? = 1
  /// How long after the time limit that is, in seconds.
  public var grace = 2.0

  /// The limits when no flag is given.
  public init() {}
}

/// Loads and runs recipes. Belongs to one thread, as the hosts it makes do.
public struct RecipeRunner {
  /// The names that recipes see.
  public let registry: Registry
  /// Where recipes are found.
  public var library: RecipeLibrary
  /// The surroundings; `sandbox` is what was granted by flags.
  public var context: HostContext
  /// Memory and time.
  public var limits = RecipeLimits()
  /// How deep recipes run recipes.
  var depth = 0

  /// A runner over these names and places.
  public init(registry: Registry, library: RecipeLibrary, context: HostContext = HostContext()) {
    self.registry = registry
    self.library = library
    self.context = context
  }

  /// The description of a recipe, by name or path. Its chunk runs in a sandbox that may touch nothing, for at
  /// most a second, and `run` is not called.
  public func describe(_ name: String) throws -> Recipe {
    let path = try library.find(name)
    var quick = self
    quick.context = HostContext()
    quick.context.output = { _ in }
    quick.context.sandbox = SandboxPolicy()
    quick.context.memoryLimit = 64 << 20
    quick.limits.seconds = 1
    let host = try quick.makeHost(path)
    return try quick.limited(host) { try quick.load(path, host).recipe }
  }

  /// Run a recipe on a project. Its changes are one undo point of that name, and none when it fails.
  ///
  /// - Parameters:
  ///   - params: by name; checked and completed with the defaults.
  ///   - parent: the policy that files named by parameters must satisfy; nil when the caller is trusted, and
  ///     naming a file grants it.
  /// - Returns: the recipe's result, by copy.
  public func run(
    _ name: String, project: Project?, params: LuaValue, parent: SandboxPolicy? = nil
  ) throws -> LuaValue {
    guard depth < 16 else { throw HowdahError(.limit, "recipes run recipes more than 16 deep") }
    let path = try library.find(name)
    var runner = self
    runner.context.sandbox = parent ?? context.sandbox ?? SandboxPolicy()
    runner.context.memoryLimit = limits.memory
    let host = try runner.makeHost(path)
    host.runner = runner
    host.runner?.depth = depth + 1
    return try runner.limited(host) {
      let (recipe, run) = try runner.load(path, host)
      let values = try RecipeParam.complete(params, recipe)
      try runner.grant(values, recipe, parent, host)
      func body() throws -> LuaValue { try runner.callRun(run, recipe, project, values, host) }
      guard let project else { return try body() }
      return try runner.context.deferredSaves.edit(project, recipe.name, body)
    }
  }

  private func makeHost(_ path: String) throws -> LuaHost {
    let host = try LuaHost(registry: registry, context: context)
    try host.openSandbox(folder: SandboxPolicy.folder(of: path))
    return host
  }

  /// Naming a file on the command line (or by a trusted caller) grants it; a recipe can only hand on what it
  /// has itself.
  private func grant(
    _ values: LuaValue, _ recipe: Recipe, _ parent: SandboxPolicy?, _ host: LuaHost
  ) throws {
    for p in recipe.params {
      guard let path = values[p.name].text else { continue }
      let real = SandboxPolicy.resolve(path)
      if p.type == .output {
        try parent?.checkWrite(path)
        host.context.sandbox?.writableFiles.insert(real)
      } else if p.type == .file {
        try parent?.checkRead(path)
        host.context.sandbox?.readableFiles.insert(real)
      }
    }
  }

  private func load(_ path: String, _ host: LuaHost) throws -> (recipe: Recipe, run: LuaFunction) {
    let source = try readText(path)
    let chunk = try host.load(source, name: "@" + path)
    return try host.top(chunk, []) { first, count in
      let lua = host.lua
      guard count == 1, lua_type(lua, first) == LUA_TTABLE else {
        throw HowdahError.format(
          path, at: "recipe",
          "the file must return one table {name=, run=, ...}; a plain script is run by: howdah \(path)"
        )
      }
      let recipe = try Recipe(try host.value(lua, at: first), path: path, source: source)
      guard hw_get_field(lua, first, "run", 3) == LUA_OK else {
        throw HowdahError(.limit, "not enough memory")
      }
      return (recipe, try LuaFunction(host: host, popping: lua))
    }
  }

  private func callRun(
    _ run: LuaFunction, _ recipe: Recipe, _ project: Project?, _ values: LuaValue, _ host: LuaHost
  ) throws -> LuaValue {
    // The project is pushed by its binding, which speaks in calls: enter through a Swift closure.
    let binding = registry.projects
    let enter = try host.makeFunction { call in
      let lua = call.lua
      run.push(lua)
      if let project {
        guard let binding else { throw HowdahError(.internal, "projects are not bound") }
        try binding.push(call, project)
      } else {
        call.pushNil()
      }
      call.push(values)
      try host.call(lua, 2, 1)
    }
    return try host.top(enter, []) { first, count in
      count == 0 ? .nil : try host.value(host.lua, at: first)
    }
  }

  /// Run `body` under the time limit; an error after the limit has struck says so.
  private func limited<R>(_ host: LuaHost, _ body: () throws -> R) throws -> R {
    guard let seconds = limits.seconds else { return try body() }
    let status = limits.exitStatus ?? -1
    let watch = hw_watch_begin(
      host.box, seconds, limits.grace, status,
      "howdah: the recipe did not stop at its time limit of \(ValueText.number(seconds)) s; "
        + "ended, nothing was saved\n")
    guard let watch else { throw HowdahError(.internal, "the watchdog cannot be started") }
    // Stop the clock before the state goes away.
    defer { hw_watch_end(watch) }
    func timeError() -> HowdahError {
      HowdahError(
        .limit, "stopped at the time limit of \(ValueText.number(seconds)) s (--max-time)")
    }
    do {
      let result = try body()
      if host.box.pointee.stop_reason != 0 { throw timeError() }
      return result
    } catch {
      throw host.box.pointee.stop_reason != 0 ? timeError() : error
    }
  }
}

extension LuaHost {
  /// A Lua function that runs a Swift closure.
  func makeFunction(_ body: @escaping Handler) throws -> LuaFunction {
    push(lua, function: body)
    return try LuaFunction(host: self, popping: lua)
  }
}

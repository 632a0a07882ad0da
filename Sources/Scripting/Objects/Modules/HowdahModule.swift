// `howdah`: opening and making projects, and the small things that scripts need.

import CLua
import Core
import Formats
import Glibc
import LuaShim

enum HowdahModule {
  static func register(_ registry: Registry) {
    let howdah = registry.module(
      "howdah", "Cell tracking in 3D: open, detect, link, look, correct, evaluate.")
    howdah.constant(
      "version", .string(HostFunctions.version), "The version of the program.")
    howdah.constant("api", .int(Recipe.apiVersion), "The version of this interface.")
    registerProjects(howdah)
    registerHelpers(howdah)
    CSVModule.register(registry)
    LogModule.register(registry)
    ProgressType.register(registry, howdah)
    TableType.register(registry, howdah)
  }

  private static func registerProjects(_ howdah: ModuleEntry) {
    howdah.function(
      "open", params: [Param("path", .file, "BigDataViewer .xml, .mastodon, .tif, ...")],
      returns: "project", "Open a project, or make a new one over images.",
      example: #"p:save("embryo.mastodon")"# + "\n"
        + #"local again = howdah.open("embryo.mastodon")"#
        + "\nprint(again)"
    ) { call in
      let path = try call.readablePath(call.string(0))
      try call.push(try Project.open(path, progress: call.progress))
    }
    howdah.function(
      "new",
      params: [
        Param(
          "images", .either([.object("project"), .file]),
          "BigDataViewer .xml, .tif, ..., or a project whose images are used.")
      ],
      returns: "project", "An empty project over images.",
      example: #"p:export("movie.tif")"# + "\n" + #"print(howdah.new("movie.tif"), howdah.new(p))"#
    ) { call in
      if let other = call.objectIfAny(0, ProjectObject.self) {
        return try call.push(Project(images: try other.project.requireImages()))
      }
      try call.push(try Project(imagesPath: try call.readablePath(call.string(0))))
    }
  }

  private static func registerHelpers(_ howdah: ModuleEntry) {
    howdah.function(
      "clock", returns: "number",
      "Seconds since some moment, for measuring how long something takes.",
      example: "local start = howdah.clock()\nprint(howdah.clock() - start >= 0)"
    ) { call in
      var now = timespec()
      clock_gettime(CLOCK_MONOTONIC, &now)
      call.push(Double(now.tv_sec) + Double(now.tv_nsec) * 1e-9)
    }
    howdah.function(
      "seed", params: [.integer("n", "Any number.")],
      "Choose the random numbers of what follows; without it every run starts at seed 0.",
      example: "howdah.seed(7)\nprint(#p.spots:sample(3))"
    ) { $0.host.context.seed = $0.int(0) }
    howdah.function(
      "try", params: [.function("f", "What to do."), .rest("arguments")],
      returns: "boolean, ...",
      "Call a function: true and its results, or false and an error object with .kind and .message. Ctrl-C and time limits are not caught.",
      example: #"local ok, problem = howdah.try(howdah.open, "nowhere.xml")"#
        + "\nif not ok then print(problem.kind, problem.message) end"
    ) { call in
      let (lua, count) = (call.lua, call.count)
      let base = lua_gettop(lua)
      guard lua_checkstack(lua, Int32(count) + 4) != 0 else {
        throw HowdahError(.limit, "stack overflow")
      }
      lua_pushboolean(lua, 1)
      for i in 0..<count { lua_pushvalue(lua, Int32(i + 1)) }
      do {
        try call.host.call(lua, count - 1, LUA_MULTRET)
      } catch let raised as LuaRaised {
        if raised.howdahKind == .interrupted || hw_should_stop(call.host.box) { throw raised }
        lua_settop(lua, base)
        call.push(false)
        let text = raised.message
        if hw_push_error(lua, raised.kind, text, text.utf8.count) != LUA_OK { call.pushNil() }
      }
    }
  }
}

extension Call {
  /// Push a project that this state now owns.
  public func push(_ project: Project) throws {
    let object = try ProjectObject(project, host: host)
    host.keepRecent(object)
    push(object: object)
  }
}

/// `howdah.log`: notes on standard error.
enum LogModule {
  static func register(_ registry: Registry) {
    let log = registry.module("howdah.log", "Notes on standard error.")
    for (name, doc) in [("info", "Say something."), ("warn", "Warn of something.")] {
      log.function(
        name, params: [.rest("values", .any, "What to say; written one after the other.")], doc,
        example: #"howdah.log.\#(name)("found ", #p.spots, " spots")"#
      ) { call in
        let text = (0..<call.count).map { i in
          call.text(at: Int32(i + 1)) ?? ((try? call.value(i)).map(plain) ?? call.typeName(i))
        }.joined()
        call.host.context.notes((name == "warn" ? "warning: " : "") + text + "\n")
      }
    }
  }

  private static func plain(_ value: LuaValue) -> String {
    switch value {
    case .nil: "nil"
    case .bool(let b): String(b)
    default: value.typeName
    }
  }
}

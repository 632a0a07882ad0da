// `howdah.progress`: a bar for loops that are written in Lua.

import Core

/// A progress that a script moves itself.
struct ProgressObject {
  let progress: Progress
}

enum ProgressType {
  static func register(_ registry: Registry, _ howdah: ModuleEntry) {
    let progress = registry.type(
      "progress", of: ProgressObject.self, "How far a script's own loop is.")
    progress.method(
      "advance", params: [.integer("units", "How many more are done.", default: 1, min: 0)],
      "Say that more is done. Stops the script when it was asked to stop.",
      example: #"local bar = howdah.progress(3, "looking")"# + "\nfor _ = 1, 3 do bar:advance() end"
    ) { call in
      let me = call.receiver(ProgressObject.self)
      try me.progress.check()
      me.progress.advance(by: call.int(0))
    }
    howdah.function(
      "progress",
      params: [
        .integer("total", "How many units there are.", min: 0),
        .string("label", "What is done.", default: "working"),
      ],
      returns: "progress",
      "Show how far a loop is; it appears when the work takes more than a moment.",
      example: #"local bar = howdah.progress(#p.tracks, "tracks")"#
        + "\nfor _ in p.tracks:each() do bar:advance() end"
    ) { call in
      let progress = call.progress
      progress.begin(total: call.int(0), call.string(1))
      call.push(object: ProgressObject(progress: progress))
    }
  }
}

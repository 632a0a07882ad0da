// `project`: images and lineage together, with saving, importing, undo and pictures.

import Core
import Formats
import Glibc
import Lineage

enum ProjectType {
  static func register(_ registry: Registry) {
    let project = registry.type(
      "project", of: ProjectObject.self, "Images and the spots, links and tags found in them.")
    registerParts(project)
    registerFiles(project)
    registerHistory(project)
    PictureMethods.register(project)
    ReviewMethods.register(project)
    project.operator("__eq") { call in
      let (a, b) = (call.operand(0, ProjectObject.self), call.operand(1, ProjectObject.self))
      call.push(a != nil && a === b)
    }
    project.operator("__tostring") { $0.push(text($0.receiver(ProjectObject.self))) }
    project.display { .text(text($0.receiver(ProjectObject.self))) }
  }

  /// What a project is, in a few lines.
  static func text(_ me: ProjectObject) -> String {
    let (graph, project) = (me.graph, me.project)
    let name = project.path ?? project.images?.path ?? "in memory"
    var lines = ["project \(name)" + (project.isModified ? " (modified)" : "")]
    if let images = project.images {
      lines.append("  " + ImagesType.text(images))
    } else {
      lines.append("  no images: \(project.imagesProblem ?? "none were opened")")
    }
    lines.append(
      "  \(graph.spotCount) spots, \(graph.linkCount) links, \(graph.tracks().count) tracks")
    if !graph.tagSets.isEmpty {
      lines.append("  tag sets " + graph.tagSets.map(\.name).joined(separator: ", "))
    }
    return lines.joined(separator: "\n")
  }

  /// Refuse a new file under a name that nothing would open as a project.
  private static func checkName(_ path: String) throws {
    if path.lowercased().hasSuffix(".mastodon") || access(path, F_OK) == 0 { return }
    let name = path.split(separator: "/").last.map(String.init) ?? path
    let stem = name.lastIndex(of: ".").map { String(name[..<$0]) } ?? name
    throw HowdahError(
      .argument,
      "project:save: \"\(path)\" does not end with .mastodon; did you mean \"\(stem).mastodon\"?")
  }

  // MARK: Parts

  private static func registerParts(_ project: TypeEntry) {
    project.property("spots", "spots", "All its spots.") { call in
      let me = call.receiver(ProjectObject.self)
      call.push(me, me.spots)
    }
    project.property("links", "links", "All its links.") { call in
      let me = call.receiver(ProjectObject.self)
      call.push(me, me.links)
    }
    project.property("tracks", "tracks", "All its tracks.") { call in
      call.push(object: TrackCollection(call.receiver(ProjectObject.self)))
    }
    project.property("tags", "tag sets", "Its tag sets, by name.") { call in
      call.push(object: TagSets(project: call.receiver(ProjectObject.self)))
    }
    project.property(
      "images", "images",
      "Its movie; an error says why when there is none. Set a path to use other images.",
      setType: .file,
      set: { call in
        try call.receiver(ProjectObject.self).project.setImages(
          try call.readablePath(call.string(0)))
      }
    ) { call in
      let source = try call.receiver(ProjectObject.self).project.requireImages()
      call.push(object: ImagesObject(source: source))
    }
    project.property("has_images", "boolean", "Whether its images can be read.") {
      $0.push($0.receiver(ProjectObject.self).project.images != nil)
    }
    project.property(
      "timepoints", "integer", "How many timepoints: of its images, or up to its last spot."
    ) { $0.push($0.receiver(ProjectObject.self).timepoints) }
    project.property("settings", "settings", "What it says about itself: units.") {
      $0.push(object: SettingsObject(project: $0.receiver(ProjectObject.self).project))
    }
    project.property("path", "string or nil", "Where it was opened or saved; nil when it was not.")
    {
      $0.push($0.receiver(ProjectObject.self).project.path)
    }
    project.property("modified", "boolean", "Whether it holds what no file has yet.") {
      $0.push($0.receiver(ProjectObject.self).project.isModified)
    }
  }

  // MARK: Files

  private static func registerFiles(_ project: TypeEntry) {
    project.method(
      "save",
      params: [Param("path", .output, "A .mastodon file; absent: where it was.", optional: true)],
      "Write it, whole or not at all. Inside an edit or a recipe it is written when that has ended well.",
      example: #"p:save("embryo.mastodon")"#
    ) { call in
      let me = call.receiver(ProjectObject.self)
      guard let path = call.optionalString(0) ?? me.project.path else {
        throw HowdahError(
          .argument, "project:save: it was never saved; give a path that ends with .mastodon")
      }
      try checkName(path)
      let target = try call.writablePath(path)
      let progress = call.progress
      let save = { try me.project.save(to: target, progress: progress) }
      if me.graph.isEditing {
        call.host.context.deferredSaves.add(me.project, save)
      } else {
        try save()
      }
    }
    project.method(
      "import", params: [Param("path", .file, "A .mastodon project.")],
      returns: "{spots=, links=, ...}",
      "Add the spots, links, labels, tags and features of another project; all or nothing.",
      example: #"p:save("copy.mastodon")"# + "\n" + #"local counts = p:import("copy.mastodon")"#
        + "\nprint(counts.spots)"
    ) { call in
      let me = call.receiver(ProjectObject.self)
      let path = try call.readablePath(call.string(0))
      let counts = try me.project.importMastodon(path, progress: call.progress)
      call.push(
        .record([
          ("spots", .int(counts.spots)), ("links", .int(counts.links)),
          ("tag_sets", .int(counts.tagSets)), ("tags", .int(counts.tags)),
        ]) as LuaValue)
    }
    project.method(
      "export",
      params: [
        Param("path", .output, "Its extension says the format."),
        .options(
          [.string("format", "The format, when the extension does not say it.", optional: true)]
            + CTCExport.params),
      ],
      returns: "nil, or for ctc {tracks=, spots=, frames=, ...}",
      "Write lineage or images in another format: .xml writes the images for BigDataViewer, a folder 01_RES tracks and label images for the Cell Tracking Challenge.",
      example: #"p:export("movie.tif")"# + "\n" + #"print(p:export("result.ctc").tracks)"#
    ) { call in
      let me = call.receiver(ProjectObject.self)
      let path = try call.writablePath(call.string(0))
      let format = try FormatRegistry.format(
        writing: path, name: call.options.optionalString("format"))
      if format.name == "ctc" { return try CTCExport.run(call, me, path) }
      try CTCExport.refuse(call, format)
      if let write = format.writeProject {
        try write(me.project, path, call.progress)
      } else if let write = format.writeImages {
        try write(try me.project.requireImages(), path, call.progress)
      }
    }
    project.method(
      "close", "Let go of its files and memory; its spots and links can no longer be used.",
      example: #"local other = howdah.open("embryo.mastodon")"# + "\nother:close()"
    ) { call in
      let me = call.receiver(ProjectObject.self)
      call.host.forgetRecent(me)
      me.close()
    }
  }

  // MARK: Edits and history

  private static func registerHistory(_ project: TypeEntry) {
    project.method(
      "edit",
      params: [.string("what", "A name for the history."), .function("f", "Makes the changes.")],
      returns: "what f returns",
      "Make changes as one undo point; an error takes all of them back.",
      example: #"p:edit("tidy up", function() p.spots:at(0):tag("Tracking", "Approved") end)"#
    ) { call in
      let me = call.receiver(ProjectObject.self)
      let body = try call.function(1)
      try call.host.context.deferredSaves.edit(me.project, call.string(0)) {
        try body.forward(to: call)
      }
    }
    for (name, doc) in [
      ("undo", "Take the last change back."), ("redo", "Make the last undone change again."),
    ] {
      project.method(
        name, params: [.integer("steps", "How many.", default: 1, min: 1)], returns: "string",
        doc + " Returns its name.",
        example: name == "undo"
          ? "p.spots:first():remove()\nprint(p:undo())"
          : "p.spots:first():remove()\np:undo()\nprint(p:redo())"
      ) { call in
        let graph = call.receiver(ProjectObject.self).graph
        var last = ""
        for _ in 0..<call.int(0) {
          last = (name == "undo" ? graph.undoNames : graph.redoNames).last ?? ""
          if name == "undo" { try graph.undo() } else { try graph.redo() }
        }
        call.push(last)
      }
    }
    project.method(
      "history", returns: "{undo={...}, redo={...}}",
      "The names of what can be undone and redone, last first.",
      example: "p.spots:first():remove()\nprint(p:history().undo[1])"
    ) { call in
      let graph = call.receiver(ProjectObject.self).graph
      func names(_ list: [String]) -> LuaValue { .list(list.reversed().map { .string($0) }) }
      call.push(
        .record([("undo", names(graph.undoNames)), ("redo", names(graph.redoNames))]) as LuaValue)
    }
  }
}

/// `project.settings`.
struct SettingsObject {
  let project: Project
}

enum SettingsType {
  static func register(_ registry: Registry) {
    let settings = registry.type(
      "settings", of: SettingsObject.self, "What a project says about itself.")
    settings.property(
      "space_unit", "string", "The unit of positions.", setType: .string,
      set: { $0.receiver(SettingsObject.self).project.spaceUnit = $0.string(0) }
    ) { $0.push($0.receiver(SettingsObject.self).project.spaceUnit) }
    settings.property(
      "time_unit", "string", "The unit of time.", setType: .string,
      set: { $0.receiver(SettingsObject.self).project.timeUnit = $0.string(0) }
    ) { $0.push($0.receiver(SettingsObject.self).project.timeUnit) }
    func text(_ call: Call) -> String {
      let project = call.receiver(SettingsObject.self).project
      return "settings: space_unit = \(project.spaceUnit), time_unit = \(project.timeUnit)"
    }
    settings.operator("__tostring") { $0.push(text($0)) }
    settings.display { .text(text($0)) }
  }
}

// Tags as Lua sees them: the tag sets of a project, and `spot.tags` and `link.tags`.

import Core
import Formats
import Lineage

/// `project.tags`.
struct TagSets {
  let project: ProjectObject
}

/// `project.tags.Detection`.
struct TagSetObject {
  let project: ProjectObject
  let name: String

  /// The set; throws `.stale` when it was removed or renamed.
  func id() throws -> TagSetID {
    guard let id = project.graph.tagSet(named: name) else {
      throw HowdahError(.stale, "the tag set \"\(name)\" has been removed")
    }
    return id
  }
}

/// `project.tags.Detection.tp`.
struct TagObject {
  let set: TagSetObject
  let label: String

  func ids() throws -> (TagSetID, TagID) {
    let id = try set.id()
    guard let tag = set.project.graph.tag(named: label, in: id) else {
      throw HowdahError(.stale, "the tag \"\(label)\" of \"\(set.name)\" has been removed")
    }
    return (id, tag)
  }
}

enum TagsType {
  static func register(_ registry: Registry) {
    registerSets(registry.type("tag sets", of: TagSets.self, "The tag sets of a project, by name."))
    registerSet(registry.type("tag set", of: TagSetObject.self, "A tag set; its tags by name."))
    registerTag(registry.type("tag", of: TagObject.self, "A tag: what spots and links can carry."))
    registerTagsOf(
      registry.handleType("spot tags", .spotTags, "The tags of a spot, by tag set."), SpotID.self)
    registerTagsOf(
      registry.handleType("link tags", .linkTags, "The tags of a link, by tag set."), LinkID.self)
  }

  // MARK: Tag sets

  private static func registerSets(_ sets: TypeEntry) {
    func names(_ call: Call) -> [String] {
      call.receiver(TagSets.self).project.graph.tagSets.map(\.name)
    }
    sets.dynamic(
      keys: names,
      get: { call in
        let me = call.receiver(TagSets.self)
        if me.project.graph.tagSet(named: call.string(0)) != nil {
          call.push(object: TagSetObject(project: me.project, name: call.string(0)))
        }
      })
    sets.method(
      "names", returns: "{string, ...}", "The names of the tag sets, in order.",
      example: #"print(table.concat(p.tags:names(), ", "))"#
    ) { call in
      call.push(.list(names(call).map { .string($0) }) as LuaValue)
    }
    sets.method(
      "has", params: [.string("name", "A tag set.")], returns: "boolean",
      "Whether there is a tag set of this name.", example: #"print(p.tags:has("Detection"))"#
    ) { call in
      call.push(names(call).contains(call.string(0)))
    }
    sets.method(
      "add_elephant", "Make ELEPHANT's six tag sets where they or some of their tags are missing.",
      example: "p.tags:add_elephant()"
    ) { call in
      let project = call.receiver(TagSets.self).project
      try project.edit("add tag sets") { try project.graph.ensureElephantTagSets() }
    }
    sets.method(
      "add",
      params: [
        .options([
          .string("name", "What it is called."),
          Param("tags", .list(.table), "{{name=, color=}, ...}.", optional: true),
        ])
      ],
      returns: "tag set", "Add a tag set.",
      example:
        ##"p.tags:add{name = "Fate", tags = {{name = "neuron", color = "#FF8800"}, {name = "glia"}}}"##
    ) { call in
      let (project, o) = (call.receiver(TagSets.self).project, call.options)
      let name = o.string("name")
      if project.graph.tagSet(named: name) != nil {
        throw HowdahError(.argument, "tags:add: there is a tag set \"\(name)\" already")
      }
      let tags = try (o["tags"].elements ?? []).enumerated().map { i, value in
        try tag(value, number: i)
      }
      _ = try project.edit("add tag set") { try project.graph.addTagSet(name: name, tags: tags) }
      call.push(object: TagSetObject(project: project, name: name))
    }
    sets.operator("__tostring") { call in
      call.push("tag sets: " + names(call).joined(separator: ", "))
    }
    sets.display { call in .text("tag sets: " + names(call).joined(separator: ", ")) }
  }

  /// A tag from `{name=, color=}`; without a colour it gets one that differs from its neighbours'.
  private static func tag(_ value: LuaValue, number: Int) throws -> Tag {
    guard let name = value["name"].text else {
      throw HowdahError(.argument, "tags:add: tag \(number + 1) has no name; write {name=, color=}")
    }
    return Tag(label: name, color: try color(value["color"], number: number))
  }

  private static func color(_ value: LuaValue, number: Int) throws -> UInt32 {
    if let text = value.text { return try ColorText.parse(text) }
    let palette = ElephantTags.progenitorColors
    return palette[number % palette.count]
  }

  private static func registerSet(_ set: TypeEntry) {
    func me(_ call: Call) -> TagSetObject { call.receiver(TagSetObject.self) }
    func names(_ call: Call) throws -> [String] {
      let me = me(call)
      return me.project.graph.tagSetInfo(try me.id()).tags.map(\.label)
    }
    set.dynamic(
      keys: names,
      get: { call in
        let me = me(call)
        if me.project.graph.tag(named: call.string(0), in: try me.id()) != nil {
          call.push(object: TagObject(set: me, label: call.string(0)))
        }
      })
    set.method(
      "names", returns: "{string, ...}", "The names of its tags, in order.",
      example: #"print(table.concat(p.tags.Detection:names(), ", "))"#
    ) { call in
      call.push(.list(try names(call).map { .string($0) }) as LuaValue)
    }
    set.method(
      "has", params: [.string("name", "A tag.")], returns: "boolean",
      "Whether it has a tag of this name.", example: #"print(p.tags.Detection:has("tp"))"#
    ) { call in
      call.push(try names(call).contains(call.string(0)))
    }
    set.method(
      "add",
      params: [
        .options([
          .string("name", "What it is called."), .string("color", "As #RRGGBB.", optional: true),
        ])
      ],
      returns: "tag", "Add a tag to it.",
      example: ##"p.tags.Status:add{name = "Doubtful", color = "#FF8800"}"##
    ) { call in
      let (me, o) = (me(call), call.options)
      let known = try names(call)
      if known.contains(o.string("name")) {
        throw HowdahError(
          .argument, "tag set \"\(me.name)\" has a tag \"\(o.string("name"))\" already")
      }
      let tag = Tag(label: o.string("name"), color: try color(o["color"], number: known.count))
      _ = try me.project.edit("add tag") { try me.project.graph.addTag(tag, to: try me.id()) }
      call.push(object: TagObject(set: me, label: tag.label))
    }
    set.operator("__tostring") { call in
      call.push("tag set \(me(call).name): " + (try names(call)).prefix(12).joined(separator: ", "))
    }
    set.display { call in
      let tags = me(call).project.graph.tagSetInfo(try me(call).id()).tags
      return .table(
        columns: ["tag", "color"],
        rows: tags.prefix(12).map { [.string($0.label), .string(ColorText.string($0.color))] },
        total: tags.count, title: "tag set \(me(call).name)")
    }
  }

  private static func registerTag(_ tag: TypeEntry) {
    func me(_ call: Call) -> TagObject { call.receiver(TagObject.self) }
    func info(_ call: Call) throws -> Tag {
      let (set, tag) = try me(call).ids()
      return me(call).set.project.graph.tagSetInfo(set).tags[tag]
    }
    tag.property("name", "string", "What it is called.") { $0.push(me($0).label) }
    tag.property(
      "color", "string", "Its colour as #RRGGBB, or #RRGGBBAA when not opaque.", setType: .string,
      set: { call in
        let me = me(call)
        let color = try ColorText.parse(call.string(0))
        try me.set.project.edit("change tag colour") {
          let (set, tag) = try me.ids()
          try me.set.project.graph.setColor(set, tag, color)
        }
      }
    ) { $0.push(ColorText.string(try info($0).color)) }
    tag.operator("__tostring") { $0.push("tag \(me($0).set.name) \(me($0).label)") }
    tag.display {
      .text("tag \(me($0).set.name) \(me($0).label) \(ColorText.string(try info($0).color))")
    }
  }

  // MARK: Tags of a spot or link

  private static func registerTagsOf<Item: LineageItem>(_ tags: TypeEntry, _: Item.Type) {
    tags.dynamic(
      keys: { $0.project.graph.tagSets.map(\.name) },
      get: { call in
        let graph = call.project.graph
        guard let set = try call.project.tagSet(call.string(0)),
          let tag = Item(call.handle.index).tag(set, in: graph)
        else { return call.pushNil() }
        call.push(graph.tagLabel(set, tag))
      },
      set: { call in
        let (project, item) = (call.project, Item(call.handle.index))
        let label = call.has(1) ? call.string(1) : nil
        try project.edit(Item.kind == .spot ? "tag spot" : "tag link") {
          if let label {
            let (set, tag) = try project.tagForWriting(call.string(0), label)
            try Item.setTag(set, of: [item], to: tag, in: project.graph)
          } else if let set = try project.tagSet(call.string(0)) {
            try Item.setTag(set, of: [item], to: nil, in: project.graph)
          }
        }
      })
    tags.operator("__tostring") { call in call.push(text(call, Item.self)) }
    tags.display { call in .text(text(call, Item.self)) }
  }

  private static func text<Item: LineageItem>(_ call: Call, _: Item.Type) -> String {
    let graph = call.project.graph
    let given = graph.tagSets.indices.compactMap { set in
      Item(call.handle.index).tag(set, in: graph).map {
        "\(graph.tagSetInfo(set).name) = \(graph.tagSetInfo(set).tags[$0].label)"
      }
    }
    return given.isEmpty ? "no tags" : given.joined(separator: ", ")
  }
}

// The entries that `spots` and `links` share.

import Core
import Lineage

/// Declares the common names of a collection of `Item`s.
struct CollectionType<Item: LineageItem> {
  let type: TypeEntry
  /// "spot" or "link".
  let one: String
  /// An expression that gives such a collection, for examples.
  var all: String { "p.\(one)s" }

  func register() {
    registerReading()
    registerChoosing()
    registerOperators()
    registerVerbs()
  }

  private func me(_ call: Call) -> Collection<Item> { call.receiver(Collection<Item>.self) }

  private func push(_ call: Call, _ project: ProjectObject, _ selection: Selection<Item>) {
    call.push(object: Collection(project, selection))
  }

  private func handle(_ item: Item, _ project: ProjectObject) -> Handle {
    Handle(
      Item.kind, in: project.space, index: item.index,
      generation: project.graphReference._withUnsafeGuaranteedRef { item.generation(in: $0) })
  }

  // MARK: Reading

  private func registerReading() {
    type.method(
      "count", returns: "integer", "How many there are; #\(one)s is the same.",
      example: "print(\(all):count())"
    ) {
      $0.push(try me($0).count())
    }
    type.operator("__len") { $0.push(try me($0).count()) }
    type.method(
      "is_empty", returns: "boolean", "Whether there is none.", example: "print(\(all):is_empty())"
    ) {
      $0.push(try me($0).count() == 0)
    }
    type.method(
      "each", returns: "iterator",
      "Go through them in a for loop, as they are now; what is removed meanwhile is passed over.",
      example: "for \(one) in \(all):each() do if \(one).id > 2 then \(one):remove() end end"
    ) { call in
      let me = me(call)
      let items = try me.selection.items()
      call.pushIterator(count: items.count) { handle(items[$0], me.project) }
    }
    type.method(
      "to_table", returns: "{\(one), ...}", "All of them as a Lua list.",
      example: "local list = \(all):to_table()\nprint(list[1])"
    ) { call in
      let me = me(call)
      let items = try me.selection.items()
      call.pushList(count: items.count) { handle(items[$0], me.project) }
    }
    for (name, isLast, doc) in [
      ("first", false, "The first of them, or nil."), ("last", true, "The last of them, or nil."),
    ] {
      type.method(name, returns: "\(one) or nil", doc, example: "print(\(all):\(name)())") { call in
        let me = me(call)
        guard let item = try me.selection.end(last: isLast) else { return call.pushNil() }
        call.push(handle(item, me.project))
      }
    }
    type.method(
      "contains", params: [.object(one, one, "What to look for.")], returns: "boolean",
      "Whether one is among them.", example: "print(\(all):contains(\(all):first()))"
    ) { call in
      let me = me(call)
      let handle = call.handle(0)
      let found =
        try call.space(of: handle) === me.project.space
        && me.selection.items().contains { $0.index == handle.index }
      call.push(found)
    }
  }

  // MARK: Choosing

  private func registerChoosing() {
    type.method(
      "at", params: [.timepoints("t", "A timepoint, or {first, last}.")], returns: "\(one)s",
      one == "spot"
        ? "Those of a timepoint or range." : "Those that begin at a timepoint or range.",
      example: "print(#\(all):at(3), #\(all):at{0, 2})"
    ) { call in
      let me = me(call)
      let range = try call.timepoints(0)
      if let spots = me.selection as? Selection<SpotID> {
        call.push(me.project, spots.at(range))
      } else if let links = me.selection as? Selection<LinkID> {
        call.push(me.project, links.at(range))
      }
    }
    let set = Param.string("tag_set", "The tag set.")
    let tag = Param(
      "tag", .either([.string, .integer]), "The tag; absent: any tag.", optional: true)
    type.method(
      "tagged", params: [set, tag], returns: "\(one)s",
      "Those that carry a tag, or any tag of a set.",
      example: #"print(#\#(all):tagged("Tracking", "unlabeled"))"#
    ) { call in
      let me = me(call)
      push(call, me.project, try tagged(me, call.string(0), call.optionalString(1)))
    }
    type.method(
      "untagged", params: [set], returns: "\(one)s",
      #"Those without any tag of a set, which is not the tag "unlabeled"."#,
      example: #"print(#\#(all):untagged("Status"))"#
    ) { call in
      let me = me(call)
      guard let set = try me.project.tagSet(call.string(0)) else {
        return push(call, me.project, me.selection)
      }
      push(call, me.project, me.selection.tagged(set, nil))
    }
    type.method(
      "where", params: [.function("f", "Gets a \(one) and says whether it stays.")],
      returns: "\(one)s", "Those for which a function gives true; it runs at once.",
      example: one == "spot"
        ? "print(#\(all):where(function(spot) return spot.x > 10 end))"
        : "print(#\(all):where(function(link) return link.length > 1 end))"
    ) { call in
      let me = me(call)
      let test = try call.function(0)
      let graph = me.graph
      let items = try me.selection.items()
      let generations = items.map { $0.generation(in: graph) }
      var kept: [Item] = []
      for (i, item) in items.enumerated() {
        // The function may have removed some of them.
        guard item.exists(in: graph), item.generation(in: graph) == generations[i] else { continue }
        if try test.test(handle(item, me.project)) { kept.append(item) }
      }
      push(call, me.project, Selection(graph, fixed: kept))
    }
    type.method(
      "sample",
      params: [
        .integer("count", "How many at most.", min: 0),
        .options([
          .integer("seed", "Another seed chooses others; absent: howdah.seed.", optional: true)
        ]),
      ],
      returns: "\(one)s", "Some of them, chosen at random with equal chance, in their order.",
      example: "print(#\(all):sample(2, {seed = 7}))"
    ) { call in
      let me = me(call)
      let seed = UInt64(bitPattern: Int64(call.options.optionalInt("seed") ?? call.host.nextSeed()))
      push(call, me.project, me.selection.sample(call.int(0), seed: seed))
    }
  }

  private func tagged(_ me: Collection<Item>, _ set: String, _ tag: String?) throws -> Selection<
    Item
  > {
    let graph = me.graph
    guard let tag else {
      guard let id = try me.project.tagSet(set) else { return Selection(graph, fixed: []) }
      return me.selection.filtered { $0.tag(id, in: graph) != nil }
    }
    guard let found = try me.project.tag(set, tag) else { return Selection(graph, fixed: []) }
    return me.selection.tagged(found.set, found.tag)
  }

  // MARK: Operators

  private func registerOperators() {
    let operations: [(String, String, (Selection<Item>, Selection<Item>) -> Selection<Item>)] = [
      ("__add", "Those in either.", { $0.union($1) }),
      ("__sub", "Those of the first that are not in the second.", { $0.subtracting($1) }),
      ("__mul", "Those in both.", { $0.intersection($1) }),
    ]
    for (name, doc, combine) in operations {
      type.operator(name, params: [.any("other")], returns: "\(one)s", doc) { call in
        guard let a = call.operand(0, Collection<Item>.self),
          let b = call.operand(1, Collection<Item>.self)
        else {
          throw HowdahError(.argument, "\(one)s can be combined with \(one)s only")
        }
        guard a.project === b.project else {
          throw HowdahError(
            .argument, "these \(one)s belong to two projects and cannot be combined")
        }
        push(call, a.project, combine(a.selection, b.selection))
      }
    }
    type.operator("__tostring") { call in
      let count = try me(call).count()
      call.push("\(count) \(one)\(count == 1 ? "" : "s")")
    }
  }

  // MARK: Verbs

  private func registerVerbs() {
    let set = Param.string("tag_set", "The tag set.")
    let tag = Param("tag", .either([.string, .integer]), "The tag.")
    type.method(
      "tag", params: [set, tag], returns: "integer",
      "Give all of them a tag; returns how many they are.",
      example: #"\#(all):tag("Tracking", "Approved")"#
    ) { call in
      let me = me(call)
      let items = try me.selection.items()
      try me.project.edit("tag \(one)s") {
        let (set, tag) = try me.project.tagForWriting(call.string(0), call.string(1))
        try Item.setTag(set, of: items, to: tag, in: me.graph)
      }
      call.push(items.count)
    }
    type.method(
      "untag", params: [set], returns: "integer",
      "Take the tag of a set away from all of them; returns how many they are.",
      example: #"\#(all):untag("Tracking")"#
    ) { call in
      let me = me(call)
      let items = try me.selection.items()
      if let set = try me.project.tagSet(call.string(0)) {
        try me.project.edit("untag \(one)s") {
          try Item.setTag(set, of: items, to: nil, in: me.graph)
        }
      }
      call.push(items.count)
    }
    type.method(
      "remove", returns: "integer",
      "Remove all of them\(one == "spot" ? " with their links" : ""); returns how many they were.",
      example: #"\#(all):tagged("Tracking", "unlabeled"):remove()"#
    ) { call in
      let me = me(call)
      let items = try me.selection.items()
      try me.project.edit("remove \(one)s") { try Item.remove(items, from: me.graph) }
      call.push(items.count)
    }
  }
}

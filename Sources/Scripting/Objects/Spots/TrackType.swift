// `track`: everything that is connected by links, named by its root, and `tracks`, the list of them.

import Core
import Lineage

/// Tracks as Lua holds them: all of a project, or those that a condition left.
final class TrackCollection {
  let project: ProjectObject
  /// Roots of the tracks that were chosen; nil for all.
  private let chosen: Selection<SpotID>?

  init(_ project: ProjectObject, chosen: Selection<SpotID>? = nil) {
    self.project = project
    self.chosen = chosen
  }

  /// By ascending root.
  func summaries() throws -> [TrackSummary] {
    let all = project.graph.tracks()
    guard let chosen else { return all }
    var seen = Mask([SpotID]())
    return try chosen.items().map { all[project.graph.trackIndex(of: $0)] }
      .filter { seen.insert($0.root.index) }
  }
}

extension Call {
  /// The track that the receiver stands for.
  fileprivate var track: (index: Int, summary: TrackSummary) {
    let graph = project.graph
    let index = graph.trackIndex(of: spot)
    return (index, graph.tracks()[index])
  }
}

extension Operands {
  /// The track that the receiver stands for.
  fileprivate var track: TrackSummary { look { $0.track(of: spot) } }
}

enum TrackType {
  static func register(_ registry: Registry) {
    registerTrack(registry.handleType("track", .track, "Spots that links connect."))
    registerTracks(
      registry.type("tracks", of: TrackCollection.self, "The tracks of a project, by root id."))
  }

  private static func registerTrack(_ track: TypeEntry) {
    track.property(
      "id", "integer", "The id of its root.", reading: .integer { Int($0.track.root.index) })
    track.property(
      "root", "spot", "Its spot without incoming links (the lowest id of several).",
      reading: .handle { o in o.look { o.bits($0.trackRoot(of: o.spot), in: $0) } })
    track.property("spots", "spots", "Its spots.") { call in
      let (graph, spot) = (call.project.graph, call.spot)
      call.push(
        call.project,
        Selection<SpotID>(graph, fixed: [spot]).derived { found in
          found.isEmpty ? [] : graph.spots(inTrack: graph.trackIndex(of: found[0]))
        })
    }
    track.property("links", "links", "Its links.") { call in
      let (graph, spot) = (call.project.graph, call.spot)
      call.push(
        call.project,
        Selection<SpotID>(graph, fixed: [spot]).derived { found in
          found.isEmpty ? [] : graph.links(inTrack: graph.trackIndex(of: found[0])).sorted()
        })
    }
    track.property("leaves", "spots", "Its spots without outgoing links.") { call in
      let (graph, index) = (call.project.graph, call.track.index)
      call.push(call.project, Selection(graph, fixed: graph.spots(inTrack: index)).leaves())
    }
    track.property(
      "first", "integer", "Its first timepoint.", reading: .integer { $0.track.firstTimepoint })
    track.property(
      "last", "integer", "Its last timepoint.", reading: .integer { $0.track.lastTimepoint })
    track.property(
      "duration", "integer", "Timepoints from first to last.",
      reading: .integer { $0.track.lastTimepoint - $0.track.firstTimepoint })
    track.property(
      "divisions", "integer", "How many of its spots have more than one outgoing link.",
      reading: .integer { $0.track.divisions })
    track.method(
      "tag",
      params: [
        .string("tag_set", "The tag set."), Param("tag", .either([.string, .integer]), "The tag."),
      ],
      "Give all its spots and links a tag.",
      example: #"p.tracks:first():tag("Tracking", "Approved")"#
    ) { call in
      let (project, index) = (call.project, call.track.index)
      let (spots, links) = (
        project.graph.spots(inTrack: index), project.graph.links(inTrack: index)
      )
      try project.edit("tag track") {
        let (set, tag) = try project.tagForWriting(call.string(0), call.string(1))
        try project.graph.setTag(set, ofSpots: spots, to: tag)
        try project.graph.setTag(set, ofLinks: links, to: tag)
      }
    }
    track.method("remove", "Remove all its spots and links.", example: "p.tracks:first():remove()")
    { call in
      let (project, index) = (call.project, call.track.index)
      let spots = project.graph.spots(inTrack: index)
      try project.edit("remove track") { try project.graph.remove(spots) }
    }
    track.operator("__tostring") { call in call.push(text(of: call.track.summary, call.project)) }
    track.display { call in .text(text(of: call.track.summary, call.project)) }
  }

  static func text(of track: TrackSummary, _ project: ProjectObject) -> String {
    "track \(track.root) (\(track.spotCount) spots, t \(track.firstTimepoint) to "
      + "\(track.lastTimepoint), \(track.divisions) division\(track.divisions == 1 ? "" : "s"))"
  }

  private static func registerTracks(_ tracks: TypeEntry) {
    func handle(_ project: ProjectObject, _ track: TrackSummary) -> Handle {
      project.handle(track.root, .track)
    }
    tracks.method(
      "count", returns: "integer", "How many there are; #tracks is the same.",
      example: "print(p.tracks:count())"
    ) { call in
      call.push(try call.receiver(TrackCollection.self).summaries().count)
    }
    tracks.operator("__len") { call in
      call.push(try call.receiver(TrackCollection.self).summaries().count)
    }
    tracks.method(
      "is_empty", returns: "boolean", "Whether there is none.",
      example: "print(p.tracks:is_empty())"
    ) { call in
      call.push(try call.receiver(TrackCollection.self).summaries().isEmpty)
    }
    tracks.method(
      "each", returns: "iterator", "Go through them in a for loop.",
      example: "for track in p.tracks:each() do print(track.id, track.duration) end"
    ) { call in
      let me = call.receiver(TrackCollection.self)
      let all = try me.summaries()
      call.pushIterator(count: all.count) { handle(me.project, all[$0]) }
    }
    tracks.method(
      "to_table", returns: "{track, ...}", "All of them as a Lua list.",
      example: "local list = p.tracks:to_table()\nprint(list[1])"
    ) { call in
      let me = call.receiver(TrackCollection.self)
      let all = try me.summaries()
      call.pushList(count: all.count) { handle(me.project, all[$0]) }
    }
    for (name, doc) in [
      ("first", "The one with the lowest id, or nil."),
      ("last", "The one with the highest id, or nil."),
    ] {
      tracks.method(name, returns: "track or nil", doc, example: "print(p.tracks:\(name)())") {
        call in
        let me = call.receiver(TrackCollection.self)
        let all = try me.summaries()
        guard let track = name == "first" ? all.first : all.last else { return call.pushNil() }
        call.push(handle(me.project, track))
      }
    }
    tracks.method(
      "where", params: [.function("f", "Gets a track and says whether it stays.")],
      returns: "tracks", "Those for which a function gives true; it runs at once.",
      example:
        "local long = p.tracks:where(function(track) return track.duration >= 3 end)\nprint(#long)"
    ) { call in
      let me = call.receiver(TrackCollection.self)
      let test = try call.function(0)
      let roots = try me.summaries().map(\.root).filter { root in
        me.project.graph.contains(root) ? try test.test(me.project.handle(root, .track)) : false
      }
      call.push(
        object: TrackCollection(me.project, chosen: Selection(me.project.graph, fixed: roots)))
    }
    tracks.property("spots", "spots", "The spots of all of them.") { call in
      let me = call.receiver(TrackCollection.self)
      let graph = me.project.graph
      call.push(
        me.project,
        Selection<SpotID>(graph) {
          try me.summaries().flatMap { graph.spots(inTrack: graph.trackIndex(of: $0.root)) }
            .sorted()
        })
    }
    let numbers: [(String, (TrackSummary) -> Int)] = [
      ("id", { Int($0.root.index) }), ("first", { $0.firstTimepoint }),
      ("last", { $0.lastTimepoint }),
      ("duration", { $0.lastTimepoint - $0.firstTimepoint }), ("divisions", { $0.divisions }),
      ("spots", { $0.spotCount }), ("links", { $0.linkCount }), ("leaves", { $0.leaves }),
    ]
    tracks.method(
      "column", params: [.choice("name", numbers.map(\.0), "What to read.")], returns: "array",
      "A number of each of them as an array.",
      example: #"print(p.tracks:column("duration"):mean())"#
    ) { call in
      let all = try call.receiver(TrackCollection.self).summaries()
      let read = numbers.first { $0.0 == call.string(0) }!.1
      call.push(
        NumericArray(count: all.count, isInteger: true) { out in
          for i in all.indices { out[i] = Double(read(all[i])) }
        })
    }
    tracks.display { call in
      let all = try call.receiver(TrackCollection.self).summaries()
      return .table(
        columns: ["id", "first", "last", "spots", "divisions", "leaves"],
        rows: all.prefix(10).map { track in
          [
            track.root.index.asInt, track.firstTimepoint, track.lastTimepoint, track.spotCount,
            track.divisions, track.leaves,
          ].map { .int($0) }
        }, total: all.count, title: "\(all.count) track\(all.count == 1 ? "" : "s")")
    }
  }
}

extension UInt32 {
  fileprivate var asInt: Int { Int(self) }
}

// A small language for the linking examples: spots with the ids, timepoints and tags that the examples name.

import Core
import Lineage
import Tracking

/// A spot of an example: `S(3, t: 1, 2.9)` is spot 3 at timepoint 1 at x = 2.9.
struct S {
  var id: UInt32
  var t: Int
  var x, y: Double
  var tag: String

  init(_ id: UInt32, t: Int, _ x: Double, y: Double = 0, _ tag: String = "unlabeled") {
    self.id = id
    self.t = t
    self.x = x
    self.y = y
    self.tag = tag
  }
}

/// A lineage with the spots of an example. Ids that the example does not use are filled with untagged spots
/// far away, so that the used ones get the ids they are named by.
struct LinkingScene {
  let graph = LineageGraph()
  let detection, tracking: TagSetID

  init(_ spots: [S]) throws {
    let graph = graph
    var byID: [UInt32: S] = [:]
    for spot in spots { byID[spot.id] = spot }
    try graph.edit("example") {
      try graph.ensureElephantTagSets()
      let detection = graph.tagSet(named: "Detection")!
      for id in 0...(spots.map(\.id).max() ?? 0) {
        let s = byID[id] ?? S(id, t: 0, 1e6, "none")
        let made = try graph.addSpot(
          t: s.t, position: WorldPoint(x: s.x, y: s.y, z: 0), covariance: .sphere(radius: 1))
        precondition(made.index == id)
        try graph.setTag(detection, of: made, to: graph.tag(named: s.tag, in: detection))
      }
    }
    detection = graph.tagSet(named: "Detection")!
    tracking = graph.tagSet(named: "Tracking")!
  }

  /// Add a link; `tag` nil leaves it untagged.
  func link(_ a: UInt32, _ b: UInt32, _ tag: String?) throws {
    try graph.edit("example") {
      let link = try graph.addLink(SpotID(a), SpotID(b))
      try graph.setTag(tracking, of: link, to: tag.flatMap { graph.tag(named: $0, in: tracking) })
    }
  }

  /// All links as texts such as "1->3", with the tag when it is not `unlabeled`.
  var links: Set<String> {
    Set(
      graph.links.map { link in
        let tag = graph.tag(tracking, of: link).map { graph.tagSetInfo(tracking).tags[$0].label }
        let text = "\(graph.source(link))->\(graph.target(link))"
        return tag == "unlabeled" ? text : "\(text) \(tag ?? "untagged")"
      })
  }

  /// Link with these options and answer what links there are.
  func linked(
    _ compat: NearestNeighborLinker.Rules,
    _ change: (inout NearestNeighborLinker.Options) -> Void = { _ in },
    flow: NearestNeighborLinker.Flow? = nil
  ) throws -> Set<String> {
    var options = NearestNeighborLinker.Options()
    options.compat = compat
    change(&options)
    _ = try NearestNeighborLinker.run(graph, options: options, flow: flow)
    return links
  }
}

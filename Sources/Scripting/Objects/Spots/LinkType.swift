// `link`: a step from a spot to the same nucleus, or to a daughter, at a later timepoint.

import Core
import Lineage

enum LinkType {
  static func register(_ registry: Registry) {
    let link = registry.handleType("link", .link, "A step from a spot to a later one.")
    link.property(
      "id", "integer", "Its slot, 0-based; given to a new link after removal.",
      column: ProjectObject.LinkColumn.id, reading: .integer { Int($0.handle.index) })
    link.property(
      "source", "spot", "The spot where it begins.",
      reading: .handle { o in o.look { o.bits($0.source(o.link), in: $0) } })
    link.property(
      "target", "spot", "The spot where it ends.",
      reading: .handle { o in o.look { o.bits($0.target(o.link), in: $0) } })
    link.property("displacement", "{x=,y=,z=}", "From its source to its target, world units.") {
      $0.push(displacement($0.link, $0.project.graph))
    }
    link.property(
      "length", "number", "The distance from source to target, world units.",
      reading: .number { o in o.look { LinkType.displacement(o.link, $0) }.distance(to: .zero) })
    link.property(
      "frames", "integer", "Timepoints from source to target, usually 1.",
      reading: .integer { o in o.look { LinkType.frames(o.link, $0) } })
    link.property(
      "cost", "number or nil", "What the linker paid for it; nil when none made it.",
      reading: .optionalNumber { o in o.look { $0.feature(Feature.cost, o.link) } ?? .nan })
    link.property(
      "margin", "number or nil",
      "How sure the linker was: 0 or less for a toss-up, 1 for no doubt; nil when none made it.",
      reading: .optionalNumber { o in o.look { $0.feature(Feature.margin, o.link) } ?? .nan })
    WhyType.registerMethod(link)
    link.property(
      "tags", "tags", #"Its tags by tag set: link.tags.Tracking = "Approved"; nil clears."#,
      reading: .handle { $0.handle.asKind(.linkTags).rawValue })
    link.method(
      "remove", "Remove it; its spots stay.",
      example: "p.links:first():remove()\nprint(#p.links)"
    ) { call in
      let (graph, id) = (call.project.graph, call.link)
      try graph.edit("remove link") { try graph.remove(id) }
    }
    link.operator("__tostring") { call in call.push(text(of: call.link, in: call.project)) }
    link.display { call in .text(text(of: call.link, in: call.project)) }
  }

  static func displacement(_ link: LinkID, _ graph: LineageGraph) -> WorldPoint {
    graph.position(graph.target(link)) - graph.position(graph.source(link))
  }

  static func frames(_ link: LinkID, _ graph: LineageGraph) -> Int {
    graph.timepoint(graph.target(link)) - graph.timepoint(graph.source(link))
  }

  static func text(of link: LinkID, in project: ProjectObject) -> String {
    let graph = project.graph
    let (a, b) = (graph.source(link), graph.target(link))
    return
      "link \(link) (spot \(a) at t \(graph.timepoint(a)) to spot \(b) at t \(graph.timepoint(b)))"
  }
}

// `link:why()`: the reason for an automatic link, to read and to compute with.

import Core
import Lineage
import Tracking

/// A reason with the names of what it speaks of.
final class WhyObject {
  let project: ProjectObject
  let link: LinkID
  let reason: LinkReason

  init(_ project: ProjectObject, _ link: LinkID, _ reason: LinkReason) {
    self.project = project
    self.link = link
    self.reason = reason
  }

  /// Other parents that are still there.
  var present: [LinkReason.Alternative] {
    reason.alternatives.filter { project.graph.isCurrent($0.parent) }
  }
}

enum WhyType {
  static func register(_ registry: Registry) {
    let why = registry.type(
      "reason", of: WhyObject.self,
      "Why a linker made a link: what it cost and what else it could do.")
    why.property("method", "string", "The linker: nearest, lap or global.") {
      $0.push("\($0.receiver(WhyObject.self).reason.method)")
    }
    why.property("step", "string", "link, gap, split or merge.") {
      $0.push("\($0.receiver(WhyObject.self).reason.step)")
    }
    why.property(
      "cost", "number",
      "What the link cost: squared distance, or for global the logarithm of a likelihood."
    ) { $0.push($0.receiver(WhyObject.self).reason.cost) }
    why.property("alone_cost", "number", "What no parent would have cost.") {
      $0.push($0.receiver(WhyObject.self).reason.aloneCost)
    }
    why.property(
      "margin", "number", "0 or less: another choice was as good; 1: nothing else came near."
    ) { $0.push($0.receiver(WhyObject.self).reason.margin) }
    why.property(
      "expected", "{x=,y=,z=} or nil",
      "Where the child was expected in the parent's timepoint, by flow or motion."
    ) { call in
      if let p = call.receiver(WhyObject.self).reason.expected {
        call.push(p)
      } else {
        call.pushNil()
      }
    }
    why.property(
      "alternatives", "{{spot=, cost=, distance=}, ...}",
      "The cheapest other parents, cheapest first."
    ) { call in
      let me = call.receiver(WhyObject.self)
      call.push(
        .list(
          me.present.map {
            .record([
              ("spot", .handle(me.project.handle($0.parent.id))), ("cost", .double($0.cost)),
              ("distance", .double(distance(me, $0.parent.id))),
            ])
          }) as LuaValue)
    }
    why.operator("__tostring") { $0.push(text($0.receiver(WhyObject.self))) }
    why.display { .text(text($0.receiver(WhyObject.self))) }
  }

  static func registerMethod(_ link: TypeEntry) {
    link.method(
      "why", returns: "reason or nil",
      "Why a linker made it: cost, margin and the other parents it considered. Nil when none made it in this session.",
      example: "howdah.link.nearest(p)\nprint(p.links:first():why())"
    ) { call in
      guard let reason = call.project.reasons.reason(for: call.link, in: call.project.graph) else {
        return call.pushNil()
      }
      call.push(object: WhyObject(call.project, call.link, reason))
    }
  }

  /// From a possible parent to where the child was expected.
  private static func distance(_ me: WhyObject, _ parent: SpotID) -> Double {
    let graph = me.project.graph
    let child =
      graph.contains(me.link) ? graph.position(graph.target(me.link)) : .zero
    return graph.position(parent).distance(to: me.reason.expected ?? child)
  }

  /// The whole reason in a few lines.
  static func text(_ me: WhyObject) -> String {
    let (graph, reason) = (me.project.graph, me.reason)
    guard graph.contains(me.link) else { return "this link has been removed" }
    let (a, b) = (graph.source(me.link), graph.target(me.link))
    var lines = [LinkType.text(of: me.link, in: me.project)]
    // The most likely story weighs a mother and her two daughters at once.
    let shared = reason.method == .global && reason.step == .split ? " for both daughters" : ""
    lines.append(
      "  made by \(reason.method) (\(reason.step)), cost \(short(reason.cost))\(shared), margin "
        + "\(short(reason.margin))")
    if let p = reason.expected {
      lines.append(
        "  spot \(b) was expected at (\(short(p.x)), \(short(p.y)), \(short(p.z)))")
    }
    lines.append("  parent  \(a)  distance \(short(distance(me, a)))  cost \(short(reason.cost))")
    for other in me.present {
      lines.append(
        "  instead \(other.parent.id)  distance \(short(distance(me, other.parent.id)))  cost "
          + "\(short(other.cost))")
    }
    lines.append("  or no parent, cost \(short(reason.aloneCost))")
    return lines.joined(separator: "\n")
  }
}

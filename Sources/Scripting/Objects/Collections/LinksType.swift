// `links`: what only collections of links can do.

import Core
import Lineage

enum LinksType {
  static func register(_ registry: Registry) {
    let links = registry.type(
      "links", of: Collection<LinkID>.self,
      "Links of a project, chosen by a chain of conditions; worked out when needed.")
    CollectionType<LinkID>(type: links, one: "link").register()
    for (name, doc) in [
      ("sources", "The spots where they begin, each once."),
      ("targets", "The spots where they end, each once."),
    ] {
      links.method(name, returns: "spots", doc, example: "print(#p.links:\(name)())") { call in
        let me = call.receiver(Collection<LinkID>.self)
        call.push(me.project, name == "sources" ? me.selection.sources() : me.selection.targets())
      }
    }
    registerAdd(links)
    links.method(
      "column", params: [.string("name", "id, length, frames, cost, margin, or a feature's name.")],
      returns: "array", "A number of each of them, in their order; NaN where there is none.",
      example: #"print(p.links:column("length"):mean())"#
    ) { call in
      let me = call.receiver(Collection<LinkID>.self)
      call.push(try column(call.string(0), try me.selection.items(), me.graph))
    }
    links.display { call in
      let me = call.receiver(Collection<LinkID>.self)
      let (graph, items) = (me.graph, try me.selection.items())
      return .table(
        columns: ["id", "source", "target", "t", "frames", "length"],
        rows: items.prefix(10).map { link in
          let source = graph.source(link)
          let length = LinkType.displacement(link, graph).distance(to: .zero)
          return [
            .int(Int(link.index)), .int(Int(source.index)), .int(Int(graph.target(link).index)),
            .int(graph.timepoint(source)), .int(LinkType.frames(link, graph)), .double(length),
          ]
        }, total: items.count, title: "\(items.count) link\(items.count == 1 ? "" : "s")")
    }
  }

  private static func registerAdd(_ links: TypeEntry) {
    links.method(
      "add",
      params: [
        .object("a", "spot", "One end."), .object("b", "spot", "The other end."),
        .options([
          .table("tags", #"Its tags by tag set, {Tracking = "unlabeled"}."#, optional: true),
          .boolean(
            "manual", "Tag it as manual work: Tracking Approved; absent: unless tags are given.",
            optional: true),
        ]),
      ],
      returns: "link",
      "Link two spots of different timepoints, from the earlier to the later. It counts as manual work (Tracking Approved) unless tags are given or manual is false.",
      example: "local a, b = p.spots:at(0):first(), p.spots:at(1):last()\nprint(p.links:add(a, b))"
    ) { call in
      let (me, o) = (call.receiver(Collection<LinkID>.self), call.options)
      let graph = me.graph
      guard call.space(of: call.handle(0)) === me.project.space,
        call.space(of: call.handle(1)) === me.project.space
      else { throw HowdahError(.argument, "links:add: both spots must belong to this project") }
      let (a, b) = (SpotID(call.handle(0).index), SpotID(call.handle(1).index))
      let (ta, tb) = (graph.timepoint(a), graph.timepoint(b))
      guard ta != tb else {
        throw HowdahError(
          .argument, "links:add: both spots are at timepoint \(ta); a link joins two timepoints")
      }
      let tags = o["tags"].fields ?? []
      let manual = o["manual"].boolean ?? tags.isEmpty
      let id = try me.project.edit("add link") {
        let id =
          try ta < tb ? graph.addLink(a, b, manual: manual) : graph.addLink(b, a, manual: manual)
        for (set, tag) in tags {
          let found = try me.project.tagForWriting(set, tag.text ?? "")
          try graph.setTag(found.set, of: id, to: found.tag)
        }
        return id
      }
      call.push(me.project.handle(id))
    }
  }

  private static func column(_ name: String, _ links: [LinkID], _ graph: LineageGraph) throws
    -> NumericArray
  {
    func gather(_ read: (LinkID) -> Double, isInteger: Bool = false) -> NumericArray {
      NumericArray(count: links.count, isInteger: isInteger) { out in
        for i in links.indices { out[i] = read(links[i]) }
      }
    }
    switch name {
    case "id": return gather({ Double($0.index) }, isInteger: true)
    case "length": return gather { LinkType.displacement($0, graph).distance(to: .zero) }
    case "frames": return gather({ Double(LinkType.frames($0, graph)) }, isInteger: true)
    default: break
    }
    let feature = ["cost": Feature.cost, "margin": Feature.margin][name] ?? name
    if let values = graph.linkFeatureColumn(feature) { return gather { values[Int($0.index)] } }
    if feature != name { return gather { _ in .nan } }
    let known = ["id", "length", "frames", "cost", "margin"] + graph.linkFeatureNames
    throw HowdahError(
      .argument,
      "links have no number \"\(name)\"" + Suggest.hint(for: name, among: known)
        + "; there are " + known.joined(separator: ", "))
  }
}

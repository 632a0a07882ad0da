// `spot`: a nucleus at one timepoint. Reading id, t, x, y and z goes past this file, to the columns.

import Core
import Formats
import Lineage

enum SpotType {
  static func register(_ registry: Registry) {
    let spot = registry.handleType("spot", .spot, "A nucleus at one timepoint.")
    registerPlace(spot)
    registerShape(spot)
    registerTree(spot)
    registerEdits(spot)
    spot.operator("__tostring") { call in call.push(text(of: call.spot, in: call.project)) }
    spot.display { call in .text(text(of: call.spot, in: call.project)) }
  }

  /// `spot 12 (t 3, x 10.5, y 3, z 7.25)`.
  static func text(of spot: SpotID, in project: ProjectObject) -> String {
    let graph = project.graph
    let p = graph.position(spot)
    let name = graph.label(spot).map { " \"\($0)\"" } ?? ""
    return "spot \(spot)\(name) (t \(graph.timepoint(spot)), x \(short(p.x)), y \(short(p.y)), "
      + "z \(short(p.z)))"
  }

  private static func registerPlace(_ spot: TypeEntry) {
    spot.property(
      "id", "integer", "Its slot, 0-based; given to a new spot after removal.",
      column: ProjectObject.SpotColumn.id, reading: .integer { Int($0.handle.index) })
    spot.property(
      "t", "integer", "Its timepoint, 0-based; it never changes.",
      column: ProjectObject.SpotColumn.t, reading: .integer { o in o.look { $0.timepoint(o.spot) } }
    )
    for (axis, column) in [
      (Axis.x, ProjectObject.SpotColumn.x), (.y, ProjectObject.SpotColumn.y),
      (.z, ProjectObject.SpotColumn.z),
    ] {
      spot.property(
        axis.rawValue, "number", "The \(axis.rawValue) of its centre, world units.", column: column,
        setType: .number,
        set: { call in
          let (graph, id) = (call.project.graph, call.spot)
          var p = graph.position(id)
          p[axis] = call.double(0)
          try graph.edit("move spot") { try graph.move(id, to: p) }
        }
      ) { $0.push($0.project.graph.position($0.spot)[axis]) }
    }
    spot.property(
      "position", "{x=,y=,z=}", "Its centre, world units.", setType: .point,
      set: { call in
        let (graph, id) = (call.project.graph, call.spot)
        let p = try call.point(0)
        try graph.edit("move spot") { try graph.move(id, to: p) }
      }
    ) { $0.push($0.project.graph.position($0.spot)) }
  }

  private static func registerShape(_ spot: TypeEntry) {
    spot.property(
      "covariance", "{xx=,xy=,xz=,yy=,yz=,zz=}",
      "Its ellipsoid, squared world units; semi-axes are the roots of the eigenvalues.",
      setType: .table,
      set: { call in
        let (graph, id) = (call.project.graph, call.spot)
        let c = try SpotShape.covariance(try call.value(0), "spot.covariance")
        try graph.edit("change shape") { try graph.setCovariance(id, c) }
      }
    ) { $0.push(SpotShape.value($0.project.graph.covariance($0.spot))) }
    spot.property("radii", "{a, b, c}", "The semi-axes of its ellipsoid, ascending, world units.") {
      let r = $0.project.graph.covariance($0.spot).radii
      $0.push(.list([.double(r.x), .double(r.y), .double(r.z)]) as LuaValue)
    }
    spot.property(
      "radius", "number",
      "The radius of the sphere of the same volume, world units; setting it makes a sphere.",
      setType: .number,
      set: { call in
        let (graph, id) = (call.project.graph, call.spot)
        let radius = try SpotShape.positive(call.double(0), "spot.radius")
        try graph.edit("change shape") { try graph.setCovariance(id, .sphere(radius: radius)) }
      }, reading: .number { o in o.look { $0.covariance(o.spot) }.meanRadius })
    spot.property(
      "volume", "number", "The volume of its ellipsoid, cubed world units.",
      reading: .number { o in o.look { $0.covariance(o.spot) }.volume })
    spot.property(
      "label", "string or nil", "Its label; nil when it has none.",
      setType: .either([.string, .integer]),
      set: { call in
        let (graph, id) = (call.project.graph, call.spot)
        let label = call.optionalString(0)
        try graph.edit("label spot") { try graph.setLabel(id, label) }
      },
      reading: .text { o, text in o.look { $0.withLabel(o.spot) { Reading.write($0, to: text) } } },
      get: { $0.push($0.project.graph.label($0.spot)) })
    spot.property(
      "name", "string", "Its label, or its id as text when it has none.",
      reading: .text { o, text in
        o.look { graph in
          graph.withLabel(o.spot) { label in
            if let label { return Reading.write(label, to: text) }
            var id = o.spot.description
            return id.withUTF8 { Reading.write($0, to: text) }
          }
        }
      }, get: { $0.push($0.project.graph.displayName($0.spot)) })
    spot.property(
      "quality", "number or nil", "How sure the detector was; nil when no detector made it.",
      setType: .number,
      set: { call in
        let (graph, id) = (call.project.graph, call.spot)
        let quality = call.optionalDouble(0)
        try graph.edit("set quality") { try graph.setFeature(Feature.quality, id, quality) }
      },
      reading: .optionalNumber { o in
        o.look { $0.feature(Feature.quality, o.spot) } ?? .nan
      })
    spot.property(
      "tags", "tags", #"Its tags by tag set: spot.tags.Detection = "fn"; nil clears."#,
      reading: .handle { $0.handle.asKind(.spotTags).rawValue })
  }

  private static func registerTree(_ spot: TypeEntry) {
    func relatives(
      _ name: String, _ doc: String, _ example: String,
      _ step: @escaping (LineageGraph, SpotID) -> [SpotID]
    ) {
      spot.method(name, returns: "spots", doc, example: example) { call in
        call.push(call.project, Selection<SpotID>(call.project.graph, of: call.spot, step))
      }
    }
    relatives(
      "children", "The spots that its outgoing links lead to, in link order.",
      "for child in p.spots:first():children():each() do print(child.t) end"
    ) { $0.children(of: $1) }
    relatives(
      "parents", "The spots that its incoming links come from, in link order.",
      "print(#p.spots:first():parents())"
    ) { $0.parents(of: $1) }
    relatives(
      "descendants",
      "The spot and everything that can be reached from it along links, depth first.",
      #"p.spots:first():descendants():tag("Tracking", "Approved")"#
    ) { $0.descendants(of: $1) }
    relatives(
      "ancestors", "The spot and everything that leads to it, depth first.",
      "print(#p.spots:last():ancestors())"
    ) { $0.ancestors(of: $1) }
    spot.method(
      "outgoing", returns: "links", "Its links to later spots, in the order they were made.",
      example: "print(#p.spots:first():outgoing())"
    ) { call in
      call.push(
        call.project,
        Selection<LinkID>(call.project.graph, of: call.spot) { Array($0.outgoing($1)) })
    }
    spot.method(
      "incoming", returns: "links", "Its links from earlier spots, in the order they were made.",
      example: "print(#p.spots:first():incoming())"
    ) { call in
      call.push(
        call.project,
        Selection<LinkID>(call.project.graph, of: call.spot) { Array($0.incoming($1)) })
    }
    spot.method(
      "root", returns: "spot", "The spot without incoming links that it comes from.",
      example: "print(p.spots:last():root().t)",
      reading: .handle { o in o.look { o.bits($0.root(of: o.spot), in: $0) } })
    spot.method(
      "track", returns: "track", "The track that it belongs to.",
      example: "print(p.spots:first():track().duration)",
      reading: .handle { o in o.look { o.bits($0.trackRoot(of: o.spot), .track, in: $0) } })
    spot.method(
      "distance", params: [.object("other", "spot", "Another spot.")], returns: "number",
      "The distance between the centres of two spots, world units.",
      example: "local a, b = p.spots:first(), p.spots:last()\nprint(a:distance(b))",
      reading: .number { o in
        let there = o.look(at: 0) { $0.position(SpotID(o.handle(0).index)) }
        return o.look { $0.position(o.spot) }.distance(to: there)
      })
  }

  private static func registerEdits(_ spot: TypeEntry) {
    spot.method("remove", "Remove it with its links.", example: "p.spots:first():remove()") {
      call in
      let (graph, id) = (call.project.graph, call.spot)
      try graph.edit("remove spot") { try graph.remove(id) }
    }
    spot.method(
      "move", params: [.point("position", "Where its centre is to be, world units.")],
      returns: "spot",
      "Put its centre somewhere else; tags stay.",
      example: "p.spots:first():move{x = 10, y = 12, z = 3}"
    ) { call in
      let (graph, id) = (call.project.graph, call.spot)
      let p = try call.point(0)
      try graph.edit("move spot") { try graph.move(id, to: p) }
      call.pushReceiver()
    }
    let axis = Param.choice(
      "axis", Axis.allCases.map(\.rawValue), "The world axis; all when absent.", optional: true)
    spot.method(
      "resize",
      params: [
        .options([
          .number(
            "factor", "1.1 is ELEPHANT's larger, 0.9 its smaller.", default: 1.1, min: 0.001,
            max: 1000), axis,
        ])
      ],
      returns: "spot", "Scale its ellipsoid along a world axis, or along all three.",
      example: #"p.spots:first():resize{axis = "x", factor = 1.1}"#
    ) { call in
      let (graph, id, o) = (call.project.graph, call.spot, call.options)
      let axes = o.optionalString("axis").flatMap(Axis.init).map { [$0] } ?? Axis.allCases
      try graph.edit("resize spot") {
        for axis in axes { try graph.resize(id, axis: axis, factor: o.double("factor")) }
      }
      call.pushReceiver()
    }
    spot.method(
      "rotate",
      params: [
        .options([
          .number("degrees", "Counterclockwise, right-handed.", default: 1),
          .choice("axis", Axis.allCases.map(\.rawValue), "The world axis.", default: "z"),
        ])
      ],
      returns: "spot", "Rotate its ellipsoid about a world axis.",
      example: #"p.spots:first():rotate{axis = "z", degrees = 15}"#
    ) { call in
      let (graph, id, o) = (call.project.graph, call.spot, call.options)
      let axis = Axis(rawValue: o.string("axis")) ?? .z
      try graph.edit("rotate spot") {
        try graph.rotate(id, axis: axis, degrees: o.double("degrees"))
      }
      call.pushReceiver()
    }
    spot.method(
      "reset_rotation", returns: "spot", "Align its ellipsoid with the world axes.",
      example: "p.spots:first():reset_rotation()"
    ) { call in
      let (graph, id) = (call.project.graph, call.spot)
      try graph.edit("reset rotation") { try graph.resetRotation(id) }
      call.pushReceiver()
    }
    spot.method(
      "mean_intensity", params: [.options(Intensity.params)], returns: "number or nil",
      "The mean of the voxels inside its ellipsoid; nil when none is inside the image.",
      example: "print(p.spots:first():mean_intensity())"
    ) { call in
      let value = try Intensity.means(
        of: [call.spot], in: call.project, call.options, progress: call.progress)[0]
      call.push(value.isNaN ? nil : value)
    }
  }
}

/// Names of features that Howdah and ELEPHANT write.
enum Feature {
  static let quality = "Detection quality"
  static let cost = "Link cost"
  static let margin = "Link margin"
}

/// A number with at most three decimals, for texts.
func short(_ value: Double) -> String {
  guard value.isFinite, abs(value) < 1e12 else { return String(value) }
  let rounded = (value * 1000).rounded() / 1000
  return rounded == rounded.rounded() ? String(Int(rounded)) : String(rounded)
}

// `spots`: what only collections of spots can do.

import Core
import Lineage

enum SpotsType {
  static func register(_ registry: Registry) {
    let spots = registry.type(
      "spots", of: Collection<SpotID>.self,
      "Spots of a project, chosen by a chain of conditions; worked out when needed.")
    CollectionType<SpotID>(type: spots, one: "spot").register()
    registerSteps(spots)
    registerPlaces(spots)
    registerNumbers(spots)
    registerChanges(spots)
    spots.display { call in
      let me = call.receiver(Collection<SpotID>.self)
      let (graph, items) = (me.graph, try me.selection.items())
      let sets = graph.tagSets.indices.filter { graph.taggedSpotCount($0) > 0 }.prefix(3)
      return .table(
        columns: ["id", "t", "x", "y", "z", "radius"] + sets.map { graph.tagSets[$0].name },
        rows: items.prefix(10).map { spot in
          let p = graph.position(spot)
          let numbers = [p.x, p.y, p.z, graph.covariance(spot).meanRadius]
          return [.int(Int(spot.index)), .int(graph.timepoint(spot))] + numbers.map { .double($0) }
            + sets.map { set in
              graph.tag(set, of: spot).map { .string(graph.tagSetInfo(set).tags[$0].label) } ?? .nil
            }
        }, total: items.count, title: "\(items.count) spot\(items.count == 1 ? "" : "s")")
    }
  }

  private static func registerSteps(_ spots: TypeEntry) {
    func step(
      _ name: String, _ doc: String, _ body: @escaping (Selection<SpotID>) -> Selection<SpotID>
    ) {
      spots.method(name, returns: "spots", doc, example: "print(#p.spots:\(name)())") { call in
        let me = call.receiver(Collection<SpotID>.self)
        call.push(me.project, body(me.selection))
      }
    }
    step("roots", "Those without an incoming link.") { $0.roots() }
    step("leaves", "Those without an outgoing link.") { $0.leaves() }
    step("descendants", "They and everything that can be reached from them along links.") {
      $0.descendants()
    }
    step("ancestors", "They and everything that leads to them.") { $0.ancestors() }
    step("children", "The spots that their outgoing links lead to, each once.") { $0.children() }
    step("parents", "The spots that their incoming links come from, each once.") { $0.parents() }
    step("hash_order", "The same spots in the order in which ELEPHANT's hash set visits them.") {
      $0.hashOrder()
    }
    spots.method(
      "dividing",
      params: [
        .options([
          .integer("children", "Exactly so many; absent: more than one.", optional: true, min: 0)
        ])
      ],
      returns: "spots", "Those with more than one outgoing link, or with exactly so many.",
      example: "print(#p.spots:dividing(), #p.spots:dividing{children = 2})"
    ) { call in
      let me = call.receiver(Collection<SpotID>.self)
      call.push(me.project, me.selection.dividing(children: call.options.optionalInt("children")))
    }
    spots.method(
      "outgoing", returns: "links", "Their links to later spots.",
      example: "print(#p.spots:at(0):outgoing())"
    ) { call in
      let me = call.receiver(Collection<SpotID>.self)
      call.push(me.project, me.selection.outgoing())
    }
    spots.method(
      "incoming", returns: "links", "Their links from earlier spots.",
      example: "print(#p.spots:at(1):incoming())"
    ) { call in
      let me = call.receiver(Collection<SpotID>.self)
      call.push(me.project, me.selection.incoming())
    }
    spots.method(
      "tracks", returns: "tracks", "The tracks that they belong to.",
      example: "print(#p.spots:dividing():tracks())"
    ) { call in
      let me = call.receiver(Collection<SpotID>.self)
      call.push(object: TrackCollection(me.project, chosen: me.selection))
    }
  }

  private static func registerPlaces(_ spots: TypeEntry) {
    let t = Param.integer("t", "Only at this timepoint.", optional: true, min: 0)
    spots.method(
      "within",
      params: [
        .options([
          Param("center", .either([.point, .object("spot")]), "A position, or a spot."),
          .number("radius", "World units; a centre at this distance counts.", min: 0), t,
        ])
      ],
      returns: "spots", "Those whose centre is within a distance of a position.",
      example: "print(#p.spots:within{center = p.spots:first(), radius = 10, t = 0})"
    ) { call in
      let (me, o) = (call.receiver(Collection<SpotID>.self), call.options)
      let center: WorldPoint
      if let handle = o.handle("center") {
        let other: ProjectObject = call.owner(of: handle)
        center = other.graph.position(SpotID(handle.index))
      } else {
        center = try o.point("center") ?? .zero
      }
      call.push(
        me.project,
        me.selection.within(radius: o.double("radius"), of: center, t: o.optionalInt("t")))
    }
    spots.method(
      "nearest",
      params: [
        .options(
          [
            .number("x", "World units."), .number("y", "World units."),
            .number("z", "World units."), t,
            .integer("count", "How many at most.", default: 1, min: 1),
          ], positional: ["x", "y", "z", "t"])
      ],
      returns: "spots", "Those nearest to a position, by distance; ties go to the smaller id.",
      example: "print(p.spots:nearest{x = 10, y = 10, z = 5, t = 0}:first())"
    ) { call in
      let (me, o) = (call.receiver(Collection<SpotID>.self), call.options)
      let point = WorldPoint(x: o.double("x"), y: o.double("y"), z: o.double("z"))
      call.push(
        me.project, me.selection.nearest(to: point, t: o.optionalInt("t"), count: o.int("count")))
    }
    spots.method(
      "inside",
      params: [Param("box", .box, "{minimum={x=,y=,z=}, maximum={x=,y=,z=}}, world units.")],
      returns: "spots", "Those whose centre lies in a box; the lower faces belong to it.",
      example: "print(#p.spots:inside{minimum = {0, 0, 0}, maximum = {20, 20, 20}})"
    ) { call in
      let me = call.receiver(Collection<SpotID>.self)
      call.push(
        me.project, me.selection.inside(try Argument.box(try call.value(0), "spots:inside")))
    }
  }

  private static func registerNumbers(_ spots: TypeEntry) {
    spots.method(
      "column",
      params: [
        .string("name", "id, t, x, y, z, radius, volume, quality, children, or a feature's name.")
      ],
      returns: "array", "A number of each of them, in their order; NaN where there is none.",
      example: #"print(p.spots:column("x"):mean(), p.spots:column("t"):max())"#
    ) { call in
      let me = call.receiver(Collection<SpotID>.self)
      call.push(try SpotColumns.array(call.string(0), try me.selection.items(), me.graph))
    }
    spots.method(
      "mean_intensity", params: [.options(Intensity.params)], returns: "array",
      "The mean of the voxels inside the ellipsoid of each; NaN for those outside the image.",
      example: "print(p.spots:at(0):mean_intensity():mean())"
    ) { call in
      let me = call.receiver(Collection<SpotID>.self)
      let means = try Intensity.means(
        of: try me.selection.items(), in: me.project, call.options, progress: call.progress)
      call.push(
        NumericArray(count: means.count, isInteger: false) { out in
          _ = out.update(fromContentsOf: means)
        })
    }
  }

  private static func registerChanges(_ spots: TypeEntry) {
    spots.method(
      "set",
      params: [
        .options(
          SpotShape.params + [
            .string("label", "A label for all.", optional: true),
            .number("quality", "A detection quality for all.", optional: true),
          ])
      ],
      returns: "integer",
      "Give all of them the same shape, label or quality; returns how many they are.",
      example: "p.spots:at(0):set{radius = 3}"
    ) { call in
      let (me, o) = (call.receiver(Collection<SpotID>.self), call.options)
      let items = try me.selection.items()
      let shape = try SpotShape.read(o, "spots:set")
      try me.project.edit("change spots") {
        for spot in items {
          if let shape { try me.graph.setCovariance(spot, shape) }
          if let label = o.optionalString("label") { try me.graph.setLabel(spot, label) }
          if let quality = o.optionalDouble("quality") {
            try me.graph.setFeature(Feature.quality, spot, quality)
          }
        }
      }
      call.push(items.count)
    }
    spots.method(
      "add",
      params: [
        .options(
          [
            .integer("t", "Its timepoint, 0-based.", min: 0), .number("x", "World units."),
            .number("y", "World units."), .number("z", "World units."),
          ] + SpotShape.params + [
            .string("label", "Its label.", optional: true),
            .table("tags", #"Its tags by tag set, {Detection = "tp"}."#, optional: true),
            .boolean(
              "manual",
              "Tag it as manual work: Detection fn, Tracking Approved; absent: unless tags are given.",
              optional: true),
          ])
      ],
      returns: "spot",
      "Add a spot to the project. It counts as manual work (Detection fn, Tracking Approved) unless tags are given or manual is false. Without a shape it is a sphere of radius 5.",
      example: "print(p.spots:add{t = 0, x = 10, y = 10, z = 5, radius = 4})"
    ) { call in
      let (me, o) = (call.receiver(Collection<SpotID>.self), call.options)
      let tags = o["tags"].fields ?? []
      let manual = o["manual"].boolean ?? tags.isEmpty
      let shape = try SpotShape.read(o, "spots:add") ?? .sphere(radius: 5)
      let id = try me.project.edit("add spot") {
        let id = try me.graph.addSpot(
          t: o.int("t"), position: WorldPoint(x: o.double("x"), y: o.double("y"), z: o.double("z")),
          covariance: shape, manual: manual)
        if let label = o.optionalString("label") { try me.graph.setLabel(id, label) }
        for (set, tag) in tags {
          let found = try me.project.tagForWriting(
            set, tag.text ?? tag.integer.map(String.init) ?? "")
          try me.graph.setTag(found.set, of: id, to: found.tag)
        }
        return id
      }
      call.push(me.project.handle(id))
    }
  }
}

/// Numbers of spots by name.
enum SpotColumns {
  static let names = ["id", "t", "x", "y", "z", "radius", "volume", "quality", "children"]

  static func array(_ name: String, _ spots: [SpotID], _ graph: LineageGraph) throws -> NumericArray
  {
    let columns = graph.columns
    func gather(_ read: (SpotID) -> Double, isInteger: Bool = false) -> NumericArray {
      NumericArray(count: spots.count, isInteger: isInteger) { out in
        for i in spots.indices { out[i] = read(spots[i]) }
      }
    }
    switch name {
    case "id": return gather({ Double($0.index) }, isInteger: true)
    case "t": return gather({ Double(columns.timepoint[Int($0.index)]) }, isInteger: true)
    case "x": return gather { columns.x[Int($0.index)] }
    case "y": return gather { columns.y[Int($0.index)] }
    case "z": return gather { columns.z[Int($0.index)] }
    case "radius": return gather { columns.covariance[Int($0.index)].meanRadius }
    case "volume": return gather { columns.covariance[Int($0.index)].volume }
    case "children": return gather({ Double(graph.outDegree($0)) }, isInteger: true)
    default: break
    }
    let feature = name == "quality" ? Feature.quality : name
    if let values = graph.spotFeatureColumn(feature) { return gather { values[Int($0.index)] } }
    if name == "quality" { return gather { _ in .nan } }
    let known = names + graph.featureNames
    throw HowdahError(
      .argument,
      "spots have no number \"\(name)\"" + Suggest.hint(for: name, among: known)
        + "; there are " + known.joined(separator: ", "))
  }
}

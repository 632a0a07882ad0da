// Where linkers expect spots one frame earlier, as Lua says it.

import Core
import Learning
import Lineage
import Tracking

enum LinkFlow {
  /// The options that all linkers have.
  static let options: [Param] = [
    Param(
      "flow", .either([.object("model"), .string, .function]),
      "How spots moved since the timepoint before: as a flow model sees it, or that of howdah.flow of this name; \"registration\": as the images show without a model; or a function that is called with a spot and says {x=, y=, z=} in world units, nil for not at all.",
      optional: true),
    .number(
      "flow_reach",
      "For registration: how far the tissue may move, world units; absent: four radii of the spots.",
      optional: true, min: 0),
    .integer("flow_setup", "The channel or view that flow looks at.", default: 0, min: 0),
  ]

  /// The flow of the option `flow`, nil when it was not given.
  static func flow(_ call: Call, in project: ProjectObject) throws -> NearestNeighborLinker.Flow? {
    let (options, progress) = (call.options, call.progress)
    if let model = options.object("flow", ModelObject.self) {
      return try flow(model, options, in: project, progress)
    }
    if let name = options.optionalString("flow") {
      if name == "registration" { return try registration(options, in: project, progress) }
      let model = try call.openModel(name, kind: .flow)
      return try flow(model, options, in: project, progress)
    }
    guard let function = try options.function("flow") else { return nil }
    return { _, queries in
      try queries.map { query in
        let answer = try function.call(.handle(project.handle(query.spot))).first ?? .nil
        if answer.isNil { return .init(position: query.position, squaredDisplacement: 0) }
        let moved = try Argument.point(answer, "flow")
        return .init(
          position: query.position - moved, squaredDisplacement: moved.squaredDistance(to: .zero))
      }
    }
  }

  private static func flow(
    _ model: ModelObject, _ options: Options, in project: ProjectObject, _ progress: Progress
  ) throws -> NearestNeighborLinker.Flow {
    guard model.kind == .flow else {
      throw HowdahError(
        .argument, "flow: this is a detection model; howdah.flow(...) opens flow models")
    }
    let graph = project.graph
    let flow = try FlowMethods.predictor(
      model, Predictor(model.file.models), project, setup: options.int("flow_setup"),
      radius: FlowSetting.radius(of: graph.spots.map { graph.covariance($0) }), progress: progress)
    return flow.predict
  }

  private static func registration(
    _ options: Options, in project: ProjectObject, _ progress: Progress
  ) throws -> NearestNeighborLinker.Flow {
    let graph = project.graph
    guard let radius = FlowSetting.radius(of: graph.spots.map { graph.covariance($0) }) else {
      // Without spots nothing is asked.
      return { _, queries in
        queries.map { .init(position: $0.position, squaredDisplacement: 0) }
      }
    }
    let flow = try RegistrationFlow(
      try project.project.requireImages(), setup: options.int("flow_setup"), radius: radius,
      reach: options.optionalDouble("flow_reach"), progress: progress)
    return flow.predict
  }
}

// Where linkers expect spots one frame earlier, as Lua says it.

import Core
import Lineage
import Tracking

enum LinkFlow {
  static let doc =
    "Called with a spot: how it moved since the timepoint before, {x=, y=, z=} in world units; nil for not at all."

  /// The flow of the option `flow`, nil when it was not given.
  static func flow(_ options: Options, in project: ProjectObject) throws
    -> NearestNeighborLinker.Flow?
  {
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
}

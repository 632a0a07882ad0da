// What Lua says about mean intensities: which view, of which project.

import Core
import Lineage
import Tracking

enum Intensity {
  static let params: [Param] = [
    .integer("setup", "The channel or view.", default: 0, min: 0),
    .integer("level", "The resolution level; 0 is full.", default: 0, min: 0),
  ]

  /// See `SpotIntensity.means`.
  static func means(
    of spots: [SpotID], in project: ProjectObject, _ options: Options, progress: Progress
  ) throws -> [Double] {
    try SpotIntensity.means(
      of: spots, in: project.graph, images: try project.project.requireImages(),
      setup: options.int("setup"), level: options.int("level"), progress: progress)
  }
}

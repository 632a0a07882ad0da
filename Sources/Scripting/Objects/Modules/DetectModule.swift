// `howdah.detect`: finding nuclei without a trained model.

import Core
import Formats
import Tracking

enum DetectModule {
  static func register(_ registry: Registry) {
    let detect = registry.module("howdah.detect", "Finding nuclei without a trained model.")
    let d = DoGDetector.Options()
    detect.function(
      "dog",
      params: [
        .object("project", "project", "Its images are searched."),
        .options([
          .timepoints("timepoints", "Which; absent: all.", optional: true),
          .integer("setup", "The channel or view.", default: d.setup, min: 0),
          Param(
            "radius", .either([.number, .list(.number)]),
            "Radius of the nuclei, world units, or {smallest, largest}; absent: measured.",
            optional: true),
          .number(
            "threshold", "Least contrast in units of its noise; absent: chosen for each image.",
            optional: true),
          .number(
            "separation", "How near two nuclei may be; 1 means that the blobs touch.",
            default: d.separation, min: 0),
          .number(
            "suppression_distance",
            "Nothing is added nearer than this to a spot that stays, world units. ELEPHANT fixes 3.",
            optional: true, min: 0),
          .number("min_radius", "Smaller semi-axes are not believed.", optional: true, min: 0),
          .number("max_radius", "Semi-axes are cut to this.", optional: true, min: 0),
          .boolean("ellipsoids", "Fit an ellipsoid to each; else spheres.", default: d.ellipsoids),
          Param("box", .box, "Only in this box, world units.", optional: true),
        ]),
      ],
      returns: "{spots=, radius=, threshold=, timepoints={...}, ...}",
      "Find bright blobs and make them spots, tagged as predictions. Unjudged spots are replaced, judged and approved ones stay.",
      example: "local found = howdah.detect.dog(p, {radius = 2})\nprint(found.spots, found.radius)"
    ) { call in
      let (me, o) = (call.object(0, ProjectObject.self), call.options)
      var options = DoGDetector.Options()
      options.timepoints = try o.timepoints("timepoints")
      options.setup = o.int("setup")
      options.radius = try radius(o["radius"])
      options.threshold = o.optionalDouble("threshold")
      options.separation = o.double("separation")
      options.suppressionDistance = o.optionalDouble("suppression_distance")
      options.minRadius = o.optionalDouble("min_radius")
      options.maxRadius = o.optionalDouble("max_radius")
      options.ellipsoids = o.bool("ellipsoids")
      options.box = try o.box("box")
      let counts = try DoGDetector.run(
        me.graph, images: try me.project.requireImages(), options: options, progress: call.progress)
      call.push(value(of: counts))
    }
  }

  private static func radius(_ value: LuaValue) throws -> ClosedRange<Double>? {
    if value.isNil { return nil }
    if let one = value.number { return one...one }
    let ends = (value.elements ?? []).compactMap(\.number)
    guard ends.count == 2, ends[0] <= ends[1] else {
      throw HowdahError(.argument, "howdah.detect.dog: radius is a number or {smallest, largest}")
    }
    return ends[0]...ends[1]
  }

  /// The sums over all timepoints, and what happened at each.
  private static func value(of counts: [DoGDetector.Counts]) -> LuaValue {
    func sum(_ read: (DoGDetector.Counts) -> Int) -> LuaValue {
      .int(counts.reduce(0) { $0 + read($1) })
    }
    let rows = counts.map { c in
      LuaValue.record([
        ("t", .int(c.timepoint)), ("found", .int(c.found)), ("added", .int(c.added)),
        ("removed", .int(c.removed)), ("threshold", .double(c.threshold)),
      ])
    }
    return .record([
      ("spots", sum(\.added)), ("found", sum(\.found)), ("removed", sum(\.removed)),
      ("confirmed", sum(\.confirmed)), ("suppressed", sum(\.suppressed)),
      ("radius", .double(counts.last?.radius ?? 0)),
      ("threshold", .double(counts.last?.threshold ?? 0)), ("timepoints", .list(rows)),
    ])
  }
}

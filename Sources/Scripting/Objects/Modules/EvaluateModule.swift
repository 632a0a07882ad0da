// `howdah.evaluate`: how well a result agrees with the truth.

import Core
import Formats
import Tracking

enum EvaluateModule {
  static func register(_ registry: Registry) {
    registry.module("howdah").function(
      "evaluate",
      params: [
        .object("result", "project", "What was found."),
        .object("truth", "project", "What is right."),
        .options([
          .choice(
            "criterion", Evaluation.Criterion.allCases.map(\.rawValue),
            "When two spots may be the same nucleus: centres near each other, or one inside the other's ellipsoid.",
            default: "distance"),
          .number(
            "max_distance",
            "How far apart the centres may be, world units; absent: the mean radius of the truth.",
            optional: true, min: 0),
          .integer(
            "division_tolerance", "A division may come so many timepoints early or late.",
            default: 0, min: 0),
          .timepoints("timepoints", "Which are compared; absent: all.", optional: true),
        ]),
      ],
      returns: "{spot_f1=, link_f1=, division_f1=, counts={...}, ...}",
      "Compare a result with the truth: precision, recall and F1 of spots, links and divisions.",
      example:
        "local score = howdah.evaluate(p, p)\nprint(score.spot_f1, score.link_f1, score.division_f1)"
    ) { call in
      let o = call.options
      var options = Evaluation.Options()
      options.criterion = Evaluation.Criterion(rawValue: o.string("criterion")) ?? .distance
      options.maxDistance = o.optionalDouble("max_distance")
      options.divisionTolerance = o.int("division_tolerance")
      options.timepoints = try o.timepoints("timepoints")
      let result = try Evaluation.run(
        result: call.object(0, ProjectObject.self).graph,
        truth: call.object(1, ProjectObject.self).graph,
        options: options, progress: call.progress)
      call.push(value(of: result))
    }
  }

  /// The result as Lua sees it.
  static func value(of result: EvaluationResult) -> LuaValue {
    var fields: [(key: String, value: LuaValue)] = []
    var counts: [(key: String, value: LuaValue)] = []
    for (name, score) in [
      ("spot", result.spots), ("link", result.links), ("division", result.divisions),
    ] {
      fields.append(("\(name)_precision", .double(score.precision)))
      fields.append(("\(name)_recall", .double(score.recall)))
      fields.append(("\(name)_f1", .double(score.f1)))
      counts.append(
        (
          "\(name)s",
          .record([
            ("right", .int(score.truePositives)), ("wrong", .int(score.falsePositives)),
            ("missed", .int(score.falseNegatives)),
          ])
        ))
    }
    fields.append(("mean_distance", .double(result.meanDistance)))
    fields.append(("timepoints", .int(result.timepoints)))
    fields.append(("counts", .record(counts)))
    return .record(fields)
  }
}

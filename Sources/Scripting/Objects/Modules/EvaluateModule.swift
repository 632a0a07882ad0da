// `howdah.evaluate`: how well a result agrees with the truth.

import Core
import Formats
import Lineage
import Tracking

enum EvaluateModule {
  static func register(_ registry: Registry) {
    let either = ParamType.either([.object("project"), .file])
    registry.module("howdah").function(
      "evaluate",
      params: [
        Param("result", either, "What was found: a project, or the path of one."),
        Param("truth", either, "What is right."),
        .options([
          .choice(
            "measures", ProjectComparison.Measures.allCases.map(\.rawValue),
            "What to compute; spots is quick and needs no images.", default: "all"),
          .choice(
            "criterion", Evaluation.Criterion.allCases.map(\.rawValue) + ["overlap"],
            "When two spots may be the same nucleus: centres near each other, one inside the other's ellipsoid, or labels that overlap; absent: overlap with folders of the Cell Tracking Challenge, else distance.",
            optional: true),
          .number(
            "max_distance",
            "How far apart the centres may be, world units; absent: the mean radius of the truth.",
            optional: true, min: 0),
          .integer(
            "division_tolerance", "A division may come so many timepoints early or late.",
            default: 0, min: 0),
          .timepoints("timepoints", "Which are compared; absent: all.", optional: true),
          .boolean(
            "list", "Return the spots too: right and wrong of the result, missed of the truth.",
            default: false),
          .boolean(
            "ignore_rejected",
            "Spots that are tagged fp, tn, fb or tb in Detection are taken as not there.",
            default: true),
          .boolean(
            "sparse",
            "The truth has not all nuclei: what it does not know is no error (DET to CHOTA).",
            default: false),
          .number(
            "marker_radius",
            "Draw the truth's spots as balls of this radius, world units; 0 draws single voxels.",
            optional: true, min: 0),
        ]),
      ],
      returns:
        "{det=, seg=, tra=, lnk=, ct=, tf=, bc={...}, cca=, chota=, division_f1=, counts={...}, ...}",
      "Compare a result with the truth: the measures of the Cell Tracking Challenge, and precision, recall and F1 of spots, links and divisions. bc[1] to bc[4] are BC(0) to BC(3); what cannot be measured is nil, and notes says why.",
      example:
        "local score = howdah.evaluate(p, p)\nprint(score.det, score.tra, score.spot_f1, score.division_f1)"
    ) { call in
      let o = call.options
      var options = ProjectComparison.Options()
      options.measures = ProjectComparison.Measures(rawValue: o.string("measures")) ?? .all
      if let criterion = o.optionalString("criterion") {
        options.matchesByOverlap = criterion == "overlap"
        options.spots.criterion = Evaluation.Criterion(rawValue: criterion) ?? .distance
      } else if o.has("max_distance") {
        options.matchesByOverlap = false
      }
      options.spots.maxDistance = o.optionalDouble("max_distance")
      options.spots.divisionTolerance = o.int("division_tolerance")
      options.spots.timepoints = try o.timepoints("timepoints")
      options.spots.ignoresRejected = o.bool("ignore_rejected")
      options.ctc.isSparse = o.bool("sparse")
      options.markerRadius = o.optionalDouble("marker_radius")
      let found = try ProjectComparison(
        result: project(call, 0), truth: project(call, 1), options: options,
        progress: call.progress)
      var answer = value(of: found)
      if o.bool("list"), let spots = found.spots { answer = try list(spots, answer, call) }
      call.push(answer)
    }
  }

  /// The project of an argument, opened when it is a path.
  private static func project(_ call: Call, _ i: Int) throws -> Project {
    if let object = call.objectIfAny(i, ProjectObject.self) { return object.project }
    return try Project.open(call.readablePath(call.string(i)), progress: call.progress)
  }

  /// The answer with the spots that it counts.
  private static func list(_ spots: EvaluationResult, _ answer: LuaValue, _ call: Call) throws
    -> LuaValue
  {
    guard let result = call.objectIfAny(0, ProjectObject.self),
      let truth = call.objectIfAny(1, ProjectObject.self)
    else {
      throw HowdahError(
        .argument, "howdah.evaluate: list=true needs open projects, not paths (howdah.open)")
    }
    func handles(_ spots: [SpotID], _ project: ProjectObject) -> LuaValue {
      .list(spots.map { .handle(project.handle($0)) })
    }
    return .record(
      (answer.fields ?? []) + [
        ("right", handles(spots.right.map(\.result), result)),
        ("wrong", handles(spots.wrong, result)), ("missed", handles(spots.missed, truth)),
      ])
  }

  /// The comparison as Lua sees it.
  static func value(of found: ProjectComparison) -> LuaValue {
    var fields: [(key: String, value: LuaValue)] = []
    var counts: [(key: String, value: LuaValue)] = []
    if let ctc = found.ctc { add(ctc, &fields, &counts) }
    if let spots = found.spots { add(spots, &fields, &counts) }
    fields.append(("counts", .record(counts)))
    if !found.notes.isEmpty { fields.append(("notes", .list(found.notes.map { .string($0) }))) }
    return .record(fields)
  }

  private typealias Fields = [(key: String, value: LuaValue)]

  private static func add(_ ctc: CTCResult, _ fields: inout Fields, _ counts: inout Fields) {
    func number(_ value: Double?) -> LuaValue { value.map { .double($0) } ?? .nil }
    let bc: LuaValue =
      ctc.bc.contains { $0 == nil } ? .nil : .list(ctc.bc.map { number($0) })
    fields += [
      ("det", number(ctc.det)), ("seg", number(ctc.seg)), ("tra", number(ctc.tra)),
      ("lnk", number(ctc.lnk)), ("ct", number(ctc.ct)), ("tf", number(ctc.tf)), ("bc", bc),
      ("cca", number(ctc.cca)), ("chota", number(ctc.chota)),
      ("aogm", .double(ctc.operations.cost)),
    ]
    if ctc.segStacked != nil { fields.append(("seg_stacked", number(ctc.segStacked))) }
    let o = ctc.operations
    counts += [
      ("ns", .int(o.splits)), ("fn", .int(o.missed)), ("fp", .int(o.spurious)),
      ("ed", .int(o.wrongLinks)), ("ea", .int(o.missedLinks)), ("ec", .int(o.wrongKind)),
      ("vertices", .int(o.vertices)), ("edges", .int(o.edges)), ("frames", .int(ctc.frames)),
      (
        "bc",
        .list(
          ctc.divisions.map {
            .record([
              ("right", .int($0.right)), ("wrong", .int($0.wrong)), ("missed", .int($0.missed)),
            ])
          })
      ),
    ]
  }

  private static func add(
    _ result: EvaluationResult, _ fields: inout Fields, _ counts: inout Fields
  ) {
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
  }
}

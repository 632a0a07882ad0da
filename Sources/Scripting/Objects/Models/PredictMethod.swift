// `model:predict`: spots from a trained detection network.

import Core
import Imaging
import Learning
import Tracking

enum PredictMethod {
  /// What all predictions take, by the names of ELEPHANT's settings.
  private static let params: [Param] = {
    let d = DetectionPrediction.Options()
    return [
      .timepoints("timepoints", "Which; absent: all.", optional: true),
      .integer("setup", "The channel or view.", default: d.setup, min: 0),
      Param("box", .box, "Only in this box, world units.", optional: true),
      .point(
        "around", "Only around this point, world units: a box of patch_size voxels.", optional: true
      ),
      .number(
        "prob_threshold", "Voxels with a greater probability are centres of nuclei.",
        default: d.spots.threshold, min: 0, max: 1),
      .number(
        "center_ratio", "Size of the centre as a share of the nucleus, as in training.",
        default: d.spots.centerRatio, min: 0, max: 1),
      .number(
        "min_radius",
        "Nuclei with a smaller semi-axis are dropped, world units; absent: a quarter of the median radius found, "
          + "with compat 1.", optional: true, min: 0),
      .number(
        "max_radius", "Semi-axes are cut to this, world units; absent: not. ELEPHANT has 5.",
        optional: true, min: 0),
      .number(
        "suppression_distance",
        "Nothing is added nearer than this to another spot, world units; absent: 3, or the median radius found "
          + "where that is less, and a quarter of it between new spots; with compat 3.",
        optional: true, min: 0),
      .boolean(
        "separate", "Separate nuclei whose centres touch; absent: unless compat.", optional: true),
      .choice(
        "separation", ProbabilitySpots.Separation.Method.allCases.map(\.rawValue),
        "How: by the dips between them, or every peak of the probability a nucleus.",
        default: ProbabilitySpots.Separation().method.rawValue),
      .number(
        "separation_depth",
        "How deep the dip between two nuclei must be, as a share of the lower peak.",
        default: ProbabilitySpots.Separation().depth, min: 0, max: 1),
      .number(
        "separation_floor",
        "Down to which share of prob_threshold voxels belong to a nucleus that exceeds it elsewhere.",
        default: ProbabilitySpots.Separation().floor, min: 0, max: 1),
      .boolean(
        "refine",
        "Fit ellipsoids to centre and border, not to the centre alone; absent: unless compat.",
        optional: true),
      .boolean(
        "refit", "Move an unlabeled spot to a larger nucleus found there; absent: unless compat.",
        optional: true),
      .boolean(
        "median_correction", "First give all planes of a volume the same median.",
        default: d.medianCorrection),
      .point(
        "rescale",
        "Voxels that the network sees for each voxel of the image; absent: 1, and less at timepoints whose nuclei are "
          + "more than 17 voxels across (three or more accepted ones, else those that the network finds), so "
          + "that they become 16. With compat, and with a model that was never trained here, 1.",
        optional: true),
      .choice(
        "statistics", DetectionPrediction.Statistics.allCases.map(\.rawValue),
        "What intensities are measured over when only a box is predicted; absent: the volume, "
          + "with compat the box.", optional: true),
      Param(
        "keep_probabilities", .output,
        "Write the probabilities there too, as Zarr: t, z, y, x, channel.", optional: true),
      .choice(
        "compat", ["elephant"], "The results of ELEPHANT 0.7 with its peculiarities.",
        optional: true),
      .boolean(
        "pad", "Repeat the edges of tiles, as ELEPHANT does; absent: with compat.", optional: true),
    ] + ForwardMethod.networkOptions.filter { $0.name != "pad" }
  }()

  static func register(_ model: TypeEntry) {
    model.method(
      "predict",
      params: [
        .object("project", "project", "Its images are searched."),
        .options(params),
      ],
      returns: "{spots=, found=, removed=, confirmed=, timepoints={...}, ...}",
      "Find nuclei and make them spots, tagged as predictions; one undo point. Unjudged spots are replaced, judged and approved ones stay.",
      example: #"local model = howdah.detection("default", {widths = {4, 8}})"#
        + "\nlocal counts = model:predict(p, {timepoints = {0, 1}, prob_threshold = 0.6})\nprint(counts.spots)"
    ) { call in
      let (me, project) = (call.receiver(ModelObject.self), call.object(0, ProjectObject.self))
      guard me.kind == .detection else {
        throw HowdahError(
          .argument,
          "model:predict: a flow model finds no spots; it helps to link them: "
            + "howdah.link.nearest(p, {flow = model}), and model:displacement(spot) says what it sees"
        )
      }
      let o = call.options
      let options = try options(o, isScaled: !o.has("compat") && !me.file.history.isEmpty)
      let images = try project.project.requireImages()
      let progress = call.progress
      let store = try o.optionalString("keep_probabilities").map {
        try ProbabilityStore(
          try call.writablePath($0), images: images, setup: options.setup)
      }
      let counts = try me.withPredictor(precision: ForwardMethod.precision(o)) {
        try DetectionPrediction.run(
          project.graph, images: images, predictor: $0, options: options, store: store,
          progress: progress)
      }
      call.push(value(of: counts))
    }
  }

  /// - Parameter isScaled: whether the model learned at the scale that the nuclei ask for.
  private static func options(_ o: Options, isScaled: Bool) throws -> DetectionPrediction.Options {
    var options =
      o.has("compat") ? DetectionPrediction.Options.elephant : DetectionPrediction.Options()
    options.timepoints = try o.timepoints("timepoints")
    options.setup = o.int("setup")
    let patch = try ForwardMethod.patchSize(o)
    options.patch = !o.bool("patch") ? .whole : patch.map { .size($0) } ?? .automatic
    if let box = try o.box("box") { options.region = .box(box) }
    if let point = try o.point("around") {
      guard !o.has("box") else {
        throw HowdahError(.argument, "model:predict: give box or around, not both")
      }
      // The size of ELEPHANT's box around the mouse.
      options.region = .around(point, size: patch ?? Size3(x: 384, y: 384, z: 24))
    }
    options.spots.threshold = o.double("prob_threshold")
    options.spots.centerRatio = o.double("center_ratio")
    options.minRadius = o.optionalDouble("min_radius")
    options.spots.maxRadius = o.optionalDouble("max_radius") ?? options.spots.maxRadius
    var separation = ProbabilitySpots.Separation()
    separation.method = ProbabilitySpots.Separation.Method(rawValue: o.string("separation"))!
    separation.depth = o.double("separation_depth")
    separation.floor = o.double("separation_floor")
    let isSeparated = o.has("separate") ? o.bool("separate") : !options.compatible
    options.spots.separation = isSeparated ? separation : nil
    options.spots.refine = o.has("refine") ? o.bool("refine") : !options.compatible
    options.suppressionDistance = o.optionalDouble("suppression_distance")
    options.refit = o.has("refit") ? o.bool("refit") : nil
    options.medianCorrection = o.bool("median_correction")
    options.rescale =
      try o.point("rescale").map { VoxelSize(x: $0.x, y: $0.y, z: $0.z) }
      ?? (isScaled ? nil : .one)
    options.statistics = o.optionalString("statistics").flatMap {
      DetectionPrediction.Statistics(rawValue: $0)
    }
    options.keepAxials = o.optionalInt("keep_axials")
    if o.has("pad") { options.pad = o.bool("pad") }
    return options
  }

  /// The sums over all timepoints, and what happened at each.
  private static func value(of counts: [DetectionPrediction.Counts]) -> LuaValue {
    func sum(_ read: (DetectionPrediction.Counts) -> Int) -> LuaValue {
      .int(counts.reduce(0) { $0 + read($1) })
    }
    let rows = counts.map { c in
      LuaValue.record([
        ("t", .int(c.timepoint)), ("components", .int(c.components)), ("found", .int(c.found)),
        ("added", .int(c.update.added)), ("removed", .int(c.update.removed)),
        ("confirmed", .int(c.update.confirmed)), ("suppressed", .int(c.update.suppressed)),
        ("refitted", .int(c.update.refitted)),
      ])
    }
    return .record([
      ("spots", sum(\.update.added)), ("found", sum(\.found)), ("removed", sum(\.update.removed)),
      ("confirmed", sum(\.update.confirmed)), ("suppressed", sum(\.update.suppressed)),
      ("refitted", sum(\.update.refitted)), ("timepoints", .list(rows)),
    ])
  }
}

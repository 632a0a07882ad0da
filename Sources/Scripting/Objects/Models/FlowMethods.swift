// What flow models do: their options of training, labels, and what they see in a project.

import Core
import Formats
import Imaging
import Learning
import Lineage
import Tracking

enum FlowMethods {
  /// Options of `howdah.flow` about what the networks' numbers mean.
  static let sourceOptions: [Param] = [
    .number(
      "max_displacement",
      "Voxels that a flow of 1 means along x and y; absent: as the file says, else ELEPHANT's 80.",
      optional: true, min: 0.001),
    .number(
      "nucleus_radius",
      "Radius in voxels that nuclei should have for it, to which images are shrunk; absent: as the file says, else images are taken as they are.",
      optional: true, min: 0.1),
    .number(
      "local_contrast",
      "How many voxels around intensities are compared with, for a model that sees local contrast; absent: as the file says, else it sees frames from 0 to 1.",
      optional: true, min: 0.5),
    .integer(
      "passes",
      "How often it looks, each time at an earlier frame that was moved by what it saw before: large ways are found step by step; absent: as the file says, else once.",
      optional: true, min: 1, max: 10),
  ]

  static func applySourceOptions(_ o: Options, to model: ModelObject) {
    for (name, setting) in [
      ("max_displacement", FlowSetting.maxDisplacement),
      ("nucleus_radius", FlowSetting.nucleusRadius),
      ("local_contrast", FlowSetting.localContrast),
    ] {
      if let value = o.optionalDouble(name) { model.file.settings[setting] = value }
    }
    if let passes = o.optionalInt("passes") {
      model.file.settings[FlowSetting.passes] = Double(passes)
    }
  }

  /// Without normalisation the network cannot bear more: at 0.001 and without a limit of the gradients its last
  /// activation ends up where it has no slope, and nothing is learned from there.
  static let learningRate = 3e-4
  private static let clip = 1.0

  /// The limit of gradients for flow models; 0 is none.
  static func clip(_ o: Options) -> Double? {
    let limit = o.optionalDouble("clip") ?? clip
    return limit > 0 ? limit : nil
  }

  /// Options of `model:labels` for flow models.
  static let labelOptions: [Param] = [
    .number(
      "max_displacement", "For flow: voxels that a flow of 1 means; absent: as the model says.",
      optional: true, min: 0.001)
  ]

  /// Options of `model:train` for flow models.
  static let trainOptions: [Param] =
    labelOptions + [
      Param(
        "flow_weights", .list(.number), "For flow: weights of errors along x, y, z; absent: equal.",
        optional: true)
    ]

  /// Throws when one of these options was given, because they are for another kind of model.
  static func refuse(_ options: [Param], _ o: Options, _ name: String, _ kind: String) throws {
    for option in options where o.has(option.name) {
      throw HowdahError(.argument, "\(name): \(option.name) is for \(kind) models")
    }
  }

  /// What `model:train` was told about a flow model.
  static func trainingOptions(_ call: Call) throws -> FlowTraining.Options {
    let (name, o) = ("model:train", call.options)
    for other in ["class_weights", "false_weight", "aug_contrast", "auto_bg_threshold"]
    where o.has(other) {
      throw HowdahError(.argument, "\(name): \(other) is for detection models")
    }
    var options = FlowTraining.Options()
    options.timepoints = try TrainingOptions.timepoints(o["timepoints"], name)
    options.setup = o.int("setup")
    options.samples.cropsPerTimepoint = o.int("num_crops")
    options.samples.crop = try TrainingOptions.crop(o, name)
    options.samples.keepAxials = o.optionalInt("keep_axials")
    options.maxDisplacement = o.optionalDouble("max_displacement")
    if let r = try o.point("rescale") { options.rescale = VoxelSize(x: r.x, y: r.y, z: r.z) }
    if let weights = o["flow_weights"].elements {
      options.axisWeights = weights.compactMap(\.number)
    }
    let seed = UInt64(bitPattern: Int64(o.optionalInt("seed") ?? call.host.nextSeed()))
    options.samples.seed = seed
    options.trainer = try TrainingOptions.trainer(call, name, seed)
    options.trainer.learningRate = o.optionalDouble("learning_rate") ?? learningRate
    options.trainer.clip = clip(o)
    options.trainer.epochs = o.int("num_epochs")
    options.trainer.patience = o.optionalInt("patience")
    options.trainer.keepBest = o.bool("keep_best")
    options.validation = o.double("validation")
    options.memory = o.int("cache_mebibytes") << 20
    return options
  }

  /// `model:labels` of a flow model.
  static func labels(_ call: Call) throws {
    let (me, o) = (call.receiver(ModelObject.self), call.options)
    let project = call.object(0, ProjectObject.self)
    for other in ["center_ratio", "auto_bg_threshold", "auto_bg_smoothing"] where o.has(other) {
      throw HowdahError(.argument, "model:labels: \(other) is for detection models")
    }
    let images = try project.project.requireImages()
    let (t, setup) = (o.int("t"), o.int("setup"))
    try images.checkView(t: t, setup: setup, level: 0)
    guard t >= 1 else {
      throw HowdahError(
        .argument, "model:labels: flow leads from timepoint t back to t - 1; give t = 1 or more")
    }
    let marks = FlowMark.all(in: project.graph, [t])[t] ?? []
    let radius = FlowSetting.radius(of: marks.map(\.covariance))
    let frames = try FlowFrames(
      images, setup: setup,
      rescale: FlowSetting.rescale(me.file.settings, radius: radius, voxel: images.voxelSize))
    let (earlier, later) = (try frames.grid(t - 1), try frames.grid(t))
    let scale = try FlowScale(
      maxDisplacement: o.optionalDouble("max_displacement")
        ?? me.file.settings[FlowSetting.maxDisplacement] ?? FlowScale.standardDisplacement,
      keepAxials: KeepAxials.count(anisotropy: later.spacing.z / later.spacing.x))
    let v = try FlowLabels(marks, earlier: earlier, later: later).volumes(scale)
    call.push(LuaValue.record([]))
    for (name, volume) in [("x", v.x), ("y", v.y), ("z", v.z), ("mask", v.mask)] {
      call.setField(name) { call.push(volume: volume) }
    }
  }

  /// A fresh network with detectors of motion.
  static func fresh(
    _ architecture: Architecture, seed: UInt64, maxDisplacement: Double? = nil
  ) throws -> Model {
    var model = try Model(architecture, seed: seed)
    model.beginWithMotion(maxDisplacement: maxDisplacement ?? FlowScale.standardDisplacement)
    return model
  }

  /// Fresh weights of the same shape, which say nothing about what flows mean.
  static func fresh(_ call: Call, _ me: ModelObject) throws -> ModelFile {
    let seed = UInt64(
      bitPattern: Int64(call.options.optionalInt("seed") ?? call.host.nextSeed()))
    let architecture = me.architecture
    return ModelFile(
      models: try me.file.models.indices.map {
        try fresh(architecture, seed: seed &+ UInt64($0) << 32)
      })
  }

  /// A predictor of a model over the images of a project; `radius` is the typical one of its nuclei.
  static func predictor(
    _ model: ModelObject, _ predictor: Predictor, _ project: ProjectObject, setup: Int,
    radius: Double? = nil, progress: Progress
  ) throws -> FlowPredictor {
    var options = FlowPredictor.Options()
    options.setup = setup
    options.radius = radius
    return try FlowPredictor(
      predictor, settings: model.file.settings, images: try project.project.requireImages(),
      options: options, progress: progress)
  }

  static func register(_ model: TypeEntry) {
    model.method(
      "displacement",
      params: [
        .object("spot", "spot", "Of timepoint 1 or later."),
        .options([.integer("setup", "The channel or view.", default: 0, min: 0)]),
      ],
      returns: "{x=, y=, z=}",
      "How a flow model sees that a spot has moved since the timepoint before, world units.",
      example: #"local model = howdah.flow("default", {widths = {4, 8}, seed = 1})"#
        + "\nprint(model:displacement(p.spots:at(1):first()).x)"
    ) { call in
      let me = call.receiver(ModelObject.self)
      guard me.kind == .flow else {
        throw HowdahError(.argument, "model:displacement: this is no flow model")
      }
      let handle = call.handle(0)
      let project = call.owner(of: handle) as ProjectObject
      let graph = project.graph
      let spot = SpotID(handle.index)
      let (t, setup, progress) = (graph.timepoint(spot), call.options.int("setup"), call.progress)
      guard t >= 1 else {
        throw HowdahError(.argument, "model:displacement: there is no timepoint before 0")
      }
      let position = graph.position(spot)
      let query = NearestNeighborLinker.FlowQuery(
        spot: spot, position: position, covariance: graph.covariance(spot))
      let answer = try me.withPredictor {
        try predictor(me, $0, project, setup: setup, progress: progress).predict(t, [query])
      }
      call.push(answer.map { position - $0[0].position } ?? .zero)
    }
    model.method(
      "flow",
      params: [
        .object("project", "project", "Its images are looked at."),
        .options([
          .integer("t", "The later timepoint, 1 or more.", default: 1, min: 1),
          .integer("setup", "The channel or view.", default: 0, min: 0),
        ]),
      ],
      returns: "{x=volume, y=volume, z=volume}",
      "The flow of a whole frame: at each voxel of the timepoint the way back to the one before, in voxels of the volumes.",
      example: #"local model = howdah.flow("default", {widths = {4, 8}, seed = 1})"#
        + "\nprint(model:flow(p, {t = 1}).x:mean())"
    ) { call in
      let (me, project) = (call.receiver(ModelObject.self), call.object(0, ProjectObject.self))
      guard me.kind == .flow else {
        throw HowdahError(.argument, "model:flow: this is no flow model")
      }
      let (t, setup, progress) = (call.options.int("t"), call.options.int("setup"), call.progress)
      let graph = project.graph
      let radius = FlowSetting.radius(of: graph.spots(at: t).map { graph.covariance($0) })
      let volumes = try me.withPredictor {
        try predictor(me, $0, project, setup: setup, progress: progress).field(t, radius: radius)
      }
      call.push(LuaValue.record([]))
      for (axis, volume) in zip(Axis.allCases, volumes) {
        call.setField(axis.rawValue) { call.push(volume: volume) }
      }
    }
  }
}

// What detection models learn: `model:labels`, `model:train`, `model:reset`; live training is in the file beside.

import Core
import Formats
import Imaging
import Learning
import Lineage
import Tracking

enum DetectionTrainingMethods {
  static func register(_ registry: Registry, _ model: TypeEntry) {
    registerLabels(model)
    registerTrain(model)
    registerReset(model)
    LiveTrainingType.register(registry, model)
  }

  /// How training volumes are drawn: nothing black, background red, border green, centre blue, dark where the
  /// prediction was wrong.
  static let labelColors: [Color] =
    [.black]
    + [255, 127].flatMap { v -> [Color] in
      [Color(r: v, g: 0, b: 0), Color(r: 0, g: v, b: 0), Color(r: 0, g: 0, b: v)]
    }

  /// The receiver when it is a detection model.
  static func detection(_ call: Call, _ name: String) throws -> ModelObject {
    let me = call.receiver(ModelObject.self)
    guard me.kind == .detection else {
      throw HowdahError(.argument, "\(name): this is a flow model; that is for detection models")
    }
    return me
  }

  private static func registerLabels(_ model: TypeEntry) {
    model.method(
      "labels",
      params: [
        .object("project", "project", "Its judged spots are painted."),
        .options(
          [
            .integer("t", "The timepoint.", default: 0, min: 0),
            .integer("setup", "The channel or view.", default: 0, min: 0),
          ] + TrainingOptions.labels + FlowMethods.labelOptions),
      ],
      returns: "volume, for flow {x=volume, y=volume, z=volume, mask=volume}",
      "What training would see: 0 nothing, 1 background, 2 border, 3 centre, and 4, 5, 6 the same where the prediction was wrong; show draws it in colours. For a flow model, where the approved links into that timepoint come from.",
      example: #"p.spots:at(0):tag("Detection", "tp")"#
        + "\nlocal model = howdah.detection(\"default\", {widths = {4, 8}})"
        + "\nshow(model:labels(p, {t = 0}))"
    ) { call in
      if call.receiver(ModelObject.self).kind == .flow { return try FlowMethods.labels(call) }
      let (project, o) = (call.object(0, ProjectObject.self), call.options)
      let images = try project.project.requireImages()
      let (t, setup) = (o.int("t"), o.int("setup"))
      try images.checkView(t: t, setup: setup, level: 0)
      let labels = try DetectionLabels(
        LabeledSpot.all(in: project.graph, at: t), in: try VoxelGrid(images, t: t, setup: setup),
        centerRatio: o.double("center_ratio"))
      let rule = TrainingOptions.autoBackground(o)
      try rule.check()
      var background: Volume?
      if rule.limit != .none {
        let image = try TrainingImage(
          images.volume(t: t, setup: setup, progress: call.progress), progress: call.progress)
        background = try rule.labels(of: image, labels, progress: call.progress)
      }
      call.push(volume: try labels.paint(over: background).withColors(labelColors))
    }
  }

  private static func registerTrain(_ model: TypeEntry) {
    model.method(
      "train",
      params: [
        .object("project", "project", "Its judged spots, or approved links, are learned from."),
        .options(
          TrainingOptions.views + [
            .integer(
              "num_crops", "Samples of each timepoint in an epoch.", default: 5, min: 1),
            .integer("num_epochs", "How often all samples are gone through.", default: 10, min: 1),
          ] + TrainingOptions.labels + TrainingOptions.learning
            + FlowMethods.trainOptions + [
              .number(
                "decay",
                "Over this part of the steps, the last ones, the learning rate falls to nothing.",
                default: TrainerOptions().decay, min: 0, max: 1),
              .number(
                "validation",
                "Hold back this part of the spots or links and measure the loss on it.",
                default: 0, min: 0, max: 0.9),
              .integer(
                "patience", "Stop after so many epochs without a better validation loss.",
                optional: true, min: 1),
              .boolean(
                "keep_best", "End with the weights of the best validation loss.", default: false),
              .function(
                "on_epoch",
                "Called with {epoch=, train_loss=, ...} after every epoch; false ends the training.",
                optional: true),
              .function(
                "on_batch",
                "Called with {epoch=, step=, train_loss=, ...} after every step; false ends it.",
                optional: true),
            ]),
      ],
      returns: "{epochs=, steps=, reason=, train_loss=, ...}",
      "Learn from the spots tagged in the set Detection: tp and fn are nuclei, fp and tn are none, tb and fb are borders. A flow model learns from the links tagged Approved in the set Tracking.",
      example: #"p.spots:at(0):tag("Detection", "fn")"#
        + "\nlocal model = howdah.detection(\"default\", {widths = {4, 8}, seed = 1})"
        + "\nlocal size = {x = 16, y = 16, z = 4}"
        + "\nprint(model:train(p, {num_epochs = 2, training_crop_size = size}).train_loss)"
    ) { call in
      let me = call.receiver(ModelObject.self)
      try requireRest(me, "model:train")
      let (project, o) = (call.object(0, ProjectObject.self), call.options)
      let (onEpoch, onBatch) = (try o.function("on_epoch"), try o.function("on_batch"))
      func observe(_ event: TrainingEvent) throws -> TrainingDecision {
        switch event {
        case .batch(let epoch, _, let step, let losses):
          guard let onBatch else { return .continue }
          return try decision(onBatch, [("epoch", .int(epoch)), ("step", .int(step))], losses)
        case .epoch(let epoch, let losses, let validation, let now):
          // From now on predictions use it, and it stays should the next epoch be interrupted.
          me.file = now
          guard let onEpoch else { return .continue }
          return try decision(
            onEpoch, [("epoch", .int(epoch))], losses.merging(validation) { $1 })
        }
      }
      var file = me.file
      let (graph, images) = (project.graph, try project.project.requireImages())
      let summary: TrainingSummary
      switch me.kind {
      case .detection:
        try FlowMethods.refuse(FlowMethods.trainOptions, o, "model:train", "flow")
        var options = try TrainingOptions.read(call, "model:train")
        options.trainer.epochs = o.int("num_epochs")
        options.trainer.decay = o.double("decay")
        options.validation = o.double("validation")
        options.trainer.patience = o.optionalInt("patience")
        options.trainer.keepBest = o.bool("keep_best")
        summary = try DetectionTraining.run(
          graph, images: images, &file, options: options, progress: call.progress,
          observer: observe)
      case .flow:
        var options = try FlowMethods.trainingOptions(call)
        options.trainer.decay = o.double("decay")
        summary = try FlowTraining.run(
          graph, images: images, &file, options: options,
          progress: call.progress, observer: observe)
      }
      me.file = file
      var result: [(key: String, value: LuaValue)] = [
        ("epochs", .int(summary.epochs)), ("steps", .int(summary.steps)),
        ("reason", .string(summary.reason.rawValue)),
      ]
      if let best = summary.bestEpoch { result.append(("best_epoch", .int(best))) }
      if let best = summary.bestLoss { result.append(("best_loss", .double(best))) }
      call.push(LuaValue.record(result + TrainingOptions.value(of: summary.losses)))
    }
  }

  private static func decision(
    _ function: LuaFunction, _ start: [(key: String, value: LuaValue)], _ losses: [String: Double]
  ) throws -> TrainingDecision {
    let answer = try function.call(.record(start + TrainingOptions.value(of: losses)))
    return answer.first == .bool(false) ? .stop : .continue
  }

  /// Throws while a live training changes the model.
  private static func requireRest(_ model: ModelObject, _ name: String) throws {
    if model.liveTraining != nil {
      throw HowdahError(.state, "\(name): the model is in live training; stop that first")
    }
  }

  private static func registerReset(_ model: TypeEntry) {
    let prior = PriorTraining.Options()
    model.method(
      "reset",
      params: [
        .string(
          "source",
          "\"versatile\", \"default\" (fresh; a detection model is taught by the project's images that bright is inside), a file, or an http(s) address.",
          default: "versatile"),
        .options([
          .object(
            "project", "project", "For \"default\": whose images it looks at.", optional: true),
          .integer(
            "num_crops", "For \"default\": samples of each of three stages.", default: prior.crops,
            min: 1),
          Param(
            "training_crop_size", .point,
            "For \"default\": voxels of a sample; absent: {x = 256, y = 256, z = 16}.",
            optional: true),
          .integer("setup", "For \"default\": the channel or view.", default: 0, min: 0),
          .integer("seed", "For \"default\"; absent: howdah.seed.", optional: true),
        ]),
      ],
      returns: "model", "Begin again: replace all weights, and forget the loss curve. Returns it.",
      example: "local model = howdah.detection(\"default\", {widths = {4, 8}})"
        + "\nlocal size = {x = 16, y = 16, z = 4}"
        + "\nmodel:reset(\"default\", {project = p, num_crops = 1, training_crop_size = size})"
    ) { call in
      let me = call.receiver(ModelObject.self)
      try requireRest(me, "model:reset")
      me.file = try reset(call, me)
      call.pushReceiver()
    }
  }

  private static func reset(_ call: Call, _ me: ModelObject) throws -> ModelFile {
    let (source, o) = (call.string(0), call.options)
    guard source == "default" else {
      return try call.openModel(source, kind: me.kind, dimensions: me.architecture.dimensions).file
    }
    if me.kind == .flow { return try FlowMethods.fresh(call, me) }
    guard let project = o.object("project", ProjectObject.self) else {
      throw HowdahError(
        .argument,
        "model:reset: \"default\" looks at images; say whose: "
          + "model:reset(\"default\", {project = p})")
    }
    var options = PriorTraining.Options()
    options.crops = o.int("num_crops")
    options.setup = o.int("setup")
    options.networks = me.file.models.count
    options.seed = UInt64(bitPattern: Int64(o.optionalInt("seed") ?? call.host.nextSeed()))
    if let size = try o.point("training_crop_size") {
      let size = Size3(x: Int(max(1, size.x)), y: Int(max(1, size.y)), z: Int(max(1, size.z)))
      options.cropSize = size
    }
    return try PriorTraining.make(
      me.architecture, images: try project.project.requireImages(), options: options,
      progress: call.progress)
  }
}

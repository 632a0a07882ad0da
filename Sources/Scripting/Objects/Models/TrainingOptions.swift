// The options that `model:train`, `model:live` and `model:labels` share: ELEPHANT's settings in snake_case.

import Core
import Formats
import Glibc
import Learning
import Tracking

/// Reads options of detection training from a checked table.
enum TrainingOptions {
  private static let defaults = DetectionTraining.Options()

  /// Which spots and which channel.
  static let views: [Param] = [
    Param(
      "timepoints", .either([.list(.integer), .timepoints]),
      "One, {first, last}, or a list of three and more; absent: all with judged spots.",
      optional: true),
    .integer("setup", "The channel or view.", default: 0, min: 0),
  ]

  /// What label volumes depend on.
  static let labels: [Param] = [
    .number(
      "center_ratio", "Semi-axes of the part labelled as centre, relative to the spot's.",
      default: defaults.samples.centerRatio, min: 0, max: 1),
    Param(
      "auto_bg_threshold", .either([.number, .choice(["auto"])]),
      "Voxels darker than this part of the intensity range are background; 0: none; \"auto\": measured.",
      default: 0),
    .number(
      "auto_bg_smoothing",
      "Smooth by this sigma before, world units; absent: a third of a nucleus; 0: as ELEPHANT.",
      optional: true, min: 0),
  ]

  /// What makes samples and losses.
  static let learning: [Param] = [
    Param(
      "training_crop_size", .point, "Voxels of a sample; absent: {x = 256, y = 256, z = 16}.",
      optional: true),
    .integer("batch_size", "Samples of one step.", default: 1, min: 1, max: 1000),
    .number(
      "learning_rate", "Adam's step size; absent: 0.001, for flow 0.0003.", optional: true, min: 0),
    .number(
      "clip",
      "A step's gradients are made no longer than this (Euclidean norm); 0: never; absent: 0, for flow 1.",
      optional: true, min: 0),
    Param(
      "class_weights", .list(.number), "Background, border, centre; absent: {1, 10, 10}.",
      optional: true),
    .number(
      "false_weight", "Weight of spots that correct a prediction (fn, fp, fb).",
      default: defaults.falseWeight, min: 0),
    .number(
      "aug_scale_factor_base", "Samples are stretched by up to this part; 0: never.", default: 0,
      min: 0, max: 0.999999),
    .number(
      "aug_rotation_angle", "Samples are turned about z by up to so many degrees.", default: 0,
      min: 0, max: 180),
    .number(
      "aug_contrast",
      "The contrast of labelled nuclei is weakened by factors from this number to 1; 0: never.",
      default: 0, min: 0, max: 1),
    Param(
      "rescale", .point,
      "Size of the network's input relative to the image; absent: for flow as the model wants, else 1, and less at "
        + "timepoints whose accepted nuclei are more than 17 voxels across, so that they become 16.",
      optional: true),
    .integer(
      "keep_axials", "How many poolings keep z; absent: by the voxel size.", optional: true),
    .integer("log_interval", "Steps between two lines of the loss curve.", default: 1, min: 1),
    Param("log_folder", .output, "Write TensorBoard's event files there.", optional: true),
    Param("checkpoint", .output, "A .pth file that is replaced after every epoch.", optional: true),
    .integer("cache_mebibytes", "Images kept in memory.", default: 1024, min: 0),
    .boolean(
      "fresh_optimizer", "Forget the momentum of earlier training, as ELEPHANT does.",
      default: false),
    .integer("seed", "Of all random choices; absent: howdah.seed.", optional: true),
  ]

  /// What `call` says; `name` is the method's, for messages.
  static func read(_ call: Call, _ name: String) throws -> DetectionTraining.Options {
    let o = call.options
    var options = DetectionTraining.Options()
    options.timepoints = try timepoints(o["timepoints"], name)
    options.setup = o.int("setup")
    options.samples.centerRatio = o.double("center_ratio")
    options.samples.autoBackground = autoBackground(o)
    options.samples.cropsPerTimepoint = o.int("num_crops")
    options.samples.crop = try crop(o, name)
    options.samples.contrast = o.double("aug_contrast")
    options.samples.rescale = try o.point("rescale").map {
      VoxelSize(x: $0.x, y: $0.y, z: $0.z)
    }
    options.samples.keepAxials = o.optionalInt("keep_axials")
    if let weights = o["class_weights"].elements {
      options.classWeights = weights.compactMap(\.number)
    }
    options.falseWeight = o.double("false_weight")
    let seed = UInt64(bitPattern: Int64(o.optionalInt("seed") ?? call.host.nextSeed()))
    options.samples.seed = seed
    options.trainer = try trainer(call, name, seed)
    options.memory = o.int("cache_mebibytes") << 20
    return options
  }

  /// Size and augmentation of samples.
  static func crop(_ o: Options, _ name: String) throws -> CropOptions {
    var crop = CropOptions()
    if let size = try o.point("training_crop_size") {
      func voxels(_ axis: Axis) throws -> Int {
        guard let n = Int(exactly: size[axis]), n > 0 else {
          throw HowdahError(
            .argument, "\(name): training_crop_size.\(axis) is a whole number above 0")
        }
        return n
      }
      crop.size = Size3(x: try voxels(.x), y: try voxels(.y), z: try voxels(.z))
    }
    crop.scaleFactorBase = o.double("aug_scale_factor_base")
    crop.rotationAngle = o.double("aug_rotation_angle")
    return crop
  }

  /// What the training loop is told.
  static func trainer(_ call: Call, _ name: String, _ seed: UInt64) throws -> TrainerOptions {
    let o = call.options
    var trainer = TrainerOptions()
    trainer.seed = seed
    trainer.batchSize = o.int("batch_size")
    trainer.learningRate = o.optionalDouble("learning_rate") ?? trainer.learningRate
    if let clip = o.optionalDouble("clip"), clip > 0 { trainer.clip = clip }
    trainer.logInterval = o.int("log_interval")
    trainer.keepsMoments = !o.bool("fresh_optimizer")
    if let folder = o.optionalString("log_folder") {
      let path = try call.writablePath(folder)
      guard mkdir(path, 0o777) == 0 || errno == EEXIST else {
        throw HowdahError.file(path, "cannot be made: \(lastSystemError())")
      }
      trainer.eventFolder = path
    }
    if let checkpoint = o.optionalString("checkpoint") {
      guard checkpoint.hasSuffix(".pth") else {
        throw HowdahError(.argument, "\(name): checkpoint ends with .pth")
      }
      trainer.checkpoint = try call.writablePath(checkpoint)
    }
    return trainer
  }

  /// What is background where it is dark.
  static func autoBackground(_ o: Options) -> AutoBackground {
    var rule = AutoBackground()
    let threshold = o["auto_bg_threshold"]
    rule.limit = threshold.number.map { $0 == 0 ? .none : .below($0) } ?? .measured
    rule.smoothing = o.optionalDouble("auto_bg_smoothing")
    return rule
  }

  /// `t`, `{first, last}`, or a list of three and more; nil for all.
  static func timepoints(_ value: LuaValue, _ name: String) throws -> Set<Timepoint>? {
    if value.isNil { return nil }
    if let one = value.integer { return [one] }
    let list = (value.elements ?? []).compactMap(\.integer)
    guard list.count == value.elements?.count, !list.isEmpty else {
      throw HowdahError(.argument, "\(name): timepoints is t, {first, last} or a list of numbers")
    }
    guard list.count == 2 else { return Set(list) }
    guard list[0] <= list[1] else {
      throw HowdahError(.argument, "\(name): timepoints {\(list[0]), \(list[1])} run backwards")
    }
    return Set(list[0]...list[1])
  }

  /// Losses and the like as a Lua table, sorted by name.
  static func value(of losses: [String: Double]) -> [(key: String, value: LuaValue)] {
    losses.sorted { $0.key < $1.key }.map { ($0.key, .double($0.value)) }
  }
}

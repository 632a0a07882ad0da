// Training the flow network on approved links (elephant-server 5.3 to 5.5). The loss warps with the scale that the
// labels were made with, and its weights of the axes are those that were asked for; ELEPHANT fixes both.

import Core
import Imaging
import Learning
import Lineage

/// Trains a flow model on the approved links of a lineage.
public enum FlowTraining {
  /// What a training run is told.
  public struct Options: Sendable {
    /// Which timepoints' links are used, by their targets; nil for all that have approved ones.
    public var timepoints: Set<Timepoint>?
    /// The channel or view.
    public var setup = 0
    /// How samples are made; `maxDisplacement` of it is decided by `maxDisplacement` below.
    public var samples = FlowSamples.Options()
    /// Voxels that a flow of 1 means along x and y; nil takes what the model was trained with, or ELEPHANT's 80.
    public var maxDisplacement: Double?
    /// Size of the network's input relative to the image; nil takes what the model wants, or 1.
    public var rescale: VoxelSize?
    /// Epochs, batch size, learning rate, loss curves, patience.
    public var trainer = TrainerOptions()
    /// Weights of errors along x, y and z.
    public var axisWeights = [1.0, 1, 1]
    /// This part of the links, at least one, is not trained on but measured after each epoch; 0 for none.
    public var validation = 0.0
    /// Bytes of frames that are kept in memory.
    public var memory = 1 << 30

    /// ELEPHANT's defaults.
    public init() {}

    func check() throws {
      func require(_ condition: Bool, _ message: String) throws {
        if !condition { throw HowdahError(.argument, message) }
      }
      try require(
        axisWeights.count == 3 && axisWeights.allSatisfy { $0 >= 0 && $0.isFinite }
          && axisWeights.prefix(2).contains { $0 > 0 },
        "flow_weights must be three numbers of at least 0, x and y not both 0")
      try require(
        validation >= 0 && validation < 1,
        "validation must be at least 0 and below 1, not \(validation)")
    }
  }

  /// Train the models of a file, each on the same samples. The file then says what its flows mean.
  ///
  /// The lineage is read at the beginning and may change afterwards. When this is interrupted or fails, the file
  /// holds the last finished step, and the checkpoint on disk the last finished epoch.
  ///
  /// - Throws: `.argument` when no link is approved, when options are out of range, or when the model is no flow
  ///   model; what reading images throws; `.interrupted`.
  @discardableResult
  public static func run(
    _ lineage: LineageGraph, images: any ImageSource, _ file: inout ModelFile,
    options: Options = Options(), progress: Progress = .none,
    observer: (TrainingEvent) throws -> TrainingDecision = { _ in .continue }
  ) throws -> TrainingSummary {
    try options.check()
    let architecture = try architecture(of: file)
    let marks = FlowMark.all(in: lineage, options.timepoints)
    guard !marks.isEmpty else { throw nothing }
    let radius = FlowSetting.radius(of: marks.values.flatMap { $0.map(\.covariance) })
    let rescale =
      options.rescale
      ?? FlowSetting.rescale(file.settings, radius: radius, voxel: images.voxelSize)
    let frames = try FlowFrames(
      images, setup: options.setup, rescale: rescale,
      localContrast: file.settings[FlowSetting.localContrast], memory: options.memory)
    var rules = options.samples
    rules.maxDisplacement =
      options.maxDisplacement ?? file.settings[FlowSetting.maxDisplacement]
      ?? FlowScale.standardDisplacement
    let (trained, held) = try split(marks, options)
    func samples(_ marks: [Timepoint: [FlowMark]], _ rules: FlowSamples.Options) throws
      -> FlowSamples
    {
      try FlowSamples(
        marks, frames: frames, for: architecture, options: rules, progress: progress)
    }
    let source = try samples(trained, rules)
    guard source.count > 0 else { throw nothing }
    var validation: FlowSamples?
    if let held {
      rules.crop.scaleFactorBase = 0
      rules.crop.rotationAngle = 0
      rules.crop.flips = false
      validation = try samples(held, rules)
    }
    file.settings[FlowSetting.maxDisplacement] = rules.maxDisplacement
    return try Trainer.run(
      &file, on: source, validatedBy: validation,
      loss: FlowLoss(
        norms: source.scale.lossNorms, axisWeights: options.axisWeights.map { Float($0) }),
      options: options.trainer, progress: progress, observer: observer)
  }

  private static var nothing: HowdahError {
    HowdahError(
      .argument,
      "there is nothing to learn from: approve some links into these timepoints (tag them Approved in "
        + "the set Tracking) that the images show")
  }

  /// What the models of a file are, which must be flow networks.
  static func architecture(of file: ModelFile) throws -> Architecture {
    guard let architecture = file.models.first?.architecture else {
      throw HowdahError(.argument, "there is no model to train")
    }
    guard architecture.inputChannels == 2, architecture.output == .tanh,
      architecture.outputChannels == architecture.dimensions
    else { throw HowdahError(.argument, "this is no flow model") }
    return architecture
  }

  /// Hold back a part of the links, drawn by the seed, at least one on either side.
  private static func split(_ marks: [Timepoint: [FlowMark]], _ options: Options) throws -> (
    trained: [Timepoint: [FlowMark]], held: [Timepoint: [FlowMark]]?
  ) {
    guard options.validation > 0 else { return (marks, nil) }
    var all = marks.sorted { $0.key < $1.key }.flatMap { t, list in list.map { (t, $0) } }
    guard all.count >= 2 else {
      throw HowdahError(
        .argument, "validation needs at least 2 approved links, not \(all.count)")
    }
    var random = SeededRandom(seed: options.samples.seed, stream: 0x5EED)
    all.shuffle(by: &random)
    let count = Int((Double(all.count) * options.validation).rounded())
    let held = max(1, min(count, all.count - 1))
    func byTimepoint(_ list: ArraySlice<(Timepoint, FlowMark)>) -> [Timepoint: [FlowMark]] {
      Dictionary(grouping: list, by: \.0).mapValues { $0.map(\.1) }
    }
    return (byTimepoint(all.dropFirst(held)), byTimepoint(all.prefix(held)))
  }
}

// Training the detection network on what a person has judged (elephant-server, section 3).

import Core
import Imaging
import Learning
import Lineage

/// Trains a detection model on the judged spots of a lineage.
public enum DetectionTraining {
  /// What a training run is told.
  public struct Options: Sendable {
    /// Which timepoints' spots are used; nil for all that have judged ones.
    public var timepoints: Set<Timepoint>?
    /// The channel or view.
    public var setup = 0
    /// How samples are made.
    public var samples = DetectionSamples.Options()
    /// Epochs, batch size, learning rate, loss curves, patience.
    public var trainer = TrainerOptions()
    /// Weights of background, border and center in the loss.
    public var classWeights = [1.0, 10, 10]
    /// Weight of labels where the prediction was wrong.
    public var falseWeight = 10.0
    /// This part of the judged spots, at least one nucleus, is not trained on but measured after each epoch; 0 for
    /// none.
    public var validation = 0.0
    /// Bytes of images that are kept in memory.
    public var memory = 1 << 30

    /// ELEPHANT's defaults.
    public init() {}

    func check() throws {
      func require(_ condition: Bool, _ message: String) throws {
        if !condition { throw HowdahError(.argument, message) }
      }
      try require(
        classWeights.count == 3 && classWeights.allSatisfy { $0 >= 0 && $0.isFinite }
          && classWeights.contains { $0 > 0 },
        "class_weights must be three numbers of at least 0, not all 0")
      try require(
        falseWeight >= 0 && falseWeight.isFinite,
        "false_weight must be at least 0, not \(falseWeight)")
      try require(
        validation >= 0 && validation < 1,
        "validation must be at least 0 and below 1, not \(validation)")
    }

    /// The loss of these weights for networks of an architecture.
    func loss(_ architecture: Architecture) -> DetectionLoss {
      DetectionLoss(
        classWeights: classWeights.map { Float($0) }, falseWeight: Float(falseWeight),
        dimensions: architecture.dimensions)
    }
  }

  /// The judged spots of a lineage by timepoint; timepoints without any are left out.
  ///
  /// - Parameter timepoints: nil for all.
  public static func spots(of lineage: LineageGraph, _ timepoints: Set<Timepoint>? = nil)
    -> [Timepoint: [LabeledSpot]]
  {
    guard let all = lineage.timepoints else { return [:] }
    var result: [Timepoint: [LabeledSpot]] = [:]
    for t in all where timepoints?.contains(t) ?? true {
      let spots = LabeledSpot.all(in: lineage, at: t)
      if !spots.isEmpty { result[t] = spots }
    }
    return result
  }

  /// Train the models of a file, each on the same samples.
  ///
  /// The lineage is read at the beginning and may change afterwards. When this is interrupted or fails, the file
  /// holds the last finished step, and the checkpoint on disk the last finished epoch.
  ///
  /// - Throws: `.argument` when no spot is judged, when options are out of range, or when the model is no detection
  ///   model; what reading images throws; `.interrupted`.
  @discardableResult
  public static func run(
    _ lineage: LineageGraph, images: any ImageSource, _ file: inout ModelFile,
    options: Options = Options(), progress: Progress = .none,
    observer: (TrainingEvent) throws -> TrainingDecision = { _ in .continue }
  ) throws -> TrainingSummary {
    try run(
      spots(of: lineage, options.timepoints),
      images: TrainingImages(images, setup: options.setup, memory: options.memory), &file,
      options: options, progress: progress, observer: observer)
  }

  /// The same on spots that are given.
  @discardableResult
  public static func run(
    _ spots: [Timepoint: [LabeledSpot]], images: TrainingImages, _ file: inout ModelFile,
    options: Options = Options(), progress: Progress = .none,
    observer: (TrainingEvent) throws -> TrainingDecision = { _ in .continue }
  ) throws -> TrainingSummary {
    try options.check()
    let architecture = try architecture(of: file)
    let (trained, held) = try split(spots, options)
    var options = options
    if options.samples.rescale == nil {
      options.samples.rescale = try NucleusScale.seen(
        spots, images, by: file, threads: options.trainer.threads, progress: progress)
    }
    // What is held back has the scale of what is trained on.
    func samples(_ part: [Timepoint: [LabeledSpot]], _ rules: DetectionSamples.Options) throws
      -> DetectionSamples
    {
      try DetectionSamples(
        part, scaledBy: spots, images: images, for: architecture, options: rules, progress: progress
      )
    }
    let source = try samples(trained, options.samples)
    guard source.count > 0 else {
      throw HowdahError(
        .argument,
        "there is nothing to learn from: tag some spots of these timepoints in the set Detection (tp "
          + "or fn for nuclei, fp or tn for what is none)")
    }
    var validation: DetectionSamples?
    if let held {
      var rules = options.samples
      rules.crop.scaleFactorBase = 0
      rules.crop.rotationAngle = 0
      rules.crop.flips = false
      rules.contrast = 0
      validation = try samples(held, rules)
    }
    return try Trainer.run(
      &file, on: source, validatedBy: validation, loss: options.loss(architecture),
      options: options.trainer, progress: progress, observer: observer)
  }

  /// What the models of a file are, which must be detection networks.
  static func architecture(of file: ModelFile) throws -> Architecture {
    guard let architecture = file.models.first?.architecture else {
      throw HowdahError(.argument, "there is no model to train")
    }
    guard architecture.inputChannels == 1, architecture.outputChannels == 3,
      architecture.output == .logSoftmax
    else {
      throw HowdahError(.argument, "this is no detection model")
    }
    return architecture
  }

  /// Hold back a part of the spots, drawn by the seed, with at least one nucleus on either side.
  private static func split(_ spots: [Timepoint: [LabeledSpot]], _ options: Options) throws -> (
    trained: [Timepoint: [LabeledSpot]], held: [Timepoint: [LabeledSpot]]?
  ) {
    guard options.validation > 0 else { return (spots, nil) }
    var nuclei: [(Timepoint, Int)] = []
    var others: [(Timepoint, Int)] = []
    for (t, list) in spots.sorted(by: { $0.key < $1.key }) {
      for (i, spot) in list.enumerated() {
        if spot.tag.paints == .center { nuclei.append((t, i)) } else { others.append((t, i)) }
      }
    }
    guard nuclei.count >= 2 else {
      throw HowdahError(
        .argument, "validation needs at least 2 accepted spots (tp or fn), not \(nuclei.count)")
    }
    var random = SeededRandom(seed: options.samples.seed, stream: 0x5EED)
    func draw(_ list: inout [(Timepoint, Int)], atLeast least: Int) -> [(Timepoint, Int)] {
      list.shuffle(by: &random)
      let count = Int((Double(list.count) * options.validation).rounded())
      return Array(list.prefix(max(least, min(count, list.count - least))))
    }
    var isHeld: [Timepoint: Set<Int>] = [:]
    for (t, i) in draw(&nuclei, atLeast: 1) + draw(&others, atLeast: 0) {
      isHeld[t, default: []].insert(i)
    }
    var (trained, held) = ([Timepoint: [LabeledSpot]](), [Timepoint: [LabeledSpot]]())
    for (t, list) in spots {
      for (i, spot) in list.enumerated() {
        if isHeld[t]?.contains(i) == true {
          held[t, default: []].append(spot)
        } else {
          trained[t, default: []].append(spot)
        }
      }
    }
    return (trained, held)
  }
}

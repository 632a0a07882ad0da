// What a fresh detection model is taught before anybody has judged anything: bright is inside (elephant-server 3.8).
// Three stages of few steps with learning rates 0.01, 0.001 and 0.0001, each with a fresh optimiser, on pieces of the
// movie that are their own targets. ELEPHANT 0.7 means to do so and fails at the first step.

import Core
import Imaging
import Learning

/// Makes detection models that know the images but no annotation.
public enum PriorTraining {
  /// What it is told.
  public struct Options: Sendable {
    /// The channel or view.
    public var setup = 0
    /// Size of the samples, voxels of the network's input.
    public var cropSize = Size3(x: 256, y: 256, z: 16)
    /// Samples of each of the three stages.
    public var crops = 5
    /// How much larger than the image the network's input is, along each axis.
    public var rescale = VoxelSize.one
    /// Which poolings keep z; nil follows from the voxels.
    public var keepAxials: Int?
    /// The seed of samples and of fresh weights.
    public var seed: UInt64 = 0
    /// Networks of the ensemble.
    public var networks = 1
    /// 0 for one a core.
    public var threads = 0

    /// ELEPHANT's defaults.
    public init() {}
  }

  /// A fresh model after prior training.
  ///
  /// - Throws: `.argument` for options out of range, what reading images throws, `.interrupted`.
  public static func make(
    _ architecture: Architecture = .unet(), images: any ImageSource, options: Options = Options(),
    progress: Progress = .none
  ) throws -> ModelFile {
    guard options.crops > 0, options.networks > 0, options.networks <= 64 else {
      throw HowdahError(.argument, "prior training needs 1 crop or more, and 1 to 64 networks")
    }
    var file = ModelFile(
      models: try (0..<options.networks).map {
        try Model(architecture, seed: options.seed &+ UInt64($0) << 32)
      })
    let images = TrainingImages(images, setup: options.setup)
    for (stage, rate) in [1e-2, 1e-3, 1e-4].enumerated() {
      var trainer = TrainerOptions()
      trainer.epochs = 1
      trainer.firstEpoch = stage
      trainer.learningRate = rate
      trainer.keepsMoments = false
      trainer.seed = options.seed
      trainer.threads = options.threads
      let samples = try PriorSamples(images, architecture, options, progress)
      try Trainer.run(
        &file, on: samples, loss: PriorLoss(), options: trainer, progress: progress)
    }
    // The curve begins with what a person teaches.
    return ModelFile(models: file.models)
  }
}

/// Pieces of a movie from anywhere, stretched by up to a fifth.
private struct PriorSamples: SampleSource {
  private let images: TrainingImages
  private let architecture: Architecture
  private let options: PriorTraining.Options
  private let progress: Progress
  private let grid: InputGrid
  private var crop = CropOptions()

  init(
    _ images: TrainingImages, _ architecture: Architecture, _ options: PriorTraining.Options,
    _ progress: Progress
  ) throws {
    self.images = images
    self.architecture = architecture
    self.options = options
    self.progress = progress
    let (source, setup) = (images.source, images.setup)
    try source.checkView(t: 0, setup: setup, level: 0)
    grid = try InputGrid(source.size(setup: setup, level: 0), rescale: options.rescale)
    crop.size = options.cropSize
    if architecture.dimensions == 2 { crop.size.z = 1 }
    crop.scaleFactorBase = 0.2
    crop.flips = false
    try crop.check()
  }

  var count: Int { options.crops }

  func sample(_ i: Int, epoch: Int) throws -> TrainingSample<Tensor> {
    try progress.check()
    var random = SeededRandom(seed: options.seed, stream: UInt64(epoch) << 32 | UInt64(i))
    let t = random.below(images.source.timepoints)
    let spacing = try VoxelGrid(images.source, t: t, setup: images.setup).spacing
    let keep = KeepAxials(
      spacing: spacing, rescale: options.rescale, count: options.keepAxials,
      depth: architecture.depth)
    let plan = CropPlan(
      crop, in: grid, around: nil, spacing: spacing,
      multiples: keep.base(dimensions: architecture.dimensions), using: &random)
    let input = try Tensor(
      TensorShape(channels: 1, size: plan.size),
      values: try images.image(t, progress: progress).sample(plan, in: grid, progress: progress))
    return TrainingSample(input: input, target: input, keepAxials: keep)
  }
}

extension KeepAxials {
  /// The flags for an image that is rescaled: those of a count, or those that follow from its voxels.
  init(spacing: VoxelSize, rescale: VoxelSize, count: Int?, depth: Int) {
    let voxel = VoxelSize(
      x: spacing.x / rescale.x, y: spacing.y / rescale.y, z: spacing.z / rescale.z)
    if let count {
      self.init(first: count, of: depth)
    } else {
      self.init(voxel: voxel, depth: depth)
    }
  }
}

// The samples that the detection network is trained on: crops around judged spots with their labels.
//
// Every spot gets its turn: the samples of a timepoint go through its spots in an order that is drawn anew each time
// all have been used. A sample is a function of the seed, the epoch and its number alone.

import Core
import Imaging
import Learning

/// Judged spots of some timepoints with the rules of sampling.
public struct DetectionSamples: SampleSource, Sendable {
  /// How samples are made.
  public struct Options: Sendable, Equatable {
    /// Size, stretching, turning, mirroring.
    public var crop = CropOptions()
    /// Samples of one timepoint in one epoch.
    public var cropsPerTimepoint = 5
    /// Weakens nuclei: the contrast between labelled nuclei and labelled background is multiplied by a random
    /// factor between this number and 1. 0 for never.
    public var contrast = 0.0
    /// Which voxels are labelled as background where the image is dark.
    public var autoBackground = AutoBackground()
    /// Semi-axes of the labelled centre relative to those of the spot.
    public var centerRatio = 0.4
    /// How much larger than the image the network's input is, along each axis; nil means by the size of the accepted
    /// nuclei at each timepoint (`NucleusScale`).
    public var rescale: VoxelSize? = .one
    /// Which poolings of the network keep z; nil follows from the voxels.
    public var keepAxials: Int?
    /// The seed of all random choices.
    public var seed: UInt64 = 0

    /// ELEPHANT's defaults.
    public init() {}

    /// Throws `.argument` for values out of range.
    public func check() throws {
      try crop.check()
      func require(_ condition: Bool, _ message: String) throws {
        if !condition { throw HowdahError(.argument, message) }
      }
      try require(cropsPerTimepoint > 0, "num_crops must be at least 1, not \(cropsPerTimepoint)")
      try require(
        contrast >= 0 && contrast <= 1, "aug_contrast must be from 0 to 1, not \(contrast)")
      try autoBackground.check()
    }
  }

  /// What is sampled at one timepoint.
  private struct Frame: Sendable {
    var t: Timepoint
    var labels: DetectionLabels
    var grid: InputGrid
    var keepAxials: KeepAxials
    var centers: [Size3]
  }

  /// The images.
  public let images: TrainingImages
  private let frames: [Frame]
  private let options: Options
  private let architecture: Architecture
  private let progress: Progress
  private let backgrounds = BackgroundCache()

  /// Samples of these spots for networks of an architecture.
  ///
  /// - Parameters:
  ///   - spots: judged spots by timepoint. Timepoints without any that lies in the image are left out.
  ///   - scale: the spots whose size says how images are rescaled when the options do not; nil for the same.
  ///   - progress: stops the reading of images.
  /// - Throws: `.argument` for options out of range.
  public init(
    _ spots: [Timepoint: [LabeledSpot]], scaledBy scale: [Timepoint: [LabeledSpot]]? = nil,
    images: TrainingImages, for architecture: Architecture, options: Options,
    progress: Progress = .none
  ) throws {
    try options.check()
    self.images = images
    self.options = options
    self.architecture = architecture
    self.progress = progress
    let (source, setup) = (images.source, images.setup)
    guard setup < source.setups else {
      throw HowdahError(
        .argument, "\(source.path): there is no setup \(setup); valid are 0 to \(source.setups - 1)"
      )
    }
    let size = source.size(setup: setup, level: 0)
    func frames(_ rescale: (Timepoint) -> VoxelSize) throws -> [Frame] {
      try spots.sorted { $0.key < $1.key }.compactMap { t, spots in
        guard t >= 0, t < source.timepoints else { return nil }
        let factors = options.rescale ?? rescale(t)
        let grid = try InputGrid(size, rescale: factors)
        let labels = try DetectionLabels(
          spots, in: try VoxelGrid(source, t: t, setup: setup), centerRatio: options.centerRatio)
        let centers = labels.centers.map(grid.voxel)
        if centers.isEmpty { return nil }
        let keepAxials = KeepAxials(
          spacing: labels.grid.spacing, rescale: factors, count: options.keepAxials,
          depth: architecture.depth)
        return Frame(t: t, labels: labels, grid: grid, keepAxials: keepAxials, centers: centers)
      }
    }
    var crop = options.crop
    if architecture.dimensions == 2 { crop.size.z = 1 }
    func sampleSize(_ frame: Frame) -> Size3 {
      CropPlan.size(
        of: crop, in: frame.grid,
        multiples: frame.keepAxials.base(dimensions: architecture.dimensions))
    }
    let marks = scale ?? spots
    var found = try frames { NucleusScale.learned(marks, at: $0, voxel: source.voxelSize) }
    if Set(found.map(sampleSize)).count > 1 {
      // Samples of one step have one size; small images shrunk differently would not.
      let common = NucleusScale.learned(marks, voxel: source.voxelSize)
      found = try frames { _ in common }
    }
    self.frames = found
  }

  /// Samples of one epoch.
  public var count: Int { frames.count * options.cropsPerTimepoint }

  /// Timepoints that have labels.
  public var timepoints: [Timepoint] { frames.map(\.t) }

  /// Sample i of an epoch: its timepoint is the i / crops-th.
  public func sample(_ i: Int, epoch: Int) throws -> TrainingSample<Labels> {
    let (f, number) = i.quotientAndRemainder(dividingBy: options.cropsPerTimepoint)
    return try sample(
      f, turn: epoch * options.cropsPerTimepoint + number,
      stream: UInt64(truncatingIfNeeded: epoch) << 32 | UInt64(i))
  }

  /// The k-th sample of training that goes through the timepoints in turn, one sample each.
  func sample(turn k: Int) throws -> TrainingSample<Labels> {
    try sample(k % frames.count, turn: k / frames.count, stream: UInt64(truncatingIfNeeded: k))
  }

  private func sample(_ f: Int, turn: Int, stream: UInt64) throws -> TrainingSample<Labels> {
    let frame = frames[f]
    var random = SeededRandom(seed: options.seed, stream: stream)
    let center = frame.centers[
      SampleTurns(seed: options.seed).place(turn, of: frame.centers.count, frame: f)]
    let image = try images.image(frame.t, progress: progress)
    var crop = options.crop
    if architecture.dimensions == 2 { crop.size.z = 1 }
    for _ in 0..<20 {
      try progress.check()
      let plan = CropPlan(
        crop, in: frame.grid, around: center, spacing: frame.labels.grid.spacing,
        multiples: frame.keepAxials.base(dimensions: architecture.dimensions), using: &random)
      guard let labels = try labels(frame, plan, image) else { continue }
      var values = try image.sample(plan, in: frame.grid, progress: progress)
      if options.contrast > 0 { weaken(&values, labels, random.uniform(options.contrast, 1)) }
      return TrainingSample(
        input: try Tensor(TensorShape(channels: 1, size: plan.size), values: values),
        target: labels, keepAxials: frame.keepAxials)
    }
    throw HowdahError(
      .argument,
      "no label of timepoint \(frame.t) is left in a training sample; use a larger rescale or less "
        + "augmentation")
  }

  /// The labels that a plan shows, -1 for none; nil when there is not a single one.
  private func labels(_ frame: Frame, _ plan: CropPlan, _ image: TrainingImage) throws -> Labels? {
    guard let box = plan.box(frame.grid) else { return nil }
    let background = try backgrounds.labels(frame.t) {
      try options.autoBackground.labels(of: image, frame.labels, progress: progress)
    }?.crop(box)
    let painted = try frame.labels.paint(box, over: background)
    var map = plan.map(frame.grid)
    for axis in Axis.allCases { map.translation[axis] -= Double(box.origin[axis]) }
    let crop = try painted.sampled(plan.size, through: map, .nearest)
    let labels = crop.withVoxels(as: UInt8.self) { $0.map { Int8($0) - 1 } }
    return labels.contains { $0 >= 0 } ? labels : nil
  }

  /// Multiply nuclei so that their contrast to the background shrinks to a factor; nothing happens unless there are
  /// labels of both.
  private func weaken(_ values: inout [Float], _ labels: Labels, _ factor: Double) {
    var (nuclei, background) = ((sum: 0.0, count: 0), (sum: 0.0, count: 0))
    for (v, label) in labels.enumerated() where label >= 0 {
      if label % 3 == 0 {
        background = (background.sum + Double(values[v]), background.count + 1)
      } else {
        nuclei = (nuclei.sum + Double(values[v]), nuclei.count + 1)
      }
    }
    guard nuclei.count > 0, background.count > 0, nuclei.sum > 0 else { return }
    let (a, b) = (nuclei.sum / Double(nuclei.count), background.sum / Double(background.count))
    let gain = Float(((a - b) * factor + b) / a)
    for (v, label) in labels.enumerated() where label >= 0 && label % 3 != 0 { values[v] *= gain }
  }
}

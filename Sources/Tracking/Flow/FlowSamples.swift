// The samples that the flow network is trained on: crops of two frames around nuclei whose parent is known. Both frames
// and the labels are cut by the same plan (`CropPlan`), and the ways back are turned, mirrored and stretched with them
// by the plan's own matrix, so that they are right whatever the plan does. (ELEPHANT cuts turned samples down to two
// planes, and scales vectors by an extent that it cuts off again.)

import Core
import Imaging
import Learning

/// Approved links of some timepoints with the rules of sampling.
public struct FlowSamples: SampleSource, Sendable {
  /// How samples are made.
  public struct Options: Sendable, Equatable {
    /// Size, stretching, turning, mirroring.
    public var crop = CropOptions()
    /// Samples of one pair of timepoints in one epoch.
    public var cropsPerTimepoint = 5
    /// Which poolings of the network keep z; nil follows from the voxels.
    public var keepAxials: Int?
    /// Voxels of the network's input that a flow of 1 means along x and y.
    public var maxDisplacement = FlowScale.standardDisplacement
    /// The seed of all random choices.
    public var seed: UInt64 = 0

    /// ELEPHANT's defaults.
    public init() {}

    /// Throws `.argument` for values out of range.
    public func check() throws {
      try crop.check()
      guard cropsPerTimepoint > 0 else {
        throw HowdahError(.argument, "num_crops must be at least 1, not \(cropsPerTimepoint)")
      }
    }
  }

  /// What is sampled at one timepoint, which is the later of two.
  private struct Pair: Sendable {
    var t: Timepoint
    var labels: FlowLabels
    var numbers: Volume
  }

  /// The frames.
  public let frames: FlowFrames
  /// What a flow of 1 means.
  public let scale: FlowScale
  private let pairs: [Pair]
  private let options: Options
  private let architecture: Architecture
  private let grid: InputGrid
  private let keepAxials: KeepAxials
  private let progress: Progress

  /// Samples of these marks for networks of an architecture.
  ///
  /// - Parameters:
  ///   - marks: by the later timepoint. Timepoints without any that lies in the images are left out.
  ///   - progress: stops the reading of images.
  /// - Throws: `.argument` for options out of range.
  public init(
    _ marks: [Timepoint: [FlowMark]], frames: FlowFrames, for architecture: Architecture,
    options: Options, progress: Progress = .none
  ) throws {
    try options.check()
    self.frames = frames
    self.options = options
    self.architecture = architecture
    self.progress = progress
    grid = try InputGrid(frames.size)
    var pairs: [Pair] = []
    for (t, marks) in marks.sorted(by: { $0.key < $1.key }) {
      guard t >= 1, t < frames.source.timepoints else { continue }
      try progress.check()
      let labels = FlowLabels(marks, earlier: try frames.grid(t - 1), later: try frames.grid(t))
      guard !labels.marks.isEmpty else { continue }
      pairs.append(Pair(t: t, labels: labels, numbers: try labels.numbers()))
    }
    self.pairs = pairs
    let spacing = try pairs.first?.labels.later.spacing ?? frames.grid(0).spacing
    keepAxials = KeepAxials(
      spacing: spacing, rescale: .one, count: options.keepAxials, depth: architecture.depth)
    scale = try FlowScale(
      maxDisplacement: options.maxDisplacement,
      keepAxials: options.keepAxials ?? KeepAxials.count(anisotropy: spacing.z / spacing.x))
  }

  /// Samples of one epoch.
  public var count: Int { pairs.count * options.cropsPerTimepoint }

  /// The later timepoints of the pairs that have labels.
  public var timepoints: [Timepoint] { pairs.map(\.t) }

  /// Sample i of an epoch: its pair is the i / crops-th.
  public func sample(_ i: Int, epoch: Int) throws -> TrainingSample<FlowTarget> {
    let (p, number) = i.quotientAndRemainder(dividingBy: options.cropsPerTimepoint)
    let pair = pairs[p]
    var random = SeededRandom(
      seed: options.seed, stream: UInt64(truncatingIfNeeded: epoch) << 32 | UInt64(i))
    let turn = SampleTurns(seed: options.seed).place(
      epoch * options.cropsPerTimepoint + number, of: pair.labels.centers.count, frame: p)
    let center = pair.labels.centers[turn]
    let (earlier, later) = (
      try frames.frame(pair.t - 1, progress: progress), try frames.frame(pair.t, progress: progress)
    )
    var crop = options.crop
    if architecture.dimensions == 2 { crop.size.z = 1 }
    for _ in 0..<20 {
      try progress.check()
      let plan = CropPlan(
        crop, in: grid, around: center, spacing: pair.labels.later.spacing,
        multiples: keepAxials.base(dimensions: architecture.dimensions), using: &random)
      let cut = FlowCut(
        labels: pair.labels, numbers: pair.numbers, earlier: earlier, later: later, scale: scale)
      guard
        let sample = try cut.sample(
          plan, in: grid, architecture, keepAxials, progress: progress)
      else { continue }
      return sample
    }
    throw HowdahError(
      .argument,
      "no link into timepoint \(pair.t) is left in a training sample; use a larger rescale or less "
        + "augmentation")
  }
}

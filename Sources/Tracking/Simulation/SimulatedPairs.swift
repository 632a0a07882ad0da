// Training samples for the flow network from pairs of frames of all kinds.

import Core
import Imaging
import Learning

/// Samples of a `PairVariety`. Sample i of an epoch is pair `epoch * count + i`: none comes twice.
public struct SimulatedPairs: SampleSource, Sendable {
  /// Where pairs come from.
  public var variety: PairVariety
  /// Samples of one epoch.
  public var count: Int
  /// Voxels that a flow of 1 means along x and y.
  public var maxDisplacement = 10.0
  /// How far local contrast looks, voxels along x.
  public var localContrast = 4.0
  private let architecture: Architecture

  /// Samples of pairs of this seed for networks of an architecture.
  public init(seed: UInt64, count: Int, for architecture: Architecture) {
    variety = PairVariety(seed: seed)
    self.count = count
    self.architecture = architecture
  }

  /// A sample with its labels.
  public func sample(_ i: Int, epoch: Int) throws -> TrainingSample<FlowTarget> {
    let number = epoch * count + i
    var random = SeededRandom(seed: variety.seed, stream: 0xF1A_0000_0000 &+ UInt64(number))
    // Few pairs show nothing at all; the next stream of numbers takes their place.
    for attempt in 0..<20 {
      var variety = variety
      variety.seed &+= UInt64(attempt) << 40
      let pair = try variety.pair(number)
      if let sample = try sample(pair, &random) { return sample }
    }
    throw HowdahError(.internal, "20 simulated pairs in a row show no nucleus")
  }

  private func sample(_ pair: SimulatedPair, _ random: inout SeededRandom) throws
    -> TrainingSample<FlowTarget>?
  {
    let (size, voxel) = (pair.later.size, pair.options.voxelSize)
    let grid = try VoxelGrid(size: size, voxelSize: voxel)
    // What came from outside the earlier frame teaches nothing.
    let marks = pair.marks.filter { mark in
      let place = grid.voxel(mark.source)
      return Axis.allCases.allSatisfy { place[$0] > -0.5 && place[$0] < Double(size[$0]) - 0.5 }
    }
    let labels = FlowLabels(marks, earlier: grid, later: grid)
    let anisotropy = KeepAxials.count(anisotropy: voxel.z / voxel.x)
    var keep = min(architecture.depth, max(0, anisotropy))
    while size.z % (1 << (architecture.depth - keep)) != 0 { keep += 1 }
    let light = light(&random)
    func frame(_ volume: Volume) throws -> Volume {
      try FlowContrast.local(
        normalised(volume, light, &random), reach: localContrast, spacing: voxel)
    }
    let cut = FlowCut(
      labels: labels, numbers: try labels.numbers(),
      earlier: try frame(pair.earlier), later: try frame(pair.later),
      scale: try FlowScale(maxDisplacement: maxDisplacement, keepAxials: anisotropy))
    var plan = CropPlan(
      size: size, extent: size,
      center: WorldPoint(
        x: Double(size.x - 1) / 2, y: Double(size.y - 1) / 2, z: Double(size.z - 1) / 2))
    plan.flipped = (random.below(2) == 1, random.below(2) == 1, random.below(2) == 1)
    return try cut.sample(
      plan, in: InputGrid(size), architecture, KeepAxials(first: keep, of: architecture.depth))
  }

  /// How a larger volume around the crop presses its grey values: its brightest voxel lies elsewhere, so does its
  /// darkest. One for both frames.
  private func light(_ random: inout SeededRandom) -> (factor: Double, below: Double) {
    let below = random.uniform() < 0.5 ? 0 : random.uniform(0, 0.1)
    switch random.uniform() {
    case ..<0.35: return (1, below)
    case ..<0.8: return (random.between(1, 1.7), below)
    default: return (random.between(1.7, 5), below)
    }
  }

  private func normalised(
    _ volume: Volume, _ light: (factor: Double, below: Double), _ random: inout SeededRandom
  ) throws -> Volume {
    let unit = try IntensityScale(measuring: volume).apply(volume)
    // The brightest voxel of a whole volume is another one in each frame.
    let own = light.factor == 1 ? 1 : random.uniform(0.9, 1.1)
    let scale = 1 / (light.factor * own + light.below)
    return try unit.scaled(by: scale, plus: light.below * scale)
  }
}

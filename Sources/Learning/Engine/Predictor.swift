// Whole volumes through one or several models: cut into tiles, each through the network, blended, averaged over
// the models. Finished planes are handed over at once, so memory is bounded by the tile, whatever the volume: about
// 200 bytes a voxel of one tile, and 4 bytes a voxel and channel of as many planes as a tile has.

import Core
import Imaging

/// Predictions of an ensemble of models of one architecture.
public final class Predictor {
  /// How a volume is processed.
  public struct Options: Sendable {
    /// Size of a tile in voxels; nil takes the volume in one piece. GroupNorm works within a tile, so the size
    /// has some influence on the result.
    public var patch: Size3?
    /// Which poolings keep z.
    public var keepAxials: KeepAxials
    /// Repeat the edges of each tile, which mitigates discontinuities there.
    public var pad: Bool
    /// How tiles that the poolings do not divide are made to fit.
    public var fit: Conforming.Fit
    /// Whether blended sums are divided by the sum of the weights. ELEPHANT does not.
    public var normalised: Bool

    /// Defaults: one piece, all poolings keep z, no padding, normalised.
    public init(
      patch: Size3? = nil, keepAxials: KeepAxials, pad: Bool = false,
      fit: Conforming.Fit = .resample, normalised: Bool = true
    ) {
      self.patch = patch
      self.keepAxials = keepAxials
      self.pad = pad
      self.fit = fit
      self.normalised = normalised
    }
  }

  /// The models, of one architecture.
  public let models: [Model]
  private let engines: [Engine]

  /// A predictor; throws `.argument` unless there is a model and all have one architecture.
  public init(_ models: [Model], precision: Precision = .fast, threads: Int = 0) throws {
    guard let first = models.first, models.allSatisfy({ $0.architecture == first.architecture })
    else {
      throw HowdahError(.argument, "an ensemble needs models of one architecture")
    }
    self.models = models
    engines = try models.map { try Engine($0, precision: precision, threads: threads) }
  }

  /// The most memory that a model's tensors took, in bytes.
  public var peakTensorBytes: Int { engines.map(\.peakTensorBytes).max() ?? 0 }

  /// Probabilities (detection) or flows in -1 ... 1 (flow), one volume a channel, at the size of the input.
  ///
  /// - Parameter inputs: one volume an input channel, of one size: the image, or the earlier and the later
  ///   frame; normalise them first. A 2D network takes their planes one by one.
  public func predict(_ inputs: [Volume], _ options: Options, progress: Progress = .none) throws
    -> [Volume]
  {
    let architecture = models[0].architecture
    guard let first = inputs.first, inputs.count == architecture.inputChannels,
      inputs.allSatisfy({ $0.size == first.size })
    else {
      throw HowdahError(
        .argument, "\(architecture.name) needs \(architecture.inputChannels) volumes of one size")
    }
    let floats = try inputs.map { try $0.converted(to: .float32) }
    let (size, channels) = (first.size, architecture.outputChannels)
    let tiling = tiling(of: size, options)
    // A tile counts as a thousand units, so that a volume of one tile reports, too.
    progress.begin(total: tiling.count * engines.count * 1000, "network")
    let outputs = try (0..<channels).map { _ in
      try Volume.make(size: size, voxelSize: first.voxelSize, of: Float.self) { _ in }
    }
    // The volumes are not seen by anybody else before all their planes are written.
    let targets = outputs.map { volume in
      volume.withVoxels(as: Float.self) { UnsafeMutablePointer(mutating: $0.baseAddress!) }
    }
    try stream(
      size: size, options, input: { try Self.cut(floats, $0) },
      finished: { part in
        for z in part.planes {
          for c in 0..<channels {
            let plane = part.plane(z, channel: c)
            (targets[c] + z * plane.count).update(from: plane.baseAddress!, count: plane.count)
          }
        }
      }, progress: progress, units: 1000)
    return withExtendedLifetime(outputs) { outputs }
  }

  /// The tiles of a volume of this size.
  public func tiling(of size: Size3, _ options: Options) -> VolumeTiling {
    VolumeTiling(
      size: size, patch: options.patch ?? size, planes: models[0].architecture.dimensions == 2)
  }

  /// Probabilities or flows plane by plane, for volumes that are made, used and written in parts.
  ///
  /// The caller begins the progress; it advances by `units` for each tile and model. A 2D network takes the planes of a
  /// volume one by one.
  ///
  /// - Parameters:
  ///   - size: of the whole input.
  ///   - channels: which of the network's channels are wanted; nil means all.
  ///   - input: makes the input of a box, one channel after another.
  ///   - finished: is given all planes in order, some at a time.
  public func stream(
    size: Size3, _ options: Options, channels: [Int]? = nil,
    input: (VoxelBox) throws -> Tensor, finished: (PredictedPlanes) throws -> Void,
    progress: Progress = .none, units: Int = 1
  ) throws {
    let architecture = models[0].architecture
    let wanted = channels ?? Array(0..<architecture.outputChannels)
    let tiling = tiling(of: size, options)
    var blender = SlidingBlender(tiling, channels: wanted.count, normalised: options.normalised)
    let share = 1 / Float(engines.count)
    for k in 0..<tiling.count {
      try blender.advance(to: k, finished)
      let tile = try input(tiling.box(k))
      for engine in engines {
        try progress.check()
        let output = try engine.forward(
          tile, keepAxials: options.keepAxials, pad: options.pad, fit: options.fit,
          progress: progress.part(of: units))
        try blender.add(
          output, k, channels: wanted, share: share,
          exponentiate: architecture.output == .logSoftmax)
      }
    }
    try blender.advance(to: tiling.count, finished)
  }

  private static func cut(_ volumes: [Volume], _ box: VoxelBox) throws -> Tensor {
    let shape = TensorShape(channels: volumes.count, size: box.size)
    var values: [Float] = []
    values.reserveCapacity(shape.count)
    for volume in volumes {
      let part = box.size == volume.size ? volume : try volume.crop(box)
      part.withVoxels(as: Float.self) { values += $0 }
    }
    return try Tensor(shape, values: values)
  }
}

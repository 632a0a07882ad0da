// Whole volumes through one or several models: cut into tiles, each through the network, blended, averaged over
// the models. Memory is bounded by the tile, whatever the volume: the result (4 bytes a voxel and channel) and
// about 200 bytes a voxel of one tile.

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
    /// Whether blended sums are divided by the sum of the weights. ELEPHANT does not.
    public var normalised: Bool

    /// Defaults: one piece, all poolings keep z, no padding, normalised.
    public init(
      patch: Size3? = nil, keepAxials: KeepAxials, pad: Bool = false, normalised: Bool = true
    ) {
      self.patch = patch
      self.keepAxials = keepAxials
      self.pad = pad
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
  ///   frame; normalise them first.
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
    guard architecture.dimensions == 3 || first.size.z == 1 else {
      throw HowdahError(
        .argument, "a 2D network was given a volume of \(first.size.z) planes; give it one plane")
    }
    let floats = try inputs.map { try $0.converted(to: .float32) }
    var mean: Tensor?
    let blender = TileBlender(
      channels: architecture.outputChannels, size: first.size, patch: options.patch ?? first.size)
    progress.begin(total: blender.count * engines.count, "network")
    for engine in engines {
      var blender = blender
      for k in 0..<blender.count {
        try progress.check()
        let tile = try Self.cut(floats, blender.box(k))
        var output = try engine.forward(
          tile, keepAxials: options.keepAxials, pad: options.pad, progress: progress)
        if architecture.output == .logSoftmax { Self.exponentiate(&output) }
        blender.add(output, k)
        progress.advance()
      }
      if options.normalised { blender.normalise() }
      if mean == nil { mean = blender.sum } else { try mean?.add(blender.sum) }
    }
    guard let sum = mean else { throw HowdahError(.internal, "an ensemble without models") }
    let share = 1 / Float(engines.count)
    return try (0..<architecture.outputChannels).map { c in
      try Volume.make(size: first.size, voxelSize: first.voxelSize, of: Float.self) { out in
        let start = c * first.size.count
        for v in 0..<first.size.count { out[v] = sum.values[start + v] * share }
      }
    }
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

  private static func exponentiate(_ tensor: inout Tensor) {
    tensor.values.withUnsafeMutableBufferPointer { values in
      for i in values.indices { values[i] = Float(exponential(Double(values[i]))) }
    }
  }
}

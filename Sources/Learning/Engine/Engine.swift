// The fast forward pass of one model: the same network as `PlainNetwork`, over blocked tensors and the C kernels.
//
// What is fused: bias, activation, residual sum and the statistics of a GroupNorm into the convolution before it;
// the GroupNorm itself (a scale and a shift a channel) into whatever reads it; concatenation and upsampling into
// the convolution that reads them. So each activation is written once and read by its consumers, nothing else.

import Core
import Kernels

/// How exact the convolutions are.
public enum Precision: String, Sendable, CaseIterable {
  /// Winograd's largest tiles whose error, measured layer by layer, is small: probabilities within 1e-5 of exact
  /// arithmetic.
  case fast
  /// Winograd F(2x2): as exact as PyTorch's float32.
  case exact
}

/// The instruction sets that the kernels are compiled for.
public enum InstructionSet: Int32, Sendable, CaseIterable {
  case portable = 0
  case avx2 = 1
  case avx512 = 2

  /// Whether this machine has it.
  public var isAvailable: Bool { nk_kernels_for(rawValue) != nil }

  /// The best that this machine has.
  public static var best: InstructionSet { allCases.last { $0.isAvailable } ?? .portable }
}

/// Runs a model's forward pass. One instance serves one pass at a time.
public final class Engine {
  /// The model that is run.
  public private(set) var model: Model
  /// How exact its convolutions are.
  public let precision: Precision
  let kernels: nk_kernels
  let team: Team
  private var arena: FloatArena?
  private(set) var scratch: [FloatBlock] = []
  private(set) var convolutions: [String: PackedConvolution] = [:]
  private var mirrored: [String: PackedConvolution] = [:]

  /// An engine for a model.
  ///
  /// - Parameters:
  ///   - threads: 0 for one a core. The result is the same for any number.
  ///   - instructionSet: the best of this machine by default; throws `.unavailable` for one it lacks.
  public init(
    _ model: Model, precision: Precision = .fast, threads: Int = 0,
    instructionSet: InstructionSet = .best
  ) throws {
    guard let kernels = nk_kernels_for(instructionSet.rawValue) else {
      throw HowdahError(.unavailable, "this machine has no \(instructionSet)")
    }
    self.model = model
    self.precision = precision
    self.kernels = kernels.pointee
    team = Team(workers: threads)
  }

  /// The most memory that tensors took at once, in bytes; weights and the result are not in it.
  public var peakTensorBytes: Int {
    (arena?.peakBytes ?? 0) + scratch.reduce(0) { $0 + $1.count * 4 }
  }

  /// The activated output for one sample of any size, conformed and, if asked, padded. `progress` counts
  /// millions of multiplications, roughly.
  public func forward(
    _ input: Tensor, keepAxials: KeepAxials, pad: Bool = false,
    fit: Conforming.Fit = .resample, progress: Progress = .none
  ) throws -> Tensor {
    let architecture = model.architecture
    try keepAxials.check(architecture)
    try input.require(
      TensorShape(channels: architecture.inputChannels, size: input.shape.size), "the input")
    let conforming = Conforming(
      input.shape.size, architecture: architecture, keepAxials: keepAxials, pad: pad,
      fit: fit)
    let keep = keepAxials.effective(architecture)
    progress.begin(total: work(conforming.inner, keep), "network")
    let inner = try conforming.apply(input, progress: progress)
    return try conforming.restore(forwardInner(inner, keep, progress), progress: progress)
  }

  /// What the convolutions of a forward pass cost, in the unit that progress counts in.
  func work(_ size: Size3, _ keep: KeepAxials) -> Int {
    let architecture = model.architecture
    var (sizes, current) = ([size], size)
    for level in 0..<architecture.depth {
      current = Size3(
        x: current.x / 2, y: current.y / 2, z: current.z / keep.zFactor(level))
      sizes.append(current)
    }
    func cost(_ stage: Stage, _ size: Size3) -> Int {
      [stage.inputChannels, stage.outputChannels].reduce(0) {
        $0
          + Self.work(
            size, BlockedTensor.blocks($1), BlockedTensor.blocks(stage.outputChannels))
      }
    }
    let down = architecture.encoder.enumerated().reduce(0) {
      $0 + cost($1.element, sizes[$1.offset])
    }
    let up = architecture.decoder.enumerated().reduce(0) {
      $0 + cost($1.element, sizes[architecture.depth - 1 - $1.offset])
    }
    return down + cost(architecture.base, sizes[architecture.depth]) + up
  }

  /// The same of one convolution with these blocks of channels.
  static func work(_ size: Size3, _ inBlocks: Int, _ outBlocks: Int) -> Int {
    max(1, size.count * inBlocks * outBlocks >> 10)
  }

  private func forwardInner(_ input: Tensor, _ keep: KeepAxials, _ progress: Progress) throws
    -> Tensor
  {
    let architecture = model.architecture
    let arena = try prepareArena(input.shape.size, progress)
    // A stage runs in two steps so that what only the first one reads is given back before the second one
    // takes memory. What stays longest (the first skip) and what the decoder hands on lie at the end of the
    // arena, everything else at its begin: at 3D's standard widths that takes 180 bytes a voxel.
    var skips: [Source] = []
    var current: Source?
    for (level, stage) in architecture.encoder.enumerated() {
      let half =
        if let current {
          try first(stage, [current], arena, progress)
        } else {
          try firstOfAll(stage, input, arena, progress)
        }
      current = nil
      let output = try second(stage, half, lasting: level == 0, arena, progress)
      skips.append(output)
      current = try pooled(output, zFactor: keep.zFactor(level), arena, progress)
    }
    guard let deepest = current else {
      throw HowdahError(.internal, "a network without encoder")
    }
    current = nil
    var up = try second(
      architecture.base, first(architecture.base, [deepest], arena, progress), lasting: false,
      arena,
      progress)
    for (i, stage) in architecture.decoder.enumerated() {
      up.upsampled = true
      up.zFactor = keep.zFactor(architecture.depth - 1 - i)
      let half = try first(stage, [skips.removeLast(), up], arena, progress)
      up = half.middle
      up = try second(stage, half, lasting: true, arena, progress)
    }
    return try head(up, progress)
  }

  /// What is between the two convolutions of a stage: the first one's output, and the residual.
  struct HalfStage {
    var middle: Source
    var residual: BlockedTensor?
  }

  /// Replace the parameters, after a training step. Throws `.argument` for another architecture.
  public func load(_ new: Model) throws {
    guard new.architecture == model.architecture else {
      throw HowdahError(.argument, "the engine was made for another architecture")
    }
    model = new
    for packed in convolutions.values { packed.outdate() }
    for packed in mirrored.values { packed.outdate() }
  }

  // MARK: Stages

  func slopes(_ style: BlockStyle) -> (inner: Float, outer: Float, scale: Float) {
    switch style {
    case .plain(_, let slope): (slope, slope, 1)
    case .residual(_, let inner, let outer, let scale): (inner, outer, scale)
    }
  }

  /// The first stage, from plain input channels.
  func firstOfAll(
    _ stage: Stage, _ input: Tensor, _ arena: FloatArena, _ progress: Progress
  ) throws -> HalfStage {
    let keys = StageKeys(stage)
    let slopes = slopes(stage.style)
    let size = input.shape.size
    let middle = try BlockedTensor(channels: stage.outputChannels, size: size, in: arena)
    let output = try keys.residual.map { _ in
      try BlockedTensor(channels: stage.outputChannels, size: size, in: arena, lasting: true)
    }
    let sums = try keys.norm1.map { _ in try arena.take(size.z * middle.blocks * 32) }
    let stem = try Stem(model, keys, channels: stage.inputChannels)
    try stem.run(
      input, slope: slopes.inner, middle: middle, residual: output, sums: sums, arena, kernels,
      team,
      progress)
    progress.advance(by: Self.work(size, 1, middle.blocks))
    let affine = try normalised(keys.norm1, middle, sums, groups: 1)
    return HalfStage(middle: Source(tensor: middle, affine: affine), residual: output)
  }

  /// Any other stage, over one source or the concatenation of two.
  func first(
    _ stage: Stage, _ sources: [Source], _ arena: FloatArena, _ progress: Progress
  ) throws -> HalfStage {
    let keys = StageKeys(stage)
    let first = sources[0].tensor
    let middle = try BlockedTensor(channels: stage.outputChannels, size: first.size, in: arena)
    let packed = try packed(keys.conv1, parts: sources.map(\.tensor.channels), progress)
    let affine = try convolve(
      packed, sources, into: middle, add: false, factor: 1, slope: slopes(stage.style).inner,
      norm: keys.norm1, arena, progress)
    var output: BlockedTensor?
    if let residual = keys.residual {
      let result = try BlockedTensor(
        channels: stage.outputChannels, size: first.size, in: arena)
      try pointwise(residual, sources[0], into: result, progress)
      output = result
    }
    return HalfStage(middle: Source(tensor: middle, affine: affine), residual: output)
  }

  /// The second convolution of a stage, added to the residual where there is one.
  func second(
    _ stage: Stage, _ half: HalfStage, lasting: Bool, _ arena: FloatArena, _ progress: Progress
  ) throws -> Source {
    let keys = StageKeys(stage)
    let slopes = slopes(stage.style)
    let result =
      try half.residual
      ?? BlockedTensor(
        channels: stage.outputChannels, size: half.middle.tensor.size, in: arena, lasting: lasting)
    let affine = try convolve(
      packed(keys.conv2, parts: [stage.outputChannels], progress), [half.middle], into: result,
      add: half.residual != nil, factor: slopes.scale, slope: slopes.outer, norm: keys.norm2, arena,
      progress)
    return Source(tensor: result, affine: affine)
  }

  // MARK: Layers

  func packed(_ key: String, parts: [Int], _ progress: Progress) throws -> PackedConvolution {
    try packed(key, parts, in: &convolutions, mirrored: false, progress)
  }

  /// The convolution that takes a gradient of the outputs back to the inputs.
  func mirroredConvolution(_ key: String, parts: [Int], _ progress: Progress) throws
    -> PackedConvolution
  {
    try packed(key, parts, in: &mirrored, mirrored: true, progress)
  }

  private func packed(
    _ key: String, _ parts: [Int], in known: inout [String: PackedConvolution], mirrored: Bool,
    _ progress: Progress
  ) throws -> PackedConvolution {
    let shape = model.specs[try model.position(of: key + ".weight")].shape
    let result =
      known[key]
      ?? PackedConvolution(
        parts: parts, outputChannels: shape[0], taps: shape.count == 5 ? 3 : 1, mirrored: mirrored)
    known[key] = result
    if !result.isCurrent {
      try result.update(
        weight: model[key + ".weight"], bias: mirrored ? nil : model[key + ".bias"], team, progress)
    }
    return result
  }

  func convolve(
    _ packed: PackedConvolution, _ sources: [Source], into output: BlockedTensor, add: Bool,
    factor: Float, slope: Float, norm: String?, _ arena: FloatArena, _ progress: Progress
  ) throws -> ChannelAffine {
    let size = output.size
    let form = try form(packed, sources, size, arena, progress)
    var sums: FloatBlock?
    let groups = try convolve(
      packed, form, sources, into: output, add: add, factor: factor, slope: slope, progress
    ) { groups in
      sums = try norm.map { _ in try arena.take(groups * size.z * output.blocks * 32) }
      return sums
    }
    progress.advance(by: Self.work(size, packed.inBlocks, packed.outBlocks))
    return try normalised(norm, output, sums, groups: groups)
  }

  /// The convolution alone, in a form. `sums` gives room for the statistics of that many groups of items, which
  /// are returned, or nil.
  func convolve(
    _ packed: PackedConvolution, _ form: WinogradForm, _ sources: [Source],
    into output: BlockedTensor, add: Bool, factor: Float, slope: Float, _ progress: Progress,
    sums: (_ groups: Int) throws -> FloatBlock?
  ) throws -> Int {
    let size = output.size
    let plan = nk_make_plan(
      Int32(form.m), Int32(form.z), Int32(packed.taps), form.twice ? 1 : 0, Int32(packed.inBlocks),
      Int32(packed.outBlocks), Int32(size.z), Int32(size.y), Int32(size.x), Int32(team.workers))
    let weights = try packed.weights(plan, kernels, team, progress)
    let sums = try sums(Int(plan.groups))
    let kernelSources = sources.map(\.kernelSource)
    let layer = nk_convolution(
      sources: (kernelSources[0], kernelSources.last!), source_count: Int32(sources.count),
      depth: Int32(size.z), height: Int32(size.y), width: Int32(size.x),
      out_blocks: Int32(packed.outBlocks), weights: UnsafePointer(weights.pointer),
      bias: UnsafePointer(packed.bias.pointer), output: output.pointer, add_output: add ? 1 : 0,
      factor: factor, slope: slope, sums: sums?.pointer)
    prepareScratch(plan.scratch)
    let call = KernelCall(layer: layer, plan: plan, scratch: scratch, kernels: kernels)
    try team.run(Int(plan.items), progress) { item, worker in call.convolve(item, worker) }
    return Int(plan.groups)
  }

  /// The scale and shift that the GroupNorm of this name makes of a tensor's sums; the identity without one.
  private func normalised(
    _ norm: String?, _ tensor: BlockedTensor, _ sums: FloatBlock?, groups: Int
  ) throws -> ChannelAffine {
    guard let norm, let sums else { return ChannelAffine(channels: tensor.channels) }
    var totals = [Double](repeating: 0, count: tensor.blocks * 32)
    kernels.reduce(
      sums.pointer, Int32(groups), Int32(tensor.size.z), Int32(tensor.blocks), &totals)
    let count = tensor.channels / GroupNorm.groups(channels: tensor.channels)
    let elements = Double(count * tensor.size.count)
    var means = [Double](repeating: 0, count: tensor.channels)
    var inverses = means
    for start in stride(from: 0, to: tensor.channels, by: count) {
      let members = start..<(start + count)
      let mean = members.reduce(0) { $0 + totals[$1 / 16 * 32 + $1 % 16] } / elements
      let square = members.reduce(0) { $0 + totals[$1 / 16 * 32 + 16 + $1 % 16] } / elements
      let inverse = 1 / (max(0, square - mean * mean) + GroupNorm.epsilon).squareRoot()
      for c in members { (means[c], inverses[c]) = (mean, inverse) }
    }
    return ChannelAffine(
      means: means, inverses: inverses, weight: try model[norm + ".weight"],
      bias: try model[norm + ".bias"])
  }

  func pooled(
    _ source: Source, zFactor: Int, _ arena: FloatArena, _ progress: Progress
  ) throws -> Source {
    let from = source.tensor
    let size = Size3(x: from.size.x / 2, y: from.size.y / 2, z: from.size.z / zFactor)
    let result = try BlockedTensor(channels: from.channels, size: size, in: arena)
    let (call, kernels) = (source, kernels)
    try team.run(result.blocks * size.z, progress) { item, _ in
      var kernelSource = call.kernelSource
      kernels.pool(
        &kernelSource, Int32(zFactor), Int32(item / size.z), Int32(item % size.z), result.pointer)
    }
    return Source(tensor: result, affine: source.affine)
  }

  /// A 1x1 convolution without bias, the source's affine folded into the weights.
  func pointwise(
    _ key: String, _ source: Source, into output: BlockedTensor, _ progress: Progress
  ) throws {
    let folded = FoldedPointwise(
      weight: try model[key], bias: nil, outputs: output.channels, source: source)
    let (kernels, voxels) = (kernels, output.size.count)
    let piece = 2048
    let (from, to) = (source.tensor, output)
    try team.run((voxels + piece - 1) / piece, progress) { item, _ in
      kernels.pointwise(
        from.pointer, Int32(from.blocks), voxels, folded.weights.pointer, folded.constant.pointer,
        Int32(to.blocks), to.pointer, item * piece, min(voxels, (item + 1) * piece))
    }
  }

  func head(_ source: Source, _ progress: Progress) throws -> Tensor {
    let architecture = model.architecture
    let size = source.tensor.size
    let shape = TensorShape(channels: architecture.outputChannels, size: size)
    let folded = FoldedPointwise(
      weight: try model["out_conv.weight"], bias: try model["out_conv.bias"],
      outputs: architecture.outputChannels, source: source)
    guard architecture.outputChannels <= 16 else {
      throw HowdahError(.argument, "the engine serves at most 16 output channels")
    }
    let (kernels, voxels, from) = (kernels, size.count, source.tensor)
    let mode: Int32 = architecture.output == .logSoftmax ? 0 : 1
    let piece = 2048
    let values = try [Float](unsafeUninitializedCapacity: shape.count) { buffer, count in
      let out = Shared(buffer)
      try team.run((voxels + piece - 1) / piece, progress) { item, _ in
        kernels.head(
          from.pointer, Int32(from.blocks), voxels, folded.weights.pointer, folded.constant.pointer,
          Int32(architecture.outputChannels), mode, out.base, item * piece,
          min(voxels, (item + 1) * piece))
      }
      count = shape.count
    }
    return try Tensor(shape, values: values)
  }

  // MARK: Memory

  func prepareScratch(_ floats: Int) {
    if scratch.count == team.workers, scratch[0].count >= floats { return }
    scratch = (0..<team.workers).map { _ in FloatBlock(zeros: floats) }
  }

  /// Address space for every tensor of a pass at once; only what is alive together is touched.
  func prepareArena(_ size: Size3, samples: Int = 0, _ progress: Progress) throws -> FloatArena {
    var perVoxel = 8.0
    for (level, width) in model.architecture.widths.enumerated() {
      perVoxel += 6 * Double(BlockedTensor.blocks(width) * 16) / Double(1 << (2 * level))
    }
    // Training keeps the activations of every sample, and needs room for transformed gradients.
    let capacity =
      Int(Double(size.count) * perVoxel) * (1 + samples) + (samples > 0 ? 1 << 28 : 1 << 22)
    let result: FloatArena
    if let arena, arena.capacity >= capacity {
      result = arena
    } else {
      result = try FloatArena(capacity: capacity, team)
    }
    result.progress = progress
    arena = result
    return result
  }
}

/// A convolution call that threads share: pointers whose owners outlive the call.
private struct KernelCall: @unchecked Sendable {
  let layer: nk_convolution
  let plan: nk_plan
  let scratch: [FloatBlock]
  let kernels: nk_kernels

  func convolve(_ item: Int, _ worker: Int) {
    withUnsafePointer(to: layer) { layer in
      withUnsafePointer(to: plan) { plan in
        kernels.convolve(layer, plan, Int32(item), scratch[worker].pointer)
      }
    }
  }
}

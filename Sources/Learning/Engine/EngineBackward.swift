// Training in the engine: the forward pass with its activations kept, and the backward pass. The result is the same
// bits for any number of threads: sums are cut by position, never by thread.

import Core
import Kernels

/// One stage of a forward pass, kept for the backward pass.
private struct StageTape {
  var stage: Stage
  /// What the first convolution read; empty for the first stage, which reads the network's input.
  var sources: [Source]
  var middle, output: Source
}

/// One sample of a forward pass.
private struct SampleTape {
  var input: Tensor
  var keep: KeepAxials
  /// Encoder stages, base, decoder stages.
  var stages: [StageTape] = []
  var output: Tensor
}

extension Engine {
  /// The loss of a batch and the gradients of all parameters. `progress` counts like that of `forward`.
  ///
  /// - Parameters:
  ///   - batch: samples of one size that fits the poolings, each with the network's input channels.
  ///   - loss: the loss of the activated outputs, as a batch in the same order.
  public func gradients(
    _ batch: [Tensor], keepAxials: KeepAxials, progress: Progress = .none,
    loss: (Tensor) throws -> LossResult
  ) throws -> (loss: LossResult, gradients: Gradients) {
    try gradients(
      batch, keepAxials: batch.map { _ in keepAxials }, progress: progress, loss: loss)
  }

  /// The same with poolings of its own for each sample of the batch.
  public func gradients(
    _ batch: [Tensor], keepAxials: [KeepAxials], progress: Progress = .none,
    loss: (Tensor) throws -> LossResult
  ) throws -> (loss: LossResult, gradients: Gradients) {
    let architecture = model.architecture
    guard let first = batch.first, batch.count == keepAxials.count else {
      throw HowdahError(.argument, "a batch needs samples, and poolings for each")
    }
    let shape = TensorShape(channels: architecture.inputChannels, size: first.shape.size)
    for (sample, keep) in zip(batch, keepAxials) {
      try sample.require(shape, "a sample")
      try keep.check(architecture)
      let conforming = Conforming(
        shape.size, architecture: architecture, keepAxials: keep, pad: false)
      guard conforming.inner == shape.size else {
        throw HowdahError(
          .argument,
          "training crops of \(shape.size) do not fit the poolings; "
            + "the next size that does is \(conforming.inner)")
      }
    }
    // The way back takes twice the time of the way there.
    progress.begin(
      total: keepAxials.reduce(0) { $0 + 3 * work(shape.size, $1.effective(architecture)) },
      "network")
    let arena = try prepareArena(shape.size, samples: batch.count, progress)
    let tapes = try zip(batch, keepAxials).map {
      try forwardTape($0, $1.effective(architecture), arena, progress)
    }
    let result = try loss(Tensor.batch(tapes.map(\.output)))
    var backward = try BackwardPass(engine: self, arena: arena, progress: progress)
    for (n, tape) in tapes.enumerated() {
      try backward.run(tape, result.gradient.sample(n))
    }
    return (result, backward.gradients)
  }

  private func forwardTape(
    _ input: Tensor, _ keep: KeepAxials, _ arena: FloatArena, _ progress: Progress
  ) throws -> SampleTape {
    let architecture = model.architecture
    var tape = SampleTape(input: input, keep: keep, output: input)
    var current: Source?
    func run(_ stage: Stage, _ sources: [Source]) throws -> Source {
      let half =
        sources.isEmpty
        ? try firstOfAll(stage, input, arena, progress)
        : try first(stage, sources, arena, progress)
      let output = try second(stage, half, lasting: false, arena, progress)
      tape.stages.append(
        StageTape(stage: stage, sources: sources, middle: half.middle, output: output))
      return output
    }
    for (level, stage) in architecture.encoder.enumerated() {
      let output = try run(stage, current.map { [$0] } ?? [])
      current = try pooled(output, zFactor: keep.zFactor(level), arena, progress)
    }
    var up = try run(architecture.base, current.map { [$0] } ?? [])
    for (i, stage) in architecture.decoder.enumerated() {
      let level = architecture.depth - 1 - i
      up.upsampled = true
      up.zFactor = keep.zFactor(level)
      up = try run(stage, [tape.stages[level].output, up])
    }
    tape.output = try head(up, progress)
    return tape
  }
}

/// One backward pass over the samples of a batch; gradients add up.
private struct BackwardPass {
  let engine: Engine
  let arena: FloatArena
  let progress: Progress
  var gradients: Gradients

  init(engine: Engine, arena: FloatArena, progress: Progress) throws {
    self.engine = engine
    self.arena = arena
    self.progress = progress
    gradients = try engine.model.specs.map {
      try progress.check()
      return [Float](repeating: 0, count: $0.count)
    }
  }

  private var kernels: nk_kernels { engine.kernels }
  private var team: Team { engine.team }

  mutating func run(_ tape: SampleTape, _ gradient: Tensor) throws {
    let depth = engine.model.architecture.depth
    var g = try head(tape, gradient)
    var skips: [BlockedTensor] = []
    for i in (0..<depth).reversed() {
      let stage = tape.stages[depth + 1 + i]
      let both = try self.stage(stage, tape, g)
      skips.append(try firstPart(both, like: stage.sources[0].tensor))
      g = try downsampled(both, from: stage.sources[0].tensor.blocks, stage.sources[1])
    }
    g = try self.stage(tape.stages[depth], tape, g)
    for level in (0..<depth).reversed() {
      let stage = tape.stages[level]
      let skip = skips[level]
      try unpool(g, stage.output, zFactor: tape.keep.zFactor(level), into: skip)
      g = try self.stage(stage, tape, skip)
    }
  }

  // MARK: One stage

  /// From the gradient of a stage's normalised output (overwritten) to that of what it read.
  private mutating func stage(_ tape: StageTape, _ sample: SampleTape, _ g: BlockedTensor) throws
    -> BlockedTensor
  {
    let keys = StageKeys(tape.stage)
    let slopes = engine.slopes(tape.stage.style)
    let sums2 = try normBackward(
      g, tape.output, keys.norm2, slope: slopes.outer, factor: slopes.scale)
    try add(sums2, to: keys.conv2 + ".bias")
    try weightGradient(keys.conv2, [tape.middle], g)
    let parts = [tape.stage.outputChannels]
    let middle = try inputGradient(keys.conv2, parts: parts, g)
    let sums1 = try normBackward(middle, tape.middle, keys.norm1, slope: slopes.inner, factor: 1)
    try add(sums1, to: keys.conv1 + ".bias")
    if tape.sources.isEmpty {
      try stemGradient(keys.conv1 + ".weight", sample.input, middle, centerOnly: false)
      if let residual = keys.residual {
        try stemGradient(residual, sample.input, g, centerOnly: true)
      }
      progress.advance(by: 2 * Engine.work(g.size, 1, g.blocks))
      return middle
    }
    try weightGradient(keys.conv1, tape.sources, middle)
    let input = try inputGradient(keys.conv1, parts: tape.sources.map(\.tensor.channels), middle)
    if let residual = keys.residual {
      try residualGradient(residual, tape.sources[0], g, sums2, into: input)
    }
    return input
  }

  private mutating func add(_ values: [Double], to name: String) throws {
    let p = try engine.model.position(of: name)
    for i in gradients[p].indices { gradients[p][i] += Float(values[i]) }
  }

  /// Back through GroupNorm, activation and factor, in place; returns the sum of the result a channel.
  private mutating func normBackward(
    _ g: BlockedTensor, _ value: Source, _ norm: String?, slope: Float, factor: Float
  ) throws -> [Double] {
    let (channels, size, blocks) = (value.tensor.channels, g.size, g.blocks)
    let plane = size.x * size.y
    let sums = try arena.take(size.z * blocks * 32)
    let (x, kernels) = (value.tensor, kernels)
    let factors = (0..<3).map { _ in FloatBlock(zeros: blocks * 16) }
    for c in 0..<channels { factors[0].pointer[c] = 1 }
    if let norm {
      try team.run(size.z * blocks, progress) { item, _ in
        let (z, b) = (item / blocks, item % blocks)
        let start = (b * size.z + z) * plane * 16
        kernels.norm_sums(g.pointer + start, x.pointer + start, plane, sums.pointer + item * 32)
      }
      var totals = [Double](repeating: 0, count: blocks * 32)
      kernels.reduce(sums.pointer, 1, Int32(size.z), Int32(blocks), &totals)
      try groupNorm(norm, value, totals, factors)
    }
    let (a, b, c) = (factors[0], factors[1], factors[2])
    try team.run(size.z * blocks, progress) { item, _ in
      let (z, block) = (item / blocks, item % blocks)
      let start = (block * size.z + z) * plane * 16
      kernels.norm_apply(
        g.pointer + start, x.pointer + start, plane, a.pointer + block * 16, b.pointer + block * 16,
        c.pointer + block * 16, slope, factor, sums.pointer + item * 16)
    }
    var result = [Double](repeating: 0, count: blocks * 16)
    for item in 0..<(size.z * blocks) {
      for lane in 0..<16 {
        result[item % blocks * 16 + lane] += Double(sums.pointer[item * 16 + lane])
      }
    }
    return result
  }

  /// The gradients of weight and bias, and the factors that take g and the value x to the gradient of x:
  /// inverse * (w g - m(w g) - xhat * m(w g xhat)) as a g + b x + c.
  private mutating func groupNorm(
    _ norm: String, _ value: Source, _ totals: [Double], _ factors: [FloatBlock]
  ) throws {
    let (channels, affine) = (value.tensor.channels, value.affine)
    let weight = try engine.model[norm + ".weight"]
    let count = channels / GroupNorm.groups(channels: channels)
    let elements = Double(count * value.tensor.size.count)
    let places = (
      try engine.model.position(of: norm + ".weight"), try engine.model.position(of: norm + ".bias")
    )
    for start in stride(from: 0, to: channels, by: count) {
      var (meanG, meanGX) = (0.0, 0.0)
      let (mean, inverse) = (affine.means[start], affine.inverses[start])
      for c in start..<(start + count) {
        let (sum, product) = (totals[c / 16 * 32 + c % 16], totals[c / 16 * 32 + 16 + c % 16])
        let normed = inverse * (product - mean * sum)
        gradients[places.0][c] += Float(normed)
        gradients[places.1][c] += Float(sum)
        meanG += Double(weight[c]) * sum / elements
        meanGX += Double(weight[c]) * normed / elements
      }
      for c in start..<(start + count) {
        factors[0].pointer[c] = Float(inverse * Double(weight[c]))
        factors[1].pointer[c] = Float(-inverse * inverse * meanGX)
        factors[2].pointer[c] = Float(inverse * (inverse * mean * meanGX - meanG))
      }
    }
  }

  private func inputGradient(_ key: String, parts: [Int], _ g: BlockedTensor) throws
    -> BlockedTensor
  {
    let packed = try engine.mirroredConvolution(key, parts: parts, progress)
    let result = try BlockedTensor(channels: packed.outBlocks * 16, size: g.size, in: arena)
    let source = Source(tensor: g, affine: ChannelAffine(channels: g.blocks * 16))
    _ = try engine.convolve(
      packed, [source], into: result, add: false, factor: 1, slope: 1, norm: nil, arena, progress)
    return result
  }

  // MARK: Weights

  private mutating func weightGradient(_ key: String, _ sources: [Source], _ g: BlockedTensor)
    throws
  {
    let p = try engine.model.position(of: key + ".weight")
    let shape = engine.model.specs[p].shape
    let (size, taps) = (g.size, shape.count == 5 ? 3 : 1)
    let inBlocks = sources.reduce(0) { $0 + $1.tensor.blocks }
    if size.x * size.y <= 16 {
      try directWeightGradient(p, sources, g)
      progress.advance(by: Engine.work(size, inBlocks, g.blocks))
      return
    }
    let form = WinogradForm.choose(
      size, taps: taps, upsampled: sources.contains { $0.upsampled }, engine.precision)
    let plan = nk_make_plan(
      Int32(form.m), 1, Int32(taps), form.twice ? 1 : 0, Int32(inBlocks), Int32(g.blocks),
      Int32(size.z), Int32(size.y),
      Int32(size.x), Int32(team.workers))
    let components = (form.m + 2) * (form.m + 2)
    let (tilesX, tilesY) = (Int(plan.tiles_x), Int(plan.tiles_y))
    // Rows of tiles at a time: about 4 MB of transformed input and gradient, so that they stay in cache.
    let row = components * size.z * tilesX * 16
    let rows = max(1, min(tilesY, (1 << 20) / (row * (inBlocks + g.blocks))))
    let sums = try arena.take(components * g.blocks * inBlocks * taps * 256)
    try sums.clear(team, progress)
    let kernelSources = sources.map(\.kernelSource)
    let call = WeightGradientCall(
      layer: nk_convolution(
        sources: (kernelSources[0], kernelSources.last!), source_count: Int32(sources.count),
        depth: Int32(size.z), height: Int32(size.y), width: Int32(size.x),
        out_blocks: Int32(g.blocks), weights: nil, bias: nil, output: nil, add_output: 0, factor: 1,
        slope: 1, sums: nil),
      plan: plan, gradient: g, inputs: try arena.take(row * rows * inBlocks),
      outputs: try arena.take(row * rows * g.blocks), sums: sums, kernels: kernels)
    let pairs = g.blocks * inBlocks
    for first in stride(from: 0, to: tilesY, by: rows) {
      let slab = first..<min(tilesY, first + rows)
      try team.run(2 * size.z, progress) { item, _ in
        call.with(slab) { call.kernels.gradient_transform($0, Int32(item / 2), Int32(item % 2)) }
      }
      try team.run(components * pairs, progress) { item, _ in
        let (component, pair) = (item / pairs, item % pairs)
        call.with(slab) {
          call.kernels.gradient_product(
            $0, Int32(component), Int32(pair / inBlocks), Int32(pair % inBlocks))
        }
      }
    }
    progress.advance(by: Engine.work(size, inBlocks, g.blocks))
    try unpack(p, sources, inBlocks: inBlocks, outBlocks: g.blocks, taps: taps * 9) {
      ob, ib, values in
      call.with(0..<1) { call.kernels.gradient_finish($0, Int32(ob), Int32(ib), values) }
    }
  }

  /// The same by definition, for planes so small that a tap may see nothing but the border: Winograd's sums leave
  /// rounding where the gradient is 0, and Adam would make steps of full size of it.
  private mutating func directWeightGradient(_ p: Int, _ sources: [Source], _ g: BlockedTensor)
    throws
  {
    let (size, voxels) = (g.size, g.size.count)
    let inBlocks = sources.reduce(0) { $0 + $1.tensor.blocks }
    let taps = engine.model.specs[p].shape.count == 5 ? 27 : 9
    // What the convolution reads: concatenated, upsampled, scaled and shifted.
    let inputs = try arena.take(inBlocks * voxels * 16)
    var first = 0
    for source in sources {
      let start = inputs.pointer + first * voxels * 16
      let to = Shared(start)
      try team.run(source.tensor.blocks * size.z, progress) { item, _ in
        source.copyPlane(item / size.z, item % size.z, size, to: to.base)
      }
      first += source.tensor.blocks
    }
    let sums = try arena.take(g.blocks * inBlocks * taps * 256)
    try sums.clear(team, progress)
    engine.prepareScratch(max(voxels * 16, taps * 256))
    let (scratch, kernels) = (engine.scratch, kernels)
    try team.run(inBlocks * taps, progress) { item, worker in
      let (ib, t) = (item / taps, item % taps)
      let d = Size3(x: t % 3 - 1, y: t / 3 % 3 - 1, z: taps == 27 ? t / 9 - 1 : 0)
      let moved = scratch[worker].pointer
      var v = 0
      for z in 0..<size.z {
        for y in 0..<size.y {
          for x in 0..<size.x {
            let (fz, fy, fx) = (z + d.z, y + d.y, x + d.x)
            let isInside =
              fz >= 0 && fz < size.z && fy >= 0 && fy < size.y && fx >= 0 && fx < size.x
            let from = ((ib * size.z + fz) * size.y + fy) * size.x + fx
            for c in 0..<16 { moved[v + c] = isInside ? inputs.pointer[from * 16 + c] : 0 }
            v += 16
          }
        }
      }
      for ob in 0..<g.blocks {
        kernels.outer(
          moved, g.pointer + ob * voxels * 16, voxels,
          sums.pointer + ((ob * inBlocks + ib) * taps + t) * 256)
      }
    }
    try unpack(p, sources, inBlocks: inBlocks, outBlocks: g.blocks, taps: taps) { ob, ib, values in
      values.update(from: sums.pointer + (ob * inBlocks + ib) * taps * 256, count: taps * 256)
    }
  }

  /// Add pairs of blocks [tap][16 in][16 out] to a gradient [out][in][tap].
  private mutating func unpack(
    _ p: Int, _ sources: [Source], inBlocks: Int, outBlocks: Int, taps: Int,
    _ pair: @Sendable (_ ob: Int, _ ib: Int, _ values: UnsafeMutablePointer<Float>) -> Void
  ) throws {
    let outputs = engine.model.specs[p].shape[0]
    // The input channel of each lane, or none in the padding.
    let places = PackedConvolution.places(sources.map(\.tensor.channels))
    let inputs = places.count
    var lanes = [Int](repeating: -1, count: inBlocks * 16)
    for (i, place) in places.enumerated() { lanes[place] = i }
    let fixed = lanes
    engine.prepareScratch(taps * 256)
    let (scratch, team, progress) = (engine.scratch, team, progress)
    try gradients[p].withUnsafeMutableBufferPointer { buffer in
      let out = Shared(buffer)
      try team.run(outBlocks * inBlocks, progress) { item, worker in
        let (ob, ib) = (item / inBlocks, item % inBlocks)
        let values = scratch[worker].pointer
        pair(ob, ib, values)
        for lane in 0..<16 where fixed[ib * 16 + lane] >= 0 {
          for o in 0..<min(16, outputs - ob * 16) {
            let to = out.base + ((ob * 16 + o) * inputs + fixed[ib * 16 + lane]) * taps
            for t in 0..<taps { to[t] += values[t * 256 + lane * 16 + o] }
          }
        }
      }
    }
  }

  private mutating func stemGradient(
    _ name: String, _ input: Tensor, _ g: BlockedTensor, centerOnly: Bool
  ) throws {
    let p = try engine.model.position(of: name)
    let s = input.shape
    let flat = engine.model.architecture.dimensions == 2
    let (taps, channels, blocks) = (flat ? 9 : 27, s.channels, g.blocks)
    let padded = try Stem.padded(input, border: flat ? 0 : 1, arena)
    let sums = try arena.take(s.depth * blocks * channels * taps * 16)
    let kernels = kernels
    try team.run(s.depth * blocks, progress) { item, _ in
      kernels.stem_backward(
        padded.pointer, Int32(channels), s.width + 2, Int32(taps), Int32(s.depth), Int32(s.height),
        Int32(s.width), g.pointer, Int32(item % blocks), Int32(item / blocks),
        sums.pointer + item * channels * taps * 16)
    }
    let kept = centerOnly ? [taps / 2] : Array(0..<taps)
    for o in 0..<engine.model.specs[p].shape[0] {
      for c in 0..<channels {
        for (k, t) in kept.enumerated() {
          var sum = 0.0
          for z in 0..<s.depth {
            let row = ((z * blocks + o / 16) * channels + c) * taps + t
            sum += Double(sums.pointer[row * 16 + o % 16])
          }
          gradients[p][(o * channels + c) * kept.count + k] += Float(sum)
        }
      }
    }
  }

  /// The 1x1 residual: its weights' gradient, and what it adds to the gradient of its input.
  private mutating func residualGradient(
    _ name: String, _ source: Source, _ g: BlockedTensor, _ sums: [Double],
    into input: BlockedTensor
  ) throws {
    let p = try engine.model.position(of: name)
    let (x, voxels, kernels) = (source.tensor, g.size.count, kernels)
    let (inputs, outputs, inBlocks) = (x.channels, engine.model.specs[p].shape[0], x.blocks)
    let products = try arena.take(g.blocks * inBlocks * 256)
    try products.clear(team, progress)
    try team.run(g.blocks * inBlocks, progress) { item, _ in
      kernels.outer(
        x.pointer + item % inBlocks * voxels * 16, g.pointer + item / inBlocks * voxels * 16,
        voxels,
        products.pointer + item * 256)
    }
    let back = FloatBlock(zeros: inBlocks * g.blocks * 256)
    let weight = engine.model.values[p]
    for o in 0..<outputs {
      for i in 0..<inputs {
        let product = products.pointer[
          (o / 16 * inBlocks + i / 16) * 256 + i % 16 * 16 + o % 16]
        let scale = source.affine.scale.pointer[i]
        let shift = source.affine.shift.pointer[i]
        gradients[p][o * inputs + i] += scale * product + shift * Float(sums[o])
        back.pointer[(i / 16 * g.blocks + o / 16) * 256 + o % 16 * 16 + i % 16] =
          weight[o * inputs + i]
      }
    }
    let added = try BlockedTensor(channels: inBlocks * 16, size: g.size, in: arena)
    let zero = FloatBlock(zeros: inBlocks * 16)
    let piece = 2048
    try team.run((voxels + piece - 1) / piece, progress) { item, _ in
      kernels.pointwise(
        g.pointer, Int32(g.blocks), voxels, back.pointer, zero.pointer, Int32(inBlocks),
        added.pointer, item * piece, min(voxels, (item + 1) * piece))
    }
    kernels.add(added.pointer, input.pointer, added.blocks * voxels * 16)
  }

  // MARK: Between stages

  private mutating func head(_ tape: SampleTape, _ gradient: Tensor) throws -> BlockedTensor {
    let architecture = engine.model.architecture
    let source = tape.stages[tape.stages.count - 1].output
    let (x, channels) = (source.tensor, architecture.outputChannels)
    let (voxels, blocks, kernels) = (x.size.count, x.blocks, kernels)
    let p = try engine.model.position(of: "out_conv.weight")
    let weight = engine.model.values[p]
    let rows = FloatBlock(zeros: blocks * channels * 16)
    for c in 0..<channels {
      for i in 0..<x.channels {
        rows.pointer[(i / 16 * channels + c) * 16 + i % 16] = weight[c * x.channels + i]
      }
    }
    let result = try BlockedTensor(channels: x.channels, size: x.size, in: arena)
    let piece = 2048
    let items = (voxels + piece - 1) / piece
    let length = (blocks + 1) * channels * 16
    let sums = try arena.take(items * length)
    let mode: Int32 = architecture.output == .logSoftmax ? 0 : 1
    try gradient.values.withUnsafeBufferPointer { g in
      try tape.output.values.withUnsafeBufferPointer { y in
        let (g, y) = (Constant(g), Constant(y))
        try team.run(items, progress) { item, _ in
          kernels.head_backward(
            g.base, y.base, Int32(channels), mode, x.pointer, Int32(blocks), voxels, rows.pointer,
            result.pointer, sums.pointer + item * length, item * piece,
            min(voxels, (item + 1) * piece))
        }
      }
    }
    var totals = [Double](repeating: 0, count: length)
    for i in 0..<(items * length) { totals[i % length] += Double(sums.pointer[i]) }
    let bias = try engine.model.position(of: "out_conv.bias")
    for c in 0..<channels {
      let sum = (0..<16).reduce(0.0) { $0 + totals[(blocks * channels + c) * 16 + $1] }
      gradients[bias][c] += Float(sum)
      for i in 0..<x.channels {
        let product = totals[(i / 16 * channels + c) * 16 + i % 16]
        gradients[p][c * x.channels + i] += Float(
          Double(source.affine.scale.pointer[i]) * product
            + Double(source.affine.shift.pointer[i]) * sum)
      }
    }
    return result
  }

  /// The first blocks of a gradient of concatenated channels, as a tensor of its own.
  private func firstPart(_ both: BlockedTensor, like skip: BlockedTensor) throws -> BlockedTensor {
    let result = try BlockedTensor(channels: skip.channels, size: skip.size, in: arena)
    result.pointer.update(from: both.pointer, count: result.block.count)
    return result
  }

  /// The gradient of an upsampled source from its blocks in the gradient of concatenated channels.
  private func downsampled(_ both: BlockedTensor, from block: Int, _ source: Source) throws
    -> BlockedTensor
  {
    let (size, zFactor, kernels) = (source.tensor.size, source.zFactor, kernels)
    let result = try BlockedTensor(channels: source.tensor.channels, size: size, in: arena)
    let from = both.pointer + block * both.size.count * 16
    let shared = Shared(from)
    try team.run(result.blocks * size.z, progress) { item, _ in
      kernels.upsample_backward(
        shared.base, Int32(size.z), Int32(size.y), Int32(size.x), Int32(zFactor),
        Int32(item / size.z), Int32(item % size.z), result.pointer)
    }
    return result
  }

  /// Add the gradient of a pooled tensor to that of what was pooled.
  private func unpool(
    _ g: BlockedTensor, _ source: Source, zFactor: Int, into target: BlockedTensor
  )
    throws
  {
    let depth = source.tensor.size.z / zFactor
    let kernels = kernels
    try team.run(target.blocks * depth, progress) { item, _ in
      var kernelSource = source.kernelSource
      kernels.pool_backward(
        &kernelSource, Int32(zFactor), Int32(item / depth), Int32(item % depth), g.pointer,
        target.pointer)
    }
  }
}

/// A gradient of weights that threads share: pointers whose owners outlive the call.
private struct WeightGradientCall: @unchecked Sendable {
  let layer: nk_convolution
  let plan: nk_plan
  let gradient: BlockedTensor
  let inputs, outputs, sums: FloatBlock
  let kernels: nk_kernels

  func with(_ slab: Range<Int>, _ body: (UnsafePointer<nk_weight_gradient>) -> Void) {
    withUnsafePointer(to: layer) { layer in
      withUnsafePointer(to: plan) { plan in
        var g = nk_weight_gradient(
          layer: layer, plan: plan, gradient: UnsafePointer(gradient.pointer),
          row: Int32(slab.lowerBound), rows: Int32(slab.count), inputs: inputs.pointer,
          outputs: outputs.pointer, sums: sums.pointer)
        body(&g)
      }
    }
  }
}

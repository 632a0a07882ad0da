// A whole network in plain layers: the definition that the fast engine is checked against. Everything in it
// is per sample, so a batch is its samples one after another.

import Core

/// Forward and backward of a model through the plain layers. Slow; use `Engine` for real volumes.
public struct PlainNetwork: Sendable {
  /// The model whose parameters are used.
  public let model: Model

  /// A network over these parameters.
  public init(_ model: Model) { self.model = model }

  /// What a forward pass keeps for the backward pass.
  public struct Tape: Sendable {
    var encoder: [PlainStage.Tape] = []
    var encoded: [Tensor] = []
    var base: PlainStage.Tape?
    var decoder: [PlainStage.Tape] = []
    var decoded: Tensor?
    /// The activated output.
    public internal(set) var output: Tensor
  }

  /// The activated output for one sample of any size, conformed and, if asked, padded.
  public func forward(
    _ input: Tensor, keepAxials: KeepAxials, pad: Bool = false,
    fit: Conforming.Fit = .resample, progress: Progress = .none
  ) throws -> Tensor {
    let conforming = Conforming(
      input.shape.size, architecture: model.architecture, keepAxials: keepAxials, pad: pad,
      fit: fit)
    let inner = try conforming.apply(input)
    return try conforming.restore(
      forwardWithTape(inner, keepAxials: keepAxials, progress: progress).output)
  }

  /// The forward pass of one sample whose size fits, with the tape for `backward`.
  public func forwardWithTape(
    _ input: Tensor, keepAxials: KeepAxials, progress: Progress = .none
  ) throws -> Tape {
    let architecture = model.architecture
    try keepAxials.check(architecture)
    try input.require(
      TensorShape(channels: architecture.inputChannels, size: input.shape.size), "the input")
    let keep = keepAxials.effective(architecture)
    var tape = Tape(output: input)
    var current = input
    for (level, stage) in architecture.encoder.enumerated() {
      try progress.check()
      let (output, record) = try PlainStage(stage, model).forward(current)
      tape.encoder.append(record)
      tape.encoded.append(output)
      current = try MaxPooling(zFactor: keep.zFactor(level)).forward(output)
    }
    (current, tape.base) = try PlainStage(architecture.base, model).forward(current)
    for (i, stage) in architecture.decoder.enumerated() {
      try progress.check()
      let level = architecture.depth - 1 - i
      let upsampled = NearestUpsampling(zFactor: keep.zFactor(level)).forward(current)
      let joined = try Concatenation.forward(tape.encoded[level], upsampled)
      let (output, record) = try PlainStage(stage, model).forward(joined)
      tape.decoder.append(record)
      current = output
    }
    tape.decoded = current
    let logits = try outConvolution().forward(
      current, weight: model["out_conv.weight"], bias: model["out_conv.bias"])
    switch architecture.output {
    case .logSoftmax: tape.output = LogSoftmax.forward(logits)
    case .tanh: tape.output = Tanh.forward(logits)
    }
    return tape
  }

  /// The gradients of all parameters and of the input, from the gradient of the activated output.
  public func backward(
    _ gradient: Tensor, _ tape: Tape, keepAxials: KeepAxials
  ) throws -> (parameters: Gradients, input: Tensor) {
    let architecture = model.architecture
    let keep = keepAxials.effective(architecture)
    var gradients = model.specs.map { [Float](repeating: 0, count: $0.count) }
    guard let decoded = tape.decoded, let base = tape.base else {
      throw HowdahError(.state, "backward needs the tape of a forward pass")
    }
    var g: Tensor
    switch architecture.output {
    case .logSoftmax: g = LogSoftmax.backward(gradient, output: tape.output)
    case .tanh: g = Tanh.backward(gradient, output: tape.output)
    }
    let out = try outConvolution()
    let outGradients = try out.parameterGradients(decoded, g)
    gradients[try model.position(of: "out_conv.weight")] = outGradients.weight
    gradients[try model.position(of: "out_conv.bias")] = outGradients.bias
    g = try out.inputGradient(g, weight: model["out_conv.weight"])
    var skips = [Tensor?](repeating: nil, count: architecture.depth)
    for (i, stage) in architecture.decoder.enumerated().reversed() {
      let level = architecture.depth - 1 - i
      g = try PlainStage(stage, model).backward(g, tape.decoder[i], into: &gradients)
      let (skip, up) = try Concatenation.backward(
        g, firstChannels: architecture.widths[level])
      skips[level] = skip
      g = NearestUpsampling(zFactor: keep.zFactor(level)).backward(up)
    }
    g = try PlainStage(architecture.base, model).backward(g, base, into: &gradients)
    for (level, stage) in architecture.encoder.enumerated().reversed() {
      g = try MaxPooling(zFactor: keep.zFactor(level)).backward(g, input: tape.encoded[level])
      if let skip = skips[level] { try g.add(skip) }
      g = try PlainStage(stage, model).backward(g, tape.encoder[level], into: &gradients)
    }
    return (gradients, g)
  }

  private func outConvolution() throws -> Convolution {
    try Convolution(weightShape: model.specs[model.position(of: "out_conv.weight")].shape)
  }
}

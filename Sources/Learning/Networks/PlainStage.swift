// One stage of a U-shaped network in plain layers, forward with everything kept that backward needs.

import Core

/// The gradients of all parameters, in the order of `Model.specs`.
public typealias Gradients = [[Float]]

/// A stage bound to the parameters of a model.
struct PlainStage {
  let stage: Stage
  let model: Model
  private let keys: StageKeys

  /// What a forward pass keeps.
  struct Tape {
    var input: Tensor
    /// After the first activation, and after the norm that follows.
    var middle, normedMiddle: Tensor
    /// After the second activation, before its norm.
    var last: Tensor
  }

  init(_ stage: Stage, _ model: Model) {
    self.stage = stage
    self.model = model
    keys = StageKeys(stage)
  }

  private var innerSlope: Float {
    switch stage.style {
    case .plain(_, let slope): slope
    case .residual(_, let inner, _, _): inner
    }
  }
  private var outerSlope: Float {
    switch stage.style {
    case .plain(_, let slope): slope
    case .residual(_, _, let outer, _): outer
    }
  }
  private var scale: Float {
    if case .residual(_, _, _, let scale) = stage.style { scale } else { 1 }
  }

  private func convolution(_ weight: String) throws -> Convolution {
    try Convolution(weightShape: model.specs[model.position(of: weight)].shape)
  }

  private func convolved(_ key: String, _ input: Tensor) throws -> Tensor {
    try convolution(key + ".weight").forward(
      input, weight: model[key + ".weight"], bias: model[key + ".bias"])
  }

  private func normed(_ key: String?, _ input: Tensor) throws -> Tensor {
    guard let key else { return input }
    return try GroupNorm(channels: stage.outputChannels).forward(
      input, weight: model[key + ".weight"], bias: model[key + ".bias"])
  }

  func forward(_ input: Tensor) throws -> (output: Tensor, tape: Tape) {
    let middle = LeakyReLU(slope: innerSlope).forward(try convolved(keys.conv1, input))
    let normedMiddle = try normed(keys.norm1, middle)
    var sum = try convolved(keys.conv2, normedMiddle)
    if let residual = keys.residual {
      try sum.add(convolution(residual).forward(input, weight: model[residual], bias: nil))
      if scale != 1 { sum = sum.map { $0 * scale } }
    }
    let last = LeakyReLU(slope: outerSlope).forward(sum)
    return (
      try normed(keys.norm2, last),
      Tape(input: input, middle: middle, normedMiddle: normedMiddle, last: last)
    )
  }

  /// The gradient of the input; those of the parameters are added to `gradients`.
  func backward(_ gradient: Tensor, _ tape: Tape, into gradients: inout Gradients) throws -> Tensor
  {
    var g = try normBackward(keys.norm2, gradient, tape.last, &gradients)
    g = LeakyReLU(slope: outerSlope).backward(g, output: tape.last)
    if scale != 1 { g = g.map { $0 * scale } }
    var input: Tensor?
    if let residual = keys.residual {
      let layer = try convolution(residual)
      try accumulate(layer.parameterGradients(tape.input, g).weight, residual, &gradients)
      input = try layer.inputGradient(g, weight: model[residual])
    }
    g = try convolutionBackward(keys.conv2, g, tape.normedMiddle, &gradients)
    g = try normBackward(keys.norm1, g, tape.middle, &gradients)
    g = LeakyReLU(slope: innerSlope).backward(g, output: tape.middle)
    g = try convolutionBackward(keys.conv1, g, tape.input, &gradients)
    if let input { try g.add(input) }
    return g
  }

  private func convolutionBackward(
    _ key: String, _ g: Tensor, _ input: Tensor, _ gradients: inout Gradients
  ) throws -> Tensor {
    let layer = try convolution(key + ".weight")
    let (weight, bias) = try layer.parameterGradients(input, g)
    try accumulate(weight, key + ".weight", &gradients)
    try accumulate(bias, key + ".bias", &gradients)
    return try layer.inputGradient(g, weight: model[key + ".weight"])
  }

  private func normBackward(
    _ key: String?, _ g: Tensor, _ input: Tensor, _ gradients: inout Gradients
  ) throws -> Tensor {
    guard let key else { return g }
    let result = try GroupNorm(channels: stage.outputChannels).backward(
      g, input: input, weight: model[key + ".weight"])
    try accumulate(result.weight, key + ".weight", &gradients)
    try accumulate(result.bias, key + ".bias", &gradients)
    return result.input
  }

  private func accumulate(_ values: [Float], _ name: String, _ gradients: inout Gradients) throws {
    let i = try model.position(of: name)
    for j in values.indices { gradients[i][j] += values[j] }
  }
}

// The plain layers, each with its gradient, against the definitions; and the definitions' gradients against finite
// differences. `KernelTests` compares the fast kernels with the same definitions.

import Core
import Learning
import Testing

@Suite struct OperatorTests {
  /// Odd sizes in 3D and 2D.
  static let sizes = [
    Size3(x: 7, y: 5, z: 3), Size3(x: 4, y: 9, z: 1), Size3(x: 1, y: 2, z: 5),
    Size3(x: 6, y: 6, z: 4),
  ]

  /// The derivative of `weights . f(x)` along a random direction, by central differences, against a gradient.
  private func agree(
    _ f: (Grid) -> Grid, at x: Grid, _ weights: Grid, _ gradient: Grid, _ what: String,
    _ random: inout SeededRandom
  ) {
    let direction = Grid.noise(x.channels, x.size, &random)
    let h = 1e-6
    let numeric =
      (weights.dot(f(x + direction.map { h * $0 })) - weights.dot(f(x + direction.map { -h * $0 })))
      / (2 * h)
    let exact = gradient.dot(direction)
    #expect(abs(numeric - exact) < 1e-6 * max(1, abs(exact)), "\(what) \(numeric) \(exact)")
  }

  private func tensor(_ g: Grid) -> Tensor {
    Tensor(TensorShape(channels: g.channels, size: g.size)) { _, c, z, y, x in Float(g[c, z, y, x])
    }
  }

  private func close(_ t: Tensor, _ g: Grid, _ what: String) {
    close(t.values, g.values, what)
    #expect(t.shape == TensorShape(channels: g.channels, size: g.size), "\(what)")
  }

  private func close(_ t: [Float], _ g: [Double], _ what: String) {
    let scale = max(1, g.map(abs).max() ?? 0)
    let worst = zip(t, g).map { abs(Double($0) - $1) }.max() ?? 0
    #expect(t.count == g.count && worst < 2e-6 * scale, "\(what): \(worst) of \(scale)")
  }

  @Test("convolution 3x3x3, 3x3 and 1x1x1", arguments: sizes)
  func convolution(_ size: Size3) throws {
    var random = SeededRandom(seed: 1)
    for kernel in [Size3(x: 3, y: 3, z: 3), Size3(x: 3, y: 3, z: 1), Size3(x: 1, y: 1, z: 1)] {
      let (x, g) = (Grid.noise(3, size, &random), Grid.noise(2, size, &random))
      let weight = (0..<6 * kernel.count).map { _ in Double(Float(random.uniform(-1, 1))) }
      let bias = [0.5, -0.25]
      let input = Reference.convolveInput(g, weight, inputs: 3, kernel)
      agree({ Reference.convolve($0, weight, bias, kernel) }, at: x, g, input, "input", &random)
      // A convolution is as linear in its weights as in its input.
      let gradient = Reference.convolveWeights(x, g, kernel)
      let direction = weight.map { _ in random.uniform(-1, 1) }
      let change = Reference.convolve(x, direction, [0, 0], kernel)
      let exact = zip(gradient, direction).reduce(0) { $0 + $1.0 * $1.1 }
      #expect(abs(g.dot(change) - exact) < 1e-9 * max(1, abs(exact)))
      let layer = Convolution(inputChannels: 3, outputChannels: 2, kernel: kernel)
      let w = weight.map { Float($0) }
      close(
        try layer.forward(tensor(x), weight: w, bias: [0.5, -0.25]),
        Reference.convolve(x, weight, bias, kernel), "output")
      close(try layer.inputGradient(tensor(g), weight: w), input, "input")
      let parameters = try layer.parameterGradients(tensor(x), tensor(g))
      close(parameters.weight, gradient, "weight")
      close(
        parameters.bias,
        (0..<2).map { o in g.values[(o * size.count)..<((o + 1) * size.count)].reduce(0, +) },
        "bias")
    }
  }

  @Test("activations", arguments: sizes)
  func activations(_ size: Size3) throws {
    var random = SeededRandom(seed: 2)
    let (x, g) = (Grid.noise(3, size, &random), Grid.noise(3, size, &random))
    for slope in [0, 0.1, 1] {
      let back = Reference.leakyBackward(g, x, slope)
      agree({ Reference.leaky($0, slope) }, at: x, g, back, "slope \(slope)", &random)
      let layer = LeakyReLU(slope: Float(slope))
      let y = layer.forward(tensor(x))
      close(y, Reference.leaky(x, slope), "leaky")
      close(layer.backward(tensor(g), output: y), back, "leaky")
    }
    let soft = Reference.logSoftmax(x)
    let softBack = Reference.logSoftmaxBackward(g, output: soft)
    agree(Reference.logSoftmax, at: x, g, softBack, "log-softmax", &random)
    close(LogSoftmax.forward(tensor(x)), soft, "log-softmax")
    close(LogSoftmax.backward(tensor(g), output: tensor(soft)), softBack, "log-softmax")
    let tanh = Reference.tanh(x)
    let tanhBack = Reference.tanhBackward(g, output: tanh)
    agree(Reference.tanh, at: x, g, tanhBack, "tanh", &random)
    close(Tanh.forward(tensor(x)), tanh, "tanh")
    close(Tanh.backward(tensor(g), output: tensor(tanh)), tanhBack, "tanh")
  }

  @Test("GroupNorm of 1 and of 2 channels a group", arguments: sizes)
  func groupNorm(_ size: Size3) throws {
    var random = SeededRandom(seed: 3)
    for channels in [5, 64] {
      let groups = GroupNorm.groups(channels: channels)
      let (x, g) = (Grid.noise(channels, size, &random), Grid.noise(channels, size, &random))
      let weight = (0..<channels).map { _ in Double(Float(random.uniform(-1, 1))) }
      let bias = (0..<channels).map { _ in Double(Float(random.uniform(-1, 1))) }
      let back = Reference.groupNormBackward(g, x, groups: groups, weight)
      agree(
        { Reference.groupNorm($0, groups: groups, weight, bias) }, at: x, g, back.input, "norm",
        &random)
      let direction = weight.map { _ in random.uniform(-1, 1) }
      let change = g.dot(Reference.groupNorm(x, groups: groups, direction, direction))
      let exact =
        zip(back.weight, direction).reduce(0) { $0 + $1.0 * $1.1 }
        + zip(back.bias, direction).reduce(0) { $0 + $1.0 * $1.1 }
      #expect(abs(change - exact) < 1e-9 * max(1, abs(exact)))
      let layer = GroupNorm(channels: channels)
      let w = weight.map { Float($0) }
      close(
        try layer.forward(tensor(x), weight: w, bias: bias.map { Float($0) }),
        Reference.groupNorm(x, groups: groups, weight, bias), "output")
      let result = try layer.backward(tensor(g), input: tensor(x), weight: w)
      close(result.input, back.input, "input")
      close(result.weight, back.weight, "weight")
      close(result.bias, back.bias, "bias")
    }
  }

  @Test("pooling, upsampling and concatenation", arguments: [1, 2])
  func sampling(_ f: Int) throws {
    var random = SeededRandom(seed: 4)
    for size in [Size3(x: 6, y: 10, z: 2 * f), Size3(x: 2, y: 4, z: f)] {
      let x = Grid.noise(3, size, &random)
      let small = Reference.pool(x, f)
      let g = Grid.noise(3, small.size, &random)
      let back = Reference.poolBackward(g, x, f)
      agree({ Reference.pool($0, f) }, at: x, g, back, "pool", &random)
      close(try MaxPooling(zFactor: f).forward(tensor(x)), small, "pool")
      close(try MaxPooling(zFactor: f).backward(tensor(g), input: tensor(x)), back, "pool")
      // Equal values: the first one takes the gradient.
      let flat = Grid(3, size) { _, _, _, _ in 1 }
      close(
        try MaxPooling(zFactor: f).backward(tensor(g), input: tensor(flat)),
        Reference.poolBackward(g, flat, f), "ties")
      let up = Reference.upsampleBackward(x, f)
      agree({ Reference.upsample($0, f) }, at: small, x, up, "upsample", &random)
      close(
        NearestUpsampling(zFactor: f).forward(tensor(small)), Reference.upsample(small, f), "up")
      close(NearestUpsampling(zFactor: f).backward(tensor(x)), up, "up")
      let y = Grid.noise(2, size, &random)
      let joined = try Concatenation.forward(tensor(x), tensor(y))
      close(joined, Reference.concatenate(x, y), "concatenation")
      let parts = try Concatenation.backward(joined, firstChannels: 3)
      #expect(parts.0 == tensor(x) && parts.1 == tensor(y))
    }
  }

  @Test("linear resampling with aligned corners", arguments: sizes)
  func resampling(_ size: Size3) throws {
    var random = SeededRandom(seed: 5)
    for to in [Size3(x: 8, y: 6, z: 4), Size3(x: 1, y: 3, z: 1), Size3(x: 13, y: 5, z: 3)] {
      let (x, g) = (Grid.noise(2, size, &random), Grid.noise(2, to, &random))
      let back = Reference.resampleBackward(g, size)
      agree({ Reference.resample($0, to) }, at: x, g, back, "resampling", &random)
      close(
        try LinearResampling.forward(tensor(x), to: to), Reference.resample(x, to), "resampling")
      close(try LinearResampling.backward(tensor(g), from: size), back, "resampling")
    }
  }
}

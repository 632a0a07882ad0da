// The engine's backward pass: against the plain layers, PyTorch's golden files and ELEPHANT's losses, and the
// same bits for any number of threads.

import Core
import Foundation
import Learning
import Testing

@Suite struct EngineTrainingTests {
  @Test(
    "PyTorch: gradients and ten Adam steps, engine", arguments: TorchGolden.all,
    Precision.allCases)
  func torch(_ golden: TorchGolden, _ precision: Precision) throws {
    let all = try GoldenFiles.tensors(golden.file)
    var model = try Model(golden.architecture)
    let start = try TorchGolden.values(all, "parameter.", model)
    for (spec, values) in zip(model.specs, start) { try model.set(spec.name, to: values) }
    let input = try TorchGolden.tensor(all["input"])
    let weights = try TorchGolden.tensor(all["weights"])
    let engine = try Engine(model, precision: precision)
    var adam = Adam(for: model)
    for step in 0..<10 {
      let result = try engine.gradients([input], keepAxials: KeepAxials(golden.keep)) { _ in
        LossResult(total: 0, parts: [], gradient: weights)
      }
      if step == 0 {
        let expected = try TorchGolden.values(all, "gradient.", model)
        for (i, spec) in model.specs.enumerated() {
          #expect(relativeDifference(result.gradients[i], expected[i]) < 3e-4, "\(spec.name)")
        }
      }
      try adam.update(&model, gradients: result.gradients, learningRate: 1e-3)
      try engine.load(model)
    }
    let expected = try TorchGolden.values(all, "adam10.", model)
    // Adam's first steps are of one size for every gradient, also for those that are 0 but for rounding.
    let part = distance(model.values, expected) / distance(start, expected)
    #expect(part < (precision == .exact ? 0.02 : 0.04), "\(part)")
  }

  /// The network with other slopes below 0 of its activations.
  private static func sloped(_ a: Architecture, _ slope: Float) -> Architecture {
    func style(_ s: BlockStyle) -> BlockStyle {
      switch s {
      case .plain(let norm, _): .plain(norm: norm, slope: slope)
      case .residual(let norm, _, _, let scale):
        .residual(norm: norm, innerSlope: slope, outerSlope: slope, scale: scale)
      }
    }
    var result = a
    (result.encoderStyle, result.decoderStyle) = (style(a.encoderStyle), style(a.decoderStyle))
    return result
  }

  // A sum so near 0 that rounding turns its sign takes the other slope, which changes the gradients of all layers
  // below. With a slope of 1 there is no such choice, and every number can be compared; with 0.95 it moves few
  // numbers a little, and the whole gradient is compared.
  @Test(
    "odd sizes and widths agree with the plain layers", arguments: EngineCase.all,
    [Float(1), 0.95])
  func plain(_ c: EngineCase, _ slope: Float) throws {
    var random = SeededRandom(seed: 9)
    let nets: [(Architecture, Size3, [Bool])] = [
      (.unet(widths: [3, 20]), Size3(x: 12, y: 20, z: 6), [true]),
      (.unet(widths: [18, 32, 64]), Size3(x: 36, y: 8, z: 6), [false, true]),
      (.resUNet(widths: [5, 17, 32]), Size3(x: 8, y: 12, z: 4), [true, false]),
      (.flowResNet(widths: [5, 24, 40]), Size3(x: 4, y: 8, z: 4), [false, true]),
      (.flowResNet(dimensions: 2, widths: [17, 6]), Size3(x: 134, y: 10, z: 1), [true]),
    ]
    for (standard, size, flags) in nets {
      let architecture = Self.sloped(standard, slope)
      var model = try Model(architecture, seed: random.next())
      for spec in model.specs where spec.shape.count == 1 {
        try model.set(
          spec.name, to: (0..<spec.count).map { _ in Float(random.uniform(-1, 1)) })
      }
      func noise(_ channels: Int) -> Tensor {
        Tensor(TensorShape(channels: channels, size: size)) { _, _, _, _, _ in
          Float(random.uniform(-1, 1))
        }
      }
      let batch = [noise(architecture.inputChannels), noise(architecture.inputChannels)]
      let weights = [noise(architecture.outputChannels), noise(architecture.outputChannels)]
      let keep = KeepAxials(flags)
      let result = try c.engine(model).gradients(batch, keepAxials: keep) { _ in
        LossResult(total: 0, parts: [], gradient: try Tensor.batch(weights))
      }
      let net = PlainNetwork(model)
      var expected = model.specs.map { [Float](repeating: 0, count: $0.count) }
      for (sample, g) in zip(batch, weights) {
        let tape = try net.forwardWithTape(sample, keepAxials: keep)
        let one = try net.backward(g, tape, keepAxials: keep).parameters
        for i in one.indices { for j in one[i].indices { expected[i][j] += one[i][j] } }
      }
      if slope == 1 {
        // Before a GroupNorm the gradient of a bias all but vanishes: what is left of large sums is as exact as
        // they are.
        let least = expected.joined().reduce(0) { max($0, abs($1)) } / 100
        for (i, spec) in model.specs.enumerated() {
          let scale = max(least, expected[i].reduce(0) { max($0, abs($1)) })
          let worst = zip(result.gradients[i], expected[i]).reduce(Float(0)) {
            max($0, abs($1.0 - $1.1))
          }
          #expect(
            result.gradients[i].allSatisfy(\.isFinite) && worst < 5e-4 * scale,
            "\(architecture.name) \(spec.name) \(worst) of \(scale)")
        }
      } else {
        let part =
          distance(result.gradients, expected)
          / distance(expected, expected.map { $0.map { _ in 0 } })
        #expect(part < 1e-3, "\(architecture.name) \(part)")
      }
    }
  }

  @Test(
    "B.2: losses of four steps and the norm of the first gradient", arguments: Precision.allCases)
  func golden(_ precision: Precision) throws {
    let size = Size3(x: 32, y: 32, z: 8)
    let labels: Labels = (0..<size.count).map { n in
      let y = (7 * n) % 11 - 1
      return y > 5 ? -1 : Int8(y)
    }
    var model = try Deterministic.model(.unet())
    let input = Deterministic.input(channels: 1, size: size)
    let engine = try Engine(model, precision: precision)
    var adam = Adam(for: model)
    var losses: [Double] = []
    for step in 0..<4 {
      var loss = DetectionLoss()
      let result = try engine.gradients(
        [input], keepAxials: KeepAxials([true, true, false, false])
      ) {
        try loss.evaluate($0, labels: labels, dimensions: 3)
      }
      losses.append(result.loss.total)
      if step == 0 {
        let norm = result.gradients.joined().reduce(0.0) { $0 + Double($1) * Double($1) }
          .squareRoot()
        #expect(abs(norm - 6.982805) < (precision == .exact ? 1e-3 : 5e-3), "\(norm)")
      }
      try adam.update(&model, gradients: result.gradients, learningRate: 1e-3)
      try engine.load(model)
    }
    // Adam's first steps take the sign of every gradient, also of those that are zero but for rounding, so
    // later losses agree less than the first.
    let golden = [(0.690460, 1e-5), (0.627688, 3e-3), (0.562329, 1e-2), (0.454438, 4e-2)]
    for (loss, (expected, tolerance)) in zip(losses, golden) {
      #expect(abs(loss - expected) < tolerance, "\(losses)")
    }
  }

  @Test func `the number of threads changes no bit of a gradient`() throws {
    let model = try Model(.unet(widths: [16, 32, 64]), seed: 4)
    let input = Deterministic.input(channels: 1, size: Size3(x: 40, y: 32, z: 6))
    let image = try Tensor(input.shape, values: input.values)
    func run(_ threads: Int) throws -> Gradients {
      try Engine(model, threads: threads).gradients(
        [input], keepAxials: KeepAxials([true, false])
      ) { try PriorLoss.evaluate($0, image: image) }.gradients
    }
    let one = try run(1)
    for threads in [2, 5] { #expect(try run(threads) == one) }
  }

  @Test func `crops that do not fit the poolings are refused with the size that does`() throws {
    let model = try Model(.unet(widths: [4, 8]), seed: 1)
    let error = try #require(throws: HowdahError.self) {
      try Engine(model).gradients(
        [Tensor(TensorShape(channels: 1, height: 15, width: 16))], keepAxials: KeepAxials([true])
      ) { LossResult(total: 0, parts: [], gradient: $0) }
    }
    #expect(error.message.contains("16 x 16"))
  }
}

// Gradients of a step that are too long are shortened, and nothing else is.

import Core
import Foundation
import Learning
import Testing

@Suite struct ClippingTests {
  private static let gradients: Gradients = (0..<4).map { p in
    var random = SeededRandom(seed: 5, stream: UInt64(p))
    return (0..<[1, 7, 4096, 9001][p]).map { _ in Float(random.normal()) }
  }

  private func norm(_ gradients: Gradients) -> Double {
    gradients.joined().reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
  }

  @Test func `the norm is that of all gradients together`() {
    let (own, reference) = (Clipping.norm(of: Self.gradients), norm(Self.gradients))
    #expect(abs(own - reference) < 1e-5 * reference)
    #expect(Clipping.norm(of: []) == 0)
  }

  @Test func `long gradients get the length of the limit and keep their direction`() {
    var clipped = Self.gradients
    Clipping.apply(&clipped, to: 0.5)
    #expect(abs(norm(clipped) - 0.5) < 1e-5)
    let product = zip(clipped.joined(), Self.gradients.joined())
      .reduce(0) { $0 + Double($1.0) * Double($1.1) }
    #expect(product > 0.99999 * norm(clipped) * norm(Self.gradients))
  }

  @Test func `short gradients, and those that are no numbers, stay as they are`() {
    var clipped = Self.gradients
    Clipping.apply(&clipped, to: 1e4)
    #expect(clipped == Self.gradients)
    var broken: Gradients = [[1, .infinity], [2]]
    Clipping.apply(&broken, to: 0.5)
    #expect(broken == [[1, .infinity], [2]])
  }

  /// A flow that jumps about from step to step, as far as it goes.
  private func steps(_ clip: Double?, _ rate: Double) throws -> (
    summary: TrainingSummary, ModelFile
  ) {
    let size = Size3(x: 16, y: 16, z: 2)
    let shape = TensorShape(channels: 3, size: size)
    let samples = (0..<6).map { n -> TrainingSample<FlowTarget> in
      var random = SeededRandom(seed: 3, stream: UInt64(n))
      let input = Tensor(TensorShape(channels: 2, size: size)) { _, _, _, _, _ in
        Float(random.uniform())
      }
      let one = Tensor(shape.with(channels: 1)) { _, _, _, _, _ in 1 }
      let target = FlowTarget(
        flow: Tensor(shape) { _, _, _, _, _ in n % 2 == 0 ? 0.9 : -0.9 }, mask: one, earlier: one,
        later: one)
      return TrainingSample(input: input, target: target, keepAxials: KeepAxials([true]))
    }
    var file = ModelFile(models: [try Model(.flowResNet(widths: [8, 8]), seed: 2)])
    var options = TrainerOptions()
    options.epochs = 12
    options.shuffle = false
    options.learningRate = rate
    options.clip = clip
    let summary = try Trainer.run(
      &file, on: SampleList(samples), loss: FlowLoss(norms: [1, 1, 1], termWeights: (1, 0, 0)),
      options: options)
    return (summary, file)
  }

  @Test func `the trainer clips when told to, and a limit that nothing reaches changes no bit`()
    throws
  {
    let plain = try steps(nil, 1e-3)
    #expect(try steps(1e9, 1e-3).1.models == plain.1.models)
    #expect(try steps(1e-3, 1e-3).1.models != plain.1.models)
    #expect(throws: HowdahError.self) { try steps(0, 1e-3) }
  }
}

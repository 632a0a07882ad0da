// Losses, gradients and Adam of the full networks against ELEPHANT's own code (elephant-server.md, appendix B.2).

import Core
import Foundation
import Learning
import Testing

@Suite struct GoldenTrainingTests {
  private static let size = Size3(x: 32, y: 32, z: 8)
  private static let keep = KeepAxials([true, true, false, false])

  /// The first two losses, and the gradients of the first.
  private func train(
    _ architecture: Architecture, learningRate: Double,
    _ loss: (Tensor, Tensor) throws -> LossResult
  ) throws -> (losses: [Double], model: Model, gradients: Gradients) {
    var model = try Deterministic.model(architecture)
    let input = Deterministic.input(channels: architecture.inputChannels, size: Self.size)
    var adam = Adam(for: model)
    var losses: [Double] = []
    var first: Gradients = []
    for step in 0..<2 {
      let net = PlainNetwork(model)
      let tape = try net.forwardWithTape(input, keepAxials: Self.keep)
      let result = try loss(tape.output, input)
      losses.append(result.total)
      if step == 1 { break }
      first = try net.backward(result.gradient, tape, keepAxials: Self.keep).parameters
      try adam.update(&model, gradients: first, learningRate: learningRate)
    }
    return (losses, model, first)
  }

  private func norm(_ values: [Float]) -> Double {
    values.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
  }

  private func check(
    _ result: (losses: [Double], model: Model, gradients: Gradients), losses: [Double],
    total: Double,
    _ rows: [(name: String, norm: Double, first: Double)]
  ) throws {
    #expect(abs(result.losses[0] - losses[0]) < 5e-6)
    #expect(abs(result.losses[1] - losses[1]) < 1e-4)
    #expect(abs(norm(Array(result.gradients.joined())) - total) < 1e-4 * total)
    for row in rows {
      let g = result.gradients[try result.model.position(of: row.name)]
      #expect(abs(norm(g) - row.norm) < 2e-4 * row.norm, "\(row.name) \(norm(g))")
      #expect(abs(Double(g[0]) - row.first) < 1e-3 * row.norm, "\(row.name) \(g[0])")
    }
  }

  @Test func `B.2 detection`() throws {
    let labels: Labels = (0..<Self.size.count).map { n in
      let y = (7 * n) % 11 - 1
      return y > 5 ? -1 : Int8(y)
    }
    try check(
      train(.unet(), learningRate: 1e-3) { output, _ in
        var loss = DetectionLoss()
        return try loss.evaluate(output, labels: labels, dimensions: 3)
      }, losses: [0.690460, 0.627688], total: 6.982805,
      [
        ("encoder.0.0.weight", 1.157548, -1.02395e-3), ("encoder.0.0.bias", 0.446885, 1.82429e-2),
        ("encoder.0.2.weight", 0.125186, 2.00630e-2), ("encoder.3.3.weight", 1.920579, 1.26014e-3),
        ("base.3.weight", 2.004521, 0), ("decoder.0.0.weight", 2.573996, -1.20239e-4),
        ("decoder.3.5.bias", 0.153928, -3.61786e-2), ("out_conv.weight", 0.113602, 2.33247e-3),
        ("out_conv.bias", 0.118323, 6.50262e-2),
      ])
  }

  @Test func `B.2 flow`() throws {
    let shape = TensorShape(channels: 3, size: Self.size)
    let flow = Tensor(shape) { _, c, z, y, x in
      let (z, y, x) = (Double(z), Double(y), Double(x))
      switch c {
      case 0: return Float(0.25 * sin(0.3 * x + 0.1 * y))
      case 1: return Float(0.2 * cos(0.2 * y + 0.4 * z))
      default: return Float(0.05 * sin(0.3 * x - 0.4 * z))
      }
    }
    let mask = Tensor(shape.with(channels: 1)) { _, _, z, y, x in
      (1024 * z + 32 * y + x) % 5 == 0 ? 1 : 0
    }
    try check(
      train(.flowResNet(), learningRate: 1e-3) { output, input in
        let (earlier, later) = try Concatenation.backward(input, firstChannels: 1)
        return try FlowLoss().evaluate(
          output, FlowTarget(flow: flow, mask: mask, earlier: earlier, later: later))
      }, losses: [0.312954, 0.669444], total: 3.570944,
      [
        ("encoder.0.res.weight", 0.0687947, -5.26311e-4),
        ("encoder.0.conv1.weight", 0.226012, 8.82796e-3),
        ("base.conv2.weight", 0.0569428, 1.03904e-4), ("decoder.0.0.weight", 0.363502, -2.12580e-5),
        ("out_conv.weight", 0.283933, -2.15838e-2), ("out_conv.bias", 0.278378, -0.187796),
      ])
  }

  @Test func `B.2 prior`() throws {
    try check(
      train(.unet(), learningRate: 1e-2) { try PriorLoss.evaluate($0, image: $1) },
      losses: [0.771919, 0.546570], total: 5.729094, [])
  }
}

// The fast engine against the golden outputs and the plain layers: every instruction set of this machine, one and
// several threads, fast and exact.

import Core
import Learning
import Testing

/// A way to run the engine.
struct EngineCase: Sendable, CustomTestStringConvertible {
  var set: InstructionSet
  var precision: Precision
  var threads: Int

  var testDescription: String { "\(set), \(precision), \(threads) threads" }

  static let all = InstructionSet.allCases.filter(\.isAvailable).flatMap { set in
    Precision.allCases.map { EngineCase(set: set, precision: $0, threads: 2) }
  }

  func engine(_ model: Model) throws -> Engine {
    try Engine(model, precision: precision, threads: threads, instructionSet: set)
  }
}

@Suite struct EngineTests {
  @Test("B.1, engine", arguments: GoldenOutput.all, [Precision.fast, .exact])
  func golden(_ golden: GoldenOutput, _ precision: Precision) throws {
    let model = try Deterministic.model(golden.architecture)
    let input = Deterministic.input(
      channels: golden.architecture.inputChannels, size: golden.size)
    let output = try Engine(model, precision: precision).forward(
      input, keepAxials: KeepAxials(golden.keep), pad: golden.pad)
    #expect(golden.difference(output) < 5e-4, "\(golden.name)")
  }

  @Test("narrow and odd networks agree with the plain layers", arguments: EngineCase.all)
  func narrow(_ c: EngineCase) throws {
    var random = SeededRandom(seed: 11)
    let nets: [(Architecture, Size3, [Bool])] = [
      (.unet(widths: [3, 20, 37 - 5]), Size3(x: 12, y: 20, z: 6), [true, false]),
      (.unet(widths: [18, 33 - 1]), Size3(x: 70, y: 6, z: 3), [true]),
      (.resUNet(widths: [5, 17]), Size3(x: 6, y: 2, z: 7), [true]),
      (.flowResNet(widths: [5, 24, 40]), Size3(x: 4, y: 8, z: 4), [false, true]),
      (.flowResNet(dimensions: 2, widths: [17, 6]), Size3(x: 134, y: 10, z: 1), [true]),
      (
        .unet(dimensions: 2, widths: [4, 8, 16, 32, 64]), Size3(x: 112, y: 80, z: 1),
        [true, true, true, true]
      ),
    ]
    for (architecture, size, keep) in nets {
      var model = try Model(architecture, seed: random.next())
      for spec in model.specs where spec.shape.count == 1 {
        try model.set(
          spec.name, to: (0..<spec.count).map { _ in Float(random.uniform(-1, 1)) })
      }
      let input = Tensor(TensorShape(channels: architecture.inputChannels, size: size)) {
        _, _, _, _, _ in
        Float(random.uniform())
      }
      let keep = KeepAxials(keep)
      let plain = try PlainNetwork(model).forward(input, keepAxials: keep)
      let fast = try c.engine(model).forward(input, keepAxials: keep)
      #expect(
        relativeDifference(fast.values, plain.values) < 2e-5,
        "\(architecture.name) \(architecture.widths)")
    }
  }

  @Test("GroupNorm weights of 0 and below 0 are right at the borders", arguments: EngineCase.all)
  func degenerateNorm(_ c: EngineCase) throws {
    var model = try Model(.unet(widths: [16, 32]), seed: 5)
    for spec in model.specs where spec.shape.count == 1 {
      try model.set(spec.name, to: (0..<spec.count).map { [0, -0.7, 1.2][$0 % 3] })
    }
    let input = Deterministic.input(channels: 1, size: Size3(x: 16, y: 8, z: 4))
    let plain = try PlainNetwork(model).forward(input, keepAxials: KeepAxials([true]))
    let fast = try c.engine(model).forward(input, keepAxials: KeepAxials([true]))
    #expect(relativeDifference(fast.values, plain.values) < 1e-4)
  }

  @Test("the number of threads changes no bit")
  func threads() throws {
    let model = try Deterministic.model(.unet())
    let input = Deterministic.input(channels: 1, size: Size3(x: 64, y: 48, z: 9))
    let keep = KeepAxials([true, true, true, true])
    let one = try Engine(model, threads: 1).forward(input, keepAxials: keep)
    for threads in [2, 3, 7] {
      let engine = try Engine(model, threads: threads)
      for _ in 0..<2 { #expect(try engine.forward(input, keepAxials: keep) == one) }
    }
  }

  @Test("a cancelled pass stops")
  func cancelled() throws {
    let progress = Progress()
    progress.cancel()
    let model = try Model(.unet(widths: [4, 8]), seed: 1)
    let error = try #require(throws: HowdahError.self) {
      try Engine(model).forward(
        Tensor(TensorShape(channels: 1, height: 16, width: 16)), keepAxials: KeepAxials([true]),
        progress: progress)
    }
    #expect(error.kind == .interrupted)
  }

  @Test("a layer whose sums cancel takes a more exact form", arguments: [false, true])
  func cancellation(_ cancels: Bool) throws {
    // The second convolution meets a smooth ramp; third differences along every axis leave nothing of it.
    var model = try Model(.unet(widths: [4, 8]), seed: 5)
    let center: [Float] = (0..<108).map { $0 % 27 == 13 ? 1 : 0 }
    try model.set("encoder.0.0.weight", to: center)
    let profile: [Float] = cancels ? [1, -2, 1] : [1, 2, 1]
    let taps: [Float] = (0..<27).map { profile[$0 % 3] * profile[$0 / 3 % 3] * profile[$0 / 9] }
    try model.set("encoder.0.3.weight", to: (0..<16).flatMap { _ in taps })
    try model.set("encoder.0.3.bias", to: [Float](repeating: 0, count: 4))
    let shape = TensorShape(channels: 1, size: Size3(x: 24, y: 20, z: 8))
    let input = Tensor(shape) { _, _, z, y, x in Float(90 + 3 * x + 2 * y + 2 * z) / 200 }
    let engine = try Engine(model)
    #expect(engine.layerForms.isEmpty)
    _ = try engine.forward(input, keepAxials: KeepAxials([true]))
    let forms = Dictionary(uniqueKeysWithValues: engine.layerForms.map { ($0.layer, $0) })
    #expect(forms.count == 5)
    for (name, form) in forms where name != "encoder.0.3" {
      #expect(form.tile == 4 && form.tileZ == 4 && form.error! < 2e-5, "\(form)")
    }
    let form = try #require(forms["encoder.0.3"])
    #expect(form.tile == (cancels ? 2 : 4) && form.tileZ == (cancels ? 1 : 4), "\(form)")
    // The same layer by the one form and by the other, against the plain layers.
    let plain = try PlainNetwork(model).forward(input, keepAxials: KeepAxials([true]))
    let found = try engine.forward(input, keepAxials: KeepAxials([true]))
    let exact = try Engine(model, precision: .exact).forward(input, keepAxials: KeepAxials([true]))
    #expect(
      distance([found.values], [plain.values]) < 3 * distance([exact.values], [plain.values]) + 1e-3
    )
  }
}

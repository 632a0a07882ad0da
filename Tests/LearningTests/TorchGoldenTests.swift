// Narrow networks against PyTorch (Golden/make_golden.py): output, every gradient, and the parameters after
// ten Adam steps; and our weights file in PyTorch itself where one is installed.

import Core
import Foundation
import Learning
import Testing

/// One golden file of `make_golden.py`.
struct TorchGolden: Sendable, CustomTestStringConvertible {
  var file: String
  var architecture: Architecture
  var keep: [Bool]

  var testDescription: String { file }

  static let all = [
    TorchGolden(file: "unet3d.pth", architecture: .unet(widths: [4, 8]), keep: [true]),
    TorchGolden(file: "flow3d.pth", architecture: .flowResNet(widths: [4, 8]), keep: [false]),
    TorchGolden(
      file: "resunet2d.pth", architecture: .resUNet(dimensions: 2, widths: [4, 6, 8]),
      keep: [true, true]),
  ]

  /// The tensors whose name begins with a prefix, without it, in the model's order.
  static func values(_ all: [String: NamedTensor], _ prefix: String, _ model: Model) throws
    -> [[Float]]
  {
    try model.specs.map { try #require(all[prefix + $0.name]).values }
  }

  static func tensor(_ t: NamedTensor?) throws -> Tensor {
    let t = try #require(t)
    let s = t.shape
    return try Tensor(
      TensorShape(
        channels: s[1], depth: s.count == 5 ? s[2] : 1, height: s[s.count - 2],
        width: s[s.count - 1]), values: t.values)
  }
}

/// The largest absolute difference, relative to the largest magnitude of `b`.
func relativeDifference(_ a: [Float], _ b: [Float]) -> Double {
  guard a.count == b.count else { return .infinity }
  let scale = b.reduce(0) { max($0, abs($1)) }
  let worst = zip(a, b).reduce(Float(0)) { max($0, abs($1.0 - $1.1)) }
  return a.contains { !$0.isFinite } ? .infinity : Double(worst / max(scale, 1e-12))
}

/// The Euclidean distance of two sets of parameters.
func distance(_ a: [[Float]], _ b: [[Float]]) -> Double {
  zip(a.joined(), b.joined()).reduce(0.0) { $0 + Double(($1.0 - $1.1) * ($1.0 - $1.1)) }
    .squareRoot()
}

@Suite struct TorchGoldenTests {
  @Test("plain layers: output, gradients, ten Adam steps", arguments: TorchGolden.all)
  func plain(_ golden: TorchGolden) throws {
    let all = try GoldenFiles.tensors(golden.file)
    var model = try Model(golden.architecture)
    let start = try TorchGolden.values(all, "parameter.", model)
    for (spec, values) in zip(model.specs, start) { try model.set(spec.name, to: values) }
    let input = try TorchGolden.tensor(all["input"])
    let weights = try TorchGolden.tensor(all["weights"])
    let keep = KeepAxials(golden.keep)
    let tape = try PlainNetwork(model).forwardWithTape(input, keepAxials: keep)
    #expect(
      relativeDifference(tape.output.values, try #require(all["output"]).values) < 1e-5)

    var adam = Adam(for: model)
    for step in 0..<10 {
      let net = PlainNetwork(model)
      let tape = try net.forwardWithTape(input, keepAxials: keep)
      let gradients = try net.backward(weights, tape, keepAxials: keep).parameters
      if step == 0 {
        let expected = try TorchGolden.values(all, "gradient.", model)
        for (i, spec) in model.specs.enumerated() {
          #expect(relativeDifference(gradients[i], expected[i]) < 2e-4, "\(spec.name)")
        }
      }
      try adam.update(&model, gradients: gradients, learningRate: 1e-3)
    }
    let expected = try TorchGolden.values(all, "adam10.", model)
    // A gradient that is zero but for rounding moves its parameter either way, so compare as a whole.
    #expect(distance(model.values, expected) < 0.02 * distance(start, expected))
  }

  /// A Python with PyTorch, named in the environment; without one the test is skipped.
  static let python = ProcessInfo.processInfo.environment["HOWDAH_TORCH_PYTHON"]

  @Test(
    "PyTorch loads what we write", .enabled(if: python != nil, "HOWDAH_TORCH_PYTHON is not set"))
  func loadedByTorch() throws {
    let folder = try GoldenFiles.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let model = try Model(.unet(widths: [4, 8]), seed: 3)
    try PTHFile(models: [model.table], extras: ["note": [1]]).write(to: folder + "/one.pth")
    try PTHFile(models: [model.table, model.table]).write(to: folder + "/two.pth")
    let script = """
      import sys, torch
      one = torch.load(sys.argv[1] + '/one.pth', weights_only=True)
      two = torch.load(sys.argv[1] + '/two.pth', weights_only=False)
      assert len(two) == 2 and list(two[1]) == list(one)
      print(len(one), sum(v.numel() for v in one.values()),
            float(sum(v.double().sum() for v in one.values())), one['base.0.weight'].is_contiguous())
      """
    let process = Process()
    process.executableURL = URL(fileURLWithPath: try #require(Self.python))
    process.arguments = ["-c", script, folder]
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    let words = text.split(separator: " ")
    try #require(words.count == 4, "\(text)")
    let sum = model.values.reduce(0.0) { $1.reduce($0) { $0 + Double($1) } }
    #expect(words[0] == "\(model.specs.count)")
    #expect(words[1] == "\(model.parameterCount)")
    #expect(abs(try #require(Double(words[2])) - sum) < 1e-6)
  }
}

// Files that pass between us and Python's packages: safetensors (PyPI) and TensorBoard. Golden files come from the
// packages; where the environment names a Python that has them, they also read what we write.

import Core
import Foundation
import Learning
import Testing

@Suite struct PackageTests {
  @Test func `a file of the safetensors package is read`() throws {
    let table = try SafeTensorsFile.read(GoldenFiles.path("pypi.safetensors"))
    let tensors = Dictionary(uniqueKeysWithValues: table.map { ($0.name, $0) })
    #expect(tensors["double"]?.shape == [2, 3, 4])
    #expect(tensors["double"]?.values == (0..<24).map { Float(Double($0) / 7) })
    #expect(tensors["encoder.0.0.weight"]?.values == (0..<24).map { Float($0) / 8 - 1 })
    #expect(tensors["half"]?.shape == [3, 4])
    #expect(tensors["half"]?.values == (0..<12).map { Float($0) / 4 })
    #expect(tensors["scalar"]?.values == [2.5] && tensors["scalar"]?.shape == [])
  }

  /// A Python with tensorboard, safetensors and PyTorch, named in the environment.
  static let python = ProcessInfo.processInfo.environment["HOWDAH_TORCH_PYTHON"]

  private func run(_ script: String, _ arguments: [String]) throws -> [String] {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: try #require(Self.python))
    process.arguments = ["-c", script] + arguments
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return text.split(separator: "\n").map(String.init)
  }

  private func inFolder(_ body: (String) throws -> Void) throws {
    let folder = try GoldenFiles.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try body(folder)
  }

  @Test(
    "TensorBoard reads the curves of a training",
    .enabled(if: python != nil, "HOWDAH_TORCH_PYTHON is not set"))
  func tensorBoard() throws {
    try inFolder { folder in
      let size = Size3(x: 8, y: 8, z: 2)
      let input = Tensor(TensorShape(channels: 1, size: size)) { _, _, z, y, x in
        Float((x + y + z) % 5) / 4
      }
      var file = ModelFile(models: [try Model(.unet(widths: [2, 3]), seed: 1)])
      var options = TrainerOptions()
      options.epochs = 3
      options.logInterval = 1
      options.eventFolder = folder
      try Trainer.run(
        &file,
        on: SampleList([
          TrainingSample(
            input: input, target: input.values.map { $0 > 0.6 ? 2 : 0 },
            keepAxials: KeepAxials([true]))
        ]), loss: DetectionLoss(), options: options)
      let lines = try run(
        """
        import sys
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
        events = EventAccumulator(sys.argv[1])
        events.Reload()
        for name in sorted(events.Tags()['scalars']):
            for e in events.Scalars(name): print(name, e.step, e.value)
        """, [folder])
      let expected = ["center_dice_loss", "nll_loss", "smooth_loss", "train_loss"].flatMap { name in
        file.history.map { "\(name) \($0.step) \(Double(Float($0.losses[name]!)))" }
      }
      #expect(lines == expected)
    }
  }

  @Test(
    "safetensors and PyTorch read what we write",
    .enabled(if: python != nil, "HOWDAH_TORCH_PYTHON is not set"))
  func safetensors() throws {
    try inFolder { folder in
      let model = try Model(.unet(widths: [4, 8]), seed: 3)
      try SafeTensorsFile.write(model.table, to: folder + "/m.safetensors")
      try ModelFile(models: [model]).save(to: folder + "/half.pth", half: true)
      // ELEPHANT loads a file with load_state_dict, which turns halves into floats.
      let lines = try run(
        """
        import sys, torch
        from safetensors.torch import load_file
        whole = load_file(sys.argv[1] + '/m.safetensors')
        half = torch.load(sys.argv[1] + '/half.pth', weights_only=True)
        print(len(whole), sum(v.numel() for v in whole.values()), whole['base.0.weight'].dtype)
        layer = torch.nn.Conv3d(4, 8, 3)
        layer.load_state_dict({k: half['base.0.' + k] for k in ('weight', 'bias')})
        print(half['base.0.weight'].dtype, layer.weight.dtype, bool(
            (layer.weight == whole['base.0.weight'].half().float()).all()))
        """, [folder])
      #expect(
        lines == [
          "\(model.specs.count) \(model.parameterCount) torch.float32",
          "torch.float16 torch.float32 True",
        ])
    }
  }
}

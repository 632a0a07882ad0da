// The training loop on toy tasks: it learns, it repeats itself, it can be stopped, and its file is whole.

import Core
import Foundation
import Learning
import Testing

@Suite struct TrainerTests {
  /// Bright blobs whose centers are to be found.
  private static func samples(_ count: Int, seed: UInt64 = 1) -> SampleList<Labels> {
    let size = Size3(x: 16, y: 16, z: 2)
    return SampleList(
      (0..<count).map { n in
        var random = SeededRandom(seed: seed, stream: UInt64(n))
        let (cx, cy) = (4 + random.below(8), 4 + random.below(8))
        var labels = Labels(repeating: 0, count: size.count)
        let input = Tensor(TensorShape(channels: 1, size: size)) { _, _, z, y, x in
          let d = (x - cx) * (x - cx) + (y - cy) * (y - cy)
          labels[(z * size.y + y) * size.x + x] = d <= 4 ? 2 : d <= 9 ? 1 : 0
          return Float(exp(-Double(d) / 8) + 0.05 * random.uniform())
        }
        return TrainingSample(input: input, target: labels, keepAxials: KeepAxials([true]))
      })
  }

  private static func file(_ models: Int = 1) throws -> ModelFile {
    ModelFile(
      models: try (0..<models).map { try Model(.unet(widths: [4, 8]), seed: UInt64($0)) })
  }

  private static func options(_ epochs: Int) -> TrainerOptions {
    var options = TrainerOptions()
    options.epochs = epochs
    options.batchSize = 2
    options.learningRate = 0.01
    return options
  }

  private func inFolder(_ body: (String) throws -> Void) throws {
    let folder = try GoldenFiles.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try body(folder)
  }

  @Test func `with decay the last steps are small`() throws {
    /// How far the weights move in each epoch.
    func ways(_ decay: Double) throws -> [Double] {
      var file = try Self.file()
      var options = Self.options(8)
      options.decay = decay
      var before = file.models[0].values
      var ways: [Double] = []
      try Trainer.run(&file, on: Self.samples(4), loss: DetectionLoss(), options: options) {
        event in
        guard case .epoch(_, _, _, let now) = event else { return .continue }
        let after = now.models[0].values
        ways.append(
          zip(before, after).reduce(0) { sum, pair in
            sum + zip(pair.0, pair.1).reduce(0) { $0 + Double(abs($1.0 - $1.1)) }
          })
        before = after
        return .continue
      }
      return ways
    }
    let (steady, falling) = (try ways(0), try ways(0.5))
    #expect(falling[0] == steady[0])
    #expect(falling[7] < steady[7] / 2, "\(falling) \(steady)")
    #expect(throws: HowdahError.self) { try ways(1.5) }
  }

  @Test func `a small network learns a small task by heart`() throws {
    var file = try Self.file()
    let summary = try Trainer.run(
      &file, on: Self.samples(4), loss: DetectionLoss(), options: Self.options(80))
    #expect(summary.reason == .finished && summary.steps == 160)
    #expect(try #require(summary.losses["train_loss"]) < 0.1)
    // Every labelled voxel gets its class, all but a few.
    let sample = Self.samples(4).samples[0]
    let output = try Engine(file.models[0]).forward(sample.input, keepAxials: sample.keepAxials)
    let voxels = output.shape.voxels
    let right = (0..<voxels).count { v in
      let values = (0..<3).map { output.values[$0 * voxels + v] }
      return values[Int(sample.target[v])] == values.max()
    }
    #expect(right > voxels * 95 / 100, "\(right) of \(voxels)")
  }

  @Test func `the same seed gives the same bits for any number of threads`() throws {
    func run(_ threads: Int, seed: UInt64 = 3) throws -> ModelFile {
      var file = try Self.file(2)
      var options = Self.options(2)
      options.threads = threads
      options.seed = seed
      try Trainer.run(&file, on: Self.samples(5), loss: DetectionLoss(), options: options)
      return file
    }
    let one = try run(1)
    for threads in [2, 3] {
      let other = try run(threads)
      #expect(other.models == one.models && other.optimisers == one.optimisers)
      #expect(other.history == one.history)
    }
    #expect(try run(1, seed: 4).models != one.models)
    #expect(one.models[0] != one.models[1])
  }

  @Test func `two runs in a row are one long run`() throws {
    try inFolder { folder in
      var long = try Self.file()
      try Trainer.run(&long, on: Self.samples(4), loss: PlainLoss(), options: Self.options(4))
      var first = Self.options(2)
      first.checkpoint = folder + "/m.pth"
      var file = try Self.file()
      try Trainer.run(&file, on: Self.samples(4), loss: PlainLoss(), options: first)
      file = try ModelFile.open(folder + "/m.pth")
      var second = Self.options(2)
      second.firstEpoch = 2
      try Trainer.run(&file, on: Self.samples(4), loss: PlainLoss(), options: second)
      #expect(file.models == long.models && file.optimisers == long.optimisers)
      #expect(file.history == long.history)
      #expect(file.history.map(\.step) == [1, 3, 5, 7])
      var fresh = Self.options(1)
      fresh.keepsMoments = false
      try Trainer.run(&file, on: Self.samples(4), loss: PlainLoss(), options: fresh)
      #expect(file.optimisers[0].step == 2)
    }
  }

  @Test func `a cancelled run leaves a whole file and the last finished step`() throws {
    try inFolder { folder in
      var options = Self.options(3)
      options.checkpoint = folder + "/m.pth"
      options.logInterval = 1
      let progress = Progress()
      var file = try Self.file()
      var (steps, saved): (Int, ModelFile?) = (0, nil)
      let error = try #require(throws: HowdahError.self) {
        try Trainer.run(
          &file, on: Self.samples(4), loss: DetectionLoss(), options: options, progress: progress
        ) { event in
          switch event {
          case .batch:
            steps += 1
            if steps == 4 { progress.cancel() }
          case .epoch(_, _, _, let file): saved = file
          }
          return .continue
        }
      }
      #expect(error.kind == .interrupted)
      #expect(file.optimisers[0].step == 4 && file.history.count == 4)
      let onDisk = try ModelFile.open(folder + "/m.pth")
      #expect(onDisk.optimisers[0].step == 2 && onDisk.models == saved?.models)
      #expect(onDisk.models != file.models)
    }
  }

  @Test func `an observer stops at a step, and the file is saved`() throws {
    try inFolder { folder in
      var options = Self.options(3)
      options.checkpoint = folder + "/m.pth"
      var file = try Self.file()
      let summary = try Trainer.run(
        &file, on: Self.samples(6), loss: DetectionLoss(), options: options
      ) { event in
        if case .batch(_, _, let step, let losses) = event {
          #expect(losses.keys.sorted() == Self.names)
          return step == 4 ? .stop : .continue
        }
        return .continue
      }
      #expect(summary.reason == .stopped && summary.steps == 5 && summary.epochs == 2)
      #expect(file.history.map(\.step) == [2, 4])
      #expect(try ModelFile.open(folder + "/m.pth").models == file.models)
    }
  }

  private static let names = ["center_dice_loss", "nll_loss", "smooth_loss", "train_loss"]

  @Test func `the best epoch is kept, and patience ends a run that gets no better`() throws {
    var options = Self.options(50)
    options.patience = 2
    options.keepBest = true
    let control = TrainingControl()
    options.control = control
    var file = try Self.file()
    var losses: [Double] = []
    var models: [[Model]] = []
    let summary = try Trainer.run(
      &file, on: Self.samples(4), validatedBy: Self.samples(2, seed: 9), loss: DetectionLoss(),
      options: options
    ) { event in
      if case .epoch(_, _, let validation, let file) = event {
        losses.append(try #require(validation["validation_loss"]))
        models.append(file.models)
        // From the third epoch on the steps are too long to learn anything.
        if losses.count == 3 { control.learningRate = 1 }
      }
      return .continue
    }
    let best = try #require(losses.indices.min { losses[$0] < losses[$1] })
    #expect(summary.reason == .patience && losses.count == best + 3)
    #expect(summary.bestEpoch == best && summary.bestLoss == losses[best])
    #expect(file.models == models[best] && models[best] != models.last)
    #expect(file.history.last?.losses["validation_loss"] == losses.last)
  }

  @Test func `what cannot be trained is refused`() throws {
    var file = try Self.file()
    let none = SampleList<Labels>([])
    #expect(throws: HowdahError.self) {
      try Trainer.run(&file, on: none, loss: DetectionLoss())
    }
    var options = Self.options(1)
    options.keepBest = true
    #expect(throws: HowdahError.self) {
      try Trainer.run(&file, on: Self.samples(1), loss: DetectionLoss(), options: options)
    }
    options = Self.options(1)
    options.learningRate = .infinity
    let error = try #require(throws: HowdahError.self) {
      try Trainer.run(&file, on: Self.samples(4), loss: DetectionLoss(), options: options)
    }
    #expect(error.message.contains("learning rate"))
  }
}

/// A loss without memory.
private struct PlainLoss: TrainingLoss {
  var threads = 0
  mutating func evaluate(_ output: Tensor, _ targets: [Labels]) throws -> LossResult {
    var loss = DetectionLoss()
    return try loss.evaluate(output, targets)
  }
}

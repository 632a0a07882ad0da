// Training the detection network: samples, learning, holding back, stopping.

import Core
import Foundation
import Imaging
import Learning
import Lineage
import Synchronization
import Testing
import Tracking

@Suite("Training the detection network")
struct DetectionTrainingTests {
  private let scene: LearningScene

  init() throws { scene = try LearningScene() }

  private func samples(
    _ spots: [LabeledSpot] = LearningScene.spots(),
    _ change: (inout DetectionSamples.Options) -> Void = { _ in }
  ) throws -> DetectionSamples {
    var options = LearningScene.options().samples
    change(&options)
    return try DetectionSamples(
      [0: spots], images: TrainingImages(scene.images), for: .unet(widths: [4, 8, 8]),
      options: options)
  }

  @Test("A sample depends on seed, epoch and number alone")
  func deterministic() throws {
    func augment(_ o: inout DetectionSamples.Options) {
      o.crop.scaleFactorBase = 0.2
      o.crop.rotationAngle = 90
      o.contrast = 0.5
      o.seed = 3
    }
    let (a, b) = (try samples { augment(&$0) }, try samples { augment(&$0) })
    let first = try a.sample(2, epoch: 5)
    _ = try b.sample(0, epoch: 0)
    let again = try b.sample(2, epoch: 5)
    #expect(first.input == again.input && first.target == again.target)
    #expect(try a.sample(2, epoch: 6).input != first.input)
    #expect(try a.sample(3, epoch: 5).input != first.input)
    let other = try samples {
      augment(&$0)
      $0.seed = 4
    }
    #expect(try other.sample(2, epoch: 5).input != first.input)
  }

  @Test("Samples show nuclei where their labels say so, in intensities from 0 to 1")
  func contents() throws {
    let source = try samples {
      $0.crop.rotationAngle = 180
      $0.crop.scaleFactorBase = 0.3
    }
    #expect(source.count == 4)
    for epoch in 0..<10 {
      for i in 0..<4 {
        let sample = try source.sample(i, epoch: epoch)
        #expect(sample.input.values.allSatisfy { $0 >= 0 && $0 <= 1 })
        // Voxels of 1 x 1 x 2: the first pooling keeps z, the second halves it.
        #expect(sample.keepAxials.flags == [true, false])
        #expect(sample.input.shape.size == Size3(x: 16, y: 16, z: 8))
        func mean(_ label: Int8) -> Float? {
          let values = zip(sample.input.values, sample.target).filter { $0.1 == label }.map(\.0)
          return values.isEmpty ? nil : values.reduce(0, +) / Float(values.count)
        }
        let none = mean(-1) ?? 0
        if let border = mean(1) { #expect(border > none) }
        if let center = mean(2) { #expect(center > 0.6) }
      }
    }
  }

  @Test("Every spot gets its turn, whatever the number of crops")
  func turns() throws {
    // Spots that cannot share a crop: the centre label found tells which one it is about.
    let source = try samples {
      $0.crop.size = Size3(x: 1, y: 1, z: 1)
      $0.cropsPerTimepoint = 2
      $0.crop.flips = false
    }
    var means: Set<Float> = []
    for epoch in 0..<2 {
      for i in 0..<2 { means.insert(try source.sample(i, epoch: epoch).input.values[0]) }
    }
    #expect(means.count == 4)
  }

  @Test("Contrast weakens nuclei towards the background, and nothing else")
  func contrast() throws {
    let rejected = LabeledSpot(
      position: WorldPoint(x: 19, y: 16, z: 8), covariance: .sphere(radius: 3), tag: .tn)
    func sample(_ contrast: Double) throws -> TrainingSample<Labels> {
      try samples(LearningScene.spots() + [rejected]) {
        $0.crop.size = Size3(x: 40, y: 32, z: 8)
        $0.contrast = contrast
      }.sample(0, epoch: 0)
    }
    let (plain, weak) = (try sample(0), try sample(0.3))
    func mean(_ s: TrainingSample<Labels>, _ isNucleus: Bool) -> Double {
      let values = zip(s.input.values, s.target)
        .filter { $0.1 >= 0 && ($0.1 % 3 != 0) == isNucleus }.map { Double($0.0) }
      return values.reduce(0, +) / Double(values.count)
    }
    #expect(abs(mean(plain, false) - mean(weak, false)) < 1e-9)
    let factor =
      (mean(weak, true) - mean(weak, false)) / (mean(plain, true) - mean(plain, false))
    #expect(factor >= 0.3 && factor < 1)
    for (i, label) in plain.target.enumerated() where label == -1 {
      #expect(plain.input.values[i] == weak.input.values[i])
    }
  }

  @Test("Dark voxels become background below the threshold, in the whole image's intensities")
  func autoBackground() throws {
    let source = try samples {
      $0.autoBackground.limit = .below(0.05)
      $0.autoBackground.smoothing = 0
    }
    for i in 0..<4 {
      let sample = try source.sample(i, epoch: 1)
      for (value, label) in zip(sample.input.values, sample.target) where label == -1 {
        #expect(value >= 0.05)
      }
      #expect(sample.target.contains(0))
    }
  }

  @Test("Measured background has no holes where noise is bright, and no nuclei")
  func measuredBackground() throws {
    let image = try TrainingImage(scene.images.volume(t: 0))
    let labels = try DetectionLabels(
      LearningScene.spots([0, 1]), in: try VoxelGrid(scene.images, t: 0))
    var rule = AutoBackground()
    #expect(try rule.labels(of: image, labels) == nil)
    rule.limit = .measured
    let background = try #require(try rule.labels(of: image, labels))
    for (k, center) in LearningScene.centers.enumerated() {
      let v = (Int(center.x), Int(center.y), Int(center.z / 2))
      #expect(background.value(x: v.0, y: v.1, z: v.2) == 0, "ball \(k)")
    }
    // Far from all balls everything is background.
    for z in 0..<8 { for x in 17..<21 { #expect(background.value(x: x, y: 31, z: z) == 1) } }
    let none = try DetectionLabels([], in: labels.grid)
    #expect(try rule.labels(of: image, none) == nil)
    rule.limit = .below(1.5)
    #expect(throws: HowdahError.self) { try rule.check() }
  }

  @Test("The loss falls, and the same seed gives the same model with any number of threads")
  func learns() throws {
    let lineage = try LearningScene.lineage()
    func train(_ threads: Int) throws -> (ModelFile, [Double]) {
      var file = try LearningScene.model()
      var options = LearningScene.options(epochs: 8)
      options.trainer.threads = threads
      var losses: [Double] = []
      let summary = try DetectionTraining.run(
        lineage, images: scene.images, &file, options: options
      ) { event in
        if case .epoch(_, let all, _, _) = event { losses.append(all["train_loss"]!) }
        return .continue
      }
      #expect(summary.steps == 32 && summary.reason == .finished)
      return (file, losses)
    }
    let (one, losses) = try train(1)
    #expect(losses.count == 8 && losses.last! < 0.9 * losses[0])
    #expect(try train(2).0.models == one.models)
    #expect(
      Set(one.history[0].losses.keys) == [
        "train_loss", "nll_loss", "center_dice_loss", "smooth_loss",
      ])
  }

  @Test("Held back spots are measured after each epoch, and the best weights can be kept")
  func validation() throws {
    var file = try LearningScene.model()
    var options = LearningScene.options(epochs: 4)
    options.validation = 0.25
    options.trainer.keepBest = true
    options.trainer.patience = 10
    var measured: [Double] = []
    let summary = try DetectionTraining.run(
      LearningScene.lineage(), images: scene.images, &file, options: options
    ) { event in
      if case .epoch(_, _, let held, _) = event { measured.append(held["validation_loss"]!) }
      return .continue
    }
    #expect(measured.count == 4 && summary.bestLoss == measured.min())
    let lone = LineageGraph()
    try lone.edit("one") {
      try lone.ensureElephantTagSets()
      let set = lone.tagSet(named: "Detection")!
      let spot = try lone.addSpot(
        t: 0, position: LearningScene.centers[0], covariance: .sphere(radius: 4))
      try lone.setTag(set, of: spot, to: lone.tag(named: "fn", in: set))
    }
    let error = #expect(throws: HowdahError.self) {
      try DetectionTraining.run(lone, images: scene.images, &file, options: options)
    }
    #expect(error?.message.contains("at least 2 accepted spots") == true)
  }

  @Test("Without judged spots it says what to do")
  func nothing() throws {
    var file = try LearningScene.model()
    let error = #expect(throws: HowdahError.self) {
      try DetectionTraining.run(LineageGraph(), images: scene.images, &file)
    }
    #expect(error?.message.contains("tag some spots") == true)
    var options = LearningScene.options()
    options.timepoints = [1]
    #expect(throws: HowdahError.self) {
      try DetectionTraining.run(
        LearningScene.lineage(), images: scene.images, &file, options: options)
    }
  }

  @Test(
    "Cancelled at any moment, the model is that of a finished step and the file on disk is whole")
  func cancelled() throws {
    let folder = FileManager.default.temporaryDirectory.path + "/howdah-\(UUID())"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let lineage = try LearningScene.lineage()
    var whole = try LearningScene.model()
    var steps: [[Model]] = [whole.models]
    // All states of an undisturbed run.
    let options = LearningScene.options(epochs: 2)
    for epoch in 1...2 {
      var file = try LearningScene.model()
      var o = options
      o.trainer.epochs = epoch
      _ = try DetectionTraining.run(lineage, images: scene.images, &file, options: o)
      whole = file
      steps.append(file.models)
    }
    for stop in [1, 2, 3, 5, 9, 14, 22, 30, 50] {
      var file = try LearningScene.model()
      var o = options
      o.trainer.checkpoint = folder + "/\(stop).pth"
      let questions = Atomic<Int>(0)
      let progress = Progress(stopRequested: {
        questions.add(1, ordering: .relaxed).newValue > 3 * stop * stop
      })
      do {
        _ = try DetectionTraining.run(
          lineage, images: scene.images, &file, options: o, progress: progress)
        #expect(file.models == whole.models)
      } catch let error as HowdahError {
        #expect(error.kind == .interrupted)
        // After the last step there is still the file to write.
        let last = file.optimisers.first?.step == 8
        #expect(last == (file.models == whole.models))
      }
      if FileManager.default.fileExists(atPath: folder + "/\(stop).pth") {
        let saved = try ModelFile.open(folder + "/\(stop).pth")
        #expect(steps.contains(saved.models))
      }
    }
  }

  @Test("A 2D network learns from planes of a 3D movie")
  func planes() throws {
    var file = try LearningScene.model(dimensions: 2)
    let summary = try DetectionTraining.run(
      LearningScene.lineage(), images: scene.images, &file, options: LearningScene.options())
    #expect(summary.steps == 8)
  }

  @Test("Options out of range are refused")
  func refused() throws {
    func expectRefusal(_ change: (inout DetectionTraining.Options) -> Void) throws {
      var file = try LearningScene.model()
      var options = LearningScene.options()
      change(&options)
      #expect(throws: HowdahError.self) {
        try DetectionTraining.run(
          LearningScene.lineage(), images: scene.images, &file, options: options)
      }
    }
    try expectRefusal { $0.classWeights = [1, 2] }
    try expectRefusal { $0.falseWeight = -1 }
    try expectRefusal { $0.validation = 1 }
    try expectRefusal { $0.samples.contrast = 2 }
    try expectRefusal { $0.samples.cropsPerTimepoint = 0 }
    try expectRefusal { $0.samples.autoBackground.limit = .below(2) }
    try expectRefusal { $0.samples.autoBackground.smoothing = -1 }
    try expectRefusal { $0.samples.crop.rotationAngle = -1 }
    try expectRefusal { $0.setup = 4 }
  }

  @Test("Nuclei of all timepoints are seen at the same size, whatever their size in the images")
  func scales() throws {
    let (size, voxel) = (Size3(x: 160, y: 160, z: 8), VoxelSize(x: 0.1, y: 0.1, z: 1))
    let volume = try Volume.make(size: size, voxelSize: voxel, of: UInt16.self) { out in
      for i in out.indices { out[i] = UInt16(i % 7) }
    }
    // 32 and 64 pixels across.
    func spot(_ radius: Double) -> LabeledSpot {
      LabeledSpot(
        position: WorldPoint(x: 8, y: 8, z: 4),
        covariance: .axisAligned(x: radius, y: radius, z: 3),
        tag: .tp)
    }
    func seen(_ change: (inout DetectionSamples.Options) -> Void) throws -> [Int] {
      var options = DetectionSamples.Options()
      options.crop.size = Size3(x: 32, y: 32, z: 8)
      options.cropsPerTimepoint = 1
      options.rescale = nil
      change(&options)
      let samples = try DetectionSamples(
        [0: Array(repeating: spot(1.6), count: 3), 1: Array(repeating: spot(3.2), count: 3)],
        images: TrainingImages(try MemoryImageSource([[volume], [volume]])),
        for: .unet(widths: [4, 8]), options: options)
      return try (0..<2).map { i in
        try (0..<8).map { epoch in
          try samples.sample(i, epoch: epoch).target.count { $0 == 2 }
        }.max()!
      }
    }
    let scaled = try seen { _ in }
    #expect(scaled[0] > 30)
    #expect(abs(scaled[0] - scaled[1]) < scaled[0] / 3, "\(scaled)")
    let asTheyAre = try seen { $0.rescale = .one }
    #expect(asTheyAre[1] > 2 * asTheyAre[0], "\(asTheyAre)")
  }
}

// Training the flow network: samples whose ways fit their images, learning, holding back.

import Core
import Foundation
import Imaging
import Learning
import Lineage
import Testing
import Tracking

@Suite("Training the flow network")
struct FlowTrainingTests {
  private let scene: FlowScene

  init() throws { scene = try FlowScene() }

  private func samples(
    dimensions: Int = 3, _ change: (inout FlowSamples.Options) -> Void = { _ in }
  ) throws -> FlowSamples {
    var options = FlowScene.options().samples
    options.maxDisplacement = 8
    change(&options)
    return try FlowSamples(
      FlowMark.all(in: scene.graph), frames: FlowFrames(scene.images),
      for: .flowResNet(dimensions: dimensions, widths: [4, 8, 8]), options: options)
  }

  private func augment(_ o: inout FlowSamples.Options) {
    o.crop.scaleFactorBase = 0.3
    o.crop.rotationAngle = 180
    o.crop.flips = true
    o.seed = 3
  }

  @Test("A sample depends on seed, epoch and number alone")
  func deterministic() throws {
    let (a, b) = (try samples(augment), try samples(augment))
    let first = try a.sample(4, epoch: 5)
    _ = try b.sample(0, epoch: 0)
    let again = try b.sample(4, epoch: 5)
    #expect(first.input == again.input && first.target.flow == again.target.flow)
    #expect(try a.sample(4, epoch: 6).input != first.input)
    #expect(a.count == 6 && a.timepoints == [1, 2])
  }

  @Test(
    "Whatever turns, mirrors and stretches a sample does so with the ways: they fit its own images")
  func waysFitImages() throws {
    let source = try samples(augment)
    let norms = source.scale.norms
    #expect(norms == WorldPoint(x: 8, y: 8, z: 4))
    var worst = 0.0
    var compared = 0
    for epoch in 0..<8 {
      for i in 0..<6 {
        let sample = try source.sample(i, epoch: epoch)
        let (shape, target) = (sample.target.flow.shape, sample.target)
        let size = shape.size
        func at(_ t: Tensor, _ x: Int, _ y: Int, _ z: Int, _ c: Int = 0) -> Float {
          t.values[((c * size.z + z) * size.y + y) * size.x + x]
        }
        for z in 0..<size.z {
          for y in 0..<size.y {
            for x in 0..<size.x
            where at(target.mask, x, y, z) > 0 && at(target.later, x, y, z) > 0.5 {
              let fx = Double(at(target.flow, x, y, z)) * norms.x
              let fy = Double(at(target.flow, x, y, z, 1)) * norms.y
              let fz = Double(at(target.flow, x, y, z, 2)) * norms.z
              let p = (x + Int(fx.rounded()), y + Int(fy.rounded()), z + Int(fz.rounded()))
              guard p.0 >= 0, p.1 >= 0, p.2 >= 0, p.0 < size.x, p.1 < size.y, p.2 < size.z else {
                continue
              }
              compared += 1
              worst = max(
                worst,
                Double(abs(at(target.earlier, p.0, p.1, p.2) - at(target.later, x, y, z))))
            }
          }
        }
        #expect(sample.input.values == target.earlier.values + target.later.values)
      }
    }
    // The way is 2.2 voxels long: without moving along, bright voxels meet dark ones.
    #expect(compared > 300)
    #expect(worst < 0.3)
  }

  @Test("A plane's samples have flows along x and y alone")
  func planes() throws {
    let sample = try samples(dimensions: 2).sample(0, epoch: 0)
    #expect(sample.target.flow.shape.channels == 2 && sample.target.flow.shape.depth == 1)
    var file = try FlowScene.model(dimensions: 2)
    let summary = try FlowTraining.run(
      scene.graph, images: scene.images, &file, options: FlowScene.options(epochs: 1))
    #expect(summary.steps == 6)
  }

  @Test("The loss falls, the file says what its flows mean, any number of threads gives the same")
  func learns() throws {
    func train(_ threads: Int) throws -> (ModelFile, [Double]) {
      var file = try FlowScene.model()
      var options = FlowScene.options(epochs: 8)
      options.trainer.threads = threads
      var losses: [Double] = []
      _ = try FlowTraining.run(scene.graph, images: scene.images, &file, options: options) {
        if case .epoch(_, let all, _, _) = $0 { losses.append(all["instance_loss"]!) }
        return .continue
      }
      return (file, losses)
    }
    let (one, losses) = try train(1)
    #expect(losses.last! < 0.6 * losses[0])
    #expect(try train(2).0.models == one.models)
    #expect(one.settings == [FlowSetting.maxDisplacement: 8])
    #expect(
      Set(one.history[0].losses.keys) == [
        "train_loss", "instance_loss", "SSIM_loss", "smooth_loss",
      ]
    )
  }

  @Test("Training again goes on with the meaning of flows that the file has")
  func meaning() throws {
    var file = try FlowScene.model()
    file.settings = [FlowSetting.maxDisplacement: 12]
    var options = FlowScene.options(epochs: 1)
    options.maxDisplacement = nil
    _ = try FlowTraining.run(scene.graph, images: scene.images, &file, options: options)
    #expect(file.settings[FlowSetting.maxDisplacement] == 12)
    options.maxDisplacement = 20
    _ = try FlowTraining.run(scene.graph, images: scene.images, &file, options: options)
    #expect(file.settings[FlowSetting.maxDisplacement] == 20)
  }

  @Test("The loss warps with the scale of the labels and weighs the axes as asked (Q13)")
  func realScale() throws {
    func instance(_ weights: [Double], _ displacement: Double) throws -> [String: Double] {
      var file = try FlowScene.model()
      var options = FlowScene.options(epochs: 1)
      options.axisWeights = weights
      options.maxDisplacement = displacement
      var first: [String: Double] = [:]
      _ = try FlowTraining.run(scene.graph, images: scene.images, &file, options: options) {
        if case .batch(_, _, let step, let losses) = $0, step == 0 { first = losses }
        return .continue
      }
      return first
    }
    let plain = try instance([1, 1, 1], 8)
    #expect(try instance([1, 1, 4], 8)["instance_loss"] != plain["instance_loss"])
    #expect(try instance([1, 1, 4], 8)["SSIM_loss"] == plain["SSIM_loss"])
    #expect(try instance([1, 1, 1], 30)["SSIM_loss"] != plain["SSIM_loss"])
  }

  @Test("Held back links are measured, and options and projects that teach nothing are refused")
  func validation() throws {
    var file = try FlowScene.model()
    var options = FlowScene.options(epochs: 3)
    options.validation = 0.25
    options.trainer.keepBest = true
    var measured: [Double] = []
    let summary = try FlowTraining.run(
      scene.graph, images: scene.images, &file, options: options
    ) {
      if case .epoch(_, _, let held, _) = $0 { measured.append(held["validation_loss"]!) }
      return .continue
    }
    #expect(measured.count == 3 && summary.bestLoss == measured.min())
    func problem(_ graph: LineageGraph, _ change: (inout FlowTraining.Options) -> Void = { _ in })
      -> String
    {
      var options = FlowScene.options()
      change(&options)
      let error = #expect(throws: HowdahError.self) {
        var file = try FlowScene.model()
        try FlowTraining.run(graph, images: scene.images, &file, options: options)
      }
      return error?.message ?? ""
    }
    #expect(problem(LineageGraph()).contains("approve some links"))
    #expect(problem(scene.graph) { $0.timepoints = [0] }.contains("approve some links"))
    #expect(problem(scene.graph) { $0.axisWeights = [0, 0, 1] }.contains("flow_weights"))
    #expect(problem(scene.graph) { $0.maxDisplacement = 0 }.contains("max_displacement"))
    #expect(problem(scene.graph) { $0.samples.cropsPerTimepoint = 0 }.contains("num_crops"))
    #expect(problem(scene.graph) { $0.setup = 3 }.contains("setup 3"))
    var detection = try LearningScene.model()
    #expect(throws: HowdahError.self) {
      try FlowTraining.run(scene.graph, images: scene.images, &detection)
    }
  }

  @Test("Frames that are shrunk are smoothed, keep their place in the world, and reach from 0 to 1")
  func shrunk() throws {
    let frames = try FlowFrames(
      scene.images, rescale: VoxelSize(x: 0.5, y: 0.5, z: 1))
    #expect(frames.size == Size3(x: 20, y: 16, z: 8))
    let (frame, grid) = (try frames.frame(1), try frames.grid(1))
    let values = frame.values()
    #expect(values.min() == 0 && values.max() == 1)
    for start in FlowScene.starts {
      let v = grid.voxel(start + scene.way)
      let (x, y, z) = (Int(v.x.rounded()), Int(v.y.rounded()), Int(v.z.rounded()))
      #expect(frame.value(x: x, y: y, z: z) > 0.7)
    }
    #expect(throws: HowdahError.self) {
      try FlowFrames(scene.images, rescale: VoxelSize(x: 0, y: 1, z: 1))
    }
  }

  @Test("Local contrast is the same where the light is, and where it is a tenth of it")
  func contrast() throws {
    let size = Size3(x: 48, y: 32, z: 6)
    func frame(_ light: (Int) -> Float) throws -> Volume {
      var random = SeededRandom(seed: 2)
      let grain = (0..<size.count).map { _ in Float(random.uniform()) }
      let values = grain.enumerated().map { i, g in light(i % size.x) * (0.2 + 0.3 * g) }
      let images = try MemoryImageSource([[try Volume(floats: values, size: size)]])
      return try FlowFrames(images, localContrast: 4).frame(0)
    }
    let (even, falling) = (try frame { _ in 1 }, try frame { 1 - 0.9 * Float($0) / 48 })
    for v in [even, falling] {
      #expect(v.values().allSatisfy { $0 >= 0 && $0 <= 1 })
      #expect(abs(try v.mean() - 0.35) < 0.02)
    }
    let difference = zip(even.values(), falling.values()).map { abs($0 - $1) }.reduce(0, +)
    #expect(difference / Double(size.count) < 0.06)
    #expect(throws: HowdahError.self) {
      try FlowFrames(MemoryImageSource([[even]]), localContrast: 0)
    }
  }

  @Test("A model that wants nuclei of a size gets images shrunk to it, never enlarged")
  func wantedSize() {
    let settings = [FlowSetting.nucleusRadius: 4.0]
    let voxel = VoxelSize(x: 0.25, y: 0.25, z: 2)
    let factor = FlowSetting.rescale(settings, radius: 4, voxel: voxel)
    #expect(factor == VoxelSize(x: 0.25, y: 0.25, z: 1))
    #expect(FlowSetting.rescale(settings, radius: 0.5, voxel: voxel) == .one)
    #expect(FlowSetting.rescale([:], radius: 4, voxel: voxel) == .one)
    #expect(FlowSetting.rescale(settings, radius: nil, voxel: voxel) == .one)
  }
}

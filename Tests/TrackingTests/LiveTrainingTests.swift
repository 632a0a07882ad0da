// Learning in the background, and what a fresh model is taught.

import Core
import Foundation
import Imaging
import Learning
import Synchronization
import Testing
import Tracking

@Suite("Live training and prior training")
struct LiveTrainingTests {
  /// What the training thread hands on.
  private final class Published: Sendable {
    let file = Mutex<ModelFile?>(nil)
    let count = Atomic<Int>(0)
  }

  /// Wait until something holds, for at most 20 s.
  private func wait(_ condition: () -> Bool) -> Bool {
    for _ in 0..<4000 {
      if condition() { return true }
      usleep(5000)
    }
    return condition()
  }

  private func start(_ file: ModelFile, _ published: Published) throws -> LiveTraining {
    try LiveTraining(
      file, images: TrainingImages(LearningScene().images), options: LearningScene.options()
    ) { new in
      published.file.withLock { $0 = new }
      published.count.add(1, ordering: .relaxed)
    }
  }

  @Test("It waits for labels, learns, takes up new ones, pauses, goes on and stops")
  func life() throws {
    let file = try LearningScene.model()
    let published = Published()
    let live = try start(file, published)
    #expect(live.isRunning && live.wantsLabels)
    #expect(wait { live.status.phase == .waiting })
    try live.update([0: LearningScene.spots([0, 1])])
    #expect(wait { live.status.epoch >= 2 })
    #expect(live.status.phase == .training && live.status.spots == 2)
    #expect(live.status.losses["train_loss"] != nil)
    #expect(published.file.withLock { $0?.models != file.models })
    #expect(wait { live.wantsLabels })
    try live.update([0: LearningScene.spots(), 1: LearningScene.spots([2])])
    #expect(live.status.spots == 5)
    live.pause()
    #expect(wait { live.status.phase == .paused })
    let (epoch, count) = (live.status.epoch, published.count.load(ordering: .relaxed))
    usleep(50_000)
    #expect(live.status.epoch == epoch)
    #expect(published.count.load(ordering: .relaxed) == count)
    live.resume()
    #expect(wait { live.status.epoch > epoch })
    live.stop()
    #expect(!live.isRunning && live.status.failure == nil)
    let last = published.file.withLock { $0 }
    live.stop()
    #expect(published.file.withLock { $0?.models } == last?.models)
    // What was handed on is whole: as many moments as steps.
    #expect(last?.optimisers.count == 1)
  }

  @Test("Stopping while it waits or pauses ends it, and nothing has changed")
  func stopEarly() throws {
    let file = try LearningScene.model()
    let published = Published()
    let live = try start(file, published)
    live.pause()
    live.stop()
    #expect(live.status.phase == .stopped && live.status.epoch == 0)
    #expect(published.file.withLock { $0?.models } == file.models)
  }

  @Test("What goes wrong on the training thread is told")
  func failure() throws {
    let broken = MemoryImageSource(
      size: Size3(x: 40, y: 32, z: 8), voxelSize: .one, timepoints: 1, type: .uint16
    ) { _, _, _ in throw HowdahError(.file, "the disk is gone") }
    let live = try LiveTraining(
      LearningScene.model(), images: TrainingImages(broken), options: LearningScene.options()
    ) { _ in }
    try live.update([0: LearningScene.spots()])
    #expect(wait { !live.isRunning })
    #expect(live.status.failure?.message == "the disk is gone")
  }

  @Test("After prior training bright is inside")
  func prior() throws {
    let scene = try LearningScene()
    var options = PriorTraining.Options()
    options.cropSize = Size3(x: 32, y: 32, z: 8)
    options.crops = 12
    options.seed = 5
    let architecture = Architecture.unet(widths: [4, 8, 8])
    let file = try PriorTraining.make(architecture, images: scene.images, options: options)
    #expect(file.models.count == 1 && file.history.isEmpty && file.optimisers.isEmpty)
    let volume = try TrainingImage(scene.images.volume(t: 0))
    let grid = try InputGrid(volume.volume.size)
    let plan = CropPlan(
      size: Size3(x: 32, y: 32, z: 8), extent: Size3(x: 32, y: 32, z: 8),
      center: WorldPoint(x: 15.5, y: 15.5, z: 3.5))
    let input = try Tensor(
      TensorShape(channels: 1, size: plan.size), values: volume.sample(plan, in: grid))
    func loss(_ model: Model) throws -> Double {
      let engine = try Engine(model, threads: 1)
      let output = try engine.forward(input, keepAxials: KeepAxials(first: 1, of: 2))
      return try PriorLoss.evaluate(output, image: input).total
    }
    let fresh = try Model(architecture, seed: 5)
    #expect(try loss(file.models[0]) < 0.5 * loss(fresh))
    #expect(
      try PriorTraining.make(architecture, images: scene.images, options: options).models
        == file.models)
  }
}

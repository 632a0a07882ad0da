// A flow network that begins with detectors of motion says roughly where things came from before any training.

import Core
import Foundation
import Learning
import Testing

@Suite struct MotionStartTests {
  /// Two frames of smooth blobs; what is at q in the later one was at q + way in the earlier one.
  private static func frames(_ size: Size3, _ way: SIMD3<Double>, seed: UInt64) -> Tensor {
    var random = SeededRandom(seed: seed)
    let blobs = (0..<size.count / 60).map { _ in
      SIMD3(
        random.uniform(-3, Double(size.x) + 3), random.uniform(-3, Double(size.y) + 3),
        size.z == 1 ? 0 : random.uniform(-3, Double(size.z) + 3))
    }
    return Tensor(TensorShape(channels: 2, size: size)) { _, frame, z, y, x in
      let p = SIMD3(Double(x), Double(y), Double(z))
      return Float(
        blobs.reduce(0.1) { sum, blob in
          let d = p - (frame == 0 ? blob + way : blob)
          return sum + 0.6 * exp(-(d * d).sum() / 6)
        })
    }
  }

  private static func mean(_ output: Tensor, _ axis: Int) -> Double {
    let voxels = output.shape.voxels
    return output.values[axis * voxels..<(axis + 1) * voxels].reduce(0) { $0 + Double($1) }
      / Double(voxels)
  }

  private static func answer(_ model: Model, _ way: SIMD3<Double>, seed: UInt64 = 1) throws
    -> [Double]
  {
    let dimensions = model.architecture.dimensions
    let size = Size3(x: 32, y: 32, z: dimensions == 3 ? 8 : 1)
    let output = try Engine(model, threads: 1).forward(
      frames(size, way, seed: seed), keepAxials: KeepAxials(first: 0, of: 2))
    return (0..<dimensions).map { mean(output, $0) }
  }

  @Test(arguments: [2, 3])
  func `a fresh network sees along which axis and in which direction things moved`(dimensions: Int)
    throws
  {
    let architecture = Architecture.flowResNet(dimensions: dimensions, widths: [16, 16, 24])
    var model = try Model(architecture, seed: 4)
    model.beginWithMotion(maxDisplacement: 10)
    for axis in 0..<dimensions {
      for sign in [1.0, -1] {
        var way = SIMD3<Double>.zero
        way[axis] = sign
        let still = try Self.answer(model, .zero)
        let seen = zip(try Self.answer(model, way), still).map { $0 - $1 }
        #expect(sign * seen[axis] > 0.02, "\(way): \(seen)")
        for other in 0..<dimensions where other != axis {
          #expect(abs(seen[other]) < 0.5 * abs(seen[axis]), "\(way): \(seen)")
        }
      }
    }
  }

  @Test func `networks that are too narrow or of another kind stay as they are`() throws {
    for architecture in [
      Architecture.flowResNet(widths: [8, 16]), .unet(widths: [16, 32]),
      .resUNet(widths: [16, 32]),
    ] {
      let plain = try Model(architecture, seed: 1)
      var model = plain
      model.beginWithMotion(maxDisplacement: 10)
      #expect(model == plain)
    }
  }

  @Test func `from there it learns in steps that leave a random start where it was`() throws {
    let size = Size3(x: 16, y: 16, z: 8)
    let shape = TensorShape(channels: 3, size: size)
    let samples = (0..<40).map { n -> TrainingSample<FlowTarget> in
      var random = SeededRandom(seed: 9, stream: UInt64(n))
      let way = SIMD3(
        random.uniform(-1.5, 1.5), random.uniform(-1.5, 1.5), random.uniform(-1, 1))
      let one = Tensor(shape.with(channels: 1)) { _, _, _, _, _ in 1 }
      let target = FlowTarget(
        flow: Tensor(shape) { _, d, _, _, _ in Float(way[d] / 4) }, mask: one, earlier: one,
        later: one)
      return TrainingSample(
        input: Self.frames(size, way, seed: UInt64(100 + n)), target: target,
        keepAxials: KeepAxials(first: 0, of: 1))
    }
    func loss(_ motion: Bool) throws -> Double {
      var model = try Model(.flowResNet(widths: [16, 16]), seed: 6)
      if motion { model.beginWithMotion(maxDisplacement: 4) }
      var file = ModelFile(models: [model])
      var options = TrainerOptions()
      options.epochs = 3
      options.clip = 0.3
      let summary = try Trainer.run(
        &file, on: SampleList(samples), loss: FlowLoss(norms: [4, 4, 4], termWeights: (1, 0, 0)),
        options: options)
      return try #require(summary.losses["train_loss"])
    }
    let (with, without) = (try loss(true), try loss(false))
    #expect(with < 0.85 * without, "\(with) against \(without)")
  }
}

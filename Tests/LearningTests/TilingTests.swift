// Tiles and their blending (elephant-server.md, section 4.2), and whole volumes through the predictor.

import Core
import Imaging
import Learning
import Testing

@Suite struct TilingTests {
  @Test(
    "4.2 examples: number, overlap and starts",
    arguments: [
      (512, 384, 256, [0, 128]), (24, 16, 8, [0, 8]), (130, 64, 31, [0, 33, 66]),
      (101, 96, 91, [0, 5]), (100, 40, 10, [0, 30, 60]), (30, 40, 30, [0]),
    ])
  func examples(_ size: Int, _ patch: Int, _ overlap: Int, _ starts: [Int]) {
    let tiling = AxisTiling(size: size, patch: patch)
    #expect(tiling.starts == starts)
    #expect(tiling.overlap == overlap || starts.count == 1)
  }

  @Test func `4.2: weights add up to 1, but for size 129 and patch 64 to 1.0333`() {
    func largest(_ size: Int, _ patch: Int) -> Float {
      let tiling = AxisTiling(size: size, patch: patch)
      var sum = [Float](repeating: 0, count: size)
      for (k, start) in tiling.starts.enumerated() {
        for (i, w) in tiling.weights(k).enumerated() { sum[start + i] += w }
      }
      return sum.max() ?? 0
    }
    #expect(abs(largest(512, 384) - 1) < 1e-6)
    #expect(abs(largest(100, 40) - 1) < 1e-6)
    #expect(abs(largest(129, 64) - 1.0333) < 1e-4)
  }

  private func volume(_ size: Size3) throws -> Volume {
    var random = SeededRandom(seed: 4)
    return try Volume(
      floats: (0..<size.count).map { _ in Float(random.uniform()) }, size: size,
      voxelSize: VoxelSize(x: 1, y: 1, z: 2))
  }

  @Test func `one tile gives what the network gives, and models are averaged as probabilities`()
    throws
  {
    let models = try (0..<2).map { try Model(.unet(widths: [4, 8]), seed: UInt64($0)) }
    let input = try volume(Size3(x: 15, y: 12, z: 3))
    let keep = KeepAxials([true])
    let result = try Predictor(models).predict(
      [input], Predictor.Options(keepAxials: keep, pad: true))
    #expect(result.count == 3)
    #expect(result[0].size == input.size && result[0].voxelSize == input.voxelSize)
    let tensor = try input.withVoxels(as: Float.self) {
      try Tensor(TensorShape(channels: 1, size: input.size), values: Array($0))
    }
    let outputs = try models.map {
      try PlainNetwork($0).forward(tensor, keepAxials: keep, pad: true)
    }
    for c in 0..<3 {
      let expected =
        (exponential(Double(outputs[0][n: 0, c: c, z: 1, y: 7, x: 9]))
          + exponential(Double(outputs[1][n: 0, c: c, z: 1, y: 7, x: 9]))) / 2
      #expect(abs(result[c].value(x: 9, y: 7, z: 1) - expected) < 1e-5)
    }
  }

  @Test(arguments: [false, true])
  func `sizes that the poolings do not divide fit when edges are repeated`(_ pad: Bool) throws {
    let engine = try Engine(try Model(.unet(widths: [4, 8]), seed: 3))
    let keep = KeepAxials([false])
    var random = SeededRandom(seed: 5)
    let size = Size3(x: 15, y: 12, z: 3)
    let small = try Tensor(
      TensorShape(channels: 1, size: size),
      values: (0..<size.count).map { _ in Float(random.uniform()) })
    // The same with the last column and the last plane twice.
    let large = Size3(x: 16, y: 12, z: 4)
    var values: [Float] = []
    for z in 0..<4 {
      for y in 0..<12 {
        for x in 0..<16 { values.append(small[n: 0, c: 0, z: min(z, 2), y: y, x: min(x, 14)]) }
      }
    }
    let found = try engine.forward(small, keepAxials: keep, pad: pad, fit: .repeatEdges)
    let expected = try engine.forward(
      Tensor(TensorShape(channels: 1, size: large), values: values), keepAxials: keep, pad: pad)
    #expect(found.shape.size == size)
    for c in 0..<3 {
      for z in 0..<3 {
        for (x, y) in [(0, 0), (14, 11), (7, 5), (14, 3)] {
          #expect(found[n: 0, c: c, z: z, y: y, x: x] == expected[n: 0, c: c, z: z, y: y, x: x])
        }
      }
    }
    let plain = try PlainNetwork(engine.model)
      .forward(small, keepAxials: keep, pad: pad, fit: .repeatEdges)
    for (a, b) in zip(plain.values, found.values) { #expect(abs(a - b) < 1e-3) }
  }

  @Test
  func `blended probabilities add up to 1; without normalising as in ELEPHANT to the weights`()
    throws
  {
    let model = try Model(.unet(widths: [4, 8]), seed: 1)
    let input = try volume(Size3(x: 129, y: 40, z: 3))
    let predictor = try Predictor([model])
    var options = Predictor.Options(
      patch: Size3(x: 64, y: 24, z: 3), keepAxials: KeepAxials([true]))
    func largest(_ volumes: [Volume]) -> Double {
      (0..<129).map { x in volumes.reduce(0) { $0 + $1.value(x: x, y: 1, z: 1) } }.max() ?? 0
    }
    #expect(abs(largest(try predictor.predict([input], options)) - 1) < 1e-5)
    options.normalised = false
    #expect(abs(largest(try predictor.predict([input], options)) - 1.0333) < 1e-3)
  }

  @Test func `a 2D network takes the planes of a volume one by one`() throws {
    let predictor = try Predictor([try Model(.unet(dimensions: 2, widths: [4, 8]), seed: 1)])
    let deep = try volume(Size3(x: 24, y: 16, z: 3))
    let options = Predictor.Options(
      patch: Size3(x: 16, y: 16, z: 8), keepAxials: KeepAxials([true]))
    let all = try predictor.predict([deep], options)
    for z in 0..<3 {
      let plane = try predictor.predict([deep.slice(axis: .z, index: z)], options)
      #expect(try plane[2].hasSameVoxels(as: all[2].slice(axis: .z, index: z)))
    }
  }

  @Test func `planes are handed over in order while tiles go on`() throws {
    let predictor = try Predictor([try Model(.unet(widths: [4, 8]), seed: 1)])
    let input = try volume(Size3(x: 24, y: 16, z: 21))
    let options = Predictor.Options(
      patch: Size3(x: 16, y: 16, z: 8), keepAxials: KeepAxials([true]))
    let all = try predictor.predict([input], options)
    var seen: [Range<Int>] = []
    try predictor.stream(
      size: input.size, options, channels: [2],
      input: { box in
        try Tensor(
          TensorShape(channels: 1, size: box.size),
          values: input.crop(box).values().map { Float($0) })
      },
      finished: { part in
        seen.append(part.planes)
        for z in part.planes {
          #expect(part.plane(z, channel: 0)[5] == Float(all[2].value(x: 5, y: 0, z: z)))
        }
      })
    #expect(seen.count == 3)
    #expect(seen.flatMap { Array($0) } == Array(0..<21))
  }

  @Test func `wrong inputs are refused with what is needed`() throws {
    let flow = try Predictor([try Model(.flowResNet(dimensions: 2, widths: [4, 8]), seed: 1)])
    let options = Predictor.Options(keepAxials: KeepAxials([true]))
    let one = try volume(Size3(x: 8, y: 8, z: 1))
    #expect(throws: HowdahError.self) { try flow.predict([one], options) }
    #expect(throws: HowdahError.self) { try Predictor([]) }
  }
}

// Pairs of frames for flow networks: repeatable, with ways that fit the images, and a network that learns them.

import Core
import Foundation
import Imaging
import Learning
import Testing
import Tracking

@Suite("Pairs of simulated frames")
struct PairVarietyTests {
  @Test("A pair is a function of seed and number; the first ones move less")
  func repeatable() throws {
    let variety = PairVariety(seed: 5)
    let (a, b) = (try variety.pair(3), try variety.pair(3))
    #expect(a.later.hasSameVoxels(as: b.later) && a.earlier.hasSameVoxels(as: b.earlier))
    #expect(a.marks == b.marks)
    #expect(!a.later.hasSameVoxels(as: try PairVariety(seed: 6).pair(3).later))
    func ways(_ range: Range<Int>) throws -> Double {
      let all = try range.flatMap { try variety.pair($0).marks }.map {
        $0.displacement.distance(to: .zero)
      }
      return all.reduce(0, +) / Double(all.count)
    }
    #expect(try 2 * ways(0..<8) < ways(1000..<1008))
  }

  @Test("Nuclei are of the wanted size in voxels, frames of sizes that the poolings divide")
  func geometry() throws {
    for i in 0..<10 {
      let pair = try PairVariety(seed: 2).pair(i)
      let radius = pair.options.radius / pair.options.voxelSize.x
      #expect((1.9...3).contains(radius))
      #expect(pair.later.size == pair.earlier.size)
      #expect(pair.later.size.x % 16 == 0 && pair.later.size.count < 100_000)
      let voxel = pair.options.voxelSize
      let base = 1 << (4 - min(4, KeepAxials.count(anisotropy: voxel.z / voxel.x)))
      #expect(pair.later.size.z % base == 0)
    }
  }

  @Test(
    "Where a mark leads back to, the earlier frame is as bright as the later one at its own place")
  func waysFitImages() throws {
    var (with, without, count) = (0.0, 0.0, 0)
    for i in 900..<912 {
      let pair = try PairVariety(seed: 4).pair(i)
      let grid = try VoxelGrid(size: pair.later.size, voxelSize: pair.options.voxelSize)
      func value(_ volume: Volume, _ p: WorldPoint) -> Double? {
        let v = grid.voxel(p)
        let (x, y, z) = (Int(v.x.rounded()), Int(v.y.rounded()), Int(v.z.rounded()))
        return volume.contains(x: x, y: y, z: z) ? volume.value(x: x, y: y, z: z) : nil
      }
      for mark in pair.marks {
        guard let now = value(pair.later, mark.position),
          let then = value(pair.earlier, mark.source),
          let same = value(pair.earlier, mark.position)
        else { continue }
        with += abs(now - then) / (now + then + 1)
        without += abs(now - same) / (now + same + 1)
        count += 1
      }
    }
    #expect(count > 200 && with < 0.75 * without)
  }

  @Test("Nuclei of a pair do not move alike: where one came from says little of others far away")
  func stirred() throws {
    var (own, common) = (0.0, 0.0)
    for i in 1000..<1010 {
      let ways = try PairVariety(seed: 4).pair(i).marks.map(\.displacement)
      guard ways.count > 20 else { continue }
      let mean = ways.reduce(.zero, +) * (1 / Double(ways.count))
      own += ways.reduce(0) { $0 + ($1 - mean).distance(to: .zero) } / Double(ways.count)
      common += mean.distance(to: .zero)
    }
    #expect(own > 0.2 * common)
  }

  @Test("Samples carry both frames and the scale of the training")
  func samples() throws {
    let source = SimulatedPairs(seed: 3, count: 10, for: .flowResNet(widths: [4, 8]))
    let sample = try source.sample(2, epoch: 1)
    let again = try source.sample(2, epoch: 1)
    #expect(sample.input == again.input && sample.target.flow == again.target.flow)
    #expect(sample.input.values == sample.target.earlier.values + sample.target.later.values)
    #expect(sample.input.values.allSatisfy { $0 >= 0 && $0 <= 1.001 })
    #expect(sample.target.flow.values.allSatisfy { abs($0) < 1.5 })
    #expect(sample.target.mask.values.contains(1))
    #expect(sample.keepAxials.flags.count == 1)
  }

  @Test("Training on pairs says what flows mean, and goes on where it stopped")
  func training() throws {
    func run(_ steps: [Int]) throws -> ModelFile {
      var file = ModelFile(models: [try Model(.flowResNet(widths: [2, 2]), seed: 1)])
      for step in steps {
        var options = SimulatedTraining.Options()
        options.steps = step
        options.interval = 2
        options.learningRate = 1e-3
        options.decay = 1
        _ = try SimulatedTraining.runFlow(&file, options: options)
      }
      return file
    }
    let file = try run([2, 4])
    #expect(file.settings[FlowSetting.maxDisplacement] == 10)
    #expect(file.settings[FlowSetting.localContrast] == 4)
    #expect((2...3).contains(file.settings[FlowSetting.nucleusRadius] ?? 0))
    #expect(file.history.last?.step == 3)
    #expect(throws: HowdahError.self) {
      var detection = try LearningScene.model()
      try SimulatedTraining.runFlow(&detection)
    }
  }
}

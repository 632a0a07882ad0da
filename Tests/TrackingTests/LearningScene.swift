// A small movie of bright balls in the dark, and a small network that learns them in a moment.

import Core
import Foundation
import Imaging
import Learning
import Lineage
import Tracking

/// Balls of radius 4 (world units) in images of 40 x 32 x 8 voxels of 1 x 1 x 2.
struct LearningScene {
  static let centers: [WorldPoint] = [
    WorldPoint(x: 8, y: 8, z: 6), WorldPoint(x: 26, y: 9, z: 8), WorldPoint(x: 12, y: 23, z: 9),
    WorldPoint(x: 31, y: 24, z: 7),
  ]
  let images: MemoryImageSource

  init(timepoints: Int = 2) throws {
    let size = Size3(x: 40, y: 32, z: 8)
    let volumes = try (0..<timepoints).map { t in
      var random = SeededRandom(seed: 7, stream: UInt64(t))
      return try Volume.make(
        size: size, voxelSize: VoxelSize(x: 1, y: 1, z: 2), of: UInt16.self
      ) { out in
        for i in out.indices {
          let p = WorldPoint(
            x: Double(i % 40), y: Double(i / 40 % 32), z: 2 * Double(i / (40 * 32)))
          let bright = Self.centers.map { exp(-$0.squaredDistance(to: p) / 16) }.max()!
          out[i] = UInt16(100 + 900 * bright + 60 * random.uniform())
        }
      }
    }
    images = try MemoryImageSource(volumes.map { [$0] })
  }

  /// Balls as judged spots.
  static func spots(_ numbers: [Int] = [0, 1, 2, 3], tag: DetectionTag = .tp) -> [LabeledSpot] {
    numbers.map {
      LabeledSpot(position: centers[$0], covariance: .sphere(radius: 4), tag: tag)
    }
  }

  /// A lineage with the balls of timepoint 0 accepted, and one rejected spot.
  static func lineage() throws -> LineageGraph {
    let graph = LineageGraph()
    try graph.edit("spots") {
      try graph.ensureElephantTagSets()
      let set = graph.tagSet(named: "Detection")!
      for (k, center) in (centers + [WorldPoint(x: 20, y: 16, z: 8)]).enumerated() {
        let spot = try graph.addSpot(t: 0, position: center, covariance: .sphere(radius: 4))
        try graph.setTag(set, of: spot, to: graph.tag(named: k < 4 ? "tp" : "fp", in: set))
      }
    }
    return graph
  }

  static func model(seed: UInt64 = 1, dimensions: Int = 3) throws -> ModelFile {
    ModelFile(
      models: [try Model(.unet(dimensions: dimensions, widths: [4, 8, 8]), seed: seed)])
  }

  /// Few small samples.
  static func options(epochs: Int = 2) -> DetectionTraining.Options {
    var options = DetectionTraining.Options()
    options.samples.crop.size = Size3(x: 16, y: 16, z: 8)
    options.samples.cropsPerTimepoint = 4
    options.trainer.epochs = epochs
    options.trainer.learningRate = 0.01
    return options
  }
}

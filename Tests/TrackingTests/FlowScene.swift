// A small movie of balls that move by known ways, and networks that answer by hand.

import Core
import Foundation
import Imaging
import Learning
import Lineage
import Tracking

/// Balls of radius 3 (world units) in images of 40 x 32 x 8 voxels of 1 x 1 x 2 that all move by the same way.
struct FlowScene {
  static let size = Size3(x: 40, y: 32, z: 8)
  static let voxel = VoxelSize(x: 1, y: 1, z: 2)
  let way: WorldPoint
  let graph = LineageGraph()
  let images: MemoryImageSource

  static let starts: [WorldPoint] = [
    WorldPoint(x: 8, y: 8, z: 6), WorldPoint(x: 24, y: 7, z: 8), WorldPoint(x: 12, y: 22, z: 8),
    WorldPoint(x: 29, y: 21, z: 6),
  ]

  init(
    timepoints: Int = 3, way: WorldPoint = WorldPoint(x: 2, y: 1, z: 0), approved: Bool = true,
    registration: Affine3? = nil
  ) throws {
    self.way = way
    let graph = graph
    try graph.edit("balls") {
      try graph.ensureElephantTagSets()
      let detection = graph.tagSet(named: "Detection")!
      let tracking = graph.tagSet(named: "Tracking")!
      for start in Self.starts {
        var last: SpotID?
        for t in 0..<timepoints {
          let spot = try graph.addSpot(
            t: t, position: start + way * Double(t), covariance: .sphere(radius: 3))
          try graph.setTag(detection, of: spot, to: graph.tag(named: "tp", in: detection))
          if let last, approved {
            let link = try graph.addLink(last, spot)
            try graph.setTag(tracking, of: link, to: graph.tag(named: "Approved", in: tracking))
          }
          last = spot
        }
      }
    }
    let volumes = try (0..<timepoints).map { t in
      var random = SeededRandom(seed: 9, stream: UInt64(t))
      return try Volume.make(size: Self.size, voxelSize: Self.voxel, of: UInt16.self) { out in
        for i in out.indices {
          let p = WorldPoint(
            x: Double(i % 40), y: Double(i / 40 % 32), z: 2 * Double(i / (40 * 32)))
          let bright = Self.starts.map {
            exp(-($0 + way * Double(t)).squaredDistance(to: p) / 9)
          }.max()!
          out[i] = UInt16(100 + 900 * bright + 30 * random.uniform())
        }
      }
    }
    images = try MemoryImageSource(volumes.map { [$0] })
  }

  /// A network that answers the same flow everywhere.
  static func uniform(_ flow: [Float], dimensions: Int = 3) throws -> Model {
    var model = try Model(.flowResNet(dimensions: dimensions, widths: [2, 2]))
    try model.set("out_conv.bias", to: flow.map { Float(atanh(Double($0))) })
    return model
  }

  static func model(seed: UInt64 = 1, dimensions: Int = 3) throws -> ModelFile {
    ModelFile(
      models: [try Model(.flowResNet(dimensions: dimensions, widths: [4, 8, 8]), seed: seed)])
  }

  /// Few small samples.
  static func options(epochs: Int = 2) -> FlowTraining.Options {
    var options = FlowTraining.Options()
    options.samples.crop.size = Size3(x: 16, y: 16, z: 8)
    // All balls move alike: without mirrors that is learned in a moment.
    options.samples.crop.flips = false
    options.samples.cropsPerTimepoint = 3
    options.maxDisplacement = 8
    options.trainer.epochs = epochs
    options.trainer.learningRate = 0.003
    return options
  }
}

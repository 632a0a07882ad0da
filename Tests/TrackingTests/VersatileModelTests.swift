// The model that comes with the program: ELEPHANT's network, and good at nuclei that it was not trained on.

import Core
import Foundation
import Imaging
import Learning
import Testing
import Tracking

@Suite("Versatile model")
struct VersatileModelTests {
  /// The file in the source tree.
  static let path = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("models/versatile-3d.pth").path

  @Test("It is ELEPHANT's plain 3D U-Net, small enough to hand on, without training state")
  func file() throws {
    let file = try ModelFile.open(Self.path)
    #expect(file.models.count == 1)
    #expect(file.models[0].architecture == .unet())
    #expect(file.models[0].parameterCount == 5_887_011)
    #expect(file.optimisers.isEmpty)
    let size = try FileManager.default.attributesOfItem(atPath: Self.path)[.size] as? Int
    #expect(try #require(size) < 12_500_000)
    #expect(file.models[0].values.joined().allSatisfy { $0.isFinite })
  }

  @Test("Without any training it finds the nuclei of a movie of another kind")
  func score() throws {
    var options = Simulator.Preset.small.options
    options.seed = 4
    options.timepoints = 1
    options.size = Size3(x: 112, y: 112, z: 16)
    options.nuclei = 20
    let project = try Simulator.run(options)
    let image = try project.requireImages().volume(t: 0)
    let range = image.values().reduce((low: Double.infinity, high: 0.0)) {
      (min($0.low, $1), max($0.high, $1))
    }
    let input = try image.mapFloats {
      ($0 - Float(range.low)) / Float(range.high - range.low)
    }
    let predictor = try Predictor(try ModelFile.open(Self.path).models, threads: 1)
    let voxel = image.voxelSize
    let center = try predictor.predict(
      [input], Predictor.Options(keepAxials: KeepAxials(voxel: voxel, depth: 4)))[2]
    let found = try center.mapFloats { $0 > 0.5 ? 1 : 0 }.converted(to: .uint8)
      .labelled().moments()
    var hits: [Int: Int] = [:]
    var wrong = 0
    for blob in found {
      let p = WorldPoint(
        x: blob.centroid.x * voxel.x, y: blob.centroid.y * voxel.y, z: blob.centroid.z * voxel.z)
      let spots = project.lineage.spots(at: 0)
      let near = spots.firstIndex { spot in
        let d = p - project.lineage.position(spot)
        let q = project.lineage.covariance(spot).matrix.inverse! * d
        return q.x * d.x + q.y * d.y + q.z * d.z < 1
      }
      if let near { hits[near, default: 0] += 1 } else { wrong += 1 }
    }
    let truth = project.lineage.spots(at: 0).count
    let extra = wrong + hits.values.reduce(0) { $0 + $1 - 1 }
    let det = 1 - Double(10 * (truth - hits.count) + extra) / Double(10 * truth)
    #expect(truth >= 15)
    #expect(det >= 0.9, "DET \(det), \(hits.count) of \(truth) found, \(extra) too many")
  }
}

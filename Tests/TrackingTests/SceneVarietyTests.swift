// Scenes of all kinds and the training samples made of them: repeatable, within their ranges, labelled where
// nuclei are.

import Core
import Foundation
import Imaging
import Learning
import Testing
import Tracking

@Suite("Scene variety")
struct SceneVarietyTests {
  @Test("A scene is a function of seed and number")
  func repeatable() throws {
    let variety = SceneVariety(seed: 5)
    let (a, b) = (try variety.scene(3), try variety.scene(3))
    #expect(a.volume.hasSameVoxels(as: b.volume))
    #expect(a.nuclei.map(\.position) == b.nuclei.map(\.position))
    #expect(!a.volume.hasSameVoxels(as: try variety.scene(4).volume))
    #expect(
      !a.volume.hasSameVoxels(as: try SceneVariety(seed: 6).scene(3).volume))
  }

  @Test("Scenes spread over sizes of nuclei, voxel geometries, formats and densities")
  func ranges() throws {
    var across: [Double] = []
    var anisotropies: [Double] = []
    var types: Set<VoxelType> = []
    var counts: [Int] = []
    for i in 0..<24 {
      let scene = try SceneVariety(seed: 1).scene(i)
      let voxel = scene.options.voxelSize
      across.append(2 * scene.options.radius / voxel.x)
      anisotropies.append(voxel.z / voxel.x)
      types.insert(scene.volume.type)
      counts.append(scene.nuclei.count)
      #expect(scene.volume.size.x >= 64 && scene.volume.size.count < 300_000)
    }
    #expect(across.allSatisfy { (6...60).contains($0) })
    #expect(across.min()! < 12 && across.max()! > 35)
    #expect(anisotropies.allSatisfy { (1...12.001).contains($0) })
    #expect(anisotropies.min()! < 1.5 && anisotropies.max()! > 8)
    #expect(types == [.uint8, .uint16])
    #expect(counts.min()! < 5 && counts.max()! > 40)
  }

  @Test(
    "Later scenes are full of nuclei that divide, most of them of the size that predictions see")
  func sisters() throws {
    /// The share of thin plates, and how many voxels nuclei are across.
    func look(_ first: Int) throws -> (plates: Double, across: [Double]) {
      var variety = SceneVariety(seed: 2)
      variety.firstSisters = first
      var (plates, all, across) = (0, 0, [Double]())
      for i in 0..<6 {
        let scene = try variety.scene(i)
        plates += scene.nuclei.count { $0.covariance.radii.min() < 0.5 * $0.covariance.radii.max() }
        all += scene.nuclei.count
        across.append(2 * scene.options.radius / scene.options.voxelSize.x)
      }
      return (Double(plates) / Double(all), across)
    }
    let (early, late) = (try look(.max), try look(0))
    #expect(late.plates > 2 * early.plates, "\(early) \(late)")
    #expect(late.across.count { $0 < 26 } >= 4, "\(late)")
  }

  @Test("A sample has centers and borders where nuclei are, and an image between 0 and 1")
  func samples() throws {
    let source = SimulatedSamples(seed: 3, count: 10)
    var centers = 0
    for i in 0..<8 {
      let sample = try source.sample(i, epoch: 1)
      let scene = try source.variety.scene(10 + i)
      #expect(sample.input.shape.size == scene.volume.size)
      #expect(sample.target.count == scene.volume.size.count)
      #expect(sample.target.allSatisfy { (-1...2).contains($0) })
      let (low, high) = (try #require(sample.input.values.min()), sample.input.values.max()!)
      #expect(low >= 0 && high <= 1.0001)
      // A size that the poolings divide without rest.
      #expect(scene.volume.size.z % (1 << sample.keepAxials.halvings) == 0)
      // Every visible nucleus that lies well inside has its center in the labels; flips keep their number.
      let labels = try Volume(
        uint8s: sample.target.map { $0 == 2 ? 1 : 0 }, size: scene.volume.size)
      let found = try labels.labelled().count
      let inside = scene.nuclei.count { n in
        n.isVisible
          && Axis.allCases.allSatisfy {
            let v = n.position[$0] / scene.volume.voxelSize[$0]
            return v > 2 && v < Double(scene.volume.size[$0]) - 3
          }
      }
      #expect(found >= inside * 9 / 10)
      centers += found
      let again = try source.sample(i, epoch: 1)
      #expect(again.input == sample.input && again.target == sample.target)
    }
    #expect(centers > 20)
  }

  @Test("Options of the microscope and camera do what they say, and refuse nonsense")
  func defects() throws {
    func draw(_ change: (inout Simulator.Options) -> Void) throws -> Volume {
      var o = Simulator.Preset.small.options
      o.size = Size3(x: 64, y: 64, z: 8)
      o.nuclei = 4
      o.timepoints = 1
      o.seed = 9
      change(&o)
      return try Simulator.run(o).requireImages().volume(t: 0)
    }
    let plain = try draw { _ in }
    let dead = try draw { $0.deadPixels = 0.01 }
    #expect(dead.values().count { $0 == 0 } >= 300)
    #expect(plain.values().count { $0 == 0 } == 0)
    let shaded = try draw {
      $0.background = 200
      $0.offset = 0
      $0.shading = (1, 0)
    }
    func mean(_ v: Volume, _ xs: Range<Int>) -> Double {
      let sum = xs.reduce(0.0) { s, x in s + (0..<64).reduce(0) { $0 + v[x: x, y: $1, z: 0] } }
      return sum / Double(64 * xs.count)
    }
    #expect(mean(shaded, 48..<64) > 1.5 * mean(shaded, 0..<16))
    let smooth = try draw { $0.smoothing = 1.5 }
    func roughness(_ v: Volume) -> Double {
      (1..<64).reduce(0) { $0 + abs(v[x: $1, y: 5, z: 3] - v[x: $1 - 1, y: 5, z: 3]) }
    }
    #expect(roughness(smooth) < 0.5 * roughness(plain))
    let hollow = try draw { $0.hollowness = 0.9 }
    #expect(hollow.values().reduce(0, +) < plain.values().reduce(0, +))
    #expect(throws: HowdahError.self) { try draw { $0.flicker = -1 } }
    #expect(throws: HowdahError.self) { try draw { $0.nucleoli = 1.5 } }
  }

  @Test("A short training makes the loss smaller, and goes on where it stopped")
  func training() throws {
    var options = SimulatedTraining.Options()
    (options.steps, options.interval, options.decay, options.warmUp) = (4, 2, 2, 2)
    options.threads = 1
    let model = try Model(.unet(widths: [2, 4, 4, 4, 4]), seed: 1)
    var whole = ModelFile(models: [model])
    try SimulatedTraining.run(&whole, options: options)
    var parts = ModelFile(models: [model])
    try SimulatedTraining.run(&parts, options: options) { event in
      if case .epoch = event { return .stop }
      return .continue
    }
    #expect(parts.models != whole.models)
    try SimulatedTraining.run(&parts, options: options)
    #expect(parts.models == whole.models)
    #expect(throws: HowdahError.self) { try SimulatedTraining.run(&parts, options: options) }
    #expect(options.rate(at: 0) < options.rate(at: 1))
    #expect(options.rate(at: 3) < options.rate(at: 2))
  }
}

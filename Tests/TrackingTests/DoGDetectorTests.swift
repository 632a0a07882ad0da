// The blob detector: exact on blobs, good on simulated tissue, fair on a real image.

import Core
import Formats
import Foundation
import Imaging
import Lineage
import Testing
import Tracking

@Suite("Blob detector")
struct DoGDetectorTests {
  private static let data = ProcessInfo.processInfo.environment["HOWDAH_DATA"]

  /// Soft-edged ellipsoids on a flat background.
  private func source(
    _ blobs: [(center: SIMD3<Double>, radii: SIMD3<Double>)], size: Size3, voxel: VoxelSize,
    transform: Affine3? = nil
  ) throws -> MemoryImageSource {
    var random = SeededRandom(seed: 5)
    var values = [Float](repeating: 0, count: size.count)
    for z in 0..<size.z {
      for y in 0..<size.y {
        for x in 0..<size.x {
          var value = 100 + 4 * random.normal()
          let p = SIMD3(Double(x) * voxel.x, Double(y) * voxel.y, Double(z) * voxel.z)
          for b in blobs {
            let u = (p - b.center) / b.radii
            let rho = (u * u).sum().squareRoot()
            value += 150 * min(1, max(0, (1.2 - rho) / 0.4))
          }
          values[(z * size.y + y) * size.x + x] = Float(value)
        }
      }
    }
    let volume = try Volume(floats: values, size: size, voxelSize: voxel)
    return try MemoryImageSource([[volume]], transform: transform)
  }

  private let two: [(center: SIMD3<Double>, radii: SIMD3<Double>)] = [
    (SIMD3(10.3, 12.1, 9.2), SIMD3(4, 3, 3.5)), (SIMD3(24.7, 18.4, 15.9), SIMD3(3, 4.2, 3)),
  ]

  @Test("Centres to a quarter of a micron, semi-axes to a fifth, on anisotropic voxels")
  func accuracy() throws {
    let images = try source(
      two, size: Size3(x: 90, y: 75, z: 17), voxel: VoxelSize(x: 0.4, y: 0.4, z: 1.5))
    let graph = LineageGraph()
    var options = DoGDetector.Options()
    options.radius = 3.3...3.3
    let counts = try DoGDetector.run(graph, images: images, options: options)
    #expect(counts.count == 1 && counts[0].added == 2 && counts[0].found == 2)
    for b in two {
      let p = WorldPoint(x: b.center.x, y: b.center.y, z: b.center.z)
      let near = graph.nearest(to: p, at: 0, count: 1)[0]
      #expect(near.squaredDistance.squareRoot() < 0.35)
      let c = graph.covariance(near.id)
      let found = SIMD3(c.xx.squareRoot(), c.yy.squareRoot(), c.zz.squareRoot())
      let ratio = found / b.radii
      #expect(ratio.min() > 0.8 && ratio.max() < 1.25, "\(found) for \(b.radii)")
    }
  }

  @Test("Without a radius the detector measures one")
  func measuresRadius() throws {
    let images = try source(
      two, size: Size3(x: 90, y: 75, z: 17), voxel: VoxelSize(x: 0.4, y: 0.4, z: 1.5))
    let graph = LineageGraph()
    let counts = try DoGDetector.run(graph, images: images)
    #expect(counts[0].added == 2)
    #expect(counts[0].radius > 2.2 && counts[0].radius < 4.5)
  }

  @Test("Positions and ellipsoids follow the view registration")
  func registration() throws {
    let voxel = VoxelSize(x: 0.5, y: 0.5, z: 1)
    let turn = Matrix3.rotation(about: .z, radians: Double.pi / 2)
    let affine = Affine3(
      linear: turn * Affine3(scale: voxel).linear, translation: WorldPoint(x: 100, y: -50, z: 7))
    let blob: [(center: SIMD3<Double>, radii: SIMD3<Double>)] = [
      (SIMD3(12, 10, 9), SIMD3(5, 3, 3))
    ]
    let images = try source(
      blob, size: Size3(x: 48, y: 44, z: 18), voxel: voxel, transform: affine)
    let graph = LineageGraph()
    var options = DoGDetector.Options()
    options.radius = 3.5...3.5
    #expect(try DoGDetector.run(graph, images: images, options: options)[0].added == 1)
    let spot = graph.spots[0]
    // (12, 10, 9) turned by 90 degrees about z is (-10, 12, 9).
    #expect(graph.position(spot).distance(to: WorldPoint(x: 90, y: -38, z: 16)) < 0.4)
    #expect(graph.covariance(spot).yy > 1.6 * graph.covariance(spot).xx)
  }

  @Test("Nuclei that touch are two, a long one is one")
  func touching() throws {
    let images = try source(
      [
        // Side by side, end to end, one above the other.
        (SIMD3(10, 10, 12), SIMD3(2.2, 3.4, 3)), (SIMD3(14.6, 10, 12), SIMD3(2.2, 3.4, 3)),
        (SIMD3(9, 26, 12), SIMD3(3, 3, 3)), (SIMD3(15.4, 26.5, 12), SIMD3(3, 3, 3)),
        (SIMD3(28, 10, 8), SIMD3(3.2, 3.2, 2.8)), (SIMD3(28.6, 10, 14.6), SIMD3(3.2, 3.2, 2.8)),
        (SIMD3(28, 27, 12), SIMD3(2.4, 5.6, 2.8)),
      ], size: Size3(x: 95, y: 92, z: 13), voxel: VoxelSize(x: 0.4, y: 0.4, z: 2))
    let graph = LineageGraph()
    var options = DoGDetector.Options()
    options.radius = 3.3...3.3
    _ = try DoGDetector.run(graph, images: images, options: options)
    #expect(graph.spotCount == 7)
    for p in [
      WorldPoint(x: 10, y: 10, z: 12), WorldPoint(x: 14.6, y: 10, z: 12),
      WorldPoint(x: 9, y: 26, z: 12), WorldPoint(x: 15.4, y: 26.5, z: 12),
      WorldPoint(x: 28, y: 10, z: 8), WorldPoint(x: 28.6, y: 10, z: 14.6),
      WorldPoint(x: 28, y: 27, z: 12),
    ] {
      #expect(graph.nearest(to: p, at: 0, count: 1)[0].squaredDistance < 1, "\(p)")
    }
  }

  @Test("2D images: spots in the plane, with an ellipsoid that has depth")
  func plane() throws {
    let images = try source(
      [(SIMD3(20, 20, 0), SIMD3(5, 4, 1)), (SIMD3(40, 25, 0), SIMD3(5, 5, 1))],
      size: Size3(x: 100, y: 80, z: 1), voxel: VoxelSize(x: 0.6, y: 0.6, z: 1))
    let graph = LineageGraph()
    #expect(try DoGDetector.run(graph, images: images)[0].added == 2)
    for spot in graph.spots {
      #expect(graph.position(spot).z == 0)
      #expect(graph.covariance(spot).zz > 9)
    }
  }

  @Test("Pure noise has no nuclei")
  func noise() throws {
    let images = try source(
      [], size: Size3(x: 96, y: 96, z: 20), voxel: VoxelSize(x: 0.5, y: 0.5, z: 1))
    var options = DoGDetector.Options()
    options.radius = 3...3
    #expect(try DoGDetector.run(LineageGraph(), images: images, options: options)[0].found == 0)
  }

  @Test("A box limits the work; one call is one undo point; repeating replaces")
  func boxAndRepeat() throws {
    let images = try source(
      two, size: Size3(x: 90, y: 75, z: 17), voxel: VoxelSize(x: 0.4, y: 0.4, z: 1.5))
    let graph = LineageGraph()
    var options = DoGDetector.Options()
    options.radius = 3.3...3.3
    options.box = WorldBox(minimum: .zero, maximum: WorldPoint(x: 16, y: 30, z: 30))
    #expect(try DoGDetector.run(graph, images: images, options: options)[0].added == 1)
    options.box = nil
    let again = try DoGDetector.run(graph, images: images, options: options)[0]
    #expect(again.added == 2 && again.removed == 1)
    #expect(graph.undoNames.count == 2)
    try graph.undo()
    #expect(graph.spotCount == 1)
  }

  /// Presets and the least F1 of detection at defaults, two frames each, nuclei cut by the rim aside.
  @Test(
    "Finds simulated nuclei at defaults",
    arguments: zip([Simulator.Preset.small, .regeneratingLeg, .sparse2D], [0.9, 0.8, 0.9]))
  func simulated(_ preset: Simulator.Preset, _ least: Double) throws {
    var o = preset.options
    o.timepoints = 2
    let truth = try Simulator.run(o)
    let graph = LineageGraph()
    _ = try DoGDetector.run(graph, images: try truth.requireImages())
    var options = Evaluation.Options()
    options.criterion = .ellipsoid
    let extent = WorldPoint(
      x: Double(o.size.x) * o.voxelSize.x, y: Double(o.size.y) * o.voxelSize.y,
      z: Double(o.size.z) * o.voxelSize.z)
    let rim = WorldPoint(x: o.radius, y: o.radius, z: o.size.z == 1 ? 1 : o.radius)
    options.field = WorldBox(
      minimum: o.size.z == 1 ? WorldPoint(x: rim.x, y: rim.y, z: -1) : rim,
      maximum: o.size.z == 1
        ? WorldPoint(x: extent.x - rim.x, y: extent.y - rim.y, z: 1) : extent - rim)
    let score = try Evaluation.run(result: graph, truth: truth.lineage, options: options).spots
    #expect(score.f1 > least, "\(preset): \(score)")
  }

  @Test(
    "Finds the nuclei of ELEPHANT's sample at defaults",
    .enabled(if: data != nil, "HOWDAH_DATA is not set"))
  func sample() throws {
    let images = try BDVImageSource.open("\(Self.data!)/elephant-sample/sample.xml")
    let graph = LineageGraph()
    var options = DoGDetector.Options()
    options.timepoints = 0...2
    let counts = try DoGDetector.run(graph, images: images, options: options)
    for c in counts {
      #expect(c.added > 70 && c.added < 130)
      #expect(c.radius > 2.5 && c.radius < 4.5)
    }
    // Pairs that touch, read off the pictures (micrometres); each nucleus has a spot of its own.
    let pairs: [(t: Int, a: WorldPoint, b: WorldPoint)] = [
      (0, WorldPoint(x: 41.7, y: 42.4, z: 8), WorldPoint(x: 44.1, y: 40.2, z: 9.3)),
      (2, WorldPoint(x: 29.3, y: 40, z: 8), WorldPoint(x: 29, y: 44.8, z: 8)),
      (2, WorldPoint(x: 40.5, y: 42.3, z: 8), WorldPoint(x: 44.2, y: 39.8, z: 8.6)),
    ]
    for pair in pairs {
      let (a, b) = (
        graph.nearest(to: pair.a, at: pair.t, count: 1)[0],
        graph.nearest(to: pair.b, at: pair.t, count: 1)[0]
      )
      #expect(a.id != b.id && max(a.squaredDistance, b.squaredDistance) < 2.5, "\(pair)")
    }
    // The metaphase plate is the brightest thing there.
    let set = graph.spots(at: 0).max {
      graph.feature(DetectionUpdate.qualityFeature, $0)!
        < graph.feature(DetectionUpdate.qualityFeature, $1)!
    }!
    let p = graph.position(set)
    #expect(abs(p.x - 48.3) < 2 && abs(p.y - 34.5) < 3)
  }
}

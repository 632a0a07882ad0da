// From probabilities to ellipsoids: the golden values of elephant-server's code (B.6), and what is better here.

import Core
import Imaging
import Testing
import Tracking

@Suite("Probabilities to spots")
struct ProbabilitySpotsTests {
  private static let size = Size3(x: 48, y: 40, z: 12)
  private static let voxel = VoxelSize(x: 1, y: 1, z: 2)

  /// B.6's volume: one ellipsoid of 0.9, a single voxel, a flat rectangle.
  private func volume() throws -> Volume {
    var values = Self.ellipsoid(radii: (x: 7, y: 5, z: 3), angle: 0)
    values[index(40, 30, 9)] = 0.8
    for y in 3...4 { for x in 3...8 { values[index(x, y, 2)] = 0.7 } }
    return try Volume(floats: values, size: Self.size, voxelSize: Self.voxel)
  }

  private func index(_ x: Int, _ y: Int, _ z: Int) -> Int {
    (z * Self.size.y + y) * Self.size.x + x
  }

  /// 0.9 inside an ellipsoid (world units) at x 22, y 18, z 10 turned by an angle in the plane.
  private static func ellipsoid(radii: (x: Double, y: Double, z: Double), angle: Double) -> [Float]
  {
    var values = [Float](repeating: 0, count: size.count)
    let (c, s) = (cosine(angle), sine(angle))
    for z in 0..<size.z {
      for y in 0..<size.y {
        for x in 0..<size.x {
          let (dx, dy, dz) = (Double(x) - 22, Double(y) - 18, Double(z) * 2 - 10)
          // The inverse of the rotation by the angle in (y, x): columns (cos, sin) and (-sin, cos).
          let (a, b) = (c * dy + s * dx, -s * dy + c * dx)
          let d =
            a * a / (radii.y * radii.y) + b * b / (radii.x * radii.x) + dz * dz
            / (radii.z * radii.z)
          if d < 1 { values[(z * size.y + y) * size.x + x] = 0.9 }
        }
      }
    }
    return values
  }

  private func options(compatible: Bool = true) -> ProbabilitySpots.Options {
    var options = ProbabilitySpots.Options()
    options.compatible = compatible
    return options
  }

  private func world(
    _ found: ProbabilitySpots.Found, origin: WorldPoint = .zero, _ v: VoxelSize = voxel
  ) -> WorldPoint {
    WorldPoint(
      x: (found.center.x + origin.x) * v.x, y: (found.center.y + origin.y) * v.y,
      z: (found.center.z + origin.z) * v.z)
  }

  private func expect(
    _ c: Covariance, _ xx: Double, _ yy: Double, _ zz: Double, xy: Double = 0,
    _ location: SourceLocation = #_sourceLocation
  ) {
    let pairs = [(c.xx, xx), (c.yy, yy), (c.zz, zz), (c.xy, xy), (c.xz, 0), (c.yz, 0)]
    for (ours, golden) in pairs {
      #expect(abs(ours - golden) < 1e-6, "\(c)", sourceLocation: location)
    }
  }

  @Test("B.6: three components, two spots in raster order")
  func golden() throws {
    let found = try ProbabilitySpots.find(in: volume(), voxel: Self.voxel, options: options())
    #expect(found.count == 2)
    #expect(world(found[0]) == WorldPoint(x: 5.5, y: 3.5, z: 4))
    expect(found[0].covariance, 99.2476852, 14.0625, 4)
    #expect(abs(found[0].quality - 0.7) < 1e-6)
    #expect(world(found[1]).distance(to: WorldPoint(x: 22, y: 18, z: 10)) < 1e-9)
    expect(found[1].covariance, 279.0834697, 138.6918834, 98.3451536)
    #expect(abs(found[1].quality - 0.9) < 1e-6)
  }

  @Test("B.6: radii are clamped from above and dropped below; the origin of a box counts")
  func limits() throws {
    var options = options()
    (options.minRadius, options.maxRadius) = (4, 12)
    let found = try ProbabilitySpots.find(in: volume(), voxel: Self.voxel, options: options)
    #expect(found.count == 1)
    let position = world(found[0], origin: WorldPoint(x: 20, y: 10, z: 1))
    #expect(position.distance(to: WorldPoint(x: 42, y: 28, z: 12)) < 1e-9)
    expect(found[0].covariance, 144, 138.6918834, 98.3451536)
  }

  @Test("B.6: 2D on slice 5")
  func plane() throws {
    let slice = try volume().slice(axis: .z, index: 5)
    let found = try ProbabilitySpots.find(in: slice, voxel: .one, options: options())
    #expect(found.count == 1)
    #expect(world(found[0], .one).distance(to: WorldPoint(x: 22, y: 18, z: 0)) < 1e-9)
    expect(found[0].covariance, 345.1676529, 181.0699588, 1)
  }

  @Test("B.6: use_2d")
  func planewise() throws {
    var options = options()
    options.planewise = true
    let found = try ProbabilitySpots.find(in: volume(), voxel: Self.voxel, options: options)
    expect(found[1].covariance, 279.0834697, 138.6918834, 15.7352246)
  }

  @Test("B.6: rotated")
  func rotated() throws {
    let values = Self.ellipsoid(radii: (x: 9, y: 5, z: 4), angle: 0.6)
    #expect(values.count { $0 > 0 } == 349)
    let turned = try Volume(floats: values, size: Self.size, voxelSize: Self.voxel)
    let found = try ProbabilitySpots.find(in: turned, voxel: Self.voxel, options: options())
    expect(found[0].covariance, 362.0350207, 264.0206168, 104.9347342, xy: -146.7989126)
  }

  @Test("The threshold itself does not count, and counts of components include what is dropped")
  func threshold() throws {
    var options = options()
    options.threshold = Double(Float(0.7))
    var finder = ProbabilitySpots(width: 48, height: 40, voxel: Self.voxel, options: options)
    let volume = try volume()
    for z in 0..<12 {
      let plane = try volume.slice(axis: .z, index: z)
      try plane.withVoxels(as: Float.self) { voxels in
        nonisolated(unsafe) let voxels = voxels
        try finder.append(planes: 1, center: { _ in voxels })
      }
    }
    #expect(try finder.found().count == 1)
    #expect(finder.componentCount == 2)
  }

  @Test("Clean: what is one voxel thin is as thick as a voxel, along its own axis")
  func thin() throws {
    // Two voxels wide along y and x, one along x: ELEPHANT would give it the extent of the wrong axis.
    var values = [Float](repeating: 0, count: Self.size.count)
    for z in 4...6 { for y in 10...14 { values[index(20, y, z)] = 0.9 } }
    values[index(40, 30, 9)] = 0.8
    let volume = try Volume(floats: values, size: Self.size)
    let clean = try ProbabilitySpots.find(
      in: volume, voxel: Self.voxel, options: options(compatible: false))
    #expect(clean.count == 2)
    #expect(abs(clean[0].covariance.xx - 1) < 1e-9)
    let single = clean[1].covariance
    #expect(abs(single.xx - 1) < 1e-9 && abs(single.zz - 4) < 1e-9)
    let shipped = try ProbabilitySpots.find(in: volume, voxel: Self.voxel, options: options())
    #expect(shipped.count == 1)
    #expect(abs(shipped[0].covariance.xx - 4) < 1e-9)
  }

  /// Two balls that touch, with probabilities that fall towards their surfaces; world units.
  private func twins(distance: Double, radius: Double) throws -> Volume {
    var values = [Float](repeating: 0, count: Self.size.count)
    let centres = [24 - distance / 2, 24 + distance / 2]
    for z in 0..<Self.size.z {
      for y in 0..<Self.size.y {
        for x in 0..<Self.size.x {
          let (dy, dz) = (Double(y) - 20, Double(z) * 2 - 10)
          let nearest = centres.map { c in
            let dx = Double(x) - c
            return (dx * dx + dy * dy + dz * dz).squareRoot()
          }.min()!
          // One inside, zero outside, linear over a voxel at the surface: the share of the voxel that is covered.
          values[index(x, y, z)] = Float(min(1, max(0, radius - nearest + 0.5)))
        }
      }
    }
    return try Volume(floats: values, size: Self.size)
  }

  @Test(
    "Separation divides touching nuclei where the probability is flat, and only these",
    arguments: ProbabilitySpots.Separation.Method.allCases)
  func separation(_ method: ProbabilitySpots.Separation.Method) throws {
    var options = options(compatible: false)
    let touching = try twins(distance: 11, radius: 6)
    #expect(
      try ProbabilitySpots.find(in: touching, voxel: Self.voxel, options: options).count == 1)
    var separation = ProbabilitySpots.Separation()
    separation.method = method
    options.separation = separation
    let found = try ProbabilitySpots.find(in: touching, voxel: Self.voxel, options: options)
    #expect(found.count == 2)
    if found.count == 2 {
      let xs = found.map(\.center.x).sorted()
      #expect(abs(xs[0] - 18.5) < 0.7 && abs(xs[1] - 29.5) < 0.7)
      let ratio = found[0].covariance.volume / found[1].covariance.volume
      #expect(ratio > 0.8 && ratio < 1.25)
    }
    let one = try twins(distance: 0, radius: 6)
    #expect(try ProbabilitySpots.find(in: one, voxel: Self.voxel, options: options).count == 1)
    // A long nucleus is one nucleus.
    let long = try Volume(
      floats: Self.ellipsoid(radii: (x: 14, y: 5, z: 5), angle: 0.6), size: Self.size)
    #expect(try ProbabilitySpots.find(in: long, voxel: Self.voxel, options: options).count == 1)
  }

  @Test("Peaks find shallow dips that the watershed takes for none, unless they are too near")
  func peaks() throws {
    // A bar with a shallow dip in its middle.
    var values = [Float](repeating: 0, count: Self.size.count)
    for z in 3...7 {
      for y in 17...23 {
        for x in 10...38 { values[index(x, y, z)] = (23...25).contains(x) ? 0.85 : 0.9 }
      }
    }
    let map = try Volume(floats: values, size: Self.size)
    var options = options(compatible: false)
    var separation = ProbabilitySpots.Separation(depth: 0.3, smoothing: 0.1)
    options.separation = separation
    #expect(try ProbabilitySpots.find(in: map, voxel: Self.voxel, options: options).count == 1)
    separation.method = .peaks
    options.separation = separation
    #expect(try ProbabilitySpots.find(in: map, voxel: Self.voxel, options: options).count == 2)
    separation.spacing = 3
    options.separation = separation
    #expect(try ProbabilitySpots.find(in: map, voxel: Self.voxel, options: options).count == 1)
  }

  @Test("Refined ellipsoids have the size of the nuclei, whatever the size of their centres")
  func refined() throws {
    // Centres are smaller than the center ratio says, so that plain ellipsoids are too small.
    let distance = 13.0
    let nuclei = try twins(distance: distance, radius: 6.3)
    let centres = try twins(distance: distance, radius: 2.2)
    var options = options(compatible: false)
    options.centerRatio = 0.5
    let plain = try ProbabilitySpots.find(in: centres, voxel: Self.voxel, options: options)
    #expect(plain.count == 2 && plain.allSatisfy { $0.covariance.meanRadius < 5.6 })
    options.refine = true
    let background = try 1.0 - nuclei
    let found = try ProbabilitySpots.find(
      in: centres, background: background, voxel: Self.voxel, options: options)
    #expect(found.count == 2)
    for spot in found {
      let radii = spot.covariance.radii
      #expect(radii.x > 5.6 && radii.z < 6.9, "\(radii)")
      #expect(abs(abs(spot.center.x - 24) - distance / 2) < 0.4)
    }
    options.maxRadius = 5
    let limited = try ProbabilitySpots.find(
      in: centres, background: background, voxel: Self.voxel, options: options)
    #expect(limited.allSatisfy { $0.covariance.radii.z < 5.001 })
    #expect(throws: HowdahError.self) {
      try ProbabilitySpots.find(in: centres, voxel: Self.voxel, options: options)
    }
  }

  @Test("Options that make no sense are refused")
  func refused() throws {
    let volume = try volume()
    let changes: [(inout ProbabilitySpots.Options) -> Void] = [
      { $0.threshold = 1 }, { $0.centerRatio = 0 }, { $0.minRadius = -1 },
      { ($0.minRadius, $0.maxRadius) = (3, 2) }, { $0.separation = .init(depth: 1) },
    ]
    for change in changes {
      var options = options()
      change(&options)
      #expect(throws: HowdahError.self) {
        try ProbabilitySpots.find(in: volume, voxel: Self.voxel, options: options)
      }
    }
  }
}

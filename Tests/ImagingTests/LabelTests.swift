// Counting and drawing label images.

import Core
import Imaging
import Testing

@Suite("Labels")
struct LabelTests {
  private func random(_ size: Size3, _ labels: [UInt16], seed: UInt64) throws -> Volume {
    var random = SeededRandom(seed: seed)
    var values: [UInt16] = []
    // Runs of random length, most of them background.
    while values.count < size.count {
      let label = random.uniform() < 0.5 ? 0 : labels[random.below(labels.count)]
      values += Array(repeating: label, count: 1 + random.below(25))
    }
    return try Volume(uint16s: Array(values.prefix(size.count)), size: size)
  }

  @Test("Overlaps are what a count voxel by voxel gives, for all types and any number of threads")
  func overlap() throws {
    let size = Size3(x: 37, y: 23, z: 9)
    let a = try random(size, [1, 2, 7, 255, 12], seed: 1)
    let b = try random(size, [3, 250, 9], seed: 2)
    var pairs: [[Int]: Int] = [:]
    for (x, y) in zip(a.values(), b.values()) where x > 0 && y > 0 {
      pairs[[Int(x), Int(y)], default: 0] += 1
    }
    for (ta, tb) in [(VoxelType.uint16, VoxelType.uint16), (.uint8, .float32), (.float32, .uint8)] {
      for isParallel in [false, true] {
        let found = try LabelOverlap(
          a.converted(to: ta), b.converted(to: tb), isParallel: isParallel)
        #expect(found.a.map(\.label) == [1, 2, 7, 12, 255] && found.b.map(\.label) == [3, 9, 250])
        #expect(found.a.reduce(0) { $0 + $1.voxels } == a.values().filter { $0 > 0 }.count)
        #expect(found.b[0].voxels == b.values().filter { $0 == 3 }.count)
        #expect(found.pairs.count == pairs.count)
        for pair in found.pairs { #expect(pairs[[Int(pair.a), Int(pair.b)]] == pair.voxels) }
      }
    }
  }

  @Test("Many labels")
  func manyLabels() throws {
    let size = Size3(x: 70, y: 70, z: 10)
    let a = try Volume(uint16s: (0..<49000).map { UInt16($0) }, size: size)
    let found = try LabelOverlap(a, a)
    #expect(found.a.count == 48999 && found.pairs.count == 48999)
    #expect(found.pairs.allSatisfy { $0.a == $0.b && $0.voxels == 1 })
  }

  @Test("What is no label is refused")
  func noLabels() throws {
    let size = Size3(x: 2, y: 1, z: 1)
    let good = try Volume(floats: [0, 1], size: size)
    for value in [Float(-1), 0.5, .nan, .infinity, 2e7] {
      let bad = try Volume(floats: [value, 0], size: size)
      #expect(throws: HowdahError.self) { try LabelOverlap(good, bad) }
      #expect(throws: HowdahError.self) { try bad.labelMoments() }
    }
    #expect(throws: HowdahError.self) {
      try LabelOverlap(good, Volume(floats: [0, 1, 2], size: Size3(x: 3, y: 1, z: 1)))
    }
  }

  @Test("Moments by runs are those by voxels")
  func moments() throws {
    let size = Size3(x: 31, y: 17, z: 6)
    let volume = try random(size, [1, 2, 3, 4], seed: 5)
    let labels = try LabelVolume(labels: volume.values().map { UInt32($0) }, size: size)
    #expect(try volume.labelMoments() == labels.moments())
  }

  @Test("An ellipsoid covers the voxels whose centres lie inside")
  func inside() throws {
    let size = Size3(x: 30, y: 25, z: 12)
    let shape = Covariance(xx: 30, xy: 8, xz: 3, yy: 20, yz: -2, zz: 9)
    let center = WorldPoint(x: 14.3, y: 11.6, z: 5.2)
    let drawn = try Volume.painted(
      [LabelledEllipsoid(center: center, covariance: shape, label: 9)], size: size)
    let inverse = shape.matrix.inverse!
    for z in 0..<size.z {
      for y in 0..<size.y {
        for x in 0..<size.x {
          let d = WorldPoint(x: Double(x), y: Double(y), z: Double(z)) - center
          let v = inverse * d
          let isInside = d.x * v.x + d.y * v.y + d.z * v.z < 1
          #expect(drawn[x: x, y: y, z: z] == (isInside ? 9 : 0))
        }
      }
    }
  }

  @Test("Touching ellipsoids part half-way, a small one in a large one stays")
  func overlaps() throws {
    let size = Size3(x: 41, y: 21, z: 1)
    func ball(_ x: Double, _ r: Double, _ label: UInt32) -> LabelledEllipsoid {
      LabelledEllipsoid(
        center: WorldPoint(x: x, y: 10, z: 0), covariance: .sphere(radius: r), label: label)
    }
    let two = try Volume.painted([ball(15, 8, 1), ball(25, 8, 2)], size: size)
    #expect(two[x: 19, y: 10, z: 0] == 1 && two[x: 21, y: 10, z: 0] == 2)
    #expect(two[x: 20, y: 10, z: 0] == 1, "equal distance: the earlier one")
    for order in [[ball(20, 9, 1), ball(22, 2, 2)], [ball(22, 2, 2), ball(20, 9, 1)]] {
      let inner = try Volume.painted(order, size: size)
      #expect(inner[x: 22, y: 10, z: 0] == 2 && inner[x: 14, y: 10, z: 0] == 1)
    }
  }

  @Test("Every ellipsoid has a voxel: thin, hidden, outside, all at one place")
  func claims() throws {
    let size = Size3(x: 8, y: 8, z: 2)
    var list = (0..<12).map {
      LabelledEllipsoid(
        center: WorldPoint(x: 3.4, y: 3.4, z: 0.5), covariance: .sphere(radius: 0.01),
        label: UInt32($0 + 1))
    }
    list.append(
      LabelledEllipsoid(
        center: WorldPoint(x: 3.4, y: 3.4, z: 0.5), covariance: .sphere(radius: 0), label: 70))
    list.append(
      LabelledEllipsoid(
        center: WorldPoint(x: 90, y: -40, z: 7), covariance: .sphere(radius: 3), label: 80))
    let drawn = try Volume.painted(list, size: size)
    #expect(Set(drawn.values()).subtracting([0]).count == 14)
    #expect(drawn[x: 7, y: 0, z: 1] == 80)
    let full = (0..<128).map {
      LabelledEllipsoid(
        center: WorldPoint(x: 1, y: 1, z: 0), covariance: .sphere(radius: 0), label: UInt32($0 + 1))
    }
    #expect(Set(try Volume.painted(full, size: size).values()).count == 128)
    #expect(throws: HowdahError.self) { try Volume.painted(full + [full[0]], size: size) }
  }

  @Test("Labels beyond 16 bits become float32")
  func wide() throws {
    let drawn = try Volume.painted(
      [LabelledEllipsoid(center: .zero, covariance: .sphere(radius: 1.5), label: 70000)],
      size: Size3(x: 4, y: 4, z: 1))
    #expect(drawn.type == .float32 && drawn[x: 1, y: 1, z: 0] == 70000)
  }
}

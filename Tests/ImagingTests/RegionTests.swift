// Local maxima, connected components and moments, against scipy and against naive versions.

import Core
import Imaging
import Testing

@Suite struct RegionTests {
  @Test(arguments: ["solid", "flat"])
  func labelsAgreeWithScipy(_ name: String) throws {
    let golden = try Golden()
    let mask = try golden.volume("label.\(name).in", .uint8)
    let six = try mask.labelled(connectivity: .six)
    #expect(six.labels.map(Double.init) == (try golden.values("label.\(name).six")))
    let all = try mask.labelled(connectivity: .twentySix)
    #expect(all.labels.map(Double.init) == (try golden.values("label.\(name).twentysix")))
    #expect(try all.volume().type == .uint16)
  }

  @Test(arguments: [Connectivity.six, .twentySix])
  func labelsAgreeWithFloodFill(_ connectivity: Connectivity) throws {
    let size = Size3(x: 70, y: 45, z: 30)
    let mask = try randomVolume(size).threshold(connectivity == .six ? 2800 : 3500)
    let got = try mask.labelled(connectivity: connectivity)
    let values = mask.values()
    var labels = [UInt32](repeating: 0, count: size.count)
    var count: UInt32 = 0
    for start in 0..<size.count where values[start] != 0 && labels[start] == 0 {
      count += 1
      var stack = [start]
      labels[start] = count
      while let at = stack.popLast() {
        let (x, y, z) = (at % size.x, at / size.x % size.y, at / (size.x * size.y))
        for n in 0..<27 {
          let (dx, dy, dz) = (n % 3 - 1, n / 3 % 3 - 1, n / 9 - 1)
          if connectivity == .six && abs(dx) + abs(dy) + abs(dz) > 1 { continue }
          guard mask.contains(x: x + dx, y: y + dy, z: z + dz) else { continue }
          let other = ((z + dz) * size.y + y + dy) * size.x + x + dx
          if values[other] != 0 && labels[other] == 0 {
            labels[other] = count
            stack.append(other)
          }
        }
      }
    }
    #expect(got.count == Int(count))
    #expect(got.labels == labels)
  }

  @Test func emptyAndFullMasks() throws {
    let size = Size3(x: 5, y: 4, z: 3)
    #expect(try Volume(zeroed: size, type: .uint8).labelled().count == 0)
    let full = try Volume(zeroed: size, type: .uint8).scaled(by: 0, plus: 1).labelled(
      connectivity: .six)
    #expect(full.count == 1 && full.labels.allSatisfy { $0 == 1 })
  }

  @Test(arguments: ["solid", "flat"])
  func momentsAgreeWithNumpy(_ name: String) throws {
    let golden = try Golden()
    let labels = try golden.volume("label.\(name).in", .uint8).labelled()
    let moments = try labels.moments(intensity: golden.volume("moments.\(name).intensity", .uint16))
    let expected = try golden.rows("moments.\(name).out")
    #expect(moments.count == expected.count)
    func flat(_ p: WorldPoint, _ c: Covariance) -> [Double] {
      [p.x, p.y, p.z, c.xx, c.xy, c.xz, c.yy, c.yz, c.zz]
    }
    for (m, row) in zip(moments, expected) {
      let weighted = try flat(#require(m.weightedCentroid), #require(m.weightedCovariance))
      let got = [Double(m.count)] + flat(m.centroid, m.covariance) + [m.intensitySum] + weighted
      #expect(largestDifference(got, row) < 1e-6)
    }
  }

  @Test func momentsOfABallGiveItsRadius() throws {
    let size = Size3(x: 41, y: 41, z: 21)
    var values: [Float] = []
    for z in 0..<21 {
      for y in 0..<41 {
        for x in 0..<41 {
          let (dx, dy, dz) = (Double(x - 20), Double(y - 19), Double(z - 10) * 2)
          values.append(dx * dx + dy * dy + dz * dz <= 144 ? 1 : 0)
        }
      }
    }
    let ball = try Volume(floats: values, size: size)
    let m = try ball.labelled().moments()[0]
    let map = Affine3(scale: VoxelSize(x: 1, y: 1, z: 2))
    #expect(m.worldCentroid(map).distance(to: WorldPoint(x: 20, y: 19, z: 20)) < 1e-9)
    #expect(abs(m.ellipsoid(map).meanRadius - 12) < 0.1)
    #expect(m.weightedCentroid == nil && m.box.origin == Size3(x: 8, y: 7, z: 4))
  }

  @Test func absentLabelsHaveNoVoxels() throws {
    let labels = try LabelVolume(labels: [0, 3, 3], size: Size3(x: 3, y: 1, z: 1))
    #expect(try labels.moments().map(\.count) == [0, 0, 2])
  }

  @Test func maximaAgreeWithScipy() throws {
    let golden = try Golden()
    let volume = try golden.volume("maxima.in")
    let expected = Set(try golden.rows("maxima.out"))
    let got = try volume.localMaxima()
    #expect(Set(got.map { [Double($0.x), Double($0.y), Double($0.z)] }) == expected)
    #expect(got.map(\.value) == got.map(\.value).sorted(by: >))
    let wide = try volume.localMaxima(radius: (4, 4, 2))
    let expectedWide = Set(try golden.rows("maxima.wide.out"))
    #expect(Set(wide.map { [Double($0.x), Double($0.y), Double($0.z)] }) == expectedWide)
    let high = try volume.localMaxima(threshold: got[3].value)
    #expect(high == Array(got[0..<3]))
  }

  @Test func aPlateauCountsOnce() throws {
    // A flat top of 3 x 3, and a shoulder that touches something higher.
    let rows: [[Float]] = [
      [0, 0, 0, 0, 0, 0, 0, 0, 0],
      [0, 5, 5, 5, 0, 3, 3, 3, 4],
      [0, 5, 5, 5, 0, 0, 0, 0, 0],
      [0, 5, 5, 5, 0, 0, 0, 0, 0],
      [0, 0, 0, 0, 0, 0, 0, 0, 0],
    ]
    let flat = try Volume(floats: rows.flatMap { $0 }, size: Size3(x: 9, y: 5, z: 1))
    let found = try flat.localMaxima().map { [$0.x, $0.y] }
    #expect(found == [[2, 2], [8, 1]])
    let constant = try Volume(uint8s: Array(repeating: 4, count: 60), size: Size3(x: 5, y: 4, z: 3))
    #expect(try constant.localMaxima().isEmpty)
  }

  @Test func equalPeaksWithinTheRadiusKeepTheFirst() throws {
    let line = try Volume(floats: [0, 9, 0, 9, 0, 0, 9, 0], size: Size3(x: 8, y: 1, z: 1))
    #expect(try line.localMaxima(radius: (2, 0, 0)).map(\.x) == [1, 6])
    #expect(try line.localMaxima(radius: (1, 0, 0)).map(\.x) == [1, 3, 6])
  }
}

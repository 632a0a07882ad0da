// Label images as ELEPHANT draws them, beside the rule written down naively.

import Core
import Imaging
import Testing

@Suite("Painting in shells")
struct ShellPaintingTests {
  private static let size = Size3(x: 24, y: 20, z: 9)
  private static let voxel = VoxelSize(x: 1, y: 1, z: 2)

  /// A ball in voxel coordinates, from world units.
  private static func ball(
    _ x: Double, _ y: Double, _ z: Double, _ radius: Double, _ label: UInt32
  ) -> LabelledEllipsoid {
    LabelledEllipsoid(
      center: WorldPoint(x: x, y: y, z: z),
      covariance: .axisAligned(x: radius, y: radius, z: radius / 2), label: label)
  }

  private func painted(_ list: [LabelledEllipsoid]) throws -> [Int] {
    try Volume.paintedInShells(list, size: Self.size, voxelSize: Self.voxel).values().map {
      Int($0)
    }
  }

  @Test(
    "Large balls: sixteen passes from the outside in, later ones over earlier ones, then centres")
  func passes() throws {
    // Two that overlap, and one at the rim.
    let balls = [
      Self.ball(9, 9, 4, 7, 1), Self.ball(14.5, 10.5, 4.4, 6, 2), Self.ball(22.6, 3, 1, 5, 3),
    ]
    var wanted = [Int](repeating: 0, count: Self.size.count)
    for pass in 0..<16 {
      for ball in balls {
        let radius = ball.covariance.xx.squareRoot() * (1 - 0.05 * Double(pass))
        let half = SIMD3(radius, radius, radius / 2)
        let c = SIMD3(ball.center.x, ball.center.y, ball.center.z)
        var (low, high) = (c - half, c + half)
        low.round(.down)
        high.round(.up)
        // Squared distances of the voxels in the box, in radii.
        var distances: [Int: Double] = [:]
        for i in wanted.indices {
          let v = SIMD3(Double(i % 24), Double(i / 24 % 20), Double(i / 480))
          guard all(v .>= low), all(v .<= high) else { continue }
          let d = (v - c) / half
          distances[i] = (d * d).sum()
        }
        var limit = 1.0
        while distances.values.count(where: { $0 < limit }) < 20 { limit *= 1.1 }
        for (i, d) in distances where d < limit { wanted[i] = Int(ball.label) }
      }
    }
    for ball in balls {
      let c = ball.center
      wanted[(Int(c.z) * 20 + Int(c.y)) * 24 + Int(c.x)] = Int(ball.label)
    }
    let result = try painted(balls)
    #expect(result == wanted)
    #expect(result.count { $0 == 1 } > 300 && result.count { $0 == 2 } > 200)
    // The core of the first one is not covered by the second, whose shell reaches it.
    #expect(result[(4 * 20 + 9) * 24 + 12] == 1)
  }

  @Test("A tiny one has 20 voxels, a covered one at least its centre, one outside nothing")
  func corners() throws {
    let tiny = try painted([Self.ball(12, 10, 4, 0.2, 7)])
    #expect(tiny.count { $0 == 7 } >= 20 && tiny.count { $0 == 7 } < 40)
    #expect(tiny[(4 * 20 + 10) * 24 + 12] == 7)
    let covered = try painted([Self.ball(12.9, 10.9, 4.9, 5, 4), Self.ball(12.9, 10.9, 4.9, 5, 5)])
    #expect(covered.allSatisfy { $0 != 4 } && covered[(4 * 20 + 10) * 24 + 12] == 5)
    #expect(try painted([Self.ball(60, 60, 60, 3, 6)]).allSatisfy { $0 == 0 })
    #expect(throws: HowdahError.self) { try painted([Self.ball(5, 5, 4, 3, 70_000)]) }
  }
}

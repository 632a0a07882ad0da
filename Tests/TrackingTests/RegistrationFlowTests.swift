// Motion of a tissue measured from its images alone.

import Core
import Foundation
import Imaging
import Lineage
import Testing
import Tracking

@Suite("Registration of frames")
struct RegistrationFlowTests {
  /// Blobs of 2 voxels' radius at random places, moved by a function of the place, as in two frames.
  private func frames(
    size: Size3 = Size3(x: 80, y: 72, z: 10), _ move: (WorldPoint) -> WorldPoint
  ) throws -> (earlier: Volume, later: Volume) {
    var random = SeededRandom(seed: 11)
    // The later frame is drawn from places, the earlier one from where they came from.
    let places = (0..<260).map { _ in
      WorldPoint(
        x: random.uniform(-8, Double(size.x) + 8), y: random.uniform(-8, Double(size.y) + 8),
        z: random.uniform(-2, Double(size.z) + 2))
    }
    let light = places.map { _ in Float(random.uniform(0.3, 1)) }
    func draw(_ centers: [WorldPoint]) throws -> Volume {
      var values = [Float](repeating: 0, count: size.count)
      for (p, l) in zip(centers, light) {
        func near(_ v: Double, _ count: Int) -> StrideThrough<Int> {
          stride(from: max(0, Int(v) - 5), through: min(count - 1, Int(v) + 5), by: 1)
        }
        for z in near(p.z, size.z) {
          for y in near(p.y, size.y) {
            for x in near(p.x, size.x) {
              let q = WorldPoint(x: Double(x), y: Double(y), z: Double(z))
              values[(z * size.y + y) * size.x + x] += l * Float(exp(-q.squaredDistance(to: p) / 4))
            }
          }
        }
      }
      for i in values.indices { values[i] = min(1, values[i] + 0.05 * Float(random.uniform())) }
      return try Volume(floats: values, size: size)
    }
    return (try draw(places.map { $0 + move($0) }), try draw(places))
  }

  @Test("A shift of all is found to a fraction of a voxel, up to the rim")
  func shift() throws {
    let way = WorldPoint(x: -5.4, y: 3.2, z: 1)
    let (earlier, later) = try frames { _ in way }
    let field = try FrameRegistration(earlier: earlier, later: later)
    for x in [10.0, 40, 70] {
      for y in [10.0, 36, 62] {
        let found = field.way(at: WorldPoint(x: x, y: y, z: 5))
        #expect(found.distance(to: way) < 0.5, "at \(x) \(y): \(found)")
      }
    }
  }

  @Test("A way that differs from place to place is followed")
  func shear() throws {
    func move(_ p: WorldPoint) -> WorldPoint {
      WorldPoint(x: 0.1 * (p.y - 36), y: -0.06 * (p.x - 40), z: 0)
    }
    let (earlier, later) = try frames(move)
    let field = try FrameRegistration(earlier: earlier, later: later)
    var errors: [Double] = []
    for x in stride(from: 8.0, through: 72, by: 8) {
      for y in stride(from: 8.0, through: 64, by: 8) {
        let p = WorldPoint(x: x, y: y, z: 5)
        errors.append(field.way(at: p).distance(to: move(p)))
      }
    }
    #expect(errors.sorted()[errors.count * 9 / 10] < 0.8)
  }

  @Test("Frames without contrast do not move; frames of two sizes are refused; one plane is enough")
  func edges() throws {
    let blank = try Volume(zeroed: Size3(x: 30, y: 20, z: 4), type: .float32)
    let field = try FrameRegistration(earlier: blank, later: blank)
    #expect(field.way(at: WorldPoint(x: 3, y: 9, z: 1)) == .zero)
    let other = try Volume(zeroed: Size3(x: 30, y: 20, z: 5), type: .float32)
    #expect(throws: HowdahError.self) { try FrameRegistration(earlier: blank, later: other) }
    let (earlier, later) = try frames(size: Size3(x: 64, y: 64, z: 1)) { _ in
      WorldPoint(x: 3, y: -2, z: 0)
    }
    var options = FrameRegistration.Options()
    options.reach.z = 0
    options.half.z = 0
    let flat = try FrameRegistration(earlier: earlier, later: later, options: options)
    let way = flat.way(at: WorldPoint(x: 32, y: 32, z: 0))
    #expect(way.distance(to: WorldPoint(x: 3, y: -2, z: 0)) < 0.5)
  }

  @Test("On simulated pairs it leaves less than half of the motion")
  func pairs() throws {
    var (before, after) = (0.0, 0.0)
    for i in 900..<905 {
      let pair = try PairVariety(seed: 8).pair(i)
      let images = try MemoryImageSource([[pair.earlier], [pair.later]])
      let flow = try RegistrationFlow(images, radius: pair.options.radius)
      let answers = try #require(
        try flow.predict(
          1,
          pair.marks.map {
            .init(spot: SpotID(0), position: $0.position, covariance: $0.covariance)
          }))
      for (mark, answer) in zip(pair.marks, answers) {
        before += mark.position.distance(to: mark.source)
        after += answer.position.distance(to: mark.source)
      }
    }
    #expect(after < 0.5 * before)
  }

  @Test("Timepoint 0 has no answer, one without an image says so, and it stops when told to")
  func bounds() throws {
    let pair = try PairVariety(seed: 8).pair(1)
    let images = try MemoryImageSource([[pair.earlier], [pair.later]])
    let flow = try RegistrationFlow(images, radius: 3.5)
    #expect(try flow.predict(0, []) == nil)
    #expect(throws: HowdahError.self) { try flow.predict(2, []) }
    #expect(throws: HowdahError.self) { try RegistrationFlow(images, radius: 0) }
    #expect(throws: HowdahError.self) { try RegistrationFlow(images, radius: 1, reach: 30) }
    let progress = Core.Progress()
    progress.cancel()
    let stopped = try RegistrationFlow(images, radius: 3.5, progress: progress)
    let error = #expect(throws: HowdahError.self) { try stopped.predict(1, []) }
    #expect(error?.kind == .interrupted)
  }
}

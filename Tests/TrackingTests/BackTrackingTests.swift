// Following a spot backward: the worked examples BT-1 and BT-2, and what they leave open.

import Core
import Lineage
import Testing
import Tracking

@Suite("Back track")
struct BackTrackingTests {
  private static let row = [S(1, t: 0, 0), S(2, t: 1, 1), S(3, t: 2, 2)]

  private func track(
    _ scene: LinkingScene, _ id: UInt32, _ change: (inout BackTracking.Options) -> Void = { _ in },
    flow: NearestNeighborLinker.Flow? = nil, detect: BackTracking.Detect? = nil
  ) throws -> BackTracking.Result {
    var options = BackTracking.Options()
    change(&options)
    return try BackTracking.run(
      SpotID(id), in: scene.graph, options: options, flow: flow, detect: detect)
  }

  @Test("BT-1: a row of spots is linked back to its beginning", arguments: [false, true])
  func bt1(_ compatible: Bool) throws {
    let scene = try LinkingScene(Self.row)
    let result = try track(scene, 3) { $0.compatible = compatible }
    #expect(scene.links == ["1->2", "2->3"])
    #expect(result.links == 2 && result.last == SpotID(1) && result.reason == .beginning)
  }

  @Test("BT-2: a spot that has a parent is where the way ends", arguments: [false, true])
  func bt2(_ compatible: Bool) throws {
    let scene = try LinkingScene(Self.row)
    try scene.link(1, 2, "unlabeled")
    let result = try track(scene, 3) { $0.compatible = compatible }
    #expect(scene.links == ["1->2", "2->3"])
    #expect(result.links == 1 && result.last == SpotID(2) && result.reason == .parent)
  }

  @Test("A spot with a parent gets no second one, but with ELEPHANT's rules")
  func secondParent() throws {
    let spots = Self.row + [S(4, t: 1, 2.5)]
    let scene = try LinkingScene(spots)
    try scene.link(2, 3, "Approved")
    let result = try track(scene, 3)
    #expect(scene.links == ["2->3 Approved"] && result.links == 0 && result.reason == .parent)
    _ = try track(scene, 3) { $0.compatible = true }
    #expect(scene.links == ["2->3 Approved", "4->3", "1->4"])
  }

  @Test("The threshold itself is too far; full and rejected spots are passed over")
  func candidates() throws {
    let far = try LinkingScene([S(1, t: 0, 5), S(2, t: 1, 0)])
    #expect(try track(far, 2).reason == .nothing)
    let crowd = try LinkingScene([
      S(1, t: 0, 0.5, "fp"), S(2, t: 0, 1), S(3, t: 0, 2), S(4, t: 1, 0), S(5, t: 1, 9),
      S(6, t: 1, 10),
    ])
    try crowd.link(2, 5, "unlabeled")
    try crowd.link(2, 6, "unlabeled")
    #expect(try track(crowd, 4).last == SpotID(3))
    try crowd.graph.undo()
    // ELEPHANT looks at the nearest one only, and takes a rejected one.
    #expect(try track(crowd, 4) { $0.compatible = true }.last == SpotID(1))
  }

  @Test("The flow says where to look, each step from the spot that was found")
  func flow() throws {
    let scene = try LinkingScene([S(1, t: 0, 40), S(2, t: 1, 20), S(3, t: 2, 0)])
    var asked: [Int] = []
    let result = try track(
      scene, 3,
      flow: { t, queries in
        asked.append(t)
        return queries.map {
          .init(
            position: $0.position + WorldPoint(x: 19, y: 0, z: 0), squaredDisplacement: 361)
        }
      })
    #expect(asked == [2, 1] && scene.links == ["1->2", "2->3"] && result.reason == .beginning)
  }

  @Test("Where no spot is near, the image is asked around the expected place")
  func detection() throws {
    let scene = try LinkingScene([S(1, t: 0, 0), S(3, t: 2, 2)])
    var places: [WorldPoint] = []
    let result = try track(
      scene, 3,
      detect: { t, p in
        places.append(p)
        let found = DetectedSpot(
          position: WorldPoint(x: 1.5, y: 0, z: 0), covariance: .sphere(radius: 3), quality: 0.7)
        let other = DetectedSpot(
          position: WorldPoint(x: 5, y: 0, z: 0), covariance: .sphere(radius: 3), quality: 0.9)
        return t == 1 ? [other, found] : []
      })
    let new = try #require(scene.graph.spots(at: 1).first)
    #expect(places == [WorldPoint(x: 2, y: 0, z: 0)])
    #expect(result.detected == 1 && result.links == 2 && result.last == SpotID(1))
    #expect(scene.graph.position(new).x == 1.5)
    #expect(scene.graph.feature(DetectionUpdate.qualityFeature, new) == 0.7)
    #expect(scene.links == ["1->\(new)", "\(new)->3"])
    #expect(
      scene.graph.tag(scene.detection, of: new)
        == scene.graph.tag(named: "unlabeled", in: scene.detection))
  }

  @Test("Nothing found ends the way, or a spot is put in when asked, also with no detection at all")
  func interpolation() throws {
    let spots = [S(1, t: 0, 0), S(3, t: 2, 2)]
    let ended = try LinkingScene(spots)
    let result = try track(ended, 3, detect: { _, _ in [] })
    #expect(result.reason == .nothing && ended.links.isEmpty)
    let filled = try LinkingScene(spots)
    let more = try track(filled, 3, { $0.interpolate = true }, detect: { _, _ in [] })
    #expect(more.interpolated == 1 && more.links == 2 && more.reason == .beginning)
    #expect(filled.graph.spots(at: 1).map { filled.graph.position($0).x } == [2])
  }

  @Test("So many steps and no more; one undo point; errors roll back")
  func bounds() throws {
    let scene = try LinkingScene(Self.row)
    let result = try track(scene, 3) { $0.steps = 1 }
    #expect(result.reason == .finished && scene.links == ["2->3"])
    try scene.graph.undo()
    #expect(scene.links.isEmpty)
    #expect(throws: HowdahError.self) {
      try track(
        scene, 3,
        flow: { t, queries in
          if t == 1 { throw HowdahError(.unavailable, "no image") }
          return queries.map { .init(position: $0.position, squaredDisplacement: 0) }
        })
    }
    #expect(scene.links.isEmpty)
    #expect(throws: HowdahError.self) { try track(scene, 3) { $0.steps = 0 } }
  }
}

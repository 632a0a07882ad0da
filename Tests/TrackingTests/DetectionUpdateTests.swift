// The worked examples P-A and P-B of "predict spots", and what protects people's work.

import Core
import Lineage
import Testing
import Tracking

@Suite("Putting predictions into a lineage")
struct DetectionUpdateTests {
  private struct Before {
    var x: Double
    var detection: String?
    var tracking: String?
  }

  private func scene(_ spots: [Before]) throws -> LineageGraph {
    let graph = LineageGraph()
    try graph.edit("before") {
      try graph.ensureElephantTagSets()
      _ = try graph.addSpot(  // takes id 0, so that ids are those of the examples
        t: 9, position: .zero, covariance: .sphere(radius: 1))
      for s in spots {
        let spot = try graph.addSpot(t: 0, position: at(s.x), covariance: .sphere(radius: 2))
        try tag(graph, spot, "Detection", s.detection)
        try tag(graph, spot, "Tracking", s.tracking)
      }
    }
    return graph
  }

  private func at(_ x: Double, z: Double = 10) -> WorldPoint { WorldPoint(x: x, y: 10, z: z) }

  private func tag(_ graph: LineageGraph, _ spot: SpotID, _ set: String, _ tag: String?) throws {
    let set = graph.tagSet(named: set)!
    try graph.setTag(set, of: spot, to: tag.flatMap { graph.tag(named: $0, in: set) })
  }

  private func label(_ graph: LineageGraph, _ spot: SpotID, _ set: String) -> String? {
    let set = graph.tagSet(named: set)!
    return graph.tag(set, of: spot).map { graph.tagSetInfo(set).tags[$0].label }
  }

  private func found(_ p: WorldPoint, radius: Double = 2, quality: Double = 0.5) -> DetectedSpot {
    DetectedSpot(position: p, covariance: .sphere(radius: radius), quality: quality)
  }

  @Test("P-A: judged spots are confirmed, the rest is replaced", arguments: [false, true])
  func pa(compatible: Bool) throws {
    let graph = try scene([
      Before(x: 10, detection: "tp", tracking: "unlabeled"),
      Before(x: 20, detection: "fp", tracking: "unlabeled"),
      Before(x: 30, detection: "tp", tracking: "unlabeled"),
      Before(x: 40, detection: "unlabeled", tracking: "unlabeled"),
      Before(x: 50, detection: "unlabeled", tracking: "Approved"),
      Before(x: 60, detection: nil, tracking: nil),
      Before(x: 70, detection: "fb", tracking: "unlabeled"),
    ])
    let response = [11, 21, 41, 43, 44.5, 50.5, 61].map { found(at($0)) } + [found(at(70, z: 12))]
    var update = DetectionUpdate()
    (update.refit, update.keepsApprovedLinks) = (!compatible, !compatible)
    let counts = try graph.edit("predict") { try update.apply(response, to: graph, at: 0) }
    #expect(counts.added == 2 && counts.removed == 1)
    #expect(counts.confirmed == 3 && counts.suppressed == 3)
    let detection = graph.spots(at: 0).map {
      "\(graph.position($0).x) \(label(graph, $0, "Detection") ?? "none")"
    }
    #expect(
      Set(detection) == [
        "10.0 tp", "20.0 fp", "30.0 fn", "50.0 unlabeled", "60.0 none", "70.0 fb",
        "41.0 unlabeled", "44.5 unlabeled",
      ])
    let new = graph.spots(at: 0).filter { [41, 44.5].contains(graph.position($0).x) }
    #expect(new.allSatisfy { label(graph, $0, "Tracking") == "unlabeled" })
    #expect(new.allSatisfy { graph.feature(DetectionUpdate.qualityFeature, $0) == 0.5 })
  }

  @Test("P-B: exactly at the suppression distance a spot is new")
  func pb() throws {
    let graph = try scene([Before(x: 0, detection: "fn", tracking: "unlabeled")])
    let counts = try graph.edit("predict") {
      try DetectionUpdate().apply([found(at(3))], to: graph, at: 0)
    }
    #expect(counts.added == 1 && counts.confirmed == 0)
    #expect(label(graph, SpotID(1), "Detection") == "fn")
  }

  @Test("Found spots can have a distance of their own, so that daughters side by side both stay")
  func distanceOfFound() throws {
    func added(_ distance: Double?) throws -> [Double] {
      let graph = try scene([Before(x: 0, detection: "fn", tracking: "unlabeled")])
      var update = DetectionUpdate()
      update.distanceOfFound = distance
      let counts = try graph.edit("predict") {
        try update.apply([2, 2.9, 10, 11.5, 12].map { found(at($0)) }, to: graph, at: 0)
      }
      #expect(counts.confirmed == 1)
      #expect(label(graph, SpotID(1), "Detection") == "tp")
      return graph.spots(at: 0).map { graph.position($0).x }
    }
    #expect(try added(nil) == [0, 10])
    #expect(try added(1) == [0, 10, 11.5])
  }

  @Test("Predict removal: 1 and 3 of the five are deleted")
  func removal() throws {
    let graph = try scene([
      Before(x: 0, detection: "unlabeled", tracking: "unlabeled"),
      Before(x: 10, detection: "unlabeled", tracking: "Approved"),
      Before(x: 20, detection: "unlabeled", tracking: nil),
      Before(x: 30, detection: nil, tracking: "unlabeled"),
      Before(x: 40, detection: "tn", tracking: "unlabeled"),
    ])
    _ = try graph.edit("predict") { try DetectionUpdate().apply([], to: graph, at: 0) }
    #expect(graph.spots(at: 0) == [SpotID(2), SpotID(4), SpotID(5)])
  }

  @Test("Q12: a spot with an approved link is kept, and suppresses; ELEPHANT removes it")
  func q12() throws {
    for keeps in [true, false] { try q12(keeps: keeps) }
  }

  private func q12(keeps: Bool) throws {
    let graph = try scene([
      Before(x: 0, detection: "unlabeled", tracking: "unlabeled"),
      Before(x: 10, detection: "unlabeled", tracking: "unlabeled"),
    ])
    try graph.edit("links") {
      let kept = try graph.addLink(SpotID(1), SpotID(0))
      let set = graph.tagSet(named: "Tracking")!
      try graph.setTag(set, of: kept, to: graph.tag(named: "Approved", in: set))
      _ = try graph.addLink(SpotID(2), SpotID(0))
    }
    var update = DetectionUpdate()
    update.keepsApprovedLinks = keeps
    let counts = try graph.edit("predict") {
      try update.apply([found(at(1)), found(at(10))], to: graph, at: 0)
    }
    guard keeps else {
      #expect(counts.removed == 2 && counts.added == 2 && graph.linkCount == 0)
      return
    }
    #expect(counts.removed == 1 && counts.added == 1 && counts.suppressed == 1)
    #expect(graph.contains(SpotID(1)) && graph.linkCount == 1)
  }

  @Test("Q10: refitting is a choice; the first of two found spots wins otherwise")
  func refit() throws {
    let response = [found(at(0), radius: 2), found(at(1), radius: 3, quality: 0.9)]
    let first = try scene([])
    _ = try first.edit("predict") { try DetectionUpdate().apply(response, to: first, at: 0) }
    #expect(first.spots(at: 0).map { first.position($0).x } == [0])
    var update = DetectionUpdate()
    update.refit = true
    let larger = try scene([])
    let counts = try larger.edit("predict") { try update.apply(response, to: larger, at: 0) }
    #expect(counts.refitted == 1)
    #expect(larger.spots(at: 0).map { larger.position($0).x } == [1])
    #expect(larger.feature(DetectionUpdate.qualityFeature, larger.spots(at: 0)[0]) == 0.9)
  }

  @Test("With a box only spots inside are refreshed and removed")
  func box() throws {
    let graph = try scene([
      Before(x: 0, detection: "tp", tracking: "unlabeled"),
      Before(x: 5, detection: "unlabeled", tracking: "unlabeled"),
      Before(x: 50, detection: "tp", tracking: "unlabeled"),
      Before(x: 60, detection: "unlabeled", tracking: "unlabeled"),
    ])
    var update = DetectionUpdate()
    update.box = WorldBox(minimum: at(-10, z: 0), maximum: WorldPoint(x: 20, y: 20, z: 20))
    _ = try graph.edit("predict") { try update.apply([], to: graph, at: 0) }
    #expect(graph.spots(at: 0) == [SpotID(1), SpotID(3), SpotID(4)])
    #expect(label(graph, SpotID(1), "Detection") == "fn")
    #expect(label(graph, SpotID(3), "Detection") == "tp")
  }
}

// What the examples leave open: clearing, boxes, undo, errors, and the rules that differ from ELEPHANT's.

import Core
import Lineage
import Testing
import Tracking

@Suite("Nearest neighbour linking: rules")
struct NearestNeighborRulesTests {
  @Test("Q8: rejected spots nearby hide the parent under ELEPHANT's rules only")
  func q8() throws {
    let spots = [
      S(1, t: 0, 3), S(2, t: 0, 0.1, "fp"), S(3, t: 0, 0.2, "fp"), S(4, t: 0, 0.3, "tn"),
      S(5, t: 1, 0),
    ]
    #expect(try LinkingScene(spots).linked(.clean) == ["1->5"])
    #expect(try LinkingScene(spots).linked(.elephant) == [])
  }

  @Test("Q4: ELEPHANT's far parent loses a child to a link that goes elsewhere")
  func q4() throws {
    // 1 has two children at t 1 already (untagged links stay); 6 at t 2 reaches it over two frames.
    let spots = [S(1, t: 0, 0), S(2, t: 1, 4.9, "fp"), S(3, t: 1, -4.9, "fp"), S(6, t: 2, 1)]
    func run(_ rules: NearestNeighborLinker.Rules) throws -> Set<String> {
      let scene = try LinkingScene(spots)
      try scene.link(1, 2, nil)
      try scene.link(1, 3, nil)
      return try scene.linked(rules) {
        $0.depth = 2
        $0.interpolate = true
        $0.timepoints = 2...2
      }
    }
    #expect(try run(.clean) == ["1->2 untagged", "1->3 untagged", "7->6"])
    #expect(try run(.elephant) == ["1->2 untagged", "7->6"])
  }

  @Test("Q1: ELEPHANT displaces even an approved link; the clean rules never do")
  func q1Approved() throws {
    let spots = [S(1, t: 0, 0), S(2, t: 1, 4), S(3, t: 1, -4.5), S(4, t: 1, 1.1)]
    func run(_ rules: NearestNeighborLinker.Rules) throws -> Set<String> {
      let scene = try LinkingScene(spots)
      try scene.link(1, 2, nil)
      try scene.link(1, 3, "Approved")
      return try scene.linked(rules)
    }
    #expect(try run(.clean) == ["1->3 Approved", "1->4"])
    #expect(try run(.elephant) == ["1->2 untagged", "1->4"])
  }

  @Test("Ties in distance go to the smaller id")
  func ties() throws {
    let scene = try LinkingScene([S(1, t: 0, 2), S(2, t: 0, -2), S(3, t: 1, 0)])
    #expect(try scene.linked(.clean) == ["1->3"])
  }

  @Test("The threshold itself is near enough, anything beyond is not")
  func threshold() throws {
    let scene = try LinkingScene([S(1, t: 0, 0), S(2, t: 1, 5), S(3, t: 1, -5.0001)])
    #expect(try scene.linked(.clean) == ["1->2"])
  }

  @Test("Section 4.2: a box limits who gets a parent and whose links are cleared")
  func box() throws {
    let spots = [S(1, t: 0, 0), S(2, t: 0, 20), S(3, t: 1, 1), S(4, t: 1, 21), S(5, t: 0, 8)]
    let scene = try LinkingScene(spots + [S(6, t: 1, 9)])
    try scene.link(5, 6, "unlabeled")
    let box = WorldBox(
      minimum: WorldPoint(x: -1, y: -1, z: -1), maximum: WorldPoint(x: 9.0, y: 1, z: 1))
    #expect(try scene.linked(.clean) { $0.box = box } == ["1->3", "5->6"])
  }

  @Test("Timepoints count targets, and timepoint 0 has no parents")
  func range() throws {
    let spots = [S(1, t: 0, 0), S(2, t: 1, 1), S(3, t: 2, 2), S(4, t: 3, 3)]
    #expect(try LinkingScene(spots).linked(.clean) { $0.timepoints = 2...2 } == ["2->3"])
    #expect(try LinkingScene(spots).linked(.clean) { $0.timepoints = 0...0 } == [])
    #expect(try LinkingScene(spots).linked(.clean) == ["1->2", "2->3", "3->4"])
  }

  @Test("One call is one undo point, counts say what was done")
  func undo() throws {
    let scene = try LinkingScene([S(1, t: 0, 0), S(2, t: 1, 1), S(3, t: 2, 2), S(4, t: 2, 50)])
    try scene.link(1, 2, "unlabeled")
    let before = scene.links
    let depth = scene.graph.undoNames.count
    let counts = try NearestNeighborLinker.run(scene.graph)
    #expect(counts.linked == 2 && counts.cleared == 1 && counts.unlinked == 1)
    #expect(counts.timepoints == 2)
    #expect(scene.graph.undoNames.count == depth + 1)
    try scene.graph.undo()
    #expect(scene.links == before)
  }

  @Test("A flow without an answer leaves the timepoint unlinked and goes on")
  func incompleteFlow() throws {
    let scene = try LinkingScene([S(1, t: 0, 0), S(2, t: 1, 1), S(3, t: 2, 2)])
    let links = try scene.linked(
      .clean,
      flow: { t, queries in
        t == 2 ? nil : queries.map { .init(position: $0.position, squaredDisplacement: 0) }
      })
    #expect(links == ["1->2"])
  }

  @Test("An error inside rolls everything back")
  func rollback() throws {
    let scene = try LinkingScene([S(1, t: 0, 0), S(2, t: 1, 1), S(3, t: 2, 2)])
    try scene.link(1, 2, "unlabeled")
    #expect(throws: HowdahError.self) {
      try scene.linked(
        .clean,
        flow: { t, queries in
          if t == 1 { throw HowdahError(.unavailable, "no model") }
          return queries.map { .init(position: $0.position, squaredDisplacement: 0) }
        })
    }
    #expect(scene.links == ["1->2"])
    let progress = Progress()
    progress.cancel()
    #expect(throws: HowdahError.self) {
      try NearestNeighborLinker.run(scene.graph, progress: progress)
    }
    #expect(scene.links == ["1->2"])
  }

  @Test("Options out of range are refused by name")
  func options() throws {
    let graph = LineageGraph()
    var options = NearestNeighborLinker.Options()
    options.neighbors = 0
    #expect {
      try NearestNeighborLinker.run(graph, options: options)
    } throws: {
      let e = $0 as? HowdahError
      return e?.kind == .argument && e?.message.contains("neighbors") == true
    }
    #expect(try NearestNeighborLinker.run(graph).timepoints == 0)
  }
}

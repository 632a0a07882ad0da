// The worked examples NN-1 to NN-10 of ELEPHANT's nearest-neighbour linking, under both sets of rules.

import Core
import Lineage
import Testing
import Tracking

private typealias Rules = NearestNeighborLinker.Rules

@Suite("Nearest neighbour linking: worked examples")
struct NearestNeighborExamplesTests {
  @Test("NN-1: each spot finds its own parent", arguments: Rules.allCases)
  func nn1(_ rules: NearestNeighborLinker.Rules) throws {
    let scene = try LinkingScene([S(1, t: 0, 0), S(2, t: 0, 10), S(3, t: 1, 1), S(4, t: 1, 9.5)])
    #expect(try scene.linked(rules) == ["1->3", "2->4"])
  }

  @Test("NN-2: a full parent keeps its two nearer children", arguments: Rules.allCases)
  func nn2(_ rules: NearestNeighborLinker.Rules) throws {
    let scene = try LinkingScene([
      S(1, t: 0, 0), S(2, t: 1, 2), S(3, t: 1, -2), S(4, t: 1, 0, y: 3),
    ])
    #expect(try scene.linked(rules) == ["1->2", "1->3"])
  }

  private func nn3Scene() throws -> LinkingScene {
    try LinkingScene([
      S(1, t: 0, 0), S(2, t: 0, 6), S(3, t: 1, 2.9), S(4, t: 1, 1.5), S(5, t: 1, -2),
    ])
  }

  @Test("NN-3 clean: the longest link gives way and its child is linked again")
  func nn3Clean() throws {
    #expect(try nn3Scene().linked(.clean) == ["1->4", "1->5", "2->3"])
  }

  @Test("NN-3 ELEPHANT: the last link is taken for the longest")
  func nn3Elephant() throws {
    #expect(try nn3Scene().linked(.elephant) == ["1->3", "1->4"])
  }

  @Test("NN-4: with one child a parent, the nearer child displaces", arguments: Rules.allCases)
  func nn4(_ rules: NearestNeighborLinker.Rules) throws {
    let scene = try LinkingScene([S(1, t: 0, 0), S(2, t: 0, 7), S(3, t: 1, 3), S(4, t: 1, 1.2)])
    #expect(try scene.linked(rules) { $0.maxLinks = 1 } == ["1->4", "2->3"])
  }

  private func nn5Scene() throws -> LinkingScene {
    try LinkingScene([S(0, t: 0, 0), S(3, t: 1, 3), S(4, t: 1, 1.2)])
  }

  @Test("NN-5 clean: id 0 is an ordinary id")
  func nn5Clean() throws {
    #expect(try nn5Scene().linked(.clean) { $0.maxLinks = 1 } == ["0->4"])
  }

  @Test("NN-5 ELEPHANT: links at id 0 are never displaced")
  func nn5Elephant() throws {
    #expect(try nn5Scene().linked(.elephant) { $0.maxLinks = 1 } == ["0->3", "0->4"])
  }

  @Test("NN-6: an approved link fills its parent", arguments: Rules.allCases, [1, 2])
  func nn6(_ rules: NearestNeighborLinker.Rules, _ maxLinks: Int) throws {
    let scene = try LinkingScene([S(1, t: 0, 0), S(2, t: 0, 3), S(3, t: 1, 0.5), S(4, t: 1, 1)])
    try scene.link(1, 3, "Approved")
    #expect(try scene.linked(rules) { $0.maxLinks = maxLinks } == ["1->3 Approved", "2->4"])
  }

  @Test("NN-7: rejected spots are neither parents nor children", arguments: Rules.allCases)
  func nn7(_ rules: NearestNeighborLinker.Rules) throws {
    let scene = try LinkingScene([
      S(1, t: 0, 0, "fp"), S(2, t: 0, 3, "tp"), S(3, t: 1, 0.5, "fn"), S(4, t: 1, 3, "tn"),
    ])
    #expect(try scene.linked(rules) == ["2->3"])
  }

  @Test("NN-8: unlabeled links are made anew, others stay", arguments: Rules.allCases)
  func nn8(_ rules: NearestNeighborLinker.Rules) throws {
    let scene = try LinkingScene([
      S(1, t: 0, 0), S(2, t: 0, 5), S(3, t: 0, 10), S(11, t: 1, 1.5), S(12, t: 1, 6.5),
      S(13, t: 1, 11.5),
    ])
    try scene.link(1, 11, "unlabeled")
    try scene.link(3, 12, "Approved")
    try scene.link(2, 13, nil)
    #expect(try scene.linked(rules) == ["1->11", "3->12 Approved", "2->13 untagged"])
  }

  private func nn9Scene() throws -> LinkingScene {
    try LinkingScene([S(1, t: 0, 0), S(9, t: 1, 100), S(2, t: 2, 1)])
  }

  @Test("NN-9: a link over two frames without interpolation", arguments: Rules.allCases)
  func nn9Skip(_ rules: NearestNeighborLinker.Rules) throws {
    #expect(try nn9Scene().linked(rules) { $0.depth = 2 } == ["1->2"])
  }

  @Test("NN-9: interpolation puts a spot between", arguments: Rules.allCases)
  func nn9Interpolated(_ rules: NearestNeighborLinker.Rules) throws {
    let scene = try nn9Scene()
    let links = try scene.linked(rules) {
      $0.depth = 2
      $0.interpolate = true
    }
    #expect(links == ["1->10", "10->2"])
    let new = SpotID(10)
    #expect(scene.graph.timepoint(new) == 1)
    #expect(scene.graph.position(new) == WorldPoint(x: 1, y: 0, z: 0))
    #expect(scene.graph.covariance(new) == .sphere(radius: 1))
    let tag = scene.graph.tag(scene.detection, of: new)
    #expect(tag == scene.graph.tag(named: "unlabeled", in: scene.detection))
  }

  @Test("NN-9: one timepoint alone leaves the new spot parentless", arguments: Rules.allCases)
  func nn9OneStep(_ rules: NearestNeighborLinker.Rules) throws {
    let links = try nn9Scene().linked(rules) {
      $0.depth = 2
      $0.interpolate = true
      $0.timepoints = 2...2
    }
    #expect(links == ["10->2"])
  }

  private func nn10(
    _ rules: NearestNeighborLinker.Rules, _ answers: [(x: Double, sqdisp: Double)]?
  ) throws -> Set<String> {
    let scene = try LinkingScene([S(1, t: 0, 0), S(2, t: 1, 2), S(3, t: 1, -2)])
    guard let answers else { return try scene.linked(rules) }
    return try scene.linked(
      rules,
      flow: { t, queries in
        #expect(t == 1 && queries.map(\.spot) == [SpotID(2), SpotID(3)])
        return answers.map {
          .init(position: WorldPoint(x: $0.x, y: 0, z: 0), squaredDisplacement: $0.sqdisp)
        }
      })
  }

  @Test("NN-10: flow decides whether a mother divides", arguments: Rules.allCases)
  func nn10(_ rules: NearestNeighborLinker.Rules) throws {
    #expect(try nn10(rules, nil) == ["1->2", "1->3"])
    #expect(try nn10(rules, [(1.8, 0.04), (-2, 0)]) == ["1->2"])
    #expect(try nn10(rules, [(0.2, 3.24), (-0.2, 3.24)]) == ["1->2", "1->3"])
  }
}

// Why a link was made: what is remembered, for how long, and the list of doubtful links.

import Core
import Lineage
import Testing
import Tracking

@Suite("Reasons for links")
struct LinkReasonsTests {
  /// 3 lies between 1 and 2, nearer to 1; 5 is far from everything but 4.
  private func scene() throws -> LinkingScene {
    try LinkingScene([
      S(1, t: 0, 0), S(2, t: 0, 3), S(3, t: 1, 1), S(4, t: 0, 100), S(5, t: 1, 100.5),
    ])
  }

  private func link(_ scene: LinkingScene, _ a: UInt32, _ b: UInt32) throws -> LinkID {
    try #require(scene.graph.link(from: SpotID(a), to: SpotID(b)))
  }

  @Test("Nearest neighbours: the chosen parent, the other, and the margin between")
  func nearest() throws {
    let (scene, reasons) = (try scene(), LinkReasons())
    _ = try NearestNeighborLinker.run(scene.graph, reasons: reasons)
    let why = try #require(reasons.reason(for: try link(scene, 1, 3), in: scene.graph))
    #expect(why.method == .nearest && why.step == .link)
    #expect(why.cost == 1 && why.aloneCost == 25 && why.expected == nil)
    #expect(why.alternatives == [.init(parent: scene.graph.ref(SpotID(2)), cost: 4)])
    #expect(abs(why.margin - 0.75) < 1e-6)
    // Nothing else near: the alternative is no parent at all.
    let sure = try #require(reasons.reason(for: try link(scene, 4, 5), in: scene.graph))
    #expect(sure.alternatives.isEmpty && abs(sure.margin - (1 - 0.25 / 25)) < 1e-6)
  }

  @Test("A child that got the second best has a margin below 0")
  func secondBest() throws {
    let (scene, reasons) = (
      try LinkingScene([S(1, t: 0, 0), S(2, t: 0, 4), S(3, t: 1, 0.5), S(4, t: 1, 1.5)]),
      LinkReasons()
    )
    var options = NearestNeighborLinker.Options()
    options.maxLinks = 1
    _ = try NearestNeighborLinker.run(scene.graph, options: options, reasons: reasons)
    let why = try #require(reasons.reason(for: try link(scene, 2, 4), in: scene.graph))
    #expect(why.cost == 6.25 && why.margin < 0)
    #expect(why.alternatives.first?.parent.id == SpotID(1))
  }

  @Test("Assignment: the margin is what the next best solution costs more")
  func assignment() throws {
    let (scene, reasons) = (try scene(), LinkReasons())
    var options = AssignmentLinker.Options()
    options.splitting = false
    options.maxFrameGap = 0
    _ = try AssignmentLinker.run(scene.graph, options: options, reasons: reasons)
    let why = try #require(reasons.reason(for: try link(scene, 1, 3), in: scene.graph))
    #expect(why.method == .lap && why.cost == 1)
    #expect(why.alternatives == [.init(parent: scene.graph.ref(SpotID(2)), cost: 4)])
    #expect(why.margin > 0 && why.margin <= 0.75 + 1e-6)
  }

  @Test("A reason lasts through other edits and undo, and goes with its link")
  func lifetime() throws {
    let (scene, reasons) = (try scene(), LinkReasons())
    _ = try NearestNeighborLinker.run(scene.graph, reasons: reasons)
    let first = try link(scene, 1, 3)
    try scene.graph.edit("other") { try scene.graph.remove(SpotID(5)) }
    #expect(reasons.reason(for: first, in: scene.graph) != nil)
    try scene.graph.edit("remove") { try scene.graph.remove(first) }
    #expect(reasons.reason(for: first, in: scene.graph) == nil)
    try scene.graph.undo()
    #expect(reasons.reason(for: first, in: scene.graph) != nil)
    // The same slot for another link: not its reason.
    try scene.graph.edit("replace") {
      try scene.graph.remove(first)
      let made = try scene.graph.addLink(SpotID(2), SpotID(3))
      #expect(made == first)
    }
    #expect(reasons.reason(for: first, in: scene.graph) == nil)
  }

  @Test("Review: the most doubtful first, judged links left out, timepoints and count kept")
  func review() throws {
    let (scene, reasons) = (try scene(), LinkReasons())
    _ = try NearestNeighborLinker.run(scene.graph, reasons: reasons)
    func items(_ change: (inout LinkReview.Options) -> Void = { _ in }) throws
      -> [LinkReview.Item]
    {
      var options = LinkReview.Options()
      change(&options)
      return try LinkReview.run(scene.graph, reasons: reasons, options: options)
    }
    let doubtful = try link(scene, 1, 3)
    let all = try items()
    #expect(all.map(\.link) == [doubtful, try link(scene, 4, 5)])
    #expect(all[0].alternative == SpotID(2) && all[0].cost == 1)
    #expect(try items { $0.count = 1 }.map(\.link) == [doubtful])
    #expect(try items { $0.timepoints = 0...0 }.isEmpty)
    #expect(try items { $0.maxMargin = 0.5 }.isEmpty)
    try scene.graph.edit("judge") {
      try scene.graph.setTag(
        scene.tracking, of: doubtful, to: scene.graph.tag(named: "Approved", in: scene.tracking))
    }
    #expect(try items().count == 1)
    #expect(try items { $0.onlyUnlabeled = false }.count == 2)
    // Another session knows the margins from the features, but no alternatives.
    let later = try LinkReview.run(scene.graph, reasons: LinkReasons())
    #expect(later.count == 1 && later[0].alternative == nil)
  }

  @Test("Filling gaps puts a spot into every frame that a link skips")
  func fillGaps() throws {
    let scene = try LinkingScene([S(1, t: 0, 0), S(2, t: 3, 3), S(9, t: 1, 100), S(10, t: 2, 50)])
    let reasons = LinkReasons()
    var options = NearestNeighborLinker.Options()
    options.depth = 3
    options.fillGaps = true
    let counts = try NearestNeighborLinker.run(scene.graph, options: options, reasons: reasons)
    #expect(scene.links == ["1->11", "11->12", "12->2"])
    #expect(counts.interpolated == 2)
    #expect(scene.graph.position(SpotID(11)) == WorldPoint(x: 1, y: 0, z: 0))
    #expect(scene.graph.timepoint(SpotID(12)) == 2)
    let part = try link(scene, 11, 12)
    #expect(reasons.reason(for: part, in: scene.graph)?.step == .gap)
    #expect(scene.graph.feature("Link cost", part) == 9)
  }
}

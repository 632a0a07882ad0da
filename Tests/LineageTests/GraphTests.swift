// The graph model of the client spec, section 0: ids, links, labels, stale handles.

import Core
import Lineage
import Testing

@Suite struct GraphTests {
  @Test func idsStartAtZeroAndTheLastFreedOneComesNext() throws {
    let graph = LineageGraph()
    try graph.edit("spots") {
      let ids = try (0..<5).map { try graph.add($0) }
      #expect(ids.map(\.index) == [0, 1, 2, 3, 4])
      try graph.remove(SpotID(1))
      try graph.remove(SpotID(3))
      #expect(try graph.add(9).index == 3)
      #expect(try graph.add(9).index == 1)
      #expect(try graph.add(9).index == 5)
    }
    #expect(graph.spots.map(\.index) == [0, 1, 2, 3, 4, 5])
    #expect(graph.spots(at: 9).map(\.index) == [1, 3, 5])
  }

  @Test func linksKeepTheOrderInWhichTheyWereMade() throws {
    let graph = LineageGraph()
    try graph.edit("links") {
      let a = try graph.add(0)
      let children = try (0..<4).map { _ in try graph.add(1) }
      for child in children.reversed() { try graph.addLink(a, child) }
      #expect(graph.outgoing(a).map { graph.target($0).index } == [4, 3, 2, 1])
      try graph.remove(graph.link(from: a, to: children[2])!)
      #expect(graph.outgoing(a).map { graph.target($0).index } == [4, 2, 1])
      try graph.addLink(a, children[2])
      #expect(graph.outgoing(a).map { graph.target($0).index } == [4, 2, 1, 3])
      #expect(graph.outDegree(a) == 4 && graph.inDegree(a) == 0)
      #expect(graph.incoming(children[2]).map { graph.source($0) } == [a])
    }
  }

  @Test func selfLinksMultiLinksGapsMergesAndBackwardLinksAreLegal() throws {
    let graph = LineageGraph()
    try graph.edit("links") {
      let a = try graph.add(0)
      let b = try graph.add(3)
      let loop = try graph.addLink(a, a)
      let first = try graph.addLink(a, b)
      let second = try graph.addLink(a, b)
      let back = try graph.addLink(b, a)
      #expect(Array(graph.outgoing(a)) == [loop, first, second])
      #expect(Array(graph.incoming(a)) == [loop, back])
      #expect(graph.link(from: a, to: b) == first)
      try graph.remove(a)
      #expect(graph.linkCount == 0 && graph.spots == [b])
      #expect(graph.incoming(b).isEmpty && graph.outgoing(b).isEmpty)
    }
    try graph.undo()
    #expect(graph.spotCount == 0)
    try graph.redo()
    #expect(graph.spots.map(\.index) == [1])
  }

  @Test func removingASpotRemovesItsLinks() throws {
    let graph = try chain(5)
    try graph.edit("remove") { try graph.remove(SpotID(2)) }
    #expect(graph.linkCount == 2)
    #expect(graph.roots().map(\.index) == [0, 3])
    #expect(graph.leaves().map(\.index) == [1, 4])
    try graph.undo()
    #expect(graph.links.map { graph.source($0).index } == [0, 1, 2, 3])
    #expect(graph.roots().map(\.index) == [0])
  }

  @Test func anUnlabelledSpotIsCalledByItsId() throws {
    let graph = LineageGraph()
    try graph.edit("label") {
      _ = try graph.add(0)
      let b = try graph.add(0)
      #expect(graph.label(b) == nil && graph.displayName(b) == "1")
      try graph.setLabel(b, "AB.p")
      #expect(graph.displayName(b) == "AB.p" && graph.labelCount == 1)
      try graph.setLabel(b, nil)
      #expect(graph.label(b) == nil && graph.labelCount == 0)
    }
  }

  @Test func aStaleHandleNeverMeansAnotherSpot() throws {
    let graph = LineageGraph()
    let a = try graph.edit("a") { graph.ref(try graph.add(0)) }
    try graph.edit("remove") { try graph.remove(a.id) }
    #expect(!graph.isCurrent(a) && !graph.contains(a.id))
    let b = try graph.edit("b") { graph.ref(try graph.add(7)) }
    #expect(b.id == a.id && b.generation != a.generation)
    #expect(graph.isCurrent(b) && !graph.isCurrent(a))
    try graph.undo()
    try graph.undo()
    #expect(graph.isCurrent(a) && !graph.isCurrent(b))
    // Another history: what takes the slot now must differ from both.
    try graph.edit("remove again") { try graph.remove(a.id) }
    let c = try graph.edit("c") { graph.ref(try graph.add(8)) }
    #expect(c.id == a.id && c.generation != a.generation && c.generation != b.generation)
    #expect(graph.isCurrent(c) && !graph.isCurrent(a) && !graph.isCurrent(b))
  }

  @Test func aHandleToAnUndoneFreshSpotStaysStale() throws {
    let graph = LineageGraph()
    let a = try graph.edit("a") { graph.ref(try graph.add(0)) }
    try graph.undo()
    #expect(graph.spotSlots == 0 && !graph.isCurrent(a))
    let b = try graph.edit("b") { graph.ref(try graph.add(0)) }
    #expect(b.id == a.id && !graph.isCurrent(a) && graph.isCurrent(b))
  }

  @Test func staleSpotsAndLinksAreErrorsInEdits() throws {
    let graph = try chain(3)
    try graph.edit("stale") {
      try graph.remove(SpotID(2))
      #expect(errorKind { try graph.move(SpotID(2), to: .zero) } == .stale)
      #expect(errorKind { try graph.setLabel(SpotID(99), "x") } == .stale)
      #expect(errorKind { try graph.addLink(SpotID(0), SpotID(2)) } == .stale)
      #expect(errorKind { try graph.remove(LinkID(1)) } == .stale)
      #expect(errorKind { try graph.remove([SpotID(0), SpotID(2)]) } == .stale)
      #expect(graph.contains(SpotID(0)))
    }
  }

  @Test func editsOutsideOfATransactionAreRefused() throws {
    let graph = try chain(2)
    #expect(errorKind { _ = try graph.add(0) } == .state)
    #expect(errorKind { try graph.addLink(SpotID(0), SpotID(1)) } == .state)
    #expect(errorKind { try graph.remove(SpotID(0)) } == .state)
    #expect(errorKind { try graph.removeAll() } == .state)
    #expect(errorKind { try graph.move(SpotID(0), to: .zero) } == .state)
    #expect(errorKind { try graph.ensureElephantTagSets() } == .state)
    #expect(errorKind { try graph.addTagSet(name: "x", tags: []) } == .state)
    #expect(errorKind { try graph.setFeature("f", SpotID(0), 1) } == .state)
    #expect(graph.spotCount == 2)
  }

  @Test func numbersThatAreNotFiniteAreRefused() throws {
    let graph = LineageGraph()
    try graph.edit("bad") {
      let a = try graph.add(0)
      for bad in [Double.nan, .infinity, -.infinity] {
        #expect(errorKind { _ = try graph.add(0, bad) } == .argument)
        #expect(errorKind { try graph.move(a, to: WorldPoint(0, bad)) } == .argument)
        #expect(errorKind { try graph.setCovariance(a, .sphere(radius: bad)) } == .argument)
        #expect(errorKind { try graph.resize(a, axis: .x, factor: bad) } == .argument)
        #expect(errorKind { try graph.rotate(a, axis: .x, degrees: bad) } == .argument)
      }
      #expect(errorKind { try graph.resize(a, axis: .x, factor: 0) } == .argument)
      #expect(errorKind { _ = try graph.add(-1) } == .argument)
      #expect(errorKind { _ = try graph.add(1 << 31) } == .argument)
    }
    #expect(graph.spotCount == 1)
  }

  @Test func timepointsFollowTheSpots() throws {
    let graph = LineageGraph()
    #expect(graph.timepoints == nil)
    try graph.edit("spots") {
      for t in [5, 2, 9, 2_000_000_000] { _ = try graph.add(t) }
    }
    #expect(graph.timepoints == 2...2_000_000_000)
    #expect(graph.spots(at: 2_000_000_000) == [SpotID(3)])
    try graph.edit("remove") { try graph.remove([SpotID(1), SpotID(3)]) }
    #expect(graph.timepoints == 5...9)
    #expect(graph.spots(at: 2).isEmpty && graph.spotCount(at: 2) == 0)
    #expect(graph.spots(at: -1).isEmpty && graph.spots(at: .max).isEmpty)
    try graph.undo()
    #expect(graph.timepoints == 2...2_000_000_000)
  }

  @Test func removeAllBeginsAgainAtZero() throws {
    let graph = try chain(4)
    try graph.edit("clear") {
      try graph.removeAll()
      #expect(graph.spotCount == 0 && graph.linkCount == 0)
      #expect(try graph.add(0).index == 0)
      #expect(try graph.add(0).index == 1)
    }
    try graph.undo()
    #expect(graph.spotCount == 4 && graph.linkCount == 3)
    #expect(graph.links.map { graph.target($0).index } == [1, 2, 3])
  }
}

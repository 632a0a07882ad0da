// Walks along links: order, merges, cycles, and a track of 100,000 timepoints.

import Core
import Lineage
import Testing

@Suite struct TraversalTests {
  /// Spots 0... at timepoint = id, with these links.
  private func graph(_ n: Int, _ links: [(UInt32, UInt32)]) throws -> LineageGraph {
    var spots = SpotTable()
    for i in 0..<n {
      spots.append(t: Int32(i), position: .zero, covariance: .sphere(radius: 1))
    }
    var table = LinkTable()
    table.sources = links.map(\.0)
    table.targets = links.map(\.1)
    let graph = LineageGraph()
    try graph.load(spots: spots, links: table)
    return graph
  }

  @Test func descendantsComeDepthFirstInLinkOrder() throws {
    let graph = try graph(7, [(0, 2), (0, 1), (2, 5), (2, 4), (1, 3), (6, 6)])
    #expect(graph.descendants(of: SpotID(0)).map(\.index) == [0, 2, 5, 4, 1, 3])
    #expect(graph.descendants(of: SpotID(3)).map(\.index) == [3])
    #expect(graph.descendants(of: SpotID(6)).map(\.index) == [6])
    #expect(graph.ancestors(of: SpotID(4)).map(\.index) == [4, 2, 0])
    #expect(graph.track(of: SpotID(5)).map(\.index) == [0, 1, 2, 3, 4, 5])
    #expect(graph.root(of: SpotID(5)).index == 0 && graph.root(of: SpotID(6)).index == 6)
  }

  @Test func mergesVisitEachSpotOnce() throws {
    let graph = try graph(6, [(0, 2), (1, 2), (2, 3), (0, 3), (2, 4), (3, 5), (4, 5), (2, 3)])
    #expect(graph.descendants(of: SpotID(0)).map(\.index) == [0, 2, 3, 5, 4])
    #expect(graph.ancestors(of: SpotID(5)).map(\.index) == [5, 3, 2, 0, 1, 4])
    #expect(graph.root(of: SpotID(5)).index == 0 && graph.root(of: SpotID(1)).index == 1)
    let tracks = graph.tracks()
    #expect(tracks.count == 1 && tracks[0].root.index == 0 && tracks[0].linkCount == 8)
    #expect(tracks[0].divisions == 2 && tracks[0].leaves == 1)
  }

  @Test func cyclesEnd() throws {
    let graph = try graph(4, [(1, 2), (2, 3), (3, 1), (0, 0)])
    #expect(graph.descendants(of: SpotID(2)).map(\.index) == [2, 3, 1])
    #expect(graph.ancestors(of: SpotID(2)).map(\.index) == [2, 1, 3])
    #expect(graph.root(of: SpotID(3)).index == 1)
    #expect(graph.tracks().map(\.root.index) == [0, 1])
    #expect(graph.roots().isEmpty)
  }

  @Test func tracksComeByAscendingRoot() throws {
    // The root of the second track has a higher id than one of its spots.
    let graph = try graph(6, [(4, 0), (0, 1), (2, 3)])
    let tracks = graph.tracks()
    #expect(tracks.map(\.root.index) == [2, 4, 5])
    #expect(tracks.map(\.spotCount) == [2, 3, 1] && tracks.map(\.linkCount) == [1, 2, 0])
    #expect(tracks[1].firstTimepoint == 0 && tracks[1].lastTimepoint == 4)
    #expect(graph.spots(inTrack: 1).map(\.index) == [0, 1, 4])
    #expect(graph.links(inTrack: 1).map(\.index) == [1, 0])
    #expect(graph.trackIndex(of: SpotID(1)) == 1)
  }

  @Test func tracksFollowEditsButNotTags() throws {
    let graph = try chain(10)
    #expect(graph.tracks().count == 1)
    let structure = graph.structureCount
    try graph.edit("tag") {
      try graph.ensureElephantTagSets()
      try graph.setTag(0, of: SpotID(0), to: 0)
      try graph.move(SpotID(0), to: .zero)
    }
    #expect(graph.structureCount == structure)
    try graph.edit("cut") { try graph.remove(LinkID(4)) }
    #expect(graph.tracks().map(\.spotCount) == [5, 5])
    #expect(graph.track(of: SpotID(9)).map(\.index) == [5, 6, 7, 8, 9])
    try graph.undo()
    #expect(graph.track(of: SpotID(9)).count == 10)
  }

  @Test func aTrackOf100000TimepointsDoesNotExhaustTheStack() throws {
    let n = 100_000
    let graph = try chain(n)
    let first = SpotID(0)
    let last = SpotID(UInt32(n - 1))
    #expect(graph.descendants(of: first).count == n)
    #expect(graph.ancestors(of: last).count == n)
    #expect(graph.track(of: SpotID(50_000)).count == n)
    #expect(graph.root(of: last) == first)
    let tracks = graph.tracks()
    #expect(tracks.count == 1 && tracks[0].lastTimepoint == n - 1)
    #expect(graph.track(of: SpotID(50_000)).count == n)
    try graph.edit("clear") { try graph.removeAll() }
    try graph.undo()
    #expect(graph.descendants(of: first).last == last)
  }
}

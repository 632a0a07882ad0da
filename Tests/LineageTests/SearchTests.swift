// Searches by distance against full scans, on clouds that are unkind to a k-d tree, and under
// edits.

import Core
import Lineage
import Testing

@Suite struct SearchTests {
  enum Cloud: CaseIterable {
    case uniform, clusters, grid, line, allEqual

    func point(_ i: Int, _ random: inout SeededRandom) -> WorldPoint {
      switch self {
      case .uniform:
        WorldPoint(random.uniform(0, 100), random.uniform(0, 100), random.uniform(0, 30))
      case .clusters:
        WorldPoint(
          Double(i % 5) * 1000 + random.normal(), Double(i % 3) + random.normal() * 1e-6,
          random.normal())
      case .grid: WorldPoint(Double(i % 10), Double(i / 10 % 10), Double(i / 100))
      case .line: WorldPoint(1, 2, Double(i % 50))
      case .allEqual: WorldPoint(3, 3, 3)
      }
    }
  }

  private func scan(_ graph: LineageGraph, _ p: WorldPoint, _ t: Timepoint) -> [Neighbor] {
    graph.spots(at: t).map { ($0, graph.position($0).squaredDistance(to: p)) }
      .sorted { ($0.squaredDistance, $0.id) < ($1.squaredDistance, $1.id) }
  }

  private func compare(_ graph: LineageGraph, _ p: WorldPoint, _ t: Timepoint) {
    let all = scan(graph, p, t)
    for count in [1, 3, 20, 1000] {
      let found = graph.nearest(to: p, at: t, count: count)
      #expect(found.map(\.id) == all.prefix(count).map(\.id))
      #expect(found.map(\.squaredDistance) == all.prefix(count).map(\.squaredDistance))
    }
    let radius = all.count > 5 ? all[5].squaredDistance.squareRoot() : 1
    let near = all.filter { $0.squaredDistance <= radius * radius }
    #expect(graph.within(radius: radius, of: p, at: t).map(\.id) == near.map(\.id))
  }

  @Test(arguments: Cloud.allCases) func searchesMatchAScan(cloud: Cloud) throws {
    var random = SeededRandom(seed: 7)
    let graph = LineageGraph()
    for n in [0, 1, 7, 8, 9, 17, 300] {
      try graph.edit("cloud") {
        try graph.removeAll()
        for i in 0..<n {
          try graph.addSpot(
            t: 2, position: cloud.point(i, &random), covariance: .sphere(radius: 1))
        }
      }
      for i in 0..<12 {
        compare(graph, i < 6 ? cloud.point(i, &random) : WorldPoint(50, 50, Double(i)), 2)
      }
    }
  }

  @Test(arguments: Cloud.allCases) func searchesAreRightAfterEveryEdit(cloud: Cloud) throws {
    var random = SeededRandom(seed: 11)
    let graph = LineageGraph()
    try graph.edit("cloud") {
      for i in 0..<200 {
        try graph.addSpot(t: 0, position: cloud.point(i, &random), covariance: .sphere(radius: 1))
      }
    }
    compare(graph, .zero, 0)
    for step in 0..<400 {
      try graph.edit("edit") {
        let ids = graph.spots(at: 0)
        let id = ids[random.below(ids.count)]
        switch random.below(4) {
        case 0: try graph.remove(id)
        case 1: try graph.move(id, to: cloud.point(step, &random))
        case 2:
          // There and back again: the old entry of the index is true once more.
          let p = graph.position(id)
          try graph.move(id, to: WorldPoint(-5, -5, -5))
          try graph.move(id, to: p)
        default:
          try graph.addSpot(
            t: 0, position: cloud.point(step, &random), covariance: .sphere(radius: 1))
        }
      }
      if random.below(5) == 0 { try graph.undo() }
      if random.below(9) == 0, !graph.redoNames.isEmpty { try graph.redo() }
      if step % 3 == 0 { compare(graph, cloud.point(step, &random), 0) }
    }
  }

  @Test func tiesAreBrokenByAscendingId() throws {
    let graph = LineageGraph()
    try graph.edit("ring") {
      for (x, y) in [(1.0, 0.0), (-1, 0), (0, 1), (0, -1), (0, 0)] { _ = try graph.add(0, x, y) }
    }
    let found = graph.nearest(to: .zero, at: 0, count: 3)
    #expect(found.map(\.id.index) == [4, 0, 1])
    #expect(found.map(\.squaredDistance) == [0, 1, 1])
  }

  @Test func distancesAreInclusive() throws {
    let graph = LineageGraph()
    try graph.edit("two") {
      _ = try graph.add(0, 3)
      _ = try graph.add(0, 5)
    }
    #expect(graph.nearest(to: .zero, at: 0, count: 9, maxDistance: 5).count == 2)
    #expect(graph.nearest(to: .zero, at: 0, count: 9, maxDistance: 4.999).count == 1)
    #expect(graph.within(radius: 3, of: .zero, at: 0).count == 1)
    #expect(graph.within(radius: 0, of: WorldPoint(3), at: 0).count == 1)
  }

  @Test func senselessSearchesFindNothing() throws {
    let graph = try chain(3)
    #expect(graph.nearest(to: .zero, at: 7, count: 3).isEmpty)
    #expect(graph.nearest(to: .zero, at: -1, count: 3).isEmpty)
    #expect(graph.nearest(to: .zero, at: 0, count: 0).isEmpty)
    #expect(graph.nearest(to: .zero, at: 0, count: -3).isEmpty)
    #expect(graph.nearest(to: .zero, at: 0, count: 3, maxDistance: -1).isEmpty)
    #expect(graph.nearest(to: WorldPoint(.nan), at: 0, count: 3).isEmpty)
    #expect(graph.within(radius: .nan, of: .zero, at: 0).isEmpty)
  }

  @Test func indicesBeyondTheLimitAreDroppedAndMadeAnew() throws {
    var table = SpotTable()
    for i in 0..<4000 {
      table.append(
        t: Int32(i % 40), position: WorldPoint(Double(i)), covariance: .sphere(radius: 1))
    }
    let graph = LineageGraph()
    try graph.load(spots: table)
    graph.spatialIndexLimit = 1000
    var largest = 0
    for round in 0..<3 {
      for t in 0..<40 {
        #expect(graph.nearest(to: .zero, at: t, count: 1)[0].id.index == UInt32(t), "\(round)")
        largest = max(largest, graph.memoryFootprint.spatialIndices)
      }
    }
    #expect(largest > 0 && largest < 1200 * 48)
  }
}

// Linking by assignment: against LapTrack (Golden/make_laptrack.py), against TrackMate's own results, against
// exhaustive search, and its rules one by one.

import Core
import Foundation
import Lineage
import Testing
import Tracking

@Suite("Linking by assignment")
struct AssignmentLinkerTests {
  private typealias Options = AssignmentLinker.Options

  /// A movie with the links that another program made.
  private struct Case: Sendable {
    var name = ""
    var options = AssignmentLinker.Options()
    var spots: [(t: Int, p: WorldPoint)] = []
    var links: Set<String> = []

    /// A lineage with spots in the order of the case.
    func lineage() throws -> LineageGraph {
      let graph = LineageGraph()
      try graph.edit("case") {
        try graph.ensureElephantTagSets()
        let set = graph.tagSet(named: "Detection")!
        for spot in spots {
          let id = try graph.addSpot(t: spot.t, position: spot.p, covariance: .sphere(radius: 1))
          try graph.setTag(set, of: id, to: graph.tag(named: "unlabeled", in: set))
        }
      }
      return graph
    }
  }

  private static func texts(_ graph: LineageGraph) -> Set<String> {
    Set(graph.links.map { "\(graph.source($0))->\(graph.target($0))" })
  }

  // MARK: LapTrack

  private static func cases() throws -> [Case] {
    let url = try #require(
      Bundle.module.url(forResource: "laptrack", withExtension: "txt", subdirectory: "Golden"))
    var cases: [Case] = []
    for line in try String(contentsOf: url, encoding: .utf8).split(separator: "\n") {
      let words = line.split(separator: " ").map(String.init)
      switch words[0] {
      case "case":
        var c = Case(name: words[1])
        let n = words[2...].map { Double($0)! }
        c.options.threshold = n[0]
        c.options.gapThreshold = n[1]
        c.options.maxFrameGap = Int(n[2])
        c.options.splitting = n[3] > 0
        c.options.splitThreshold = n[3]
        c.options.merging = n[4] > 0
        c.options.mergeThreshold = n[4]
        c.options.alternativePercentile = n[5]
        cases.append(c)
      case "spot":
        let n = words[1...].map { Double($0)! }
        cases[cases.count - 1].spots.append((Int(n[0]), WorldPoint(x: n[1], y: n[2], z: n[3])))
      default: cases[cases.count - 1].links.insert("\(words[1])->\(words[2])")
      }
    }
    return cases
  }

  @Test("The same links as LapTrack", arguments: 0..<5)
  func laptrack(_ index: Int) throws {
    let c = try Self.cases()[index]
    let graph = try c.lineage()
    let counts = try AssignmentLinker.run(graph, options: c.options)
    #expect(Self.texts(graph) == c.links, "\(c.name)")
    #expect(counts.linked == c.links.count)
  }

  @Test("The least sum of small tables, by exhaustive search; the prices add up to it")
  func exhaustive() throws {
    var random = SeededRandom(seed: 4)
    for _ in 0..<300 {
      let (rows, columns) = (1 + random.below(5), 1 + random.below(5))
      var costs: [[Double?]] = []
      var alone: [Double] = []
      var table = SparseCosts(columns: columns)
      for _ in 0..<rows {
        costs.append((0..<columns).map { _ in random.uniform() < 0.6 ? random.uniform() : nil })
        alone.append(random.uniform(0.2, 1.2))
        for (column, cost) in costs.last!.enumerated() {
          if let cost { table.add(column, cost) }
        }
        table.endRow(alone: alone.last!)
      }
      func least(_ row: Int, _ taken: Set<Int>) -> Double {
        if row == rows { return 0 }
        var best = alone[row] + least(row + 1, taken)
        for (column, cost) in costs[row].enumerated() where !taken.contains(column) {
          if let cost { best = min(best, cost + least(row + 1, taken.union([column]))) }
        }
        return best
      }
      let solved = try SparseAssignment(table)
      #expect(abs(solved.total - least(0, [])) < 1e-12)
      #expect(abs(solved.total - solved.bound) < 1e-12)
      let taken = solved.columnOf.filter { $0 >= 0 }
      #expect(Set(taken).count == taken.count)
    }
  }

  // MARK: TrackMate

  private static let folder = ProcessInfo.processInfo.environment["HOWDAH_DATA"].map {
    $0 + "/trackmate-laptrack"
  }

  private static func table(_ file: String) throws -> [[Double]] {
    try String(contentsOfFile: folder! + "/" + file, encoding: .utf8).split(separator: "\n")
      .dropFirst().map { $0.split(separator: ",").map { Double($0)! } }
  }

  @Test(
    "The same links as TrackMate",
    .enabled(if: folder.map { FileManager.default.fileExists(atPath: $0) } ?? false),
    arguments: ["merging", "splitting_merging"])
  func trackMate(_ name: String) throws {
    var c = Case(name: name)
    var number: [Int: Int] = [:]
    for row in try Self.table("trackmate_tracks_with_\(name)_spots.csv") {
      number[Int(row[1])] = c.spots.count
      c.spots.append((Int(row[2]), WorldPoint(x: row[3], y: row[4], z: 0)))
    }
    for row in try Self.table("trackmate_tracks_with_\(name)_edges.csv") {
      let ends = [number[Int(row[1])]!, number[Int(row[2])]!].sorted {
        c.spots[$0].t < c.spots[$1].t
      }
      c.links.insert("\(ends[0])->\(ends[1])")
    }
    // The settings that the XML names; the alternative is TrackMate's own.
    c.options.threshold = 15
    c.options.maxFrameGap = 2
    c.options.splitting = name == "splitting_merging"
    c.options.merging = true
    c.options.singleSpots = false
    let graph = try c.lineage()
    _ = try AssignmentLinker.run(graph, options: c.options)
    #expect(Self.texts(graph) == c.links)
  }

  // MARK: Exhaustive search

  /// The least cost of all ways to match rows with columns: pairs cost their squared distance plus `least`,
  /// a row alone costs `alone`.
  private func leastCost(
    _ rows: [WorldPoint], _ columns: [WorldPoint], reach: Double, least: Double, alone: Double
  ) -> Double {
    func place(_ row: Int, _ used: Set<Int>) -> Double {
      if row == rows.count { return 0 }
      var best = alone + place(row + 1, used)
      for c in columns.indices where !used.contains(c) {
        let d = rows[row].squaredDistance(to: columns[c])
        if d <= reach * reach { best = min(best, d + least + place(row + 1, used.union([c]))) }
      }
      return best
    }
    return place(0, [])
  }

  @Test("No other way of linking two frames costs less", arguments: 0..<40)
  func optimal(_ seed: Int) throws {
    var random = SeededRandom(seed: UInt64(seed))
    func points(_ n: Int) -> [WorldPoint] {
      (0..<n).map { _ in
        WorldPoint(x: random.uniform(0, 6), y: random.uniform(0, 6), z: random.uniform(0, 2))
      }
    }
    var c = Case(name: "\(seed)")
    let (parents, children) = (points(4 + seed % 4), points(3 + seed % 5))
    c.spots = parents.map { (0, $0) } + children.map { (1, $0) }
    c.options.threshold = 3
    c.options.maxFrameGap = 0
    c.options.splitting = false
    let graph = try c.lineage()
    _ = try AssignmentLinker.run(graph, options: c.options)
    let costs = parents.flatMap { p in
      children.map { p.squaredDistance(to: $0) }.filter { $0 <= 9 }
    }
    guard let dearest = costs.max(), let least = costs.min() else {
      #expect(graph.linkCount == 0)
      return
    }
    let alone = 2 * 1.05 * dearest
    var sum = Double(children.count - graph.linkCount) * alone
    for link in graph.links {
      sum +=
        least
        + graph.position(graph.source(link)).squaredDistance(
          to: graph.position(graph.target(link)))
    }
    let best = leastCost(children, parents, reach: 3, least: least, alone: alone)
    #expect(abs(sum - best) < 1e-9 * max(1, best))
  }

  // MARK: Rules

  /// Spots 1 (t0; 0), 2 (t0; 4); 3 (t1; 2.5), 4 (t1; 7). Nearest first would leave 4 without a parent that
  /// is as near.
  private func scene() throws -> LinkingScene {
    try LinkingScene([S(1, t: 0, 0), S(2, t: 0, 4), S(3, t: 1, 2.5), S(4, t: 1, 7)])
  }

  private func linked(
    _ scene: LinkingScene, _ change: (inout Options) -> Void = { _ in },
    cost: AssignmentLinker.Cost? = nil, reasons: LinkReasons? = nil,
    flow: NearestNeighborLinker.Flow? = nil
  ) throws -> Set<String> {
    var options = Options()
    change(&options)
    _ = try AssignmentLinker.run(
      scene.graph, options: options, flow: flow, cost: cost, reasons: reasons)
    return scene.links
  }

  @Test("The sum counts, not who is nearest")
  func sum() throws {
    #expect(try linked(try scene()) == ["1->3", "2->4"])
    #expect(try scene().linked(.clean) { $0.maxLinks = 1 } == ["2->3"])
  }

  @Test("A cost function decides, and nil forbids")
  func custom() throws {
    let (graph, asked) = (try scene(), Asked())
    func plain(_ o: inout Options) {
      o.splitting = false
      o.maxFrameGap = 0
    }
    let links = try linked(
      graph, plain,
      cost: { a, b in
        asked.pairs.append("\(a)-\(b)")
        return a == SpotID(2) && b == SpotID(4) ? nil : 1
      })
    #expect(Set(asked.pairs) == ["1-3", "2-3", "2-4"])
    #expect(links == ["1->3"] || links == ["2->3"])
    #expect {
      try linked(try scene(), cost: { _, _ in -1 })
    } throws: { ($0 as? HowdahError)?.kind == .argument }
  }

  private final class Asked { var pairs: [String] = [] }

  @Test("Approved and untagged links stay, and their spots are taken")
  func approved() throws {
    let graph = try scene()
    try graph.link(2, 3, "Approved")
    try graph.link(1, 4, "unlabeled")
    #expect(try linked(graph) { $0.splitting = false } == ["2->3 Approved"])
    let other = try scene()
    try other.link(2, 3, nil)
    // The mother of an approved child may divide.
    #expect(try linked(other) == ["2->3 untagged", "2->4"])
    let full = try scene()
    try full.link(2, 3, "Approved")
    try full.link(2, 1, "Approved")
    #expect(try linked(full) == ["2->3 Approved", "2->1 Approved"])
  }

  @Test("Rejected and untagged spots are no candidates")
  func linkable() throws {
    let graph = try LinkingScene([
      S(1, t: 0, 0, "fp"), S(2, t: 0, 3, "tp"), S(3, t: 1, 0.5, "fn"), S(4, t: 1, 3, "tn"),
    ])
    #expect(try linked(graph) == ["2->3"])
  }

  @Test("Gaps are closed up to the limit, and filled when asked")
  func gaps() throws {
    let spots = [S(1, t: 0, 0), S(2, t: 1, 1), S(3, t: 4, 4), S(4, t: 5, 5)]
    #expect(try linked(try LinkingScene(spots)) == ["1->2", "3->4"])
    #expect(try linked(try LinkingScene(spots)) { $0.maxFrameGap = 3 } == ["1->2", "2->3", "3->4"])
    let scene = try LinkingScene(spots)
    let links = try linked(scene) {
      $0.maxFrameGap = 3
      $0.interpolate = true
    }
    #expect(links == ["1->2", "2->5", "5->6", "6->3", "3->4"])
    #expect(scene.graph.position(SpotID(6)).x == 3 && scene.graph.timepoint(SpotID(6)) == 3)
  }

  @Test("A flow moves the children to where they were")
  func flow() throws {
    // Everything moves by 4; without a flow the neighbour's spot is nearer.
    let spots = [S(1, t: 0, 0), S(2, t: 0, 5), S(3, t: 1, 4), S(4, t: 1, 9)]
    let flow: NearestNeighborLinker.Flow = { _, queries in
      queries.map {
        .init(
          position: $0.position - WorldPoint(x: 4, y: 0, z: 0), squaredDisplacement: 16)
      }
    }
    let reasons = LinkReasons()
    let scene = try LinkingScene(spots)
    let links = try linked(scene, { $0.threshold = 2 }, reasons: reasons, flow: flow)
    #expect(links == ["1->3", "2->4"])
    let link = try #require(scene.graph.link(from: SpotID(1), to: SpotID(3)))
    #expect(reasons.reason(for: link, in: scene.graph)?.expected == WorldPoint(x: 0, y: 0, z: 0))
  }

  @Test("Penalties let size decide between two that are as far")
  func penalties() throws {
    let spots = [S(1, t: 0, -1), S(2, t: 0, 1.1), S(3, t: 1, 0)]
    #expect(try linked(try LinkingScene(spots)) == ["1->3"])
    let size = AssignmentLinker.Penalty(name: "size", weight: 1, values: [.nan, 5, 10, 10])
    #expect(try linked(try LinkingScene(spots)) { $0.penalties = [size] } == ["2->3"])
  }

  @Test("One undo point; features say what was paid; the box limits who gets a parent")
  func oneUndoPoint() throws {
    let scene = try scene()
    try scene.link(1, 4, "unlabeled")
    let (before, depth) = (scene.links, scene.graph.undoNames.count)
    let links = try linked(scene) {
      $0.box = WorldBox(
        minimum: WorldPoint(x: 0, y: -1, z: -1), maximum: WorldPoint(x: 3, y: 1, z: 1))
    }
    #expect(links == ["1->4", "2->3"])
    let link = try #require(scene.graph.link(from: SpotID(2), to: SpotID(3)))
    #expect(scene.graph.feature("Link cost", link) == 2.25)
    #expect(scene.graph.undoNames.count == depth + 1)
    try scene.graph.undo()
    #expect(scene.links == before)
  }

  @Test("Options out of range are refused by name; stopping leaves everything as it was")
  func refusals() throws {
    var options = Options()
    options.gapThreshold = -1
    #expect {
      try AssignmentLinker.run(LineageGraph(), options: options)
    } throws: { ($0 as? HowdahError)?.message.contains("gap_threshold") == true }
    let scene = try scene()
    try scene.link(1, 3, "unlabeled")
    let progress = Progress()
    progress.cancel()
    #expect(throws: HowdahError.self) {
      try AssignmentLinker.run(scene.graph, progress: progress)
    }
    #expect(scene.links == ["1->3"])
    #expect(try AssignmentLinker.run(LineageGraph()).timepoints == 0)
  }
}

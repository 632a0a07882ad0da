// Filling a graph from a file: everything legal is taken, everything wrong is named, and it takes
// little memory.

import Core
import Lineage
import Testing

@Suite struct LoadTests {
  private func table(_ n: Int) -> SpotTable {
    var spots = SpotTable()
    for i in 0..<n {
      spots.append(t: Int32(i / 2), position: WorldPoint(Double(i)), covariance: .sphere(radius: 1))
    }
    return spots
  }

  /// The error that loading gives.
  private func problem(
    _ spots: SpotTable, _ links: LinkTable = LinkTable(), _ tags: [TagTable] = []
  ) -> HowdahError? {
    let graph = LineageGraph()
    do {
      try graph.load(spots: spots, links: links, tags: tags)
      return nil
    } catch {
      #expect(graph.spotCount == 0 && graph.tagSets.isEmpty)
      return error as? HowdahError
    }
  }

  @Test func everythingLegalIsTaken() throws {
    var spots = table(4)
    spots.covariances[1] = .sphere(radius: 0)
    spots.labels = [(2, "two"), (0, "")]
    spots.features = [("Detection quality", [1, .nan, 3, .nan])]
    var links = LinkTable()
    links.sources = [0, 0, 3, 2, 2]
    links.targets = [1, 1, 0, 2, 1]
    links.features = [("Link cost", [1, 2, 3, 4, .nan])]
    let tags = TagTable(
      info: TagSetInfo(name: "S", tags: [Tag(label: "", color: 1), Tag(label: "b", color: 2)]),
      spotTags: [0, 1, 2, 0], linkTags: [2, 0, 0, 0, 1])
    let graph = LineageGraph()
    try graph.load(spots: spots, links: links, tags: [tags])
    #expect(graph.spotCount == 4 && graph.linkCount == 5 && graph.undoNames.isEmpty)
    #expect(graph.label(SpotID(0)) == "" && graph.label(SpotID(2)) == "two")
    #expect(graph.label(SpotID(1)) == nil && graph.labelCount == 2)
    #expect(graph.feature("Detection quality", SpotID(2)) == 3)
    #expect(graph.feature("Detection quality", SpotID(3)) == nil)
    #expect(graph.feature("Link cost", LinkID(3)) == 4)
    #expect((0..<4).map { graph.tag(0, of: SpotID($0)) } == [nil, 0, 1, nil])
    #expect((0..<5).map { graph.tag(0, of: LinkID($0)) } == [1, nil, nil, nil, 0])
    #expect(graph.incoming(SpotID(1)).map(\.index) == [0, 1, 4])
    #expect(graph.spots(at: 1).map(\.index) == [2, 3])
    // A loaded graph is edited like any other.
    try graph.edit("remove") { try graph.remove(SpotID(1)) }
    #expect(graph.linkCount == 2)
    try graph.undo()
    #expect(graph.incoming(SpotID(1)).map(\.index) == [0, 1, 4])
  }

  @Test func linksGoToThePlacesThatTheFileNames() throws {
    var links = LinkTable()
    links.sources = [0, 0, 0, 1, 2]
    links.targets = [1, 2, 3, 3, 3]
    links.sourceOrder = [2, 1, 0, 0, 0]
    links.targetOrder = [0, 0, 2, 0, 1]
    let graph = LineageGraph()
    try graph.load(spots: table(4), links: links)
    #expect(graph.outgoing(SpotID(0)).map(\.index) == [2, 1, 0])
    #expect(graph.incoming(SpotID(3)).map(\.index) == [3, 4, 2])
    try graph.edit("append") { try graph.addLink(SpotID(0), SpotID(3)) }
    #expect(graph.outgoing(SpotID(0)).map(\.index) == [2, 1, 0, 5])
    #expect(graph.incoming(SpotID(3)).map(\.index) == [3, 4, 2, 5])
  }

  @Test func whatIsWrongIsNamed() {
    var bad = table(3)
    bad.y[2] = .infinity
    #expect(problem(bad)?.message == "spot 2: its position has a number that is not finite")
    bad = table(3)
    bad.covariances[1].yz = .nan
    #expect(problem(bad)?.message == "spot 1: its covariance has a number that is not finite")
    bad = table(3)
    bad.timepoints[1] = -4
    #expect(problem(bad)?.message == "spot 1: its timepoint -4 is negative")
    bad = table(3)
    bad.x.removeLast()
    #expect(problem(bad)?.kind == .argument)
    bad = table(3)
    bad.labels = [(3, "x")]
    #expect(problem(bad)?.kind == .format)
    bad = table(3)
    bad.features = [("f", [1])]
    #expect(problem(bad)?.kind == .argument)
    var links = LinkTable()
    links.sources = [0, 1]
    links.targets = [1, 3]
    let reason = problem(table(3), links)
    #expect(reason?.kind == .format && reason?.message.hasPrefix("link 1: ") == true)
    links.targets = [1]
    #expect(problem(table(3), links)?.kind == .argument)
    let info = TagSetInfo(name: "S", tags: [Tag(label: "a", color: 0)])
    let tags = problem(table(3), LinkTable(), [TagTable(info: info, spotTags: [0, 1, 2])])
    #expect(tags?.kind == .format && tags?.message.hasPrefix("spot 2: ") == true)
    #expect(
      problem(table(3), LinkTable(), [TagTable(info: info, spotTags: [1])])?.kind == .argument)
  }

  @Test func onlyAnEmptyGraphIsFilled() throws {
    let graph = try chain(2)
    #expect(errorKind { try graph.load(spots: table(1)) } == .state)
    #expect(graph.spotCount == 2)
    let editing = LineageGraph()
    #expect(errorKind { try editing.edit("e") { try editing.load(spots: table(1)) } } == .state)
  }

  @Test func columnsShowWhatIsInTheGraph() throws {
    let graph = try chain(5)
    try graph.edit("tags") {
      try graph.ensureElephantTagSets()
      try graph.setTag(0, of: SpotID(3), to: 2)
      try graph.setTag(2, of: LinkID(1), to: 255)
      try graph.setFeature("f", SpotID(2), 0.5)
    }
    let columns = graph.columns
    #expect(columns.spotSlots == 5 && columns.linkSlots == 4)
    #expect((0..<5).map { columns.x[$0] } == [0, 1, 2, 3, 4])
    #expect((0..<5).map { columns.timepoint[$0] } == [0, 1, 2, 3, 4])
    #expect(columns.covariance[2] == .sphere(radius: 1))
    #expect(columns.links[LineageColumns.linkStride * 2 + 1] == 3)
    let tags = graph.spotTagColumn(0)
    #expect(tags.width == 1 && tags.base?.load(fromByteOffset: 3, as: UInt8.self) == 3)
    let large = graph.linkTagColumn(2)
    #expect(large.width == 2 && large.base?.load(fromByteOffset: 2, as: UInt16.self) == 256)
    #expect(graph.spotTagColumn(1).base == nil)
    #expect(graph.spotFeatureColumn("f")?[2] == 0.5 && graph.spotFeatureColumn("g") == nil)
    let handle = graph.ref(SpotID(1))
    #expect(columns.spotGeneration[1] == handle.generation)
    // Within the capacity the addresses hold, and a removed spot is recognised.
    let version = graph.columnsVersion
    try graph.edit("remove") { try graph.remove(SpotID(1)) }
    #expect(graph.columnsVersion == version && columns.spotGeneration[1] != handle.generation)
    #expect(columns.spotGeneration[1] & 0xF_FFFF != handle.generation)
    try graph.edit("grow") { for _ in 0..<100 { _ = try graph.add(0) } }
    #expect(graph.columnsVersion != version)
  }

  @Test func aSpotWithItsLinkTakesAtMost120Bytes() throws {
    let n = 1_000_000
    var spots = SpotTable()
    var links = LinkTable()
    for i in 0..<n {
      spots.append(t: Int32(i / 2000), position: .zero, covariance: .sphere(radius: 1))
      if i > 0 {
        links.sources.append(UInt32(i - 1))
        links.targets.append(UInt32(i))
      }
    }
    let loaded = LineageGraph()
    try loaded.load(spots: spots, links: links)
    let used = loaded.memoryFootprint
    #expect(used.spots + used.links <= 120 * n)
    #expect(used.tags == 0 && used.extras < 1000 && used.history == 0)

    let made = LineageGraph()
    try made.edit("one by one") {
      var last: SpotID?
      for i in 0..<n {
        let spot = try made.add(i / 2000)
        if let last { try made.addLink(last, spot) }
        last = spot
      }
    }
    let grown = made.memoryFootprint
    #expect(grown.spots + grown.links <= 120 * n)
  }
}

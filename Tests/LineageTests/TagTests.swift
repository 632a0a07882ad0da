// Tags: three states, the structure of tag sets and its undo, and the sets of ELEPHANT (client spec
// 0.2 and 9).

import Core
import Lineage
import Testing

@Suite struct TagTests {
  @Test func noTagIsNotTheTagUnlabeled() throws {
    let graph = try chain(3)
    try graph.edit("tag") {
      try graph.ensureElephantTagSets()
      let tracking = graph.tagSet(named: "Tracking")!
      let unlabeled = graph.tag(named: "unlabeled", in: tracking)!
      let approved = graph.tag(named: "Approved", in: tracking)!
      try graph.setTag(tracking, of: SpotID(0), to: unlabeled)
      try graph.setTag(tracking, of: SpotID(1), to: approved)
      #expect(graph.tag(tracking, of: SpotID(0)) == unlabeled)
      #expect(graph.tag(tracking, of: SpotID(2)) == nil)
      #expect(graph.spots(tagged: unlabeled, in: tracking) == [SpotID(0)])
      #expect(graph.spots(tagged: nil, in: tracking) == [SpotID(2)])
      #expect(graph.taggedSpotCount(tracking) == 2 && graph.taggedLinkCount(tracking) == 0)
      // One tag a set: another replaces it; the sets do not touch each other, nor do spots and
      // links.
      try graph.setTag(tracking, of: SpotID(0), to: approved)
      #expect(graph.tag(tracking, of: SpotID(0)) == approved)
      #expect(graph.tag(graph.tagSet(named: "Detection")!, of: SpotID(0)) == nil)
      #expect(graph.tag(tracking, of: LinkID(0)) == nil)
      try graph.setTag(tracking, of: LinkID(0), to: unlabeled)
      #expect(graph.tag(tracking, of: SpotID(0)) == approved)
      #expect(graph.links(tagged: unlabeled, in: tracking) == [LinkID(0)])
      #expect(graph.links(tagged: nil, in: tracking) == [LinkID(1)])
    }
  }

  @Test func theSixSetsOfElephantInOrder() throws {
    let graph = LineageGraph()
    try graph.edit("sets") { try graph.ensureElephantTagSets() }
    #expect(graph.tagSets.map(\.name) == ElephantTags.setNames)
    #expect(graph.tagSets.map(\.tags.count) == [7, 2, 256, 1, 4, 3])
    let detection = graph.tagSets[0].tags
    #expect(detection.map(\.label) == ["tp", "fp", "tn", "fn", "tb", "fb", "unlabeled"])
    #expect(
      detection.map(\.color) == [
        0xFF00_FFFF, 0xFFFF_00FF, 0xFFFF_00FF, 0xFF00_FFFF, 0xFFFF_C800, 0xFFFF_C800, 0xFF00_FF00,
      ])
    #expect(graph.tagSets[1].tags.map(\.label) == ["Approved", "unlabeled"])
    #expect(graph.tagSets[2].tags[255] == Tag(label: "unlabeled", color: 0x0001_0101))
    #expect(graph.tagSets[3].tags == [Tag(label: "Completed", color: 0xFF00_FFFF)])
    #expect(
      graph.tagSets[4].tags.map(\.label) == ["Dividing", "Divided", "Non-dividing", "Invisible"])
    #expect(graph.tagSets[4].tags.map(\.color).last == 0x0001_0101)
    #expect(
      graph.tagSets[5].tags.map(\.label) == ["Proliferator", "Non-proliferator", "Invisible"])
  }

  @Test("Palette spot checks (appendix A)") func palette() throws {
    let expected: [(Int, UInt32)] = [
      (1, 0xFF00_008F), (2, 0xFFB6_0000), (3, 0xFF00_8C00), (10, 0xFF94_0073), (100, 0xFFA1_7244),
      (200, 0xFF76_51FD), (255, 0xFFF5_E9F8),
    ]
    let tags = ElephantTags.sets[2].tags
    for (n, color) in expected { #expect(tags[n - 1] == Tag(label: String(n), color: color)) }
    #expect(Set(ElephantTags.progenitorColors).count == 255)
  }

  @Test("Q33: sets that are there get their missing tags") func repair() throws {
    let graph = LineageGraph()
    try graph.edit("own sets") {
      try graph.addTagSet(name: "Mine", tags: [])
      try graph.addTagSet(
        name: "Tracking", tags: [Tag(label: "unlabeled", color: 1), Tag(label: "maybe", color: 2)])
    }
    try graph.edit("ensure") { try graph.ensureElephantTagSets() }
    #expect(
      graph.tagSets.map(\.name) == [
        "Mine", "Tracking", "Detection", "Progenitor", "Status", "Division", "Proliferator",
      ])
    #expect(
      graph.tagSets[1].tags == [
        Tag(label: "unlabeled", color: 1), Tag(label: "maybe", color: 2),
        Tag(label: "Approved", color: 0xFF00_FFFF),
      ])
    try graph.edit("again") { try graph.ensureElephantTagSets() }
    #expect(graph.undoNames == ["own sets", "ensure"])
    try graph.undo()
    #expect(graph.tagSets.map(\.name) == ["Mine", "Tracking"])
    #expect(graph.tagSets[1].tags.count == 2)
  }

  @Test("Change Detection colours Advanced") func detectionColors() throws {
    let graph = LineageGraph()
    #expect(errorKind { try graph.edit("c") { try graph.setDetectionColors(.advanced) } } == .state)
    try graph.edit("sets") {
      try graph.ensureElephantTagSets()
      try graph.addTag(Tag(label: "extra", color: 7), to: 0)
    }
    try graph.edit("colours") { try graph.setDetectionColors(.advanced) }
    #expect(
      graph.tagSets[0].tags.map(\.color) == [
        0xFF00_FFFF, 0xFFFF_00FF, 0xFFFF_0000, 0xFFFF_FF00, 0xFFFF_C800, 0xFFFF_AFAF, 0xFF00_FF00,
        7,
      ])
    try graph.undo()
    #expect(graph.tagSets[0].tags[2].color == 0xFFFF_00FF)
  }

  @Test func tagsOfLargeSetsAndSetsThatGrow() throws {
    let graph = try chain(300)
    try graph.edit("tags") {
      let set = try graph.addTagSet(name: "Grows", tags: [])
      for i in 0..<300 {
        let tag = try graph.addTag(Tag(label: "t\(i)", color: UInt32(i)), to: set)
        try graph.setTag(set, of: SpotID(UInt32(i)), to: tag)
      }
      #expect((0..<300).allSatisfy { graph.tag(set, of: SpotID(UInt32($0))) == $0 })
      #expect(graph.tag(named: "t299", in: set) == 299)
    }
    try graph.undo()
    try graph.redo()
    #expect((0..<300).allSatisfy { graph.tag(0, of: SpotID(UInt32($0))) == $0 })
  }

  @Test func removingATagTakesItOffAndMovesTheOthersUp() throws {
    let graph = try chain(4)
    try graph.edit("tags") {
      let tags = ["a", "b", "c"].map { Tag(label: $0, color: 0) }
      let set = try graph.addTagSet(name: "S", tags: tags)
      for i in 0..<3 { try graph.setTag(set, of: SpotID(UInt32(i)), to: i) }
      try graph.setTag(set, of: LinkID(2), to: 2)
    }
    try graph.edit("remove b") { try graph.removeTag(0, 1) }
    #expect(graph.tagSets[0].tags.map(\.label) == ["a", "c"])
    #expect((0..<4).map { graph.tag(0, of: SpotID(UInt32($0))) } == [0, nil, 1, nil])
    #expect(graph.tag(0, of: LinkID(2)) == 1)
    try graph.undo()
    #expect((0..<4).map { graph.tag(0, of: SpotID(UInt32($0))) } == [0, 1, 2, nil])
    #expect(graph.tag(0, of: LinkID(2)) == 2)
    try graph.redo()
    #expect((0..<4).map { graph.tag(0, of: SpotID(UInt32($0))) } == [0, nil, 1, nil])
  }

  @Test func aRemovedTagSetComesBackWithItsAssignments() throws {
    let graph = try chain(3)
    try graph.edit("sets") {
      try graph.addTagSet(name: "A", tags: [Tag(label: "a", color: 1)])
      try graph.addTagSet(name: "B", tags: [Tag(label: "b", color: 2)])
      try graph.setTag(0, of: SpotID(1), to: 0)
      try graph.setTag(1, of: SpotID(2), to: 0)
    }
    try graph.edit("remove A") { try graph.removeTagSet(0) }
    #expect(graph.tagSets.map(\.name) == ["B"])
    #expect(graph.tag(0, of: SpotID(2)) == 0)
    // The graph grows meanwhile; the set must fit when it comes back.
    try graph.edit("grow") { for _ in 0..<1000 { _ = try graph.add(0) } }
    try graph.undo()
    try graph.undo()
    #expect(graph.tagSets.map(\.name) == ["A", "B"])
    #expect(graph.tag(0, of: SpotID(1)) == 0 && graph.tag(1, of: SpotID(2)) == 0)
    try graph.edit("grow") {
      for _ in 0..<1000 { try graph.setTag(0, of: try graph.add(0), to: 0) }
    }
    #expect(graph.taggedSpotCount(0) == 1001)
  }

  @Test func wrongSetsTagsAndNamesAreErrors() throws {
    let graph = try chain(2)
    try graph.edit("errors") {
      let set = try graph.addTagSet(name: "S", tags: [Tag(label: "a", color: 0)])
      #expect(errorKind { try graph.addTagSet(name: "S", tags: []) } == .argument)
      #expect(errorKind { try graph.setTag(set, of: SpotID(0), to: 1) } == .argument)
      #expect(errorKind { try graph.setTag(set, of: SpotID(0), to: -1) } == .argument)
      #expect(errorKind { try graph.setTag(5, of: SpotID(0), to: nil) } == .argument)
      #expect(errorKind { try graph.setTag(set, of: SpotID(9), to: 0) } == .stale)
      #expect(
        errorKind { try graph.setTag(set, ofSpots: [SpotID(0), SpotID(9)], to: 0) } == .stale)
      #expect(errorKind { try graph.setColor(set, 3, 0) } == .argument)
      #expect(errorKind { try graph.removeTag(set, 1) } == .argument)
      #expect(errorKind { try graph.removeTagSet(1) } == .argument)
      #expect(graph.taggedSpotCount(set) == 0)
      try graph.renameTagSet(set, to: "T")
      try graph.renameTag(set, 0, to: "b")
      #expect(graph.tagSet(named: "T") == set && graph.tagSet(named: "S") == nil)
      #expect(graph.tag(named: "b", in: set) == 0 && graph.tag(named: "a", in: set) == nil)
    }
  }

  @Test func bulkTaggingIsOneStep() throws {
    let graph = try chain(1000)
    try graph.edit("set") { try graph.addTagSet(name: "S", tags: [Tag(label: "a", color: 0)]) }
    let half = (0..<500).map { SpotID(UInt32($0 * 2)) }
    try graph.edit("spots") { try graph.setTag(0, ofSpots: half + half, to: 0) }
    #expect(graph.spots(tagged: 0, in: 0) == half)
    try graph.edit("links") { try graph.setTag(0, ofLinks: graph.links, to: 0) }
    #expect(graph.taggedLinkCount(0) == 999)
    try graph.undo()
    try graph.undo()
    #expect(graph.taggedSpotCount(0) == 0 && graph.taggedLinkCount(0) == 0)
    try graph.redo()
    #expect(graph.spots(tagged: 0, in: 0) == half)
  }
}

// Random edits of a LineageGraph and of a NaiveGraph at once, and the comparison of the two.

import Core
import Lineage
import Testing

/// What an edit throws to be rolled back.
struct Failure: Error {}

struct RandomEdits {
  let graph = LineageGraph()
  private(set) var naive = NaiveGraph()
  private var undo: [NaiveGraph] = []
  private var redo: [NaiveGraph] = []
  private var random: SeededRandom
  private var made = 0
  /// Which object each reference was made for: no reference may ever stand for two.
  private var spotOwners: [SpotRef: Int] = [:]
  private var linkOwners: [LinkRef: Int] = [:]
  private let timepoints: Int

  init(seed: UInt64, timepoints: Int = 6) {
    random = SeededRandom(seed: seed)
    self.timepoints = timepoints
  }

  /// One edit of a few changes (some of which fail and are rolled back), one undo or one redo.
  mutating func step() throws {
    switch random.below(10) {
    case 0, 1:
      if try !undoOne() { #expect(errorKind { try graph.undo() } == .state) }
    case 2:
      if try !redoOne() { #expect(errorKind { try graph.redo() } == .state) }
    default: try edit()
    }
  }

  /// Undo one edit; false when there is none.
  mutating func undoOne() throws -> Bool {
    guard let before = undo.popLast() else { return false }
    redo.append(naive)
    naive = before
    try graph.undo()
    return true
  }

  /// Redo one edit; false when there is none.
  mutating func redoOne() throws -> Bool {
    guard let after = redo.popLast() else { return false }
    undo.append(naive)
    naive = after
    try graph.redo()
    return true
  }

  private mutating func edit() throws {
    let before = naive
    let revision = graph.revision
    let steps = graph.undoNames.count
    let fails = random.below(6) == 0
    do {
      try graph.edit("edit") {
        for _ in 0...random.below(8) {
          if random.below(12) == 0 { try nested() } else { try change() }
        }
        if fails { throw Failure() }
      }
      if graph.undoNames.count == steps && graph.revision == revision {
        #expect(naive == before, "an edit without an undo point changed something")
      } else {
        undo.append(before)
        redo = []
      }
    } catch is Failure {
      naive = before
      #expect(graph.revision == revision)
    }
  }

  /// An inner edit that fails half of the time and is caught.
  private mutating func nested() throws {
    let before = naive
    let fails = random.below(2) == 0
    do {
      try graph.edit("inner") {
        for _ in 0...random.below(3) { try change() }
        if fails { throw Failure() }
      }
    } catch is Failure { naive = before }
  }

  private func position(_ random: inout SeededRandom) -> WorldPoint {
    // Few distinct places, so that equal distances are common.
    WorldPoint(
      Double(random.below(7)), Double(random.below(7)), Double(random.below(3)) * 1.5)
  }

  private mutating func anySpot() -> UInt32? {
    naive.spots.isEmpty ? nil : naive.spots.keys.sorted()[random.below(naive.spots.count)]
  }

  private mutating func anyLink() -> UInt32? {
    naive.links.isEmpty ? nil : naive.links.keys.sorted()[random.below(naive.links.count)]
  }

  private mutating func change() throws {
    switch random.below(20) {
    case 0...5: try addSpot()
    case 6...9: try addLink()
    case 10:
      if let id = anySpot() {
        try graph.remove(SpotID(id))
        naive.removeSpot(id)
      }
    case 11:
      if let id = anyLink() {
        try graph.remove(LinkID(id))
        naive.removeLink(id)
      }
    case 12, 13:
      if let id = anySpot() {
        let p = position(&random)
        try graph.move(SpotID(id), to: p)
        naive.spots[id]!.position = p
      }
    case 14:
      if let id = anySpot() {
        let text = random.below(3) == 0 ? nil : "label \(random.below(9))"
        try graph.setLabel(SpotID(id), text)
        naive.spots[id]!.label = text
        let c = Covariance.sphere(radius: Double(1 + random.below(4)))
        try graph.setCovariance(SpotID(id), c)
        naive.spots[id]!.covariance = c
      }
    case 15, 16: try tag()
    case 17: try feature()
    case 18: try structure()
    default:
      if random.below(40) == 0 {
        try graph.removeAll()
        for id in naive.links.keys.sorted().reversed() { naive.removeLink(id) }
        for id in naive.spots.keys.sorted().reversed() { naive.removeSpot(id) }
      } else {
        let ids = (0..<3).compactMap { _ in anySpot() }
        try graph.remove(ids.map { SpotID($0) })
        for id in ids where naive.spots[id] != nil { naive.removeSpot(id) }
      }
    }
  }

  private mutating func addSpot() throws {
    made += 1
    let spot = NaiveSpot(
      uid: made, t: random.below(timepoints), position: position(&random),
      covariance: .sphere(radius: 2))
    let id = try graph.addSpot(t: spot.t, position: spot.position, covariance: spot.covariance)
    #expect(id.index == naive.add(spot))
  }

  private mutating func addLink() throws {
    guard let a = anySpot(), let b = anySpot() else { return }
    made += 1
    let id = try graph.addLink(SpotID(a), SpotID(b))
    #expect(id.index == naive.link(NaiveLink(uid: made, source: a, target: b)))
  }

  private mutating func tag() throws {
    guard !naive.tagSets.isEmpty else { return }
    let set = random.below(naive.tagSets.count)
    let info = naive.tagSets[set]
    let tag = info.tags.isEmpty || random.below(3) == 0 ? nil : random.below(info.tags.count)
    let label = tag.map { info.tags[$0].label }
    if random.below(3) == 0 {
      let ids = (0..<4).compactMap { _ in anySpot() }
      try graph.setTag(set, ofSpots: ids.map { SpotID($0) }, to: tag)
      for id in ids { naive.spots[id]!.tags[info.name] = label }
    } else if let id = anySpot() {
      try graph.setTag(set, of: SpotID(id), to: tag)
      naive.spots[id]!.tags[info.name] = label
    }
    if let id = anyLink() {
      try graph.setTag(set, of: LinkID(id), to: tag)
      naive.links[id]!.tags[info.name] = label
    }
  }

  private mutating func feature() throws {
    let name = "feature \(random.below(2))"
    let value = random.below(4) == 0 ? nil : random.uniform()
    if let id = anySpot() {
      try graph.setFeature(name, SpotID(id), value)
      naive.spots[id]!.features[name] = value
    }
    if let id = anyLink() {
      try graph.setFeature(name, LinkID(id), value)
      naive.links[id]!.features[name] = value
    }
  }

  private mutating func structure() throws {
    made += 1
    let choice = random.below(5)
    if naive.tagSets.count < 2 || choice == 0 && naive.tagSets.count < 5 {
      let tags = (0..<random.below(4)).map { Tag(label: "tag \($0)", color: UInt32(made)) }
      let info = TagSetInfo(name: "set \(made)", tags: tags)
      try graph.addTagSet(name: info.name, tags: tags)
      naive.tagSets.append(info)
      return
    }
    let set = random.below(naive.tagSets.count)
    let info = naive.tagSets[set]
    if choice == 1 || info.tags.isEmpty {
      let tag = Tag(label: "tag \(made)", color: 7)
      try graph.addTag(tag, to: set)
      naive.tagSets[set].tags.append(tag)
    } else if choice == 2 {
      let tag = random.below(info.tags.count)
      try graph.removeTag(set, tag)
      drop(info.tags[tag].label, of: info.name)
      naive.tagSets[set].tags.remove(at: tag)
    } else if choice == 3 && random.below(4) == 0 {
      try graph.removeTagSet(set)
      drop(nil, of: info.name)
      naive.tagSets.remove(at: set)
    } else {
      try graph.setColor(set, 0, UInt32(made))
      naive.tagSets[set].tags[0].color = UInt32(made)
    }
  }

  private mutating func drop(_ label: String?, of set: String) {
    for (id, spot) in naive.spots where label == nil || spot.tags[set] == label {
      naive.spots[id]!.tags[set] = nil
    }
    for (id, link) in naive.links where label == nil || link.tags[set] == label {
      naive.links[id]!.tags[set] = nil
    }
  }

  // MARK: Comparison

  /// Everything that can be read must be what the naive graph says.
  mutating func compare() {
    #expect(graph.spots.map(\.index) == naive.spots.keys.sorted())
    #expect(graph.links.map(\.index) == naive.links.keys.sorted())
    #expect(graph.spotCount == naive.spots.count && graph.linkCount == naive.links.count)
    #expect(graph.tagSets == naive.tagSets)
    #expect(graph.undoNames.count == undo.count && graph.redoNames.count == redo.count)
    for (id, spot) in naive.spots { compare(SpotID(id), spot) }
    for (id, link) in naive.links { compare(LinkID(id), link) }
    let times = naive.spots.values.map(\.t)
    #expect(graph.timepoints == (times.isEmpty ? nil : times.min()!...times.max()!))
    for t in 0..<timepoints {
      let expected = naive.spots.filter { $0.value.t == t }.keys.sorted()
      #expect(graph.spots(at: t).map(\.index) == expected)
      #expect(graph.spotCount(at: t) == expected.count)
    }
    let roots = naive.incoming.filter { $0.value.isEmpty }.keys.sorted()
    #expect(graph.roots().map(\.index) == roots)
    let dividing = naive.outgoing.filter { $0.value.count > 1 }.keys.sorted()
    #expect(graph.dividing().map(\.index) == dividing)
    let columns = graph.columns
    for (ref, uid) in spotOwners {
      let isThere = naive.spots[ref.id.index]?.uid == uid
      let low = columns.spotGeneration[Int(ref.id.index)] & 0xF_FFFF
      #expect(graph.isCurrent(ref) == isThere && (low == ref.generation) == isThere)
    }
    for (ref, uid) in linkOwners {
      #expect(graph.isCurrent(ref) == (naive.links[ref.id.index]?.uid == uid))
    }
  }

  private mutating func compare(_ id: SpotID, _ spot: NaiveSpot) {
    #expect(graph.timepoint(id) == spot.t && graph.position(id) == spot.position)
    #expect(graph.covariance(id) == spot.covariance && graph.label(id) == spot.label)
    #expect(graph.outgoing(id).map(\.index) == naive.outgoing[id.index]!)
    #expect(graph.incoming(id).map(\.index) == naive.incoming[id.index]!)
    for (position, set) in naive.tagSets.enumerated() {
      let label = graph.tag(position, of: id).map { set.tags[$0].label }
      #expect(label == spot.tags[set.name])
    }
    for name in ["feature 0", "feature 1"] {
      #expect(graph.feature(name, id) == spot.features[name])
    }
    let ref = graph.ref(id)
    #expect(spotOwners[ref] == nil || spotOwners[ref] == spot.uid)
    spotOwners[ref] = spot.uid
  }

  private mutating func compare(_ id: LinkID, _ link: NaiveLink) {
    #expect(graph.source(id).index == link.source && graph.target(id).index == link.target)
    for (position, set) in naive.tagSets.enumerated() {
      let label = graph.tag(position, of: id).map { set.tags[$0].label }
      #expect(label == link.tags[set.name])
    }
    for name in ["feature 0", "feature 1"] {
      #expect(graph.feature(name, id) == link.features[name])
    }
    let ref = graph.ref(id)
    #expect(linkOwners[ref] == nil || linkOwners[ref] == link.uid)
    linkOwners[ref] = link.uid
  }

  /// Searches at a random place must find what a full scan finds, in the same order.
  mutating func compareSearches() {
    let t = random.below(timepoints)
    let p = position(&random)
    let all = naive.byDistance(to: p, at: t)
    for count in [1, 3, 10] {
      let found = graph.nearest(to: p, at: t, count: count)
      #expect(found.map(\.id.index) == all.prefix(count).map(\.id))
      #expect(found.map(\.squaredDistance) == all.prefix(count).map(\.squaredDistance))
    }
    let near = all.filter { $0.squaredDistance <= 4 }
    #expect(graph.within(radius: 2, of: p, at: t).map(\.id.index) == near.map(\.id))
    let capped = graph.nearest(to: p, at: t, count: 5, maxDistance: 2)
    #expect(capped.map(\.id.index) == near.prefix(5).map(\.id))
  }

  /// Tracks must be the connected components, by ascending root.
  func compareTracks() {
    let summaries = graph.tracks()
    let tracks = summaries.indices.map { graph.spots(inTrack: $0).map(\.index) }
    #expect(Set(tracks) == naive.tracks() && tracks.count == Set(tracks).count)
    #expect(summaries.map(\.root) == summaries.map(\.root).sorted())
    for (index, track) in tracks.enumerated() {
      let roots = track.filter { naive.incoming[$0]!.isEmpty }
      #expect(summaries[index].root.index == roots.first ?? track[0])
      #expect(summaries[index].spotCount == track.count)
      #expect(summaries[index].linkCount == track.reduce(0) { $0 + naive.outgoing[$1]!.count })
      #expect(graph.links(inTrack: index).count == summaries[index].linkCount)
      #expect(graph.track(of: SpotID(track[0])).map(\.index) == track)
      #expect(graph.trackIndex(of: SpotID(track[0])) == index)
    }
  }
}

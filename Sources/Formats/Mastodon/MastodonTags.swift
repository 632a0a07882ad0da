// `tags.raw`: the tag sets, and which tags spots and links carry.
//
//     int nTagSets; each: int id, UTF name, int nTags; each tag: int id, UTF label, int ARGB
//     for spots, then for links:
//       int nLabelSets; each: int k, k tag ids          a distinct combination of tags; set 0 is empty
//       int nEntries; each: int object, int label set
//
// Ids are arbitrary and sparse; label sets and entries stand in the order of Java's hash tables. All that is
// remembered, because it cannot be worked out again.

import Core
import Lineage

/// What a `tags.raw` says beyond the tags themselves.
struct MastodonTagMemory {
  /// A tag set with its id and the ids of its tags.
  struct TagSet {
    var id: Int
    var info: TagSetInfo
    var tagIDs: [Int32]
  }

  /// The combinations and entries of spots or of links.
  struct Assignments {
    /// Ids of the tags in each combination, in the order of the file; the first one is empty.
    var combinations = TagCombinations()
    /// Numbers of the objects that have an entry, in the order of the file.
    var entries: [UInt32] = []
  }

  var sets: [TagSet] = []
  var spots = Assignments()
  var links = Assignments()
}

/// The content of `tags.raw`.
struct MastodonTags {
  var memory = MastodonTagMemory()
  /// For `LineageGraph.load`.
  var tables: [TagTable] = []
  /// Whether encoding the loaded graph with this memory gives the file's bytes again.
  var isCanonical = true

  /// What a crafted file may make of a few bytes: a tag set that one spot uses needs a column for all.
  private let columnLimit: Int
  private var columnBytes = 0

  /// Decode the member of a project with this many spots and links; `path` is for error messages.
  init(_ bytes: consuming [UInt8], spotCount: Int, linkCount: Int, path: String) throws {
    let stream = try JavaStreamReader(bytes, path: path, member: "tags.raw")
    isCanonical = stream.isCanonical
    columnLimit =
      (4 << 20) + 4 * stream.bytes.count
      + 4 * (spotCount * MastodonModel.spotBytes + linkCount * MastodonModel.linkBytes)
    guard case .data(let run)? = stream.items.first, stream.items.count == 1 else {
      throw HowdahError.format(path, at: "tags.raw", "is not one run of data")
    }
    try stream.bytes.withUnsafeBytes { bytes in
      var cursor = DataCursor(
        UnsafeRawBufferPointer(rebasing: bytes[run]), path: path, place: "tags.raw")
      try readSets(&cursor)
      let owners = TagOwners(memory.sets)
      if owners.hasRepetition { isCanonical = false }
      memory.spots = try readAssignments(
        &cursor, owners, count: spotCount, of: "spots", \.spotTags)
      memory.links = try readAssignments(
        &cursor, owners, count: linkCount, of: "links", \.linkTags)
      try cursor.finish()
    }
  }

  private mutating func readSets(_ cursor: inout DataCursor) throws {
    var setIDs = Set<Int>()
    let setCount = try cursor.count("tag sets", bytesEach: 10)
    guard setCount < 1 << 16 else { throw cursor.fail("declares \(setCount) tag sets") }
    for _ in 0..<setCount {
      let id = try cursor.int("the id of a tag set")
      if !setIDs.insert(id).inserted { isCanonical = false }
      var set = MastodonTagMemory.TagSet(
        id: id, info: TagSetInfo(name: try text(&cursor, "the name of a tag set"), tags: []),
        tagIDs: [])
      let count = try cursor.count("tags", bytesEach: 10)
      guard count < 1 << 16 - 1 else {
        throw cursor.fail("declares \(count) tags in one set; 65534 are possible")
      }
      set.info.tags.reserveCapacity(count)
      set.tagIDs.reserveCapacity(count)
      for _ in 0..<count {
        set.tagIDs.append(Int32(truncatingIfNeeded: try cursor.int("the id of a tag")))
        let label = try text(&cursor, "the label of a tag")
        let color = UInt32(truncatingIfNeeded: try cursor.int("the colour of a tag"))
        set.info.tags.append(Tag(label: label, color: color))
      }
      tables.append(TagTable(info: set.info))
      memory.sets.append(set)
    }
  }

  private mutating func text(_ cursor: inout DataCursor, _ what: String) throws -> String {
    let start = cursor.offset
    let text = try cursor.utf(what)
    if ModifiedUTF8.length(text) != cursor.offset - start - 2 || text.contains("\u{FFFD}") {
      isCanonical = false
    }
    return text
  }

  private mutating func readAssignments(
    _ cursor: inout DataCursor, _ owners: TagOwners, count: Int, of what: String,
    _ column: WritableKeyPath<TagTable, [UInt16]>
  ) throws -> MastodonTagMemory.Assignments {
    var result = MastodonTagMemory.Assignments()
    for _ in 0..<(try cursor.count("label sets of \(what)", bytesEach: 4)) {
      let size = try cursor.count("tags of a label set", bytesEach: 4)
      let raw = try cursor.raw(4 * size, of: "a label set")
      result.combinations.append(
        (0..<size).lazy.map {
          Int32(bigEndian: raw.loadUnaligned(fromByteOffset: 4 * $0, as: Int32.self))
        })
    }
    let combinations = result.combinations
    if combinations.count == 0 || !combinations[0].isEmpty || combinations.hasRepetition {
      isCanonical = false
    }
    // A tag that no set has, or two of one set.
    for index in combinations.indices {
      let sets = combinations[index].compactMap { owners[$0]?.set }
      if sets.count != combinations[index].count || Set(sets).count != sets.count {
        isCanonical = false
        break
      }
    }
    let entries = try cursor.count("tagged \(what)", bytesEach: 8)
    let start = cursor.offset
    let raw = try cursor.raw(entries * 8, of: "the tagged \(what)")
    var columns: [[UInt16]] = Array(repeating: [], count: tables.count)
    var seen = [Bool](repeating: false, count: entries == 0 ? 0 : count)
    result.entries.reserveCapacity(entries)
    for k in 0..<entries {
      let object = UInt32(bigEndian: raw.loadUnaligned(fromByteOffset: 8 * k, as: UInt32.self))
      let set = UInt32(bigEndian: raw.loadUnaligned(fromByteOffset: 8 * k + 4, as: UInt32.self))
      guard object < seen.count, set < combinations.count else {
        throw cursor.fail(
          "gives label set \(Int32(bitPattern: set)) of \(combinations.count) to number "
            + "\(Int32(bitPattern: object)) of \(seen.count) \(what)",
          at: start + 8 * k)
      }
      if seen[Int(object)] { isCanonical = false } else { result.entries.append(object) }
      seen[Int(object)] = true
      for id in combinations[Int(set)] {
        guard let owner = owners[id] else { continue }
        let place = Int(owner.set)
        if columns[place].isEmpty {
          columnBytes += 2 * count
          if columnBytes > columnLimit {
            throw HowdahError(
              .limit,
              "\(cursor.fail("uses too many tag sets for a project of \(count) \(what)").message)")
          }
          columns[place] = [UInt16](repeating: 0, count: count)
        }
        columns[place][Int(object)] = owner.tag + 1
      }
    }
    for set in tables.indices { tables[set][keyPath: column] = columns[set] }
    return result
  }
}

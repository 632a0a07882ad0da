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
    var tagIDs: [Int]
  }

  /// The combinations and entries of spots or of links.
  struct Assignments {
    /// Ids of the tags in each combination, in the order of the file; the first one is empty.
    var combinations: [[Int]] = [[]]
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
  private var owners: [Int: (set: Int, tag: UInt16)] = [:]

  /// Decode the member of a project with this many spots and links; `path` is for error messages.
  init(_ bytes: consuming [UInt8], spotCount: Int, linkCount: Int, path: String) throws {
    let stream = try JavaStreamReader(bytes, path: path, member: "tags.raw")
    isCanonical = stream.isCanonical
    guard case .data(let run)? = stream.items.first, stream.items.count == 1 else {
      throw HowdahError.format(path, at: "tags.raw", "is not one run of data")
    }
    try stream.bytes.withUnsafeBytes { bytes in
      var cursor = DataCursor(
        UnsafeRawBufferPointer(rebasing: bytes[run]), path: path, place: "tags.raw")
      try readSets(&cursor)
      memory.spots = try readAssignments(&cursor, count: spotCount, of: "spots", \.spotTags)
      memory.links = try readAssignments(&cursor, count: linkCount, of: "links", \.linkTags)
      try cursor.finish()
    }
  }

  private mutating func readSets(_ cursor: inout DataCursor) throws {
    var setIDs = Set<Int>()
    let setCount = try cursor.count("tag sets", bytesEach: 10)
    guard setCount < 1 << 16 else { throw cursor.fail("declares \(setCount) tag sets") }
    for index in 0..<setCount {
      let id = try cursor.int("the id of a tag set")
      if !setIDs.insert(id).inserted { isCanonical = false }
      var set = MastodonTagMemory.TagSet(
        id: id, info: TagSetInfo(name: try text(&cursor, "the name of a tag set"), tags: []),
        tagIDs: [])
      let count = try cursor.count("tags", bytesEach: 10)
      guard count < 1 << 16 - 1 else {
        throw cursor.fail("declares \(count) tags in one set; 65534 are possible")
      }
      for tag in 0..<count {
        let tagID = try cursor.int("the id of a tag")
        let label = try text(&cursor, "the label of a tag")
        let color = UInt32(truncatingIfNeeded: try cursor.int("the colour of a tag"))
        set.info.tags.append(Tag(label: label, color: color))
        set.tagIDs.append(tagID)
        if owners.updateValue((index, UInt16(tag)), forKey: tagID) != nil { isCanonical = false }
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
    _ cursor: inout DataCursor, count: Int, of what: String,
    _ column: WritableKeyPath<TagTable, [UInt16]>
  ) throws -> MastodonTagMemory.Assignments {
    var result = MastodonTagMemory.Assignments()
    result.combinations = []
    // Which tag of which set each combination stands for.
    var meanings: [[(set: Int, tag: UInt16)]] = []
    var distinct = Set<[Int]>()
    for _ in 0..<(try cursor.count("label sets of \(what)", bytesEach: 4)) {
      let ids = try (0..<(try cursor.count("tags of a label set", bytesEach: 4))).map { _ in
        try cursor.int("a label set")
      }
      let owners = ids.compactMap { self.owners[$0] }
      // A tag that no set has, two of one set, or a combination that is listed twice.
      if owners.count != ids.count || Set(owners.map(\.set)).count != owners.count
        || !distinct.insert(ids.sorted()).inserted
      {
        isCanonical = false
      }
      meanings.append(owners)
      result.combinations.append(ids)
    }
    if result.combinations.first != [] { isCanonical = false }
    let entries = try cursor.count("tagged \(what)", bytesEach: 8)
    let start = cursor.offset
    let raw = try cursor.raw(entries * 8, of: "the tagged \(what)")
    var columns: [[UInt16]] = Array(repeating: [], count: tables.count)
    var seen = [Bool](repeating: false, count: entries == 0 ? 0 : count)
    result.entries.reserveCapacity(entries)
    for k in 0..<entries {
      let object = UInt32(bigEndian: raw.loadUnaligned(fromByteOffset: 8 * k, as: UInt32.self))
      let set = UInt32(bigEndian: raw.loadUnaligned(fromByteOffset: 8 * k + 4, as: UInt32.self))
      guard object < seen.count, set < meanings.count else {
        throw cursor.fail(
          "gives label set \(Int32(bitPattern: set)) of \(meanings.count) to number "
            + "\(Int32(bitPattern: object)) of \(seen.count) \(what)",
          at: start + 8 * k)
      }
      if seen[Int(object)] { isCanonical = false } else { result.entries.append(object) }
      seen[Int(object)] = true
      for (owner, tag) in meanings[Int(set)] {
        if columns[owner].isEmpty { columns[owner] = [UInt16](repeating: 0, count: count) }
        columns[owner][Int(object)] = tag + 1
      }
    }
    for set in tables.indices { tables[set][keyPath: column] = columns[set] }
    return result
  }
}

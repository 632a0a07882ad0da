// The distinct combinations of tags of a `tags.raw`, and who owns each tag. A file may hold millions of
// combinations of one tag (8 bytes each) and of tags (10 bytes each), so both are kept in flat arrays.

/// Lists of tag ids, one after the other.
struct TagCombinations {
  private var ids: [Int32] = []
  /// Where each combination ends.
  private var ends: [UInt32] = []

  /// No combination at all.
  init() {}

  var count: Int { ends.count }
  var indices: Range<Int> { ends.indices }

  subscript(index: Int) -> ArraySlice<Int32> {
    ids[(index == 0 ? 0 : Int(ends[index - 1]))..<Int(ends[index])]
  }

  /// Add a combination.
  mutating func append(_ combination: some Sequence<Int32>) {
    ids.append(contentsOf: combination)
    ends.append(UInt32(ids.count))
  }

  /// Whether the same ids are listed twice, in whatever order within a combination.
  var hasRepetition: Bool {
    var sorted = ids
    for index in indices {
      sorted[(index == 0 ? 0 : Int(ends[index - 1]))..<Int(ends[index])].sort()
    }
    func part(_ index: UInt32) -> ArraySlice<Int32> {
      sorted[(index == 0 ? 0 : Int(ends[Int(index) - 1]))..<Int(ends[Int(index)])]
    }
    let order = (0..<UInt32(count)).sorted { part($0).lexicographicallyPrecedes(part($1)) }
    return zip(order, order.dropFirst()).contains { part($0) == part($1) }
  }
}

/// Finds the tag that an id means.
struct TagOwners {
  /// A tag by its place.
  struct Owner {
    var id: Int32
    var set: UInt16
    var tag: UInt16
  }
  private let owners: [Owner]
  /// Two tags had the same id; the last one is meant.
  let hasRepetition: Bool

  init(_ sets: [MastodonTagMemory.TagSet]) {
    var all: [Owner] = []
    all.reserveCapacity(sets.reduce(0) { $0 + $1.tagIDs.count })
    for (index, set) in sets.enumerated() {
      for (tag, id) in set.tagIDs.enumerated() {
        all.append(Owner(id: id, set: UInt16(index), tag: UInt16(tag)))
      }
    }
    all.sort { ($0.id, $0.set, $0.tag) < ($1.id, $1.set, $1.tag) }
    owners = all
    hasRepetition = zip(all, all.dropFirst()).contains { $0.id == $1.id }
  }

  /// The tag, nil when no set has it.
  subscript(id: Int32) -> Owner? {
    var (low, high) = (0, owners.count)
    while low < high {
      let middle = (low + high) / 2
      if owners[middle].id <= id { low = middle + 1 } else { high = middle }
    }
    return low > 0 && owners[low - 1].id == id ? owners[low - 1] : nil
  }
}

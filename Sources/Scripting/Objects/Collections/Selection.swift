// What a collection of spots or links selects: a chain of steps that is worked out when it is first needed
// and again after the lineage has changed. Items come in ascending id unless a step says otherwise.

import Core
import Lineage

/// An item of a lineage that collections hold: `SpotID` or `LinkID`.
protocol LineageItem: Hashable, Comparable {
  init(_ index: UInt32)
  /// The slot.
  var index: UInt32 { get }
  /// What its handles are.
  static var kind: HandleKind { get }
  /// How many the lineage has.
  static func count(in graph: LineageGraph) -> Int
  /// Generation of the slot, to tell whether it is still the same item.
  func generation(in graph: LineageGraph) -> UInt32
  /// Whether the slot is in use.
  func exists(in graph: LineageGraph) -> Bool
  /// The tag that it carries in a tag set.
  func tag(_ set: TagSetID, in graph: LineageGraph) -> TagID?
  /// Give all of them a tag, or none.
  static func setTag(_ set: TagSetID, of items: [Self], to tag: TagID?, in graph: LineageGraph)
    throws
  /// Remove all of them.
  static func remove(_ items: [Self], from graph: LineageGraph) throws
}

extension SpotID: LineageItem {
  static var kind: HandleKind { .spot }
  static func count(in graph: LineageGraph) -> Int { graph.spotCount }
  static func setTag(_ set: TagSetID, of items: [SpotID], to tag: TagID?, in graph: LineageGraph)
    throws
  {
    try graph.setTag(set, ofSpots: items, to: tag)
  }
  static func remove(_ items: [SpotID], from graph: LineageGraph) throws { try graph.remove(items) }
  func generation(in graph: LineageGraph) -> UInt32 { graph.ref(self).generation }
  func exists(in graph: LineageGraph) -> Bool { graph.contains(self) }
  func tag(_ set: TagSetID, in graph: LineageGraph) -> TagID? { graph.tag(set, of: self) }
}

extension LinkID: LineageItem {
  static var kind: HandleKind { .link }
  static func count(in graph: LineageGraph) -> Int { graph.linkCount }
  static func setTag(_ set: TagSetID, of items: [LinkID], to tag: TagID?, in graph: LineageGraph)
    throws
  {
    try graph.setTag(set, ofLinks: items, to: tag)
  }
  static func remove(_ items: [LinkID], from graph: LineageGraph) throws { try graph.remove(items) }
  func generation(in graph: LineageGraph) -> UInt32 { graph.ref(self).generation }
  func exists(in graph: LineageGraph) -> Bool { graph.contains(self) }
  func tag(_ set: TagSetID, in graph: LineageGraph) -> TagID? { graph.tag(set, of: self) }
}

/// Spots or links of one lineage, selected by a chain of steps. A selection describes; it never holds on to
/// what it found across a change of the lineage.
final class Selection<Item: LineageItem> {
  let graph: LineageGraph
  /// Whether this is every item of the lineage, so that counts need no walk.
  let isEverything: Bool
  private let make: () throws -> [Item]
  private var found: (change: UInt64, items: [Item])?

  init(_ graph: LineageGraph, isEverything: Bool = false, _ make: @escaping () throws -> [Item]) {
    self.graph = graph
    self.isEverything = isEverything
    self.make = make
  }

  /// These items as long as they exist: what is removed leaves the selection and never comes back as
  /// another item in the same slot.
  convenience init(_ graph: LineageGraph, fixed items: [Item]) {
    let generations = items.map { $0.generation(in: graph) }
    let change = graph.changeCount
    self.init(graph) {
      if graph.changeCount == change { return items }
      return items.indices.compactMap { i in
        let item = items[i]
        return item.exists(in: graph) && item.generation(in: graph) == generations[i] ? item : nil
      }
    }
  }

  /// The selected items. Free while the lineage does not change.
  func items() throws -> [Item] {
    if let found, found.change == graph.changeCount { return found.items }
    let items = try make()
    found = (graph.changeCount, items)
    return items
  }

  /// The first item or the last, nil when there is none.
  func end(last: Bool) throws -> Item? {
    if found == nil || found!.change != graph.changeCount { _ = try items() }
    return last ? found!.items.last : found!.items.first
  }

  /// The items that pass a test, in the same order.
  func filtered(_ test: @escaping (Item) throws -> Bool) -> Selection {
    Selection(graph) { try self.items().filter(test) }
  }

  /// Items worked out from the selected ones.
  func derived<Other: LineageItem>(_ step: @escaping ([Item]) throws -> [Other]) -> Selection<Other>
  {
    Selection<Other>(graph) { try step(self.items()) }
  }

  /// The items whose tag in a tag set is this one; `nil` finds the untagged ones.
  func tagged(_ set: TagSetID, _ tag: TagID?) -> Selection {
    let graph = graph
    return filtered { $0.tag(set, in: graph) == tag }
  }

  /// The items of this selection that are not in the other one.
  func subtracting(_ other: Selection) -> Selection {
    Selection(graph) {
      let mask = Mask(try other.items())
      return try self.items().filter { !mask.contains($0.index) }
    }
  }

  /// The items that are in either selection: those of this one first, in its order.
  func union(_ other: Selection) -> Selection {
    Selection(graph) {
      let mine = try self.items()
      let mask = Mask(mine)
      return mine + (try other.items().filter { !mask.contains($0.index) })
    }
  }

  /// The items that are in both, in the order of this one.
  func intersection(_ other: Selection) -> Selection {
    Selection(graph) {
      let mask = Mask(try other.items())
      return try self.items().filter { mask.contains($0.index) }
    }
  }

  /// Some of the items, chosen at random with equal chance, in their order. The same seed chooses the same.
  func sample(_ count: Int, seed: UInt64) -> Selection {
    derived { items in
      var random = SeededRandom(seed: seed)
      var positions = Array(items.indices)
      let wanted = Swift.min(Swift.max(count, 0), items.count)
      for i in 0..<wanted { positions.swapAt(i, i + random.below(items.count - i)) }
      return positions[0..<wanted].sorted().map { items[$0] }
    }
  }
}

/// A set of slots as bits: building and asking take no hashing.
struct Mask {
  private var words: [UInt64]

  init<Item: LineageItem>(_ items: [Item]) {
    let top = Int(items.max()?.index ?? 0)
    words = [UInt64](repeating: 0, count: top / 64 + 1)
    for item in items { insert(item.index) }
  }

  /// Add a slot; returns whether it was not there.
  @discardableResult
  mutating func insert(_ slot: UInt32) -> Bool {
    let (word, bit) = (Int(slot / 64), UInt64(1) << UInt64(slot % 64))
    if word >= words.count {
      words.append(contentsOf: repeatElement(0, count: word + 1 - words.count))
    }
    if words[word] & bit != 0 { return false }
    words[word] |= bit
    return true
  }

  func contains(_ slot: UInt32) -> Bool {
    let word = Int(slot / 64)
    return word < words.count && words[word] & (1 << UInt64(slot % 64)) != 0
  }
}

// Encodes `tags.raw` from a lineage; the layout is in MastodonTags.swift.

import Core
import Lineage

struct MastodonTagWriter {
  private let graph: LineageGraph
  private let numbering: MastodonNumbering
  /// Tag sets with their ids: remembered ones where name and labels match, new ones elsewhere.
  private var sets: [MastodonTagMemory.TagSet] = []
  private var run = DataRun()

  /// The bytes of `tags.raw`, and what to remember of them.
  ///
  /// - Parameters:
  ///   - memory: ids, and combinations whose order is kept.
  ///   - keepsEntries: whether the numbers of objects in `memory` still mean the same objects.
  static func encode(
    _ graph: LineageGraph, _ numbering: MastodonNumbering, memory: MastodonTagMemory,
    keepsEntries: Bool
  ) -> (bytes: [UInt8], memory: MastodonTagMemory) {
    var writer = MastodonTagWriter(graph: graph, numbering: numbering)
    writer.chooseIDs(memory)
    writer.writeSets()
    var result = MastodonTagMemory()
    result.sets = writer.sets
    let old = keepsEntries ? memory : MastodonTagMemory()
    result.spots = writer.writeAssignments(
      combinations: memory.spots.combinations, entries: old.spots.entries,
      columns: writer.sets.indices.map { graph.spotTagColumn($0) },
      slots: numbering.spots.map(\.index))
    result.links = writer.writeAssignments(
      combinations: memory.links.combinations, entries: old.links.entries,
      columns: writer.sets.indices.map { graph.linkTagColumn($0) },
      slots: numbering.links.map(\.index))
    var stream = JavaStreamWriter(capacity: writer.run.bytes.count * 257 / 256 + 64)
    stream.data(writer.run)
    return (stream.bytes, result)
  }

  private init(graph: LineageGraph, numbering: MastodonNumbering) {
    self.graph = graph
    self.numbering = numbering
  }

  /// Tag ids are unique over all sets, set ids over the sets; new ones follow the highest.
  private mutating func chooseIDs(_ memory: MastodonTagMemory) {
    var remembered = memory.sets
    var nextSet = (remembered.map(\.id).max() ?? -1) + 1
    var nextTag = (remembered.compactMap { $0.tagIDs.max() }.max() ?? -1) &+ 1
    for info in graph.tagSets {
      var known: MastodonTagMemory.TagSet?
      if let index = remembered.firstIndex(where: { $0.info.name == info.name }) {
        known = remembered.remove(at: index)
      }
      var labels = (known?.info.tags.map(\.label) ?? []).map(Optional.some)
      var ids: [Int32] = []
      for tag in info.tags {
        if let known, let index = labels.firstIndex(of: tag.label) {
          labels[index] = nil
          ids.append(known.tagIDs[index])
        } else {
          ids.append(nextTag)
          nextTag += 1
        }
      }
      sets.append(MastodonTagMemory.TagSet(id: known?.id ?? nextSet, info: info, tagIDs: ids))
      if known == nil { nextSet += 1 }
    }
  }

  private mutating func writeSets() {
    run.int(sets.count)
    for set in sets {
      run.int(set.id)
      run.utf(set.info.name)
      run.int(set.info.tags.count)
      for (tag, id) in zip(set.info.tags, set.tagIDs) {
        run.int(Int(id))
        run.utf(tag.label)
        run.int(Int(Int32(bitPattern: tag.color)))
      }
    }
  }

  /// Finds the number of a combination of tags, one set after the other. Each step remembers its last answer:
  /// neighbours in a file mostly carry the same tags.
  private struct Combinations {
    struct Step: Hashable {
      var before: Int32
      var set: UInt16
      var value: UInt16
    }
    private var next: [Step: Int32] = [:]
    private var last: [(step: Step, node: Int32)]
    private var nodes: Int32 = 1
    /// For each node of the steps the number of its combination in the file, -1 while it has none.
    private var numbers: [Int32] = [0]

    init(sets: Int) {
      last = Array(repeating: (Step(before: -1, set: 0, value: 0), 0), count: sets)
    }

    mutating func node(after before: Int32, set: Int, value: UInt16) -> Int32 {
      let step = Step(before: before, set: UInt16(set), value: value)
      if last[set].step == step { return last[set].node }
      var node = next[step] ?? -1
      if node < 0 {
        node = nodes
        nodes += 1
        next[step] = node
        numbers.append(-1)
      }
      last[set] = (step, node)
      return node
    }

    subscript(node: Int32) -> Int32 {
      get { numbers[Int(node)] }
      set { numbers[Int(node)] = newValue }
    }
  }

  private mutating func writeAssignments(
    combinations old: TagCombinations, entries: [UInt32], columns: [TagColumnView], slots: [UInt32]
  ) -> MastodonTagMemory.Assignments {
    let owners = TagOwners(sets)
    let used = columns.indices.filter { columns[$0].base != nil }
    var result = MastodonTagMemory.Assignments()
    result.combinations.append([])
    var known = Combinations(sets: sets.count)
    for index in old.indices.dropFirst() {
      let ids = old[index]
      // A combination with a tag that is gone is forgotten.
      let tags = ids.compactMap { owners[$0] }
      guard tags.count == ids.count, Set(tags.map(\.set)).count == tags.count else { continue }
      let node = tags.sorted { $0.set < $1.set }.reduce(Int32(0)) {
        known.node(after: $0, set: Int($1.set), value: $1.tag + 1)
      }
      guard known[node] < 0 else { continue }
      known[node] = Int32(result.combinations.count)
      result.combinations.append(ids)
    }
    var pairs = DataRun(capacity: entries.count * 8)
    var done = [Bool](repeating: false, count: entries.isEmpty ? 0 : slots.count)
    func add(_ number: Int, keepsEmpty: Bool) {
      var node: Int32 = 0
      for set in used {
        let value = columns[set].value(slots[number])
        if value != 0 { node = known.node(after: node, set: set, value: value) }
      }
      if node == 0, !keepsEmpty { return }
      if known[node] < 0 {
        known[node] = Int32(result.combinations.count)
        result.combinations.append(
          used.compactMap { set -> Int32? in
            let value = columns[set].value(slots[number])
            return value == 0 ? nil : sets[set].tagIDs[Int(value) - 1]
          })
      }
      pairs.int(number)
      pairs.int(Int(known[node]))
      result.entries.append(UInt32(number))
    }
    for number in entries where Int(number) < slots.count {
      done[Int(number)] = true
      add(Int(number), keepsEmpty: true)
    }
    if !used.isEmpty {
      for number in slots.indices where done.isEmpty || !done[number] {
        add(number, keepsEmpty: false)
      }
    }
    run.int(result.combinations.count)
    for index in result.combinations.indices {
      let ids = result.combinations[index]
      run.int(ids.count)
      for id in ids { run.int(Int(id)) }
    }
    run.int(result.entries.count)
    run.bytes.append(contentsOf: pairs.bytes)
    return result
  }
}

extension TagColumnView {
  /// 0 for no tag, else 1 + the tag's position.
  fileprivate func value(_ slot: UInt32) -> UInt16 {
    guard let base else { return 0 }
    return width == 1
      ? UInt16(base.load(fromByteOffset: Int(slot), as: UInt8.self))
      : base.load(fromByteOffset: 2 * Int(slot), as: UInt16.self)
  }
}

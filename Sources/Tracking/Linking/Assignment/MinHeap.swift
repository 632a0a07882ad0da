// The queue of the shortest-path searches.

/// A binary heap by distance, then line.
struct MinHeap {
  struct Item {
    var distance: Double
    var line: Int32

    @inline(__always)
    func isBefore(_ other: Item) -> Bool {
      distance < other.distance || distance == other.distance && line < other.line
    }
  }
  private var items: [Item] = []

  mutating func removeAll() { items.removeAll(keepingCapacity: true) }

  mutating func push(_ item: Item) {
    items.append(item)
    var i = items.count - 1
    while i > 0, items[i].isBefore(items[(i - 1) / 2]) {
      items.swapAt(i, (i - 1) / 2)
      i = (i - 1) / 2
    }
  }

  mutating func pop() -> Item? {
    guard let top = items.first else { return nil }
    let last = items.removeLast()
    if items.isEmpty { return top }
    items[0] = last
    var i = 0
    while true {
      var least = i
      let child = 2 * i + 1
      if child < items.count, items[child].isBefore(items[least]) { least = child }
      if child + 1 < items.count, items[child + 1].isBefore(items[least]) { least = child + 1 }
      if least == i { return top }
      items.swapAt(i, least)
      i = least
    }
  }
}

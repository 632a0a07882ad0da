// A binary heap, for the loops that always take the best of what is open.

/// What a `Heap` holds.
protocol HeapItem {
  /// Whether it leaves the heap before the other; a strict order.
  func isBefore(_ other: Self) -> Bool
}

/// Items that come out in their order; `push` and `pop` take time in proportion to the logarithm of the count.
struct Heap<Item: HeapItem> {
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

  /// The first item, taken out; nil when there is none.
  mutating func pop() -> Item? {
    guard let top = items.first else { return nil }
    let last = items.removeLast()
    if items.isEmpty { return top }
    items[0] = last
    var i = 0
    while true {
      var first = i
      let child = 2 * i + 1
      if child < items.count, items[child].isBefore(items[first]) { first = child }
      if child + 1 < items.count, items[child + 1].isBefore(items[first]) { first = child + 1 }
      if first == i { return top }
      items.swapAt(i, first)
      i = first
    }
  }
}

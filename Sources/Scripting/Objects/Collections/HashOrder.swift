// The order in which the hash sets of the library that Mastodon uses visit their numbers. ELEPHANT numbers
// progenitors in this order, so repeating a published analysis needs it.

/// An open-addressing set of ids: prime sizes from 23, at most half full, double hashing, visited from the
/// top slot down.
struct HashOrder {
  private var slots = [UInt32?](repeating: nil, count: 23)
  private var count = 0

  /// Add an id that is not in the set yet.
  mutating func insert(_ id: UInt32) {
    place(id)
    count += 1
    if count > slots.count / 2 { grow() }
  }

  /// The ids in visiting order.
  var visited: [UInt32] { slots.reversed().compactMap { $0 } }

  private mutating func place(_ id: UInt32) {
    let size = slots.count
    let hash = Int(id & 0x7FFF_FFFF)
    var slot = hash % size
    let step = 1 + hash % (size - 2)
    while slots[slot] != nil {
      slot -= step
      if slot < 0 { slot += size }
    }
    slots[slot] = id
  }

  /// The next size is the first prime from twice the size up; the old table is moved from the top down.
  private mutating func grow() {
    let ids = visited
    var size = slots.count * 2 + 1
    while !isPrime(size) { size += 2 }
    slots = [UInt32?](repeating: nil, count: size)
    for id in ids { place(id) }
  }

  private func isPrime(_ n: Int) -> Bool {
    var divisor = 3
    while divisor * divisor <= n {
      if n % divisor == 0 { return false }
      divisor += 2
    }
    return true
  }
}

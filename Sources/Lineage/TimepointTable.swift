// Which spots are at which timepoint, in ascending id, without a cost that grows with the number of
// spots for a single edit.
//
// Each occupied timepoint has a bucket with a list of ids. Removing a spot leaves its id in the
// list; the list is checked against the columns when somebody asks for it. Adding a spot whose id
// is larger than all others (the usual case) appends it; others go into a tail that is merged when
// somebody asks. A list is tidied at the latest when half of it is stale, so it takes 4 bytes a
// spot, at most 8.

import Core

/// The spots of one timepoint.
struct TimepointBucket {
  let timepoint: Int32
  /// Number of spots at the timepoint.
  var count = 0
  /// Ids; the first `sorted` ascend without repetition, a tail of others follows; some may be
  /// stale.
  var ids: UnsafeMutablePointer<SpotID>
  var used = 0
  var sorted = 0
  var capacity: Int
  /// The spatial index, when there is one.
  var index: SpatialIndex?

  init(timepoint: Int32, capacity: Int) {
    self.timepoint = timepoint
    self.capacity = max(capacity, 4)
    ids = .allocate(capacity: self.capacity)
  }

  /// Note a new spot of this timepoint.
  mutating func add(_ id: SpotID, _ spots: SpotStorage) {
    count += 1
    if sorted > 0, id <= ids[sorted - 1] {
      if isInSortedPart(id) { return }
      if used > 2 * count + 64 { tidy(spots) }
      append(id)
    } else {
      append(id)
      if used == sorted + 1 { sorted = used }
    }
  }

  /// Note that a spot, already free in the columns, was removed.
  mutating func remove(_ spots: SpotStorage) {
    count -= 1
    if used > 2 * count + 64 { tidy(spots) }
  }

  /// Bring the list in order: exactly the spots of the timepoint, ascending.
  mutating func tidy(_ spots: SpotStorage) {
    if used == count && sorted == used { return }
    if sorted < used {
      var tail = UnsafeMutableBufferPointer(start: ids + sorted, count: used - sorted)
      tail.sort()
      mergeTail()
    }
    var kept = 0
    for k in 0..<used {
      let id = ids[k]
      let isRepeated = kept > 0 && ids[kept - 1] == id
      if !isRepeated, spots.pool.contains(id.index), spots.timepoint[id.index] == timepoint {
        ids[kept] = id
        kept += 1
      }
    }
    used = kept
    sorted = kept
  }

  private func isInSortedPart(_ id: SpotID) -> Bool {
    var low = 0
    var high = sorted
    while low < high {
      let middle = (low + high) / 2
      if ids[middle] < id { low = middle + 1 } else { high = middle }
    }
    return low < sorted && ids[low] == id
  }

  /// Merge the sorted tail into the sorted part, from the back.
  private mutating func mergeTail() {
    let tail = Array(UnsafeBufferPointer(start: ids + sorted, count: used - sorted))
    var a = sorted - 1
    var b = tail.count - 1
    var write = used - 1
    while b >= 0 {
      if a >= 0, ids[a] > tail[b] {
        ids[write] = ids[a]
        a -= 1
      } else {
        ids[write] = tail[b]
        b -= 1
      }
      write -= 1
    }
    sorted = used
  }

  private mutating func append(_ id: SpotID) {
    if used == capacity { reserve(used + max(4, used / 4)) }
    ids[used] = id
    used += 1
  }

  mutating func reserve(_ newCapacity: Int) {
    guard newCapacity > capacity else { return }
    let larger = UnsafeMutablePointer<SpotID>.allocate(capacity: newCapacity)
    larger.update(from: ids, count: used)
    ids.deallocate()
    ids = larger
    capacity = newCapacity
  }
}

/// All buckets. Timepoints below a million are found through an array, others through a dictionary.
struct TimepointTable {
  private static let denseLimit = 1 << 20

  private(set) var buckets: [TimepointBucket] = []
  private var dense: [Int32] = []
  private var sparse: [Int32: Int32] = [:]
  private var knownRange: ClosedRange<Timepoint>?
  private var rangeIsKnown = true

  /// Position of a timepoint's bucket, nil when it never had a spot.
  func find(_ t: Int) -> Int? {
    if t >= 0, t < dense.count {
      let bucket = dense[t]
      return bucket < 0 ? nil : Int(bucket)
    }
    guard t >= TimepointTable.denseLimit, let key = Int32(exactly: t) else { return nil }
    return sparse[key].map(Int.init)
  }

  /// Position of a timepoint's bucket, made when there is none.
  mutating func findOrMake(_ t: Int32, capacity: Int = 0) -> Int {
    if let found = find(Int(t)) { return found }
    let position = buckets.count
    buckets.append(TimepointBucket(timepoint: t, capacity: capacity))
    if Int(t) < TimepointTable.denseLimit {
      if dense.count <= Int(t) {
        let missing = max(Int(t) + 1, dense.count * 2) - dense.count
        dense.append(contentsOf: repeatElement(-1, count: missing))
      }
      dense[Int(t)] = Int32(position)
    } else {
      sparse[t] = Int32(position)
    }
    return position
  }

  /// Change one bucket in place.
  mutating func withBucket<R>(_ position: Int, _ body: (inout TimepointBucket) -> R) -> R {
    body(&buckets[position])
  }

  mutating func add(_ id: UInt32, _ spots: SpotStorage) {
    let t = spots.timepoint[id]
    let position = findOrMake(t)
    buckets[position].add(SpotID(id), spots)
    if buckets[position].count == 1 { include(Int(t)) }
    buckets[position].index?.insert(SpotID(id), spots.position(id))
  }

  /// Note all spots of a pool without free slots, none of which is in the table yet.
  mutating func load(_ spots: SpotStorage) {
    let n = spots.pool.slots
    var sizes: [Int32: Int] = [:]
    var i = 0
    while i < n {
      let t = spots.timepoint[UInt32(i)]
      let start = i
      while i < n, spots.timepoint[UInt32(i)] == t { i += 1 }
      sizes[t, default: 0] += i - start
    }
    for (t, size) in sizes.sorted(by: { $0.key < $1.key }) {
      let position = findOrMake(t, capacity: size)
      buckets[position].reserve(size)
      include(Int(t))
    }
    i = 0
    while i < n {
      let t = spots.timepoint[UInt32(i)]
      guard let position = find(Int(t)) else { fatalError("lost timepoint \(t)") }
      while i < n, spots.timepoint[UInt32(i)] == t {
        buckets[position].add(SpotID(UInt32(i)), spots)
        i += 1
      }
    }
  }

  mutating func remove(_ id: UInt32, _ spots: SpotStorage) {
    let t = spots.timepoint[id]
    guard let position = find(Int(t)) else { return }
    buckets[position].remove(spots)
    if buckets[position].count == 0, let range = knownRange,
      Int(t) == range.lowerBound || Int(t) == range.upperBound
    {
      rangeIsKnown = false
    }
    dropFromIndex(position)
  }

  /// Note that a spot, already at its new place in the columns, was moved.
  mutating func move(_ id: UInt32, _ spots: SpotStorage) {
    guard let position = find(Int(spots.timepoint[id])), buckets[position].index != nil else {
      return
    }
    dropFromIndex(position)
    buckets[position].index?.insert(SpotID(id), spots.position(id))
  }

  /// An index of which most is stale is not worth keeping.
  private mutating func dropFromIndex(_ position: Int) {
    guard let index = buckets[position].index else { return }
    index.noteRemoval()
    if index.isMostlyStale { buckets[position].index = nil }
  }

  private mutating func include(_ t: Int) {
    guard rangeIsKnown else { return }
    knownRange = knownRange.map { min($0.lowerBound, t)...max($0.upperBound, t) } ?? t...t
  }

  /// First to last timepoint that has a spot, nil when there are no spots.
  mutating func range() -> ClosedRange<Timepoint>? {
    if !rangeIsKnown {
      knownRange = nil
      rangeIsKnown = true
      for bucket in buckets where bucket.count > 0 { include(Int(bucket.timepoint)) }
    }
    return knownRange
  }

  func free() {
    for bucket in buckets { bucket.ids.deallocate() }
  }

  /// Bytes taken by the lists, spatial indices not included.
  var memoryFootprint: Int {
    buckets.reduce(0) { $0 + $1.capacity * 4 }
      + buckets.capacity * MemoryLayout<TimepointBucket>.stride + dense.capacity * 4
      + sparse.capacity * 12
  }
}

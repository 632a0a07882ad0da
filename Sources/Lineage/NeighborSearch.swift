// The state of one search: where, how many, and the best found so far, ordered by distance and then
// by id.

import Core

/// Collects the nearest spots around a point.
struct NeighborSearch {
  let center: SIMD4<Double>
  /// Results so far, in order.
  let results: UnsafeMutablePointer<Neighbor>
  let capacity: Int
  private(set) var count = 0
  /// No spot farther than this (squared) can become a result.
  private(set) var worst: Double
  /// For an index with stale entries: the columns that say which are still true, and the timepoint.
  let columns: UnsafePointer<SpotStorage>?
  let timepoint: Int32

  init(
    around p: WorldPoint, within squaredDistance: Double,
    into results: UnsafeMutablePointer<Neighbor>,
    capacity: Int, checking columns: UnsafePointer<SpotStorage>?, timepoint: Int32
  ) {
    center = SIMD4(p.x, p.y, p.z, 0)
    worst = squaredDistance
    self.results = results
    self.capacity = capacity
    self.columns = columns
    self.timepoint = timepoint
  }

  @inline(__always)
  mutating func offer(_ entry: IndexEntry) {
    let d = center - entry
    let s = d * d
    let distance = s.x + s.y + s.z
    if distance <= worst { keep(entry, distance) }
  }

  private mutating func keep(_ entry: IndexEntry, _ distance: Double) {
    let id = entry.spot
    if count == capacity {
      let last = results[count - 1]
      if distance == last.squaredDistance, id > last.id { return }
    }
    if let columns {
      guard NeighborSearch.isTrue(entry, columns.pointee, timepoint) else { return }
      for i in 0..<count where results[i].id == id { return }
    }
    var place = count < capacity ? count : count - 1
    while place > 0 {
      let before = results[place - 1]
      if before.squaredDistance < distance || (before.squaredDistance == distance && before.id < id)
      {
        break
      }
      results[place] = before
      place -= 1
    }
    results[place] = (id, distance)
    if count < capacity { count += 1 }
    if count == capacity { worst = results[count - 1].squaredDistance }
  }

  /// Whether an entry of an index still says where its spot is.
  static func isTrue(_ entry: IndexEntry, _ spots: SpotStorage, _ timepoint: Int32) -> Bool {
    let i = entry.spot.index
    return spots.pool.contains(i) && spots.timepoint[i] == timepoint && spots.x[i] == entry.x
      && spots.y[i] == entry.y && spots.z[i] == entry.z
  }
}

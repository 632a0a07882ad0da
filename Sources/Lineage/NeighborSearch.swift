// The state of one search: where, how many, and the best found so far, ordered by distance and then
// by id.

import Core

/// Says which entries of an index with stale ones still say where their spot is.
struct EntryCheck {
  let columns: UnsafePointer<SpotStorage>
  let timepoint: Int32

  func isTrue(_ entry: IndexEntry) -> Bool {
    let i = entry.id.index
    let spots = columns
    return spots.pointee.pool.contains(i) && spots.pointee.timepoint[i] == timepoint
      && spots.pointee.x[i] == entry.x && spots.pointee.y[i] == entry.y
      && spots.pointee.z[i] == entry.z
  }
}

/// Collects the nearest spots around a point into memory of the caller.
struct NearestSearch: PointSearch {
  let x, y, z: Double
  private(set) var worst: Double
  /// Number of results so far.
  private(set) var count = 0
  private let results: UnsafeMutablePointer<Neighbor>
  private let capacity: Int
  private let check: EntryCheck?

  init(
    around p: WorldPoint, within squaredDistance: Double,
    into results: UnsafeMutablePointer<Neighbor>, capacity: Int, check: EntryCheck?
  ) {
    (x, y, z) = (p.x, p.y, p.z)
    worst = squaredDistance
    self.results = results
    self.capacity = capacity
    self.check = check
  }

  mutating func keep(_ entry: IndexEntry, _ distance: Double) {
    let id = entry.id
    if count == capacity {
      let last = results[count - 1]
      if distance == last.squaredDistance, id > last.id { return }
    }
    if let check {
      guard check.isTrue(entry) else { return }
      // A spot that was moved away and back has two true entries.
      for i in 0..<count where results[i].id == id { return }
    }
    var place = count < capacity ? count : count - 1
    while place > 0 {
      let before = results[place - 1]
      if before.squaredDistance < distance { break }
      if before.squaredDistance == distance, before.id < id { break }
      results[place] = before
      place -= 1
    }
    results[place] = (id, distance)
    if count < capacity { count += 1 }
    if count == capacity { worst = results[count - 1].squaredDistance }
  }
}

/// Collects all spots within a distance, in no order; a spot that was moved away and back may be
/// there twice.
struct RadiusSearch: PointSearch {
  let x, y, z: Double
  let worst: Double
  let check: EntryCheck?
  var found: [Neighbor] = []

  init(around p: WorldPoint, within squaredDistance: Double, check: EntryCheck?) {
    (x, y, z) = (p.x, p.y, p.z)
    worst = squaredDistance
    self.check = check
  }

  mutating func keep(_ entry: IndexEntry, _ distance: Double) {
    if check?.isTrue(entry) ?? true { found.append((entry.id, distance)) }
  }
}

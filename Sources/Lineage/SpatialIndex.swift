// The spatial index of one timepoint, built when it is first asked for and kept right under edits.
//
// It is a short list of k-d trees with sizes that fall by at least half, and a few points that are
// in no tree yet (the logarithmic method of Bentley & Saxe 1980): adding a point costs O(log^2 n)
// on average, a search visits at most log2 n trees. Removed and moved spots leave a stale entry,
// which a search recognises by comparing it with the columns; an index that is mostly stale is
// thrown away and built anew.

import Core

/// Points of one timepoint for searches by distance.
final class SpatialIndex {
  private static let pendingLimit = 32

  let timepoint: Int32
  private var trees: [KDTree] = []
  private var pending: [IndexEntry] = []
  private var entries = 0
  private var stale = 0

  init(timepoint: Int32, spots ids: UnsafeBufferPointer<SpotID>, _ columns: SpotStorage) {
    self.timepoint = timepoint
    let points = UnsafeMutablePointer<IndexEntry>.allocate(capacity: max(ids.count, 1))
    for (k, id) in ids.enumerated() { points[k] = IndexEntry(id, columns.position(id.index)) }
    trees.append(KDTree(taking: points, count: ids.count))
    entries = ids.count
  }

  /// Bytes taken.
  var memoryFootprint: Int { trees.reduce(0) { $0 + $1.memoryFootprint } + pending.capacity * 32 }

  /// Points held, stale ones included.
  var size: Int { entries }

  var isMostlyStale: Bool { stale > 64 && 2 * stale > entries }

  func insert(_ id: SpotID, _ position: WorldPoint) {
    pending.append(IndexEntry(id, position))
    entries += 1
    if pending.count > SpatialIndex.pendingLimit { mergePending() }
  }

  /// A spot was removed or has moved away: one entry is no longer true.
  func noteRemoval() { stale += 1 }

  /// Make a tree of the pending points and of all trees that are not at least twice as large.
  private func mergePending() {
    var size = pending.count
    var first = trees.count
    while first > 0, trees[first - 1].count < 2 * size {
      first -= 1
      size += trees[first].count
    }
    let points = UnsafeMutablePointer<IndexEntry>.allocate(capacity: size)
    var next = pending.count
    for i in 0..<next { points[i] = pending[i] }
    for tree in trees[first...] {
      (points + next).update(from: tree.entries, count: tree.count)
      next += tree.count
    }
    trees.removeSubrange(first...)
    trees.append(KDTree(taking: points, count: size))
    pending.removeAll(keepingCapacity: true)
  }

  /// The nearest spots within a squared distance (inclusive), into `results`; returns how many.
  func nearest(
    to p: WorldPoint, within squaredDistance: Double,
    into results: UnsafeMutableBufferPointer<Neighbor>,
    _ columns: UnsafePointer<SpotStorage>
  ) -> Int {
    guard let base = results.baseAddress else { return 0 }
    var search = NeighborSearch(
      around: p, within: squaredDistance, into: base, capacity: results.count,
      checking: stale > 0 ? columns : nil, timepoint: timepoint)
    for tree in trees { tree.visit(&search) }
    for entry in pending { search.offer(entry) }
    return search.count
  }

  /// All spots within a squared distance (inclusive), by distance and id.
  func within(
    _ squaredDistance: Double, of p: WorldPoint, _ columns: UnsafePointer<SpotStorage>
  ) -> [Neighbor] {
    var found: [Neighbor] = []
    let center = SIMD4(p.x, p.y, p.z, 0)
    func offer(_ entry: IndexEntry) {
      let d = center - entry
      let s = d * d
      let distance = s.x + s.y + s.z
      if distance <= squaredDistance,
        stale == 0 || NeighborSearch.isTrue(entry, columns.pointee, timepoint)
      {
        found.append((entry.spot, distance))
      }
    }
    for tree in trees { tree.visit(of: center, within: squaredDistance, offer) }
    for entry in pending { offer(entry) }
    found.sort {
      $0.squaredDistance < $1.squaredDistance
        || ($0.squaredDistance == $1.squaredDistance && $0.id < $1.id)
    }
    guard stale > 0 else { return found }
    var unique: [Neighbor] = []
    for neighbor in found where unique.last?.id != neighbor.id { unique.append(neighbor) }
    return unique
  }
}

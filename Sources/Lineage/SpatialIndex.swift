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

  private let timepoint: Int32
  private var trees: [KDTree] = []
  private var pending: [IndexEntry] = []
  private var stale = 0
  /// Points held, stale ones included.
  private(set) var size: Int
  /// Memory for searches.
  private let waiting = UnsafeMutablePointer<KDTree.Waiting>.allocate(
    capacity: KDTree.greatestDepth)

  init(timepoint: Int32, spots ids: UnsafeBufferPointer<SpotID>, _ columns: SpotStorage) {
    self.timepoint = timepoint
    size = ids.count
    let points = UnsafeMutableBufferPointer<IndexEntry>.allocate(capacity: ids.count)
    defer { points.deallocate() }
    for k in 0..<ids.count { points[k] = IndexEntry(ids[k], columns.position(ids[k].index)) }
    trees.append(KDTree(points))
  }

  deinit {
    for tree in trees { tree.free() }
    waiting.deallocate()
  }

  /// Bytes taken.
  var memoryFootprint: Int {
    trees.reduce(pending.capacity * MemoryLayout<IndexEntry>.stride) { $0 + $1.memoryFootprint }
  }

  var isMostlyStale: Bool { stale > 64 && 2 * stale > size }

  func insert(_ id: SpotID, _ position: WorldPoint) {
    pending.append(IndexEntry(id, position))
    size += 1
    if pending.count > SpatialIndex.pendingLimit { mergePending() }
  }

  /// A spot was removed or has moved away: one entry is no longer true.
  func noteRemoval() { stale += 1 }

  /// Make a tree of the pending points and of all trees that are not at least twice as large.
  private func mergePending() {
    var first = trees.count
    var points = pending
    while first > 0, trees[first - 1].count < 2 * points.count {
      first -= 1
      trees[first].forEachEntry { points.append($0) }
      trees[first].free()
    }
    trees.removeSubrange(first...)
    points.withUnsafeMutableBufferPointer { trees.append(KDTree($0)) }
    pending.removeAll(keepingCapacity: true)
  }

  private func visit<Search: PointSearch>(_ search: inout Search) {
    trees.withUnsafeBufferPointer { trees in
      for k in 0..<trees.count { trees[k].visit(&search, waiting) }
    }
    pending.withUnsafeBufferPointer { pending in
      for entry in pending {
        let (dx, dy, dz) = (search.x - entry.x, search.y - entry.y, search.z - entry.z)
        let distance = dx * dx + dy * dy + dz * dz
        if distance <= search.worst { search.keep(entry, distance) }
      }
    }
  }

  private func check(_ columns: UnsafePointer<SpotStorage>) -> EntryCheck? {
    stale > 0 ? EntryCheck(columns: columns, timepoint: timepoint) : nil
  }

  /// The nearest spots within a squared distance (inclusive), into `results`; returns how many.
  func nearest(
    to p: WorldPoint, within squaredDistance: Double,
    into results: UnsafeMutableBufferPointer<Neighbor>, _ columns: UnsafePointer<SpotStorage>
  ) -> Int {
    guard let base = results.baseAddress else { return 0 }
    var search = NearestSearch(
      around: p, within: squaredDistance, into: base, capacity: results.count,
      check: check(columns))
    visit(&search)
    return search.count
  }

  /// All spots within a squared distance (inclusive), by distance and id.
  func within(
    _ squaredDistance: Double, of p: WorldPoint, _ columns: UnsafePointer<SpotStorage>
  ) -> [Neighbor] {
    var search = RadiusSearch(around: p, within: squaredDistance, check: check(columns))
    visit(&search)
    var found = search.found
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

// Searches by distance among the spots of one timepoint. The index of a timepoint is built at the
// first search and kept right under edits.

import Core

extension LineageGraph {
  /// The spots nearest to a point, by distance, ties by ascending id.
  /// - Parameters:
  ///   - p: in world units.
  ///   - count: at most so many.
  ///   - maxDistance: in world units, inclusive.
  public func nearest(
    to p: WorldPoint, at t: Timepoint, count: Int, maxDistance: Double = .infinity
  ) -> [Neighbor] {
    let present = spotCount(at: t)
    let wanted = min(count, present)
    guard wanted > 0 else { return [] }
    if wanted > 64, wanted > present / 16 {
      return Array(within(radius: maxDistance, of: p, at: t).prefix(wanted))
    }
    return [Neighbor](unsafeUninitializedCapacity: wanted) { buffer, found in
      found = nearest(to: p, at: t, maxDistance: maxDistance, into: buffer)
    }
  }

  /// The spots nearest to a point, by distance, ties by ascending id, into memory of the caller:
  /// nothing is allocated once the timepoint has its index.
  /// - Parameters:
  ///   - maxDistance: in world units, inclusive.
  ///   - results: as many as fit in here.
  /// - Returns: how many were found.
  public func nearest(
    to p: WorldPoint, at t: Timepoint, maxDistance: Double = .infinity,
    into results: UnsafeMutableBufferPointer<Neighbor>
  ) -> Int {
    guard results.count > 0, maxDistance >= 0, p.isFinite, let index = spatialIndex(at: t) else {
      return 0
    }
    return withColumnsPointer {
      index.nearest(to: p, within: maxDistance * maxDistance, into: results, $0)
    }
  }

  /// The spots within a radius (inclusive, world units) of a point, by distance, ties by ascending
  /// id.
  public func within(radius: Double, of p: WorldPoint, at t: Timepoint) -> [Neighbor] {
    guard radius >= 0, p.isFinite, let index = spatialIndex(at: t) else { return [] }
    return withColumnsPointer { index.within(radius * radius, of: p, $0) }
  }

  private func withColumnsPointer<R>(_ body: (UnsafePointer<SpotStorage>) -> R) -> R {
    withUnsafePointer(to: &storage.pointee.spots) { body($0) }
  }

  /// The index of a timepoint, nil when no spot is there.
  private func spatialIndex(at t: Timepoint) -> SpatialIndex? {
    guard let bucket = storage.pointee.times.find(t) else { return nil }
    if let index = storage.pointee.times.buckets[bucket].index { return index }
    guard storage.pointee.times.buckets[bucket].count > 0 else { return nil }
    let list = storage.pointee.tidyList(bucket)
    let index = SpatialIndex(timepoint: Int32(t), spots: list, storage.pointee.spots)
    storage.pointee.times.withBucket(bucket) { $0.index = index }
    keepIndicesSmall(newest: bucket, size: index.size)
    return index
  }

  /// Drop the oldest indices when all together hold too many points. Their sizes are only looked at
  /// when the points indexed since the last time may have gone beyond the limit.
  private func keepIndicesSmall(newest: Int, size: Int) {
    indexed.append(newest)
    indexedSize += size
    if indexedSize <= spatialIndexLimit { return }
    var seen: Set<Int> = []
    var kept: [Int] = []
    indexedSize = 0
    for bucket in indexed.reversed() where seen.insert(bucket).inserted {
      guard let index = storage.pointee.times.buckets[bucket].index else { continue }
      if kept.isEmpty || indexedSize + index.size <= spatialIndexLimit / 2 {
        kept.append(bucket)
        indexedSize += index.size
      } else {
        storage.pointee.times.withBucket(bucket) { $0.index = nil }
      }
    }
    indexed = kept.reversed()
  }
}

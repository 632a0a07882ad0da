// All data of a graph, and the elementary changes. Every elementary change does one thing and
// writes to a log how to take it back; edits, undo, redo and rollback are made of these changes and
// of nothing else.

import Core

/// Columns and tables of a graph.
@usableFromInline
struct GraphStorage {
  @usableFromInline var spots = SpotStorage()
  @usableFromInline var links = LinkStorage()
  var times = TimepointTable()
  var tagSets: [TagSetStore] = []
  var spotFeatures: [FeatureColumn] = []
  var linkFeatures: [FeatureColumn] = []
  var labels = LabelStorage()
  /// Squared bounding radii as a file gave them, where they are to be kept; NaN elsewhere.
  var storedRadii: FeatureColumn?
  /// Grows with every change.
  var changeCount: UInt64 = 0
  /// Grows with every change of which spots and links there are.
  var structureCount: UInt64 = 0
  /// Grows whenever a base address of a column may have changed.
  var columnsVersion: UInt64 = 0

  func free() {
    spots.free()
    links.free()
    times.free()
    labels.free()
  }

  // MARK: Spots

  mutating func reserveSpots(_ slots: Int) {
    guard slots > spots.capacity else { return }
    spots.grow(to: grownCapacity(spots.capacity, needed: slots))
    for set in tagSets where set.spots.pointee.base != nil {
      set.spots.pointee.reserve(slots: spots.capacity, largest: 0)
    }
    for feature in spotFeatures { feature.reserve(spots.capacity) }
    columnsVersion += 1
  }

  mutating func createSpot(
    t: Int32, position p: WorldPoint, covariance c: Covariance, _ log: ChangeLog
  )
    -> UInt32
  {
    let (id, isFresh) = spots.pool.upcoming
    if isFresh { reserveSpots(Int(id) + 1) }
    let generation = spots.pool.nextGeneration(of: id)
    placeSpot(id, generation, isFresh, t, p, c, log)
    return id
  }

  private mutating func placeSpot(
    _ id: UInt32, _ generation: UInt32, _ isFresh: Bool, _ t: Int32, _ p: WorldPoint,
    _ c: Covariance,
    _ log: ChangeLog
  ) {
    spots.pool.take(id, generation: generation, isFresh: isFresh)
    spots.fill(id, t: t, position: p, covariance: c)
    times.add(id, spots)
    changeCount += 1
    structureCount += 1
    log.push(id)
    log.push(isFresh)
    log.end(.killSpot)
  }

  mutating func reviveSpot(_ r: SpotRecord, _ log: ChangeLog) {
    placeSpot(
      r.id, r.generation, r.isFresh, r.timepoint, WorldPoint(x: r.x, y: r.y, z: r.z),
      Covariance(xx: r.xx, xy: r.xy, xz: r.xz, yy: r.yy, yz: r.yz, zz: r.zz), log)
  }

  /// Free a spot that has no links, tags, features or label any more.
  mutating func killSpot(_ id: UInt32, isFresh: Bool, _ log: ChangeLog) {
    let c = spots.covariance[id]
    log.push(
      SpotRecord(
        x: spots.x[id], y: spots.y[id], z: spots.z[id], xx: c.xx, xy: c.xy, xz: c.xz, yy: c.yy,
        yz: c.yz, zz: c.zz, timepoint: spots.timepoint[id], id: id,
        generation: spots.pool.state[id],
        isFresh: isFresh))
    log.end(.reviveSpot)
    spots.pool.release(id, isFresh: isFresh)
    times.remove(id, spots)
    changeCount += 1
    structureCount += 1
  }

  mutating func setPosition(_ id: UInt32, _ p: WorldPoint, _ log: ChangeLog) {
    log.push(spots.position(id))
    log.push(id)
    log.end(.position)
    spots.setPosition(id, p)
    times.move(id, spots)
    changeCount += 1
  }

  mutating func setCovariance(_ id: UInt32, _ c: Covariance, _ log: ChangeLog) {
    log.push(spots.covariance[id])
    log.push(id)
    log.end(.covariance)
    spots.covariance[id] = c
    changeCount += 1
  }

  func storedRadius(_ id: UInt32) -> Double {
    guard let storedRadii, Int(id) < storedRadii.capacity else { return .nan }
    return storedRadii.values[Int(id)]
  }

  mutating func setStoredRadius(_ id: UInt32, _ value: Double, _ log: ChangeLog) {
    log.push(storedRadius(id))
    log.push(id)
    log.end(.storedRadius)
    let radii = storedRadii ?? FeatureColumn(name: "", capacity: spots.capacity)
    radii.reserve(spots.capacity)
    radii.values[Int(id)] = value
    storedRadii = radii
    changeCount += 1
  }

  mutating func setLabel(_ id: UInt32, _ text: String?, _ log: ChangeLog) {
    log.push(.label(labels.text(id)))
    log.push(id)
    log.end(.label)
    labels.set(id, text, capacity: spots.capacity)
    changeCount += 1
  }

  // MARK: Links

  mutating func reserveLinks(_ slots: Int) {
    guard slots > links.capacity else { return }
    links.grow(to: grownCapacity(links.capacity, needed: slots))
    for set in tagSets where set.links.pointee.base != nil {
      set.links.pointee.reserve(slots: links.capacity, largest: 0)
    }
    for feature in linkFeatures { feature.reserve(links.capacity) }
    columnsVersion += 1
  }

  mutating func createLink(_ source: UInt32, _ target: UInt32, _ log: ChangeLog) -> UInt32 {
    let (id, isFresh) = links.pool.upcoming
    if isFresh { reserveLinks(Int(id) + 1) }
    reviveLink(
      RevivedLink(
        id: id, generation: links.pool.nextGeneration(of: id), source: source, target: target,
        afterOut: spots.lastOut[source], afterIn: spots.lastIn[target], isFresh: isFresh), log)
    return id
  }

  mutating func reviveLink(_ r: RevivedLink, _ log: ChangeLog) {
    links.pool.take(r.id, generation: r.generation, isFresh: r.isFresh)
    links.insert(
      r.id, source: r.source, target: r.target, afterOut: r.afterOut, afterIn: r.afterIn,
      into: spots)
    changeCount += 1
    structureCount += 1
    log.push(
      KilledLink(id: r.id, afterOut: r.afterOut, afterIn: r.afterIn, isFresh: r.isFresh))
    log.end(.killLink)
  }

  /// Free a link that has no tags or features any more.
  mutating func killLink(_ link: KilledLink, _ log: ChangeLog) {
    let record = links.record[link.id]
    links.extract(link.id, afterOut: link.afterOut, afterIn: link.afterIn, from: spots)
    log.push(
      RevivedLink(
        id: link.id, generation: links.pool.state[link.id], source: record.source,
        target: record.target, afterOut: link.afterOut, afterIn: link.afterIn,
        isFresh: link.isFresh))
    log.end(.reviveLink)
    links.pool.release(link.id, isFresh: link.isFresh)
    changeCount += 1
    structureCount += 1
  }
}

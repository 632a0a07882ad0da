// The graph of spots and links: what there is and how to read it.
//
// Spots and links live in columns (structure of arrays) outside Swift's reference counting; ids are
// slots. All changes go through `edit`, which makes them one undo point; see
// LineageGraph+History.swift. Reading is in this file, edits, tags, searches and traversals are in
// the extensions beside it.

import Core

/// Spots with positions and ellipsoids, directed links between them, tags, labels and features,
/// with named transactions, undo and redo.
///
/// Nothing enforces that links point forward in time: self links, several links between the same
/// spots, links over several timepoints, backward links and merges are all legal, because real
/// files may hold them. Enumerations are in ascending id, the links of a spot in the order in which
/// they were made.
///
///     let graph = LineageGraph()
///     try graph.edit("two spots") {
///       let a = try graph.addSpot(t: 0, position: p, covariance: .sphere(radius: 5))
///       let b = try graph.addSpot(t: 1, position: q, covariance: .sphere(radius: 5))
///       try graph.addLink(a, b)
///     }
///     try graph.undo()
///
/// A graph is owned by one thread. Reading a spot or link that is not there is a programming error
/// and stops the program when the id was never used; edits report it as an error of kind `stale`.
/// Use `contains` or, for ids that outlive edits, `isCurrent`.
public final class LineageGraph {
  /// Everything lives behind this pointer, which never changes: access costs no exclusivity check.
  @usableFromInline let storage: UnsafeMutablePointer<GraphStorage>
  var history = History()
  var tracksCache: TrackLabelling?
  /// Timepoints with a spatial index, oldest first.
  var indexed: [Int] = []
  /// Points put into spatial indices since the sizes of these were looked at, and what they were.
  var indexedSize = 0

  /// How many points all spatial indices together may hold; the oldest ones are dropped beyond it.
  public var spatialIndexLimit = 4_000_000

  /// An empty graph without tag sets.
  public init() {
    storage = .allocate(capacity: 1)
    storage.initialize(to: GraphStorage())
  }

  deinit {
    storage.pointee.free()
    storage.deinitialize(count: 1)
    storage.deallocate()
  }

  // MARK: Counts and enumeration

  /// Number of spots.
  @inlinable public var spotCount: Int { storage.pointee.spots.pool.count }

  /// Number of links.
  @inlinable public var linkCount: Int { storage.pointee.links.pool.count }

  /// Ids of spots are below this number; includes free slots.
  @inlinable public var spotSlots: Int { storage.pointee.spots.pool.slots }

  /// Ids of links are below this number; includes free slots.
  @inlinable public var linkSlots: Int { storage.pointee.links.pool.slots }

  /// Whether there is a spot with this id.
  @inlinable public func contains(_ spot: SpotID) -> Bool {
    storage.pointee.spots.pool.contains(spot.index)
  }

  /// Whether there is a link with this id.
  @inlinable public func contains(_ link: LinkID) -> Bool {
    storage.pointee.links.pool.contains(link.index)
  }

  /// A reference to a spot that outlives edits.
  @inlinable public func ref(_ spot: SpotID) -> SpotRef {
    SpotRef(id: spot, generation: storage.pointee.spots.pool.state[checked(spot)] & generationMask)
  }

  /// A reference to a link that outlives edits.
  @inlinable public func ref(_ link: LinkID) -> LinkRef {
    LinkRef(id: link, generation: storage.pointee.links.pool.state[checked(link)] & generationMask)
  }

  /// Whether the spot that the reference was made for is there.
  @inlinable public func isCurrent(_ ref: SpotRef) -> Bool {
    storage.pointee.spots.pool.isCurrent(ref.id.index, ref.generation)
  }

  /// Whether the link that the reference was made for is there.
  @inlinable public func isCurrent(_ ref: LinkRef) -> Bool {
    storage.pointee.links.pool.isCurrent(ref.id.index, ref.generation)
  }

  /// All spots, ascending.
  public var spots: [SpotID] {
    var ids: [SpotID] = []
    ids.reserveCapacity(spotCount)
    forEachSpot { ids.append($0) }
    return ids
  }

  /// All links, ascending.
  public var links: [LinkID] {
    var ids: [LinkID] = []
    ids.reserveCapacity(linkCount)
    forEachLink { ids.append($0) }
    return ids
  }

  /// Call `body` for every spot, ascending. Spots that `body` removes before their turn are left
  /// out.
  @inlinable public func forEachSpot(_ body: (SpotID) throws -> Void) rethrows {
    var i: UInt32 = 0
    while Int(i) < spotSlots {
      if storage.pointee.spots.pool.contains(i) { try body(SpotID(i)) }
      i += 1
    }
  }

  /// Call `body` for every link, ascending. Links that `body` removes before their turn are left
  /// out.
  @inlinable public func forEachLink(_ body: (LinkID) throws -> Void) rethrows {
    var i: UInt32 = 0
    while Int(i) < linkSlots {
      if storage.pointee.links.pool.contains(i) { try body(LinkID(i)) }
      i += 1
    }
  }

  /// The spots at a timepoint, ascending.
  public func spots(at t: Timepoint) -> [SpotID] { withSpots(at: t) { Array($0) } }

  /// The spots at a timepoint, ascending, without a copy. `body` must not change the graph.
  public func withSpots<R>(at t: Timepoint, _ body: (UnsafeBufferPointer<SpotID>) throws -> R)
    rethrows
    -> R
  {
    guard let bucket = storage.pointee.times.find(t) else {
      return try body(UnsafeBufferPointer(start: nil, count: 0))
    }
    let list = storage.pointee.tidyList(bucket)
    return try body(list)
  }

  /// Number of spots at a timepoint.
  public func spotCount(at t: Timepoint) -> Int {
    storage.pointee.times.find(t).map { storage.pointee.times.buckets[$0].count } ?? 0
  }

  /// First to last timepoint that has spots; nil when there are no spots.
  public var timepoints: ClosedRange<Timepoint>? { storage.pointee.times.range() }

  // MARK: Spots

  @inlinable
  func checked(_ spot: SpotID) -> UInt32 {
    precondition(Int(spot.index) < storage.pointee.spots.pool.slots, "no such spot")
    return spot.index
  }

  @inlinable
  func checked(_ link: LinkID) -> UInt32 {
    precondition(Int(link.index) < storage.pointee.links.pool.slots, "no such link")
    return link.index
  }

  /// The timepoint of a spot; it never changes.
  @inlinable public func timepoint(_ spot: SpotID) -> Timepoint {
    Int(storage.pointee.spots.timepoint[checked(spot)])
  }

  /// The centre of a spot in world units.
  @inlinable public func position(_ spot: SpotID) -> WorldPoint {
    storage.pointee.spots.position(checked(spot))
  }

  /// The covariance of a spot's ellipsoid in squared world units; the semi-axes are the square
  /// roots of its eigenvalues.
  @inlinable public func covariance(_ spot: SpotID) -> Covariance {
    storage.pointee.spots.covariance[checked(spot)]
  }

  /// The label of a spot, nil when it has none.
  public func label(_ spot: SpotID) -> String? { storage.pointee.labels.text(checked(spot)) }

  /// The UTF-8 of the label of a spot, nil when it has none; valid during the call.
  public func withLabel(_ spot: SpotID, _ body: (UnsafeBufferPointer<UInt8>?) -> Int) -> Int {
    storage.pointee.labels.withText(UInt32(checked(spot)), body)
  }

  /// The label of a spot, its id as text when it has none.
  public func displayName(_ spot: SpotID) -> String { label(spot) ?? spot.description }

  /// Number of spots with a label.
  public var labelCount: Int { storage.pointee.labels.count }

  /// The squared radius of the bounding sphere: as the file gave it, while the covariance has not
  /// been changed since, else the largest eigenvalue of the covariance.
  public func boundingSphereRadiusSquared(_ spot: SpotID) -> Double {
    let stored = storage.pointee.storedRadius(checked(spot))
    return stored.isNaN ? covariance(spot).boundingSphereRadiusSquared : stored
  }

  // MARK: Links

  /// The spot a link begins at.
  @inlinable public func source(_ link: LinkID) -> SpotID {
    SpotID(storage.pointee.links.record[checked(link)].source)
  }

  /// The spot a link ends at.
  @inlinable public func target(_ link: LinkID) -> SpotID {
    SpotID(storage.pointee.links.record[checked(link)].target)
  }

  /// The links that begin at a spot, in insertion order.
  @inlinable public func outgoing(_ spot: SpotID) -> LinkSequence {
    LinkSequence(
      records: storage.pointee.links.record.base,
      last: storage.pointee.spots.lastOut[checked(spot)],
      isOutgoing: true)
  }

  /// The links that end at a spot, in insertion order.
  @inlinable public func incoming(_ spot: SpotID) -> LinkSequence {
    LinkSequence(
      records: storage.pointee.links.record.base, last: storage.pointee.spots.lastIn[checked(spot)],
      isOutgoing: false)
  }

  /// Number of links that begin at a spot.
  @inlinable public func outDegree(_ spot: SpotID) -> Int { outgoing(spot).count }

  /// Number of links that end at a spot.
  @inlinable public func inDegree(_ spot: SpotID) -> Int { incoming(spot).count }

  /// The first link between two spots in this direction.
  @inlinable public func link(from source: SpotID, to target: SpotID) -> LinkID? {
    for link in outgoing(source) where self.target(link) == target { return link }
    return nil
  }

  /// Spots without incoming links, ascending.
  public func roots() -> [SpotID] { spots { $0.lastIn[$1] == noIndex } }

  /// Spots without outgoing links, ascending.
  public func leaves() -> [SpotID] { spots { $0.lastOut[$1] == noIndex } }

  /// Spots with more than one outgoing link, ascending.
  public func dividing() -> [SpotID] {
    let records = storage.pointee.links.record
    return spots {
      let last = $0.lastOut[$1]
      return last != noIndex && records[last].nextOut != last
    }
  }

  private func spots(where condition: (SpotStorage, UInt32) -> Bool) -> [SpotID] {
    let columns = storage.pointee.spots
    var found: [SpotID] = []
    for i in 0..<UInt32(columns.pool.slots) where columns.pool.contains(i) && condition(columns, i)
    {
      found.append(SpotID(i))
    }
    return found
  }

  // MARK: Change counters

  /// Grows with every change, undo and redo included; for caches.
  public var changeCount: UInt64 { storage.pointee.changeCount }

  /// Grows with every change of which spots and links there are, but not with tags and positions.
  public var structureCount: UInt64 { storage.pointee.structureCount }
}

extension GraphStorage {
  /// The spots of a bucket, ascending; valid until the next change.
  mutating func tidyList(_ bucket: Int) -> UnsafeBufferPointer<SpotID> {
    let columns = spots
    return times.withBucket(bucket) {
      $0.tidy(columns)
      return UnsafeBufferPointer(start: $0.ids, count: $0.used)
    }
  }
}

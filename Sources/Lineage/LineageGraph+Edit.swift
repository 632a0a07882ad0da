// Edits of spots and links. Every function here throws `state` outside of `edit` and `stale` for a
// spot or link that is not there.

import Core

extension LineageGraph {
  // MARK: Adding

  /// Add a spot.
  /// - Parameters:
  ///   - t: 0-based timepoint, at most 2^31 - 1.
  ///   - position: centre in world units.
  ///   - covariance: ellipsoid in squared world units.
  ///   - manual: the spot was made by hand: it is tagged Detection `fn` and Tracking `Approved`,
  ///     and those tags are made where they are missing.
  /// - Throws: `argument` when a number is not finite or the timepoint is out of range.
  @discardableResult
  public func addSpot(
    t: Timepoint, position: WorldPoint, covariance: Covariance, manual: Bool = false
  ) throws -> SpotID {
    let log = try requireEdit()
    guard let time = Int32(exactly: t), time >= 0 else {
      throw HowdahError(.argument, "timepoint \(t) is out of range; give 0 to \(Int32.max)")
    }
    try requireFinite(position)
    try requireFinite(covariance)
    guard storage.pointee.spots.pool.upcoming.index < noIndex - 1 else {
      throw HowdahError(.limit, "the graph is full (2^32 - 1 spots)")
    }
    let id = SpotID(
      storage.pointee.createSpot(t: time, position: position, covariance: covariance, log))
    if manual { try tagAsManual(id) }
    return id
  }

  /// Add a link, at the end of the source's outgoing and the target's incoming links. Any two spots
  /// can be linked, in any direction, more than once and with themselves.
  /// - Parameter manual: the link was made by hand: it is tagged Tracking `Approved`, and that tag
  ///   is made where it is missing.
  @discardableResult
  public func addLink(_ source: SpotID, _ target: SpotID, manual: Bool = false) throws -> LinkID {
    let log = try requireEdit()
    try require(source)
    try require(target)
    guard storage.pointee.links.pool.upcoming.index < noIndex - 1 else {
      throw HowdahError(.limit, "the graph is full (2^32 - 1 links)")
    }
    let id = LinkID(storage.pointee.createLink(source.index, target.index, log))
    if manual { try tagAsManual(id) }
    return id
  }

  /// Remove the links between two spots, in whichever direction they are, or add one from the
  /// earlier to the later spot when there is none.
  /// - Returns: the new link, or nil when links were removed.
  /// - Throws: `argument` when a link would have to be added between spots of the same timepoint.
  @discardableResult
  public func toggleLink(_ a: SpotID, _ b: SpotID, manual: Bool = false) throws -> LinkID? {
    _ = try requireEdit()
    try require(a)
    try require(b)
    var existing = outgoing(a).filter { target($0) == b }
    if a != b { existing += outgoing(b).filter { target($0) == a } }
    if !existing.isEmpty {
      for link in existing { try remove(link) }
      return nil
    }
    let (ta, tb) = (timepoint(a), timepoint(b))
    if ta == tb {
      throw HowdahError(
        .argument,
        "spots \(displayName(a)) and \(displayName(b)) are both at timepoint \(ta); "
          + "a link needs spots of different timepoints")
    }
    return try ta < tb ? addLink(a, b, manual: manual) : addLink(b, a, manual: manual)
  }

  // MARK: Removing

  /// Remove a spot with its links.
  public func remove(_ spot: SpotID) throws {
    let log = try requireEdit()
    try require(spot)
    var places = LinkPlaces()
    removeExisting(spot.index, log, &places)
  }

  /// Remove a link.
  public func remove(_ link: LinkID) throws {
    let log = try requireEdit()
    try require(link)
    var places = LinkPlaces()
    removeExistingLink(link.index, log, &places)
  }

  /// Remove spots with their links. A spot may be listed twice.
  public func remove(_ spots: [SpotID]) throws {
    let log = try requireEdit()
    for spot in spots { try require(spot) }
    var places = LinkPlaces()
    for spot in spots where contains(spot) { removeExisting(spot.index, log, &places) }
  }

  /// Remove links. A link may be listed twice.
  public func remove(_ links: [LinkID]) throws {
    let log = try requireEdit()
    for link in links { try require(link) }
    var places = LinkPlaces()
    for link in links where contains(link) { removeExistingLink(link.index, log, &places) }
  }

  /// Remove all links and spots; tag sets stay. The next spot gets id 0 again.
  public func removeAll() throws {
    let log = try requireEdit()
    var places = LinkPlaces()
    for i in (0..<UInt32(linkSlots)).reversed() where contains(LinkID(i)) {
      removeExistingLink(i, log, &places)
    }
    for i in (0..<UInt32(spotSlots)).reversed() where contains(SpotID(i)) {
      removeExisting(i, log, &places)
    }
  }

  private func removeExisting(_ id: UInt32, _ log: ChangeLog, _ places: inout LinkPlaces) {
    while let link = outgoing(SpotID(id)).first { removeExistingLink(link.index, log, &places) }
    while let link = incoming(SpotID(id)).first { removeExistingLink(link.index, log, &places) }
    storage.pointee.clearTags(.spot, id, log)
    storage.pointee.clearFeatures(.spot, id, log)
    if label(SpotID(id)) != nil { storage.pointee.setLabel(id, nil, log) }
    if !storage.pointee.storedRadius(id).isNaN { storage.pointee.setStoredRadius(id, .nan, log) }
    storage.pointee.killSpot(id, isFresh: false, log)
  }

  private func removeExistingLink(_ id: UInt32, _ log: ChangeLog, _ places: inout LinkPlaces) {
    storage.pointee.clearTags(.link, id, log)
    storage.pointee.clearFeatures(.link, id, log)
    let (afterOut, afterIn) = places.willRemove(
      id, storage.pointee.links, storage.pointee.spots)
    storage.pointee.killLink(
      KilledLink(id: id, afterOut: afterOut, afterIn: afterIn, isFresh: false), log)
  }

  // MARK: Changing

  /// Move a spot within its timepoint.
  /// - Throws: `argument` when the position is not finite.
  public func move(_ spot: SpotID, to position: WorldPoint) throws {
    let log = try requireEdit()
    try require(spot)
    try requireFinite(position)
    if position != self.position(spot) { storage.pointee.setPosition(spot.index, position, log) }
  }

  /// Change a spot's ellipsoid.
  /// - Throws: `argument` when a number is not finite.
  public func setCovariance(_ spot: SpotID, _ covariance: Covariance) throws {
    let log = try requireEdit()
    try require(spot)
    try requireFinite(covariance)
    if covariance == self.covariance(spot) { return }
    if !storage.pointee.storedRadius(spot.index).isNaN {
      storage.pointee.setStoredRadius(spot.index, .nan, log)
    }
    storage.pointee.setCovariance(spot.index, covariance, log)
  }

  /// Scale a spot's ellipsoid along a world axis (C' = S C S); ELEPHANT's keys use factors 1.1 and
  /// 0.9.
  /// - Throws: `argument` unless the factor is finite and above 0.
  public func resize(_ spot: SpotID, axis: Axis, factor: Double) throws {
    guard factor.isFinite, factor > 0 else {
      throw HowdahError(
        .argument, "a factor of \(factor) cannot resize a spot; give a number above 0")
    }
    try require(spot)
    try setCovariance(spot, covariance(spot).scaled(along: axis, by: factor))
  }

  /// Rotate a spot's ellipsoid about a world axis (C' = R C R^T); positive degrees are
  /// counterclockwise for somebody who looks against the axis. ELEPHANT's keys use +1 and -1.
  /// - Throws: `argument` unless the angle is finite.
  public func rotate(_ spot: SpotID, axis: Axis, degrees: Double) throws {
    guard degrees.isFinite else {
      throw HowdahError(.argument, "an angle of \(degrees) degrees cannot rotate a spot")
    }
    try require(spot)
    try setCovariance(spot, covariance(spot).rotated(about: axis, degrees: degrees))
  }

  /// Turn a spot's ellipsoid so that its semi-axes lie on the world axes, each on the one it was
  /// closest to.
  public func resetRotation(_ spot: SpotID) throws {
    try require(spot)
    try setCovariance(spot, covariance(spot).rotationReset())
  }

  /// Set or clear a spot's label.
  public func setLabel(_ spot: SpotID, _ text: String?) throws {
    let log = try requireEdit()
    try require(spot)
    if label(spot) != text { storage.pointee.setLabel(spot.index, text, log) }
  }

  // MARK: Checks

  func require(_ spot: SpotID) throws {
    if !contains(spot) { throw HowdahError(.stale, "spot \(spot) is not in the graph any more") }
  }

  func require(_ link: LinkID) throws {
    if !contains(link) { throw HowdahError(.stale, "link \(link) is not in the graph any more") }
  }

  private func requireFinite(_ p: WorldPoint) throws {
    if !p.isFinite {
      throw HowdahError(
        .argument, "position (\(p.x), \(p.y), \(p.z)) has a number that is not finite")
    }
  }

  private func requireFinite(_ c: Covariance) throws {
    if !c.isFinite {
      throw HowdahError(.argument, "the covariance has a number that is not finite")
    }
  }
}

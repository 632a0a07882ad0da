// Tag sets and tags. For each set, a spot or link carries one tag or none; "none" differs from a
// tag that is named `unlabeled`. Changes of the structure (sets, labels, colours) can be undone
// like all others.

import Core

extension LineageGraph {
  // MARK: Reading

  /// All tag sets in order; a `TagSetID` is a position in here.
  public var tagSets: [TagSetInfo] { storage.pointee.tagSets.map(\.info) }

  /// Number of tag sets.
  public var tagSetCount: Int { storage.pointee.tagSets.count }

  /// Name and tags of one set.
  public func tagSetInfo(_ set: TagSetID) -> TagSetInfo { storage.pointee.tagSets[set].info }

  /// The tag set of this name.
  public func tagSet(named name: String) -> TagSetID? {
    storage.pointee.tagSets.firstIndex { $0.name == name }
  }

  /// The tag with this label (the first, should there be several).
  public func tag(named label: String, in set: TagSetID) -> TagID? {
    storage.pointee.tagSets[set].index[label]
  }

  /// The tag that a spot carries in a set, nil for none.
  public func tag(_ set: TagSetID, of spot: SpotID) -> TagID? {
    let value = storage.pointee.tagSets[set].spots.pointee.value(checked(spot))
    return value == 0 ? nil : Int(value) - 1
  }

  /// The tag that a link carries in a set, nil for none.
  public func tag(_ set: TagSetID, of link: LinkID) -> TagID? {
    let value = storage.pointee.tagSets[set].links.pointee.value(checked(link))
    return value == 0 ? nil : Int(value) - 1
  }

  /// The label of a tag.
  public func tagLabel(_ set: TagSetID, _ tag: TagID) -> String {
    storage.pointee.tagSets[set].labels[tag]
  }

  /// Number of spots that carry any tag of a set.
  public func taggedSpotCount(_ set: TagSetID) -> Int {
    storage.pointee.tagSets[set].spots.pointee.assigned
  }

  /// Number of links that carry any tag of a set.
  public func taggedLinkCount(_ set: TagSetID) -> Int {
    storage.pointee.tagSets[set].links.pointee.assigned
  }

  /// The spots that carry a tag, ascending; `nil` finds those without a tag in the set.
  public func spots(tagged tag: TagID?, in set: TagSetID) -> [SpotID] {
    let column = storage.pointee.tagSets[set].spots.pointee
    let pool = storage.pointee.spots.pool
    guard let tag else {
      return (0..<UInt32(spotSlots)).filter { pool.contains($0) && column.value($0) == 0 }.map(
        SpotID.init)
    }
    return column.indices(of: UInt16(tag + 1), slots: spotSlots).map(SpotID.init)
  }

  /// The links that carry a tag, ascending; `nil` finds those without a tag in the set.
  public func links(tagged tag: TagID?, in set: TagSetID) -> [LinkID] {
    let column = storage.pointee.tagSets[set].links.pointee
    let pool = storage.pointee.links.pool
    guard let tag else {
      return (0..<UInt32(linkSlots)).filter { pool.contains($0) && column.value($0) == 0 }.map(
        LinkID.init)
    }
    return column.indices(of: UInt16(tag + 1), slots: linkSlots).map(LinkID.init)
  }

  // MARK: Assigning

  /// Give a spot a tag of a set, or none.
  public func setTag(_ set: TagSetID, of spot: SpotID, to tag: TagID?) throws {
    let log = try requireEdit()
    let value = try tagValue(set, tag)
    try require(spot)
    storage.pointee.setTag(set, .spot, spot.index, value, log)
  }

  /// Give a link a tag of a set, or none.
  public func setTag(_ set: TagSetID, of link: LinkID, to tag: TagID?) throws {
    let log = try requireEdit()
    let value = try tagValue(set, tag)
    try require(link)
    storage.pointee.setTag(set, .link, link.index, value, log)
  }

  /// Give many spots a tag of a set, or none.
  public func setTag(_ set: TagSetID, ofSpots spots: [SpotID], to tag: TagID?) throws {
    let log = try requireEdit()
    let value = try tagValue(set, tag)
    let pool = storage.pointee.spots.pool
    try spots.withUnsafeBufferPointer { buffer in
      if let stale = buffer.first(where: { !pool.contains($0.index) }) { try require(stale) }
      buffer.withMemoryRebound(to: UInt32.self) {
        storage.pointee.setTags(set, .spot, $0, value, log)
      }
    }
  }

  /// Give many links a tag of a set, or none.
  public func setTag(_ set: TagSetID, ofLinks links: [LinkID], to tag: TagID?) throws {
    let log = try requireEdit()
    let value = try tagValue(set, tag)
    let pool = storage.pointee.links.pool
    try links.withUnsafeBufferPointer { buffer in
      if let stale = buffer.first(where: { !pool.contains($0.index) }) { try require(stale) }
      buffer.withMemoryRebound(to: UInt32.self) {
        storage.pointee.setTags(set, .link, $0, value, log)
      }
    }
  }

  // MARK: Structure

  /// Add a tag set at the end of the list.
  /// - Throws: `argument` when the name is taken, `limit` beyond 65,534 tags or 65,535 sets.
  @discardableResult
  public func addTagSet(name: String, tags: [Tag]) throws -> TagSetID {
    let log = try requireEdit()
    try requireNewSetName(name)
    try requireTagCount(tags.count, name)
    guard tagSetCount < 65_535 else {
      throw HowdahError(.limit, "there are too many tag sets (65,535)")
    }
    let position = tagSetCount
    storage.pointee.insertTagSet(TagSetStore(TagSetInfo(name: name, tags: tags)), at: position, log)
    return position
  }

  /// Add a tag at the end of a set.
  @discardableResult
  public func addTag(_ tag: Tag, to set: TagSetID) throws -> TagID {
    try changeInfo(set) { info in
      info.tags.append(tag)
      try requireTagCount(info.tags.count, info.name)
    }
    return tagSetInfo(set).tags.count - 1
  }

  /// Change the colour (0xAARRGGBB) of a tag.
  public func setColor(_ set: TagSetID, _ tag: TagID, _ argb: UInt32) throws {
    try requireTag(set, tag)
    try changeInfo(set) { $0.tags[tag].color = argb }
  }

  /// Change the label of a tag.
  public func renameTag(_ set: TagSetID, _ tag: TagID, to label: String) throws {
    try requireTag(set, tag)
    try changeInfo(set) { $0.tags[tag].label = label }
  }

  /// Change the name of a tag set.
  /// - Throws: `argument` when the name is taken.
  public func renameTagSet(_ set: TagSetID, to name: String) throws {
    try requireSet(set)
    if tagSetInfo(set).name == name { return }
    try requireNewSetName(name)
    try changeInfo(set) { $0.name = name }
  }

  /// Remove a tag from a set and from everything that carries it; later tags of the set move up.
  public func removeTag(_ set: TagSetID, _ tag: TagID) throws {
    let log = try requireEdit()
    try requireTag(set, tag)
    let value = UInt16(tag + 1)
    for carrier in [Carrier.spot, .link] {
      let column = storage.pointee.column(storage.pointee.tagSets[set], carrier).pointee
      let slots = carrier == .spot ? spotSlots : linkSlots
      column.indices(of: value, slots: slots).withUnsafeBufferPointer {
        storage.pointee.setTags(set, carrier, $0, 0, log)
      }
    }
    storage.pointee.shiftTags(set, above: value, by: -1, log)
    try changeInfo(set) { $0.tags.remove(at: tag) }
  }

  /// Remove a tag set with its assignments; later sets move up.
  public func removeTagSet(_ set: TagSetID) throws {
    let log = try requireEdit()
    try requireSet(set)
    storage.pointee.removeTagSet(at: set, log)
  }

  private func changeInfo(_ set: TagSetID, _ change: (inout TagSetInfo) throws -> Void) throws {
    let log = try requireEdit()
    try requireSet(set)
    var info = tagSetInfo(set)
    try change(&info)
    if info != tagSetInfo(set) { storage.pointee.setTagSetInfo(set, info, log) }
  }

  // MARK: Checks

  private func tagValue(_ set: TagSetID, _ tag: TagID?) throws -> UInt16 {
    guard let tag else {
      try requireSet(set)
      return 0
    }
    try requireTag(set, tag)
    return UInt16(tag + 1)
  }

  private func requireSet(_ set: TagSetID) throws {
    if !storage.pointee.tagSets.indices.contains(set) {
      throw HowdahError(.argument, "there is no tag set number \(set); there are \(tagSetCount)")
    }
  }

  private func requireTag(_ set: TagSetID, _ tag: TagID) throws {
    try requireSet(set)
    let info = storage.pointee.tagSets[set].info
    if !info.tags.indices.contains(tag) {
      throw HowdahError(
        .argument,
        "tag set \"\(info.name)\" has no tag number \(tag); it has \(info.tags.count) tags")
    }
  }

  private func requireNewSetName(_ name: String) throws {
    if tagSet(named: name) != nil {
      throw HowdahError(.argument, "there is a tag set \"\(name)\" already; choose another name")
    }
  }

  private func requireTagCount(_ count: Int, _ name: String) throws {
    if count > 65_534 {
      throw HowdahError(.limit, "tag set \"\(name)\" has too many tags (65,534)")
    }
  }
}

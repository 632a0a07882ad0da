// Elementary changes of tags, tag sets and features. As everywhere, each writes to the log how to
// take it back.

import Core

/// Whether tags and features of spots or of links are meant.
enum Carrier {
  case spot, link
}

extension GraphStorage {
  // MARK: Tags

  func column(_ set: TagSetStore, _ carrier: Carrier) -> UnsafeMutablePointer<TagColumn> {
    carrier == .spot ? set.spots : set.links
  }

  /// Have memory for the tags of a set.
  mutating func reserveTags(_ set: TagSetStore, _ carrier: Carrier) {
    let slots = carrier == .spot ? spots.capacity : links.capacity
    if column(set, carrier).pointee.reserve(slots: slots, largest: set.info.tags.count) {
      columnsVersion += 1
    }
  }

  /// Set the tag of one object: 0 for none, else 1 + the tag's position.
  mutating func setTag(
    _ set: Int, _ carrier: Carrier, _ id: UInt32, _ value: UInt16, _ log: ChangeLog
  ) {
    let store = tagSets[set]
    let column = column(store, carrier)
    let old = column.pointee.value(id)
    if old == value { return }
    if value != 0 { reserveTags(store, carrier) }
    column.pointee.set(id, value)
    log.push(TagChange(index: id, value: old))
    endTags(set, carrier, count: 1, log)
  }

  /// Set the tags of many objects that exist.
  mutating func setTags(
    _ set: Int, _ carrier: Carrier, _ ids: UnsafeBufferPointer<UInt32>, _ value: UInt16,
    _ log: ChangeLog
  ) {
    let store = tagSets[set]
    if value != 0 { reserveTags(store, carrier) }
    let pointer = column(store, carrier)
    var column = pointer.pointee
    log.reserve(ids.count * MemoryLayout<TagChange>.size + 8)
    var changed = 0
    for id in ids {
      let old = column.value(id)
      if old == value { continue }
      column.set(id, value)
      log.push(TagChange(index: id, value: old))
      changed += 1
    }
    pointer.pointee = column
    if changed > 0 { endTags(set, carrier, count: changed, log) }
  }

  mutating func endTags(_ set: Int, _ carrier: Carrier, count: Int, _ log: ChangeLog) {
    log.push(UInt32(count))
    log.push(UInt16(set))
    log.end(carrier == .spot ? .spotTags : .linkTags)
    changeCount += 1
  }

  mutating func takeBackTags(_ carrier: Carrier, from log: ChangeLog, to inverse: ChangeLog) {
    let set = Int(log.pop(UInt16.self))
    let count = Int(log.pop(UInt32.self))
    let column = column(tagSets[set], carrier)
    inverse.reserve(count * MemoryLayout<TagChange>.size + 8)
    for _ in 0..<count {
      let change = log.pop(TagChange.self)
      inverse.push(TagChange(index: change.index, value: column.pointee.value(change.index)))
      column.pointee.set(change.index, change.value)
    }
    endTags(set, carrier, count: count, inverse)
  }

  /// Take every tag off an object that is about to be removed.
  mutating func clearTags(_ carrier: Carrier, _ id: UInt32, _ log: ChangeLog) {
    for set in tagSets.indices where column(tagSets[set], carrier).pointee.value(id) != 0 {
      setTag(set, carrier, id, 0, log)
    }
  }

  // MARK: Tag sets

  mutating func insertTagSet(_ store: TagSetStore, at position: Int, _ log: ChangeLog) {
    tagSets.insert(store, at: position)
    if store.spots.pointee.base != nil { reserveTags(store, .spot) }
    if store.links.pointee.base != nil { reserveTags(store, .link) }
    log.push(UInt32(position))
    log.end(.removeTagSet)
    changeCount += 1
    columnsVersion += 1
  }

  mutating func removeTagSet(at position: Int, _ log: ChangeLog) {
    log.push(.tagSet(tagSets.remove(at: position)))
    log.push(UInt32(position))
    log.end(.insertTagSet)
    changeCount += 1
    columnsVersion += 1
  }

  /// Change name, labels or colours.
  mutating func setTagSetInfo(_ set: Int, _ info: TagSetInfo, _ log: ChangeLog) {
    log.push(.tagSetInfo(tagSets[set].info))
    log.push(UInt32(set))
    log.end(.tagSetInfo)
    tagSets[set].info = info
    changeCount += 1
  }

  /// Renumber assigned tags above a value by one step; see `TagColumn.shift`.
  mutating func shiftTags(_ set: Int, above value: UInt16, by step: Int, _ log: ChangeLog) {
    log.push(UInt32(set))
    log.push(step > 0 ? value + 1 : value - 1)
    log.push(Int8(-step))
    log.end(.shiftTags)
    if step > 0 {
      if tagSets[set].spots.pointee.base != nil { reserveTags(tagSets[set], .spot) }
      if tagSets[set].links.pointee.base != nil { reserveTags(tagSets[set], .link) }
    }
    tagSets[set].spots.pointee.shift(above: value, by: step)
    tagSets[set].links.pointee.shift(above: value, by: step)
    changeCount += 1
  }

  // MARK: Features

  func feature(_ name: String, _ carrier: Carrier) -> Int? {
    (carrier == .spot ? spotFeatures : linkFeatures).firstIndex { $0.name == name }
  }

  mutating func insertFeature(
    _ column: FeatureColumn, _ carrier: Carrier, at position: Int, _ log: ChangeLog
  ) {
    switch carrier {
    case .spot:
      column.reserve(spots.capacity)
      spotFeatures.insert(column, at: position)
    case .link:
      column.reserve(links.capacity)
      linkFeatures.insert(column, at: position)
    }
    log.push(UInt32(position))
    log.end(carrier == .spot ? .removeSpotFeature : .removeLinkFeature)
    changeCount += 1
    columnsVersion += 1
  }

  mutating func removeFeature(_ carrier: Carrier, at position: Int, _ log: ChangeLog) {
    let column =
      carrier == .spot ? spotFeatures.remove(at: position) : linkFeatures.remove(at: position)
    log.push(.feature(column))
    log.push(UInt32(position))
    log.end(carrier == .spot ? .insertSpotFeature : .insertLinkFeature)
    changeCount += 1
    columnsVersion += 1
  }

  mutating func setFeature(
    _ position: Int, _ carrier: Carrier, _ id: UInt32, _ value: Double, _ log: ChangeLog
  ) {
    let column = carrier == .spot ? spotFeatures[position] : linkFeatures[position]
    log.push(column.values[Int(id)])
    log.push(id)
    log.push(UInt32(position))
    log.end(carrier == .spot ? .spotFeature : .linkFeature)
    column.values[Int(id)] = value
    changeCount += 1
  }

  /// Take every feature off an object that is about to be removed.
  mutating func clearFeatures(_ carrier: Carrier, _ id: UInt32, _ log: ChangeLog) {
    let columns = carrier == .spot ? spotFeatures : linkFeatures
    for (position, column) in columns.enumerated() where !column.values[Int(id)].isNaN {
      setFeature(position, carrier, id, .nan, log)
    }
  }
}

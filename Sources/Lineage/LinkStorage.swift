// The links: 20 bytes a link, in two intrusive circular lists each, the outgoing links of the
// source and the incoming links of the target. A spot knows the last link of each list and the last
// link knows the first, so both the first one and the end are one step away. Lists are in insertion
// order.
//
// Lists are singly linked: removing a link walks its two lists (`LinkPlaces`), which have one or two
// members in lineages. The places it had are recorded in the history, so that undo and redo restore the order
// exactly and need not walk.

/// Ends of a link and its successors in the two circular lists.
@usableFromInline
struct LinkRecord: BitwiseCopyable {
  @usableFromInline var source: UInt32
  @usableFromInline var target: UInt32
  @usableFromInline var nextOut: UInt32
  @usableFromInline var nextIn: UInt32
}

/// Columns of all links, indexed by slot.
@usableFromInline
struct LinkStorage {
  @usableFromInline var pool = SlotPool()
  @usableFromInline var record = Column<LinkRecord>()
  var capacity: Int { pool.state.capacity }

  /// Put a link that has just been taken into the lists of its ends: behind these links, `noIndex`
  /// for the first place.
  func insert(
    _ link: UInt32, source: UInt32, target: UInt32, afterOut: UInt32, afterIn: UInt32,
    into spots: SpotStorage
  ) {
    let r = record.base
    r[Int(link)] = LinkRecord(source: source, target: target, nextOut: link, nextIn: link)
    let lastOut = spots.lastOut[source]
    if lastOut == noIndex {
      spots.lastOut[source] = link
    } else {
      let before = afterOut == noIndex ? lastOut : afterOut
      r[Int(link)].nextOut = r[Int(before)].nextOut
      r[Int(before)].nextOut = link
      if afterOut == lastOut { spots.lastOut[source] = link }
    }
    let lastIn = spots.lastIn[target]
    if lastIn == noIndex {
      spots.lastIn[target] = link
    } else {
      let before = afterIn == noIndex ? lastIn : afterIn
      r[Int(link)].nextIn = r[Int(before)].nextIn
      r[Int(before)].nextIn = link
      if afterIn == lastIn { spots.lastIn[target] = link }
    }
  }

  /// Take a link out of the lists of its ends, where it is behind these links; see `LinkPlaces`.
  func extract(_ link: UInt32, afterOut: UInt32, afterIn: UInt32, from spots: SpotStorage) {
    let r = record.base
    let me = r[Int(link)]
    if me.nextOut == link {
      spots.lastOut[me.source] = noIndex
    } else {
      let before = afterOut == noIndex ? spots.lastOut[me.source] : afterOut
      r[Int(before)].nextOut = me.nextOut
      if spots.lastOut[me.source] == link { spots.lastOut[me.source] = before }
    }
    if me.nextIn == link {
      spots.lastIn[me.target] = noIndex
    } else {
      let before = afterIn == noIndex ? spots.lastIn[me.target] : afterIn
      r[Int(before)].nextIn = me.nextIn
      if spots.lastIn[me.target] == link { spots.lastIn[me.target] = before }
    }
  }

  mutating func grow(to capacity: Int) {
    record.grow(to: capacity, keeping: pool.slots)
    pool.grow(to: capacity)
  }

  func free() {
    record.free()
    pool.free()
  }

  /// Bytes of memory in use (pages that were never touched do not count).
  var memoryFootprint: Int { pool.peak * 16 + pool.memoryFootprint }
}

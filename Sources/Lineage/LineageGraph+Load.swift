// Filling an empty graph from a file: whole columns at once, without history.

import Core

/// Spots for `LineageGraph.load`; spot i gets id i. All arrays have the same length.
public struct SpotTable: Sendable {
  /// 0-based timepoints.
  public var timepoints: [Int32] = []
  /// Coordinates of the centres in world units.
  public var x: [Double] = []
  /// See `x`.
  public var y: [Double] = []
  /// See `x`.
  public var z: [Double] = []
  /// Ellipsoids in squared world units; all zeros is legal.
  public var covariances: [Covariance] = []
  /// Squared bounding radii as the file has them, when they are to be written back bit by bit; NaN
  /// for "recompute".
  public var storedRadii: [Double]?
  /// Labels with the positions of their spots.
  public var labels: [(spot: Int, text: String)] = []
  /// Float features: a name and one value a spot, NaN for none.
  public var features: [(name: String, values: [Double])] = []

  /// An empty table.
  public init() {}

  /// Number of spots.
  public var count: Int { timepoints.count }

  /// Room for this many spots.
  public mutating func reserveCapacity(_ n: Int) {
    timepoints.reserveCapacity(n)
    x.reserveCapacity(n)
    y.reserveCapacity(n)
    z.reserveCapacity(n)
    covariances.reserveCapacity(n)
  }

  /// Add one spot at the end.
  public mutating func append(t: Int32, position p: WorldPoint, covariance: Covariance) {
    timepoints.append(t)
    x.append(p.x)
    y.append(p.y)
    z.append(p.z)
    covariances.append(covariance)
  }
}

/// Links for `LineageGraph.load`; link i gets id i.
public struct LinkTable: Sendable {
  /// Positions of the spots at which the links begin.
  public var sources: [UInt32] = []
  /// Positions of the spots at which the links end.
  public var targets: [UInt32] = []
  /// Place of each link among the outgoing links of its source; nil means file order.
  public var sourceOrder: [Int32]?
  /// Place of each link among the incoming links of its target; nil means file order.
  public var targetOrder: [Int32]?
  /// Float features: a name and one value a link, NaN for none.
  public var features: [(name: String, values: [Double])] = []

  /// An empty table.
  public init() {}

  /// Number of links.
  public var count: Int { sources.count }
}

/// A tag set for `LineageGraph.load` with its assignments.
public struct TagTable: Sendable {
  /// Name and tags.
  public var info: TagSetInfo
  /// For each spot 0 for none, else 1 + the tag's position. Empty: no spot has a tag of this set.
  public var spotTags: [UInt16]
  /// For each link 0 for none, else 1 + the tag's position. Empty: no link has a tag of this set.
  public var linkTags: [UInt16]

  /// A tag set with these assignments.
  public init(info: TagSetInfo, spotTags: [UInt16] = [], linkTags: [UInt16] = []) {
    self.info = info
    self.spotTags = spotTags
    self.linkTags = linkTags
  }
}

extension LineageGraph {
  /// Fill an empty graph: spots, links and tag sets in the order of the tables, with ids from 0.
  /// There is no undo point, and the history is empty afterwards.
  ///
  /// Everything that real files may hold is accepted (covariances of zeros, gaps, merges, backward,
  /// self and multiple links, several tag sets of one name).
  /// - Throws: `format` with the place ("spot 17: ...") when a number is not finite, a timepoint
  ///   negative, or an index out of range; `state` when the graph has spots, links or tag sets. The
  ///   graph is as it was then.
  public func load(spots: SpotTable, links: LinkTable = LinkTable(), tags: [TagTable] = []) throws {
    try requireNoEdit("loading")
    guard spotSlots == 0, linkSlots == 0, tagSetCount == 0 else {
      throw HowdahError(.state, "only an empty graph can be filled; make a new one")
    }
    try spots.check()
    try links.check(spotCount: spots.count)
    for table in tags { try table.check(spotCount: spots.count, linkCount: links.count) }
    storage.pointee.load(spots)
    storage.pointee.load(links)
    for table in tags { storage.pointee.load(table) }
    storage.pointee.changeCount += 1
    storage.pointee.structureCount += 1
    storage.pointee.columnsVersion += 1
    history.startAnew()
  }
}

extension GraphStorage {
  fileprivate mutating func load(_ table: SpotTable) {
    let n = table.count
    spots.grow(to: roomyCapacity(n))
    copy(table.x, to: spots.x.base)
    copy(table.y, to: spots.y.base)
    copy(table.z, to: spots.z.base)
    copy(table.covariances, to: spots.covariance.base)
    copy(table.timepoints, to: spots.timepoint.base)
    spots.lastOut.base.update(repeating: noIndex, count: n)
    spots.lastIn.base.update(repeating: noIndex, count: n)
    spots.pool.takeFresh(n)
    times.load(spots)
    for (index, text) in table.labels { labels.set(UInt32(index), text, capacity: spots.capacity) }
    if let radii = table.storedRadii, radii.contains(where: { !$0.isNaN }) {
      let column = FeatureColumn(name: "", capacity: spots.capacity)
      copy(radii, to: column.values)
      storedRadii = column
    }
    for (name, values) in table.features {
      let column = FeatureColumn(name: name, capacity: spots.capacity)
      copy(values, to: column.values)
      spotFeatures.append(column)
    }
  }

  fileprivate mutating func load(_ table: LinkTable) {
    let n = table.count
    links.grow(to: roomyCapacity(n))
    links.pool.takeFresh(n)
    for link in 0..<UInt32(n) {
      let (source, target) = (table.sources[Int(link)], table.targets[Int(link)])
      links.insert(
        link, source: source, target: target, afterOut: spots.lastOut[source],
        afterIn: spots.lastIn[target], into: spots)
    }
    if let order = table.sourceOrder { reorder(spots.lastOut, outgoing: true, by: order) }
    if let order = table.targetOrder { reorder(spots.lastIn, outgoing: false, by: order) }
    for (name, values) in table.features {
      let column = FeatureColumn(name: name, capacity: links.capacity)
      copy(values, to: column.values)
      linkFeatures.append(column)
    }
  }

  /// Put the lists that `lasts` ends into the order of the given places (equal places: ascending
  /// id).
  private func reorder(_ lasts: Column<UInt32>, outgoing: Bool, by place: [Int32]) {
    let r = links.record.base
    func next(_ link: UInt32) -> UInt32 { outgoing ? r[Int(link)].nextOut : r[Int(link)].nextIn }
    func setNext(_ link: UInt32, _ next: UInt32) {
      if outgoing { r[Int(link)].nextOut = next } else { r[Int(link)].nextIn = next }
    }
    for spot in 0..<UInt32(spots.pool.slots) {
      let last = lasts[spot]
      if last == noIndex || next(last) == last { continue }
      var list: [UInt32] = []
      var link = last
      repeat {
        link = next(link)
        list.append(link)
      } while link != last
      list.sort { (place[Int($0)], $0) < (place[Int($1)], $1) }
      for (k, link) in list.enumerated() { setNext(link, list[(k + 1) % list.count]) }
      lasts[spot] = list[list.count - 1]
    }
  }

  fileprivate mutating func load(_ table: TagTable) {
    let store = TagSetStore(table.info)
    tagSets.append(store)
    for (carrier, values) in [(Carrier.spot, table.spotTags), (.link, table.linkTags)]
    where values.contains(where: { $0 != 0 }) {
      reserveTags(store, carrier)
      let column = column(store, carrier)
      for (index, value) in values.enumerated() where value != 0 {
        column.pointee.set(UInt32(index), value)
      }
    }
  }
}

private func copy<T: BitwiseCopyable>(_ values: [T], to memory: UnsafeMutablePointer<T>) {
  values.withUnsafeBufferPointer {
    if let base = $0.baseAddress { memory.update(from: base, count: $0.count) }
  }
}

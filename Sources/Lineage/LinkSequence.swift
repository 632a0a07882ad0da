// The outgoing or incoming links of one spot, in insertion order.

/// Links of one spot in insertion order, without an array. Do not change the graph while iterating;
/// make an `Array` of it first.
public struct LinkSequence: Sequence {
  @usableFromInline let records: UnsafeMutablePointer<LinkRecord>
  @usableFromInline let last: UInt32
  @usableFromInline let isOutgoing: Bool

  @inlinable
  init(records: UnsafeMutablePointer<LinkRecord>, last: UInt32, isOutgoing: Bool) {
    self.records = records
    self.last = last
    self.isOutgoing = isOutgoing
  }

  /// Whether there is no link.
  @inlinable public var isEmpty: Bool { last == noIndex }

  /// The link that was inserted first.
  @inlinable public var first: LinkID? {
    if last == noIndex { return nil }
    let record = records[Int(last)]
    return LinkID(isOutgoing ? record.nextOut : record.nextIn)
  }

  /// The link that was inserted last.
  @inlinable public var lastLink: LinkID? { last == noIndex ? nil : LinkID(last) }

  /// Number of links; walks the list.
  @inlinable public var count: Int {
    var n = 0
    for _ in self { n += 1 }
    return n
  }

  /// Walks the circle from the first link to the last.
  public struct Iterator: IteratorProtocol {
    @usableFromInline let records: UnsafeMutablePointer<LinkRecord>
    @usableFromInline let last: UInt32
    @usableFromInline let isOutgoing: Bool
    @usableFromInline var current: UInt32
    @usableFromInline var isDone: Bool

    @inlinable
    init(_ links: LinkSequence) {
      records = links.records
      last = links.last
      isOutgoing = links.isOutgoing
      current = links.last
      isDone = links.last == noIndex
    }

    /// The next link.
    @inlinable
    public mutating func next() -> LinkID? {
      if isDone { return nil }
      let record = records[Int(current)]
      current = isOutgoing ? record.nextOut : record.nextIn
      isDone = current == last
      return LinkID(current)
    }
  }

  /// An iterator over the links in insertion order.
  @inlinable public func makeIterator() -> Iterator { Iterator(self) }
}

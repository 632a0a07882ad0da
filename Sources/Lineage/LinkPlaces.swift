// Where links are in the lists of their ends while many of them are removed.
//
// The lists are singly linked (see `LinkStorage`): the link before another is found by walking. That is a
// step or two in a lineage, but a spot may have 100,000 links, and to remove them one by one, the last
// first, would walk 5 billion steps. So a list that proves long is walked once, and what is before each
// of its links is remembered until the removal is over.

/// Finds what is before links in the lists of their ends. Valid as long as links are removed through it
/// and none are added.
struct LinkPlaces {
  private var out = ListIndex(isOut: true)
  private var into = ListIndex(isOut: false)

  /// The links that a link is behind in the lists of its ends, `noIndex` for the first place. The caller
  /// then takes it out.
  mutating func willRemove(_ link: UInt32, _ links: LinkStorage, _ spots: SpotStorage)
    -> (afterOut: UInt32, afterIn: UInt32)
  {
    let record = links.record.base[Int(link)]
    return (
      out.willRemove(link, of: record.source, last: spots.lastOut[record.source], links),
      into.willRemove(link, of: record.target, last: spots.lastIn[record.target], links)
    )
  }
}

/// One of the two kinds of lists.
private struct ListIndex {
  let isOut: Bool
  /// The spots whose lists are remembered.
  private var spots: Set<UInt32> = []
  /// The link before each link of those lists; the last is before the first.
  private var before: [UInt32: UInt32] = [:]

  init(isOut: Bool) { self.isOut = isOut }

  /// Steps that are walked before a list counts as long.
  private static let patience = 64

  private func next(_ link: UInt32, _ links: LinkStorage) -> UInt32 {
    let record = links.record.base[Int(link)]
    return isOut ? record.nextOut : record.nextIn
  }

  mutating func willRemove(
    _ link: UInt32, of spot: UInt32, last: UInt32, _ links: LinkStorage
  ) -> UInt32 {
    if spots.isEmpty || !spots.contains(spot) {
      var previous = last
      for _ in 0..<ListIndex.patience {
        let following = next(previous, links)
        if following == link { return previous == last ? noIndex : previous }
        previous = following
      }
      remember(spot, last, links)
    }
    guard let previous = before.removeValue(forKey: link) else { return noIndex }
    let following = next(link, links)
    if following != link { before[following] = previous }
    return previous == last ? noIndex : previous
  }

  private mutating func remember(_ spot: UInt32, _ last: UInt32, _ links: LinkStorage) {
    spots.insert(spot)
    var previous = last
    repeat {
      let following = next(previous, links)
      before[following] = previous
      previous = following
    } while previous != last
  }
}

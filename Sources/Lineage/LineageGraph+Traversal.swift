// Walks along links. All of them keep their own stack, so that a track of any length can be walked;
// a set of visited spots (one bit a slot) makes merges, cycles and self links safe.

import Core

/// One bit a slot.
struct VisitedSet {
  private var words: [UInt64]

  init(slots: Int) { words = Array(repeating: 0, count: (slots + 63) / 64) }

  /// Mark a slot; returns whether it was not marked before.
  mutating func insert(_ index: UInt32) -> Bool {
    let bit = UInt64(1) << UInt64(index & 63)
    let word = Int(index >> 6)
    if words[word] & bit != 0 { return false }
    words[word] |= bit
    return true
  }
}

extension LineageGraph {
  /// A spot and everything that can be reached from it along outgoing links: depth first, children
  /// in link order, each spot once, the spot itself first.
  public func descendants(of spot: SpotID) -> [SpotID] { reachable(from: spot, outgoing: true) }

  /// A spot and everything from which it can be reached: depth first along incoming links in link
  /// order, each spot once, the spot itself first.
  public func ancestors(of spot: SpotID) -> [SpotID] { reachable(from: spot, outgoing: false) }

  private func reachable(from spot: SpotID, outgoing: Bool) -> [SpotID] {
    func links(_ spot: SpotID) -> LinkSequence.Iterator {
      (outgoing ? self.outgoing(spot) : incoming(spot)).makeIterator()
    }
    var visited = Visits(self)
    _ = visited.insert(spot)
    var found = [spot]
    var path = [links(spot)]
    while !path.isEmpty {
      guard let link = path[path.count - 1].next() else {
        path.removeLast()
        continue
      }
      let next = outgoing ? target(link) : source(link)
      if visited.insert(next) {
        found.append(next)
        path.append(links(next))
      }
    }
    return found
  }

  /// The spots of the track (connected component, whatever the direction of the links) of a spot,
  /// ascending.
  public func track(of spot: SpotID) -> [SpotID] {
    if let labelling = validTracksCache {
      return labelling.spots(of: labelling.track(of: spot))
    }
    var visited = Visits(self)
    _ = visited.insert(spot)
    var found = [spot]
    var next = 0
    while next < found.count {
      for link in outgoing(found[next]) where visited.insert(target(link)) {
        found.append(target(link))
      }
      for link in incoming(found[next]) where visited.insert(source(link)) {
        found.append(source(link))
      }
      next += 1
    }
    return found.sorted()
  }

  /// Where a spot comes from: the first spot without incoming links among its ancestors (the one
  /// with the lowest id when merges give several, the ancestor with the lowest id when all of them
  /// lie on a cycle).
  public func root(of spot: SpotID) -> SpotID {
    var current = spot
    for _ in 0...spotCount {
      let links = incoming(current)
      guard let link = links.first else { return current }
      if links.lastLink != link { break }
      current = source(link)
    }
    let all = ancestors(of: spot)
    return all.filter { incoming($0).isEmpty }.min() ?? all.min() ?? spot
  }
}

/// Visited spots of one walk. Small walks use a hash set, so that a walk over ten spots of a graph
/// of ten million does not pay for ten million; large ones a bit a slot.
private struct Visits {
  private static let small = 256

  private let slots: Int
  private var few = Set<UInt32>()
  private var many: VisitedSet?

  init(_ graph: LineageGraph) { slots = graph.spotSlots }

  /// Mark a spot; returns whether it was not marked before.
  mutating func insert(_ spot: SpotID) -> Bool {
    if many != nil { return many!.insert(spot.index) }
    guard few.insert(spot.index).inserted else { return false }
    if few.count > max(Visits.small, slots / 1024) {
      var bits = VisitedSet(slots: slots)
      for index in few { _ = bits.insert(index) }
      many = bits
      few = []
    }
    return true
  }
}

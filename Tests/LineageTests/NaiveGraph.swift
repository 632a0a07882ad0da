// A graph as one would write it without a thought for speed or memory: dictionaries of values. Undo
// is a copy of the whole. The randomized tests compare LineageGraph with it.

import Core
import Lineage

struct NaiveSpot: Equatable {
  var uid: Int
  var t: Timepoint
  var position: WorldPoint
  var covariance: Covariance
  var label: String?
  var tags: [String: String] = [:]
  var features: [String: Double] = [:]
}

struct NaiveLink: Equatable {
  var uid: Int
  var source: UInt32
  var target: UInt32
  var tags: [String: String] = [:]
  var features: [String: Double] = [:]
}

struct NaiveGraph: Equatable {
  var spots: [UInt32: NaiveSpot] = [:]
  var links: [UInt32: NaiveLink] = [:]
  /// Ids of links, in order, by spot.
  var outgoing: [UInt32: [UInt32]] = [:]
  var incoming: [UInt32: [UInt32]] = [:]
  var freeSpots: [UInt32] = []
  var freeLinks: [UInt32] = []
  var tagSets: [TagSetInfo] = []

  var nextSpot: UInt32 { freeSpots.last ?? UInt32(spots.count) }
  var nextLink: UInt32 { freeLinks.last ?? UInt32(links.count) }

  mutating func add(_ spot: NaiveSpot) -> UInt32 {
    let id = nextSpot
    _ = freeSpots.popLast()
    spots[id] = spot
    outgoing[id] = []
    incoming[id] = []
    return id
  }

  mutating func link(_ link: NaiveLink) -> UInt32 {
    let id = nextLink
    _ = freeLinks.popLast()
    links[id] = link
    outgoing[link.source]!.append(id)
    incoming[link.target]!.append(id)
    return id
  }

  mutating func removeLink(_ id: UInt32) {
    let link = links.removeValue(forKey: id)!
    outgoing[link.source]!.removeAll { $0 == id }
    incoming[link.target]!.removeAll { $0 == id }
    freeLinks.append(id)
  }

  mutating func removeSpot(_ id: UInt32) {
    while let link = outgoing[id]!.first { removeLink(link) }
    while let link = incoming[id]!.first { removeLink(link) }
    spots[id] = nil
    outgoing[id] = nil
    incoming[id] = nil
    freeSpots.append(id)
  }

  /// Connected components as sorted lists of ids.
  func tracks() -> Set<[UInt32]> {
    var left = Set(spots.keys)
    var found: Set<[UInt32]> = []
    while let start = left.first {
      var component: Set<UInt32> = [start]
      var frontier = [start]
      while let spot = frontier.popLast() {
        let ends =
          outgoing[spot]!.map { links[$0]!.target } + incoming[spot]!.map { links[$0]!.source }
        for end in ends where component.insert(end).inserted { frontier.append(end) }
      }
      left.subtract(component)
      found.insert(component.sorted())
    }
    return found
  }

  /// Spots of a timepoint by distance and id.
  func byDistance(to p: WorldPoint, at t: Timepoint) -> [(id: UInt32, squaredDistance: Double)] {
    let found = spots.filter { $0.value.t == t }
      .map { (id: $0.key, squaredDistance: $0.value.position.squaredDistance(to: p)) }
    return found.sorted { ($0.squaredDistance, $0.id) < ($1.squaredDistance, $1.id) }
  }
}

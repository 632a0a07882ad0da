// Tracks: the connected components of the graph. They are found in one pass over the links
// (union-find) and kept until spots or links are added or removed; tagging and moving leave them
// valid.

import Core

/// A track in numbers.
public struct TrackSummary: Hashable, Sendable {
  /// The spot without incoming links; the one with the lowest id when there are several, the spot
  /// with the lowest id when there is none (a cycle).
  public var root: SpotID
  /// Number of spots.
  public var spotCount = 0
  /// Number of links.
  public var linkCount = 0
  /// The earliest timepoint of its spots.
  public var firstTimepoint: Timepoint
  /// The latest timepoint of its spots.
  public var lastTimepoint: Timepoint
  /// Number of spots with more than one outgoing link.
  public var divisions = 0
  /// Number of spots without outgoing links.
  public var leaves = 0
}

/// Which spot belongs to which track, for one state of the graph.
final class TrackLabelling {
  let structureCount: UInt64
  let summaries: [TrackSummary]
  private let trackOfSlot: [UInt32]
  private let members: [SpotID]
  private let starts: [Int]

  init(_ graph: LineageGraph) {
    structureCount = graph.structureCount
    let spots = graph.storage.pointee.spots
    let slots = graph.spotSlots
    let label = TrackLabelling.components(graph)
    (summaries, trackOfSlot) = TrackLabelling.summarise(graph, label)
    var starts = [0]
    for summary in summaries { starts.append(starts[starts.count - 1] + summary.spotCount) }
    var next = starts
    var members = [SpotID](repeating: SpotID(0), count: graph.spotCount)
    for i in 0..<UInt32(slots) where spots.pool.contains(i) {
      let track = Int(trackOfSlot[Int(i)])
      members[next[track]] = SpotID(i)
      next[track] += 1
    }
    self.starts = starts
    self.members = members
  }

  /// For each slot, the lowest slot of its component.
  private static func components(_ graph: LineageGraph) -> [UInt32] {
    let links = graph.storage.pointee.links
    var parent = Array(0..<UInt32(graph.spotSlots))
    parent.withUnsafeMutableBufferPointer { parent in
      func find(_ start: UInt32) -> UInt32 {
        var i = start
        while parent[Int(i)] != i {
          parent[Int(i)] = parent[Int(parent[Int(i)])]
          i = parent[Int(i)]
        }
        return i
      }
      for l in 0..<UInt32(links.pool.slots) where links.pool.contains(l) {
        let a = find(links.record[l].source)
        let b = find(links.record[l].target)
        if a < b { parent[Int(b)] = a } else { parent[Int(a)] = b }
      }
      for i in 0..<UInt32(parent.count) { parent[Int(i)] = find(i) }
    }
    return parent
  }

  /// Tracks by ascending root, and for each slot the position of its track.
  private static func summarise(_ graph: LineageGraph, _ label: [UInt32]) -> (
    [TrackSummary], [UInt32]
  ) {
    let spots = graph.storage.pointee.spots
    var found: [TrackSummary] = []
    var hasRoot: [Bool] = []
    var track = [UInt32](repeating: noIndex, count: label.count)
    for i in 0..<UInt32(label.count) where spots.pool.contains(i) {
      let t = Int(spots.timepoint[i])
      let lowest = Int(label[Int(i)])
      if track[lowest] == noIndex {
        track[lowest] = UInt32(found.count)
        found.append(TrackSummary(root: SpotID(i), firstTimepoint: t, lastTimepoint: t))
        hasRoot.append(false)
      }
      let number = Int(track[lowest])
      track[Int(i)] = UInt32(number)
      let outgoing = graph.outDegree(SpotID(i))
      found[number].spotCount += 1
      found[number].linkCount += outgoing
      found[number].firstTimepoint = min(found[number].firstTimepoint, t)
      found[number].lastTimepoint = max(found[number].lastTimepoint, t)
      if outgoing > 1 { found[number].divisions += 1 }
      if outgoing == 0 { found[number].leaves += 1 }
      if spots.lastIn[i] == noIndex, !hasRoot[number] {
        found[number].root = SpotID(i)
        hasRoot[number] = true
      }
    }
    let order = found.indices.sorted { found[$0].root < found[$1].root }
    var place = [UInt32](repeating: 0, count: found.count)
    for (position, number) in order.enumerated() { place[number] = UInt32(position) }
    for i in track.indices where track[i] != noIndex { track[i] = place[Int(track[i])] }
    return (order.map { found[$0] }, track)
  }

  func track(of spot: SpotID) -> Int { Int(trackOfSlot[Int(spot.index)]) }

  func root(of spot: SpotID) -> SpotID { summaries[track(of: spot)].root }

  func spots(of track: Int) -> [SpotID] { Array(members[starts[track]..<starts[track + 1]]) }
}

extension LineageGraph {
  /// All tracks, by ascending root id. Takes a pass over the graph when spots or links have been
  /// added or removed since the last call.
  public func tracks() -> [TrackSummary] { labelling().summaries }

  /// The track of a spot. As `tracks()`, without a copy of the list.
  public func track(of spot: SpotID) -> TrackSummary {
    let found = labelling()
    return found.summaries[found.track(of: SpotID(checked(spot)))]
  }

  /// The root of a spot's track; `track(of:)` with less to fetch.
  public func trackRoot(of spot: SpotID) -> SpotID {
    labelling().root(of: SpotID(checked(spot)))
  }

  /// The position of a spot's track in `tracks()`.
  public func trackIndex(of spot: SpotID) -> Int { labelling().track(of: SpotID(checked(spot))) }

  /// The spots of a track, ascending; `index` is a position in `tracks()`.
  public func spots(inTrack index: Int) -> [SpotID] { labelling().spots(of: index) }

  /// The links of a track by ascending source, then in link order; `index` is a position in
  /// `tracks()`.
  public func links(inTrack index: Int) -> [LinkID] {
    spots(inTrack: index).flatMap { Array(outgoing($0)) }
  }

  /// The labelling of tracks when it is up to date.
  var validTracksCache: TrackLabelling? {
    tracksCache?.structureCount == structureCount ? tracksCache : nil
  }

  private func labelling() -> TrackLabelling {
    if let valid = validTracksCache { return valid }
    let made = TrackLabelling(self)
    tracksCache = made
    return made
  }
}

// A lineage as tracks of the Cell Tracking Challenge: which spot belongs to which label.

import Core
import Lineage

/// Labels for the spots of a lineage.
///
/// Depth first from each root, in ascending order of roots and in link order of children, labels counted
/// from 1 (as ELEPHANT numbers them). A label lives until its last spot has no child, two or more children,
/// or a child that is more than one frame later: the format has no gaps inside a track, so a cell that comes
/// back gets a new label with the old one as its parent.
///
/// What the format cannot express is left out and counted: links that do not go forward in time, doubled
/// links, and of a merge all incoming links but the first.
public struct CTCNumbering: Sendable {
  /// The tracks, labels ascending.
  public private(set) var tracks: [CTCTrack] = []
  /// The label of each spot by slot; 0 for spots that are left out.
  public private(set) var labels: [UInt32]
  /// How many spots have labels.
  public private(set) var spotCount = 0
  /// Links that are left out because they do not go forward in time or are doubled.
  public private(set) var droppedLinks = 0
  /// Spots of which incoming links were left out, because they have several.
  public private(set) var merges = 0

  /// Number a lineage.
  ///
  /// - Parameters:
  ///   - roots: the spots to begin with; nil takes every spot that nothing leads to. Of these only those count
  ///     that are in `timepoints` or have descendants there.
  ///   - timepoints: spots outside are left out, and tracks are cut there; nil means all.
  ///   - isLeftOut: spots that are taken as not there.
  public init(
    _ graph: LineageGraph, roots: [SpotID]? = nil, timepoints: ClosedRange<Timepoint>? = nil,
    except isLeftOut: (SpotID) -> Bool = { _ in false }, progress: Progress = .none
  ) throws {
    labels = Array(repeating: 0, count: graph.spotSlots)
    let range = timepoints ?? graph.timepoints ?? 0...0
    let forest = Forest(graph, range, isLeftOut)
    try progress.check()
    var starts: [SpotID] = []
    if let roots {
      for root in roots.sorted() { forest.collectStarts(below: root, &starts) }
    } else {
      starts = graph.spots.filter { forest.isStart($0) }
    }
    for start in starts {
      if tracks.count & 255 == 0 { try progress.check() }
      number(start, forest)
    }
    (droppedLinks, merges) = (forest.droppedLinks, forest.merges)
  }

  /// Number everything below one spot. The stack holds first spots of tracks, the next one last.
  private mutating func number(_ start: SpotID, _ forest: Forest) {
    var stack: [(spot: SpotID, parent: Int)] = [(start, 0)]
    while let (first, parent) = stack.popLast() {
      if labels[Int(first.index)] != 0 { continue }
      let label = tracks.count + 1
      var spot = first
      var children: [SpotID]
      while true {
        labels[Int(spot.index)] = UInt32(label)
        spotCount += 1
        children = forest.children(of: spot)
        guard children.count == 1,
          forest.graph.timepoint(children[0]) == forest.graph.timepoint(spot) + 1
        else { break }
        spot = children[0]
      }
      tracks.append(
        CTCTrack(
          label: label, begin: forest.graph.timepoint(first), end: forest.graph.timepoint(spot),
          parent: parent))
      for child in children.reversed() { stack.append((child, label)) }
    }
  }

  /// The lineage without what the format cannot express.
  private struct Forest {
    let graph: LineageGraph
    let range: ClosedRange<Timepoint>
    /// By slot: the spot that it comes from, its own id for none, or the largest number when it is left out.
    private let parent: [UInt32]
    let droppedLinks: Int
    let merges: Int

    init(
      _ graph: LineageGraph, _ range: ClosedRange<Timepoint>, _ isLeftOut: (SpotID) -> Bool
    ) {
      self.graph = graph
      self.range = range
      var parents = (0..<UInt32(graph.spotSlots)).map { $0 }
      var (dropped, merges) = (0, 0)
      graph.forEachSpot { spot in
        if isLeftOut(spot) {
          parents[Int(spot.index)] = .max
          return
        }
        var found: SpotID?
        var isMerge = false
        for link in graph.incoming(spot) {
          let source = graph.source(link)
          if isLeftOut(source) { continue }
          if graph.timepoint(source) >= graph.timepoint(spot) || source == found {
            dropped += 1
          } else if found == nil {
            found = source
          } else {
            isMerge = true
          }
        }
        if let found { parents[Int(spot.index)] = found.index }
        if isMerge { merges += 1 }
      }
      parent = parents
      (droppedLinks, self.merges) = (dropped, merges)
    }

    func isParent(_ spot: SpotID, of child: SpotID) -> Bool {
      parent[Int(child.index)] == spot.index && child != spot
    }

    /// Whether a track begins here because nothing leads to the spot, or not within the range.
    func isStart(_ spot: SpotID) -> Bool {
      guard range.contains(graph.timepoint(spot)), parent[Int(spot.index)] != .max else {
        return false
      }
      let parent = SpotID(parent[Int(spot.index)])
      return parent == spot || graph.timepoint(parent) < range.lowerBound
    }

    func children(of spot: SpotID) -> [SpotID] {
      all(below: spot).filter { graph.timepoint($0) <= range.upperBound }
    }

    /// All children in link order, those out of the range too.
    private func all(below spot: SpotID) -> [SpotID] {
      var children: [SpotID] = []
      for link in graph.outgoing(spot) {
        let child = graph.target(link)
        if isParent(spot, of: child), !children.contains(child) { children.append(child) }
      }
      return children
    }

    /// The first spots within the range of a root and its descendants, depth first.
    func collectStarts(below root: SpotID, _ starts: inout [SpotID]) {
      var stack = [root]
      while let spot = stack.popLast() {
        let t = graph.timepoint(spot)
        if parent[Int(spot.index)] == .max { continue }
        if t > range.upperBound { continue }
        if t >= range.lowerBound {
          starts.append(spot)
        } else {
          stack += all(below: spot).reversed()
        }
      }
    }
  }
}

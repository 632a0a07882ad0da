// Small graphs for the tests of this room.

import Core
import Lineage
import Testing

/// The kind of error that a piece of code throws, nil when it throws none.
func errorKind(_ body: () throws -> Void) -> HowdahError.Kind? {
  do {
    try body()
    return nil
  } catch let error as HowdahError {
    return error.kind
  } catch {
    Issue.record("unexpected error \(error)")
    return nil
  }
}

extension WorldPoint {
  init(_ x: Double, _ y: Double = 0, _ z: Double = 0) { self.init(x: x, y: y, z: z) }
}

extension LineageGraph {
  /// Add a sphere of radius 5; only sensible inside an edit.
  func add(_ t: Timepoint, _ x: Double = 0, _ y: Double = 0, _ z: Double = 0) throws -> SpotID {
    try addSpot(t: t, position: WorldPoint(x, y, z), covariance: .sphere(radius: 5))
  }

  /// The label of a spot's tag.
  func tagLabel(_ set: String, _ spot: SpotID) -> String? {
    guard let id = tagSet(named: set), let tag = tag(id, of: spot) else { return nil }
    return tagSetInfo(id).tags[tag].label
  }

  /// The label of a link's tag.
  func tagLabel(_ set: String, _ link: LinkID) -> String? {
    guard let id = tagSet(named: set), let tag = tag(id, of: link) else { return nil }
    return tagSetInfo(id).tags[tag].label
  }
}

/// A graph with one chain: spot i at timepoint i, linked to spot i + 1.
func chain(_ n: Int) throws -> LineageGraph {
  var spots = SpotTable()
  var links = LinkTable()
  for i in 0..<n {
    spots.append(t: Int32(i), position: WorldPoint(Double(i)), covariance: .sphere(radius: 1))
    if i > 0 {
      links.sources.append(UInt32(i - 1))
      links.targets.append(UInt32(i))
    }
  }
  let graph = LineageGraph()
  try graph.load(spots: spots, links: links)
  return graph
}

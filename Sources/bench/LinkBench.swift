// Nearest-neighbour linking of a long movie with many nuclei, beside trackpy on the same spots.

import Core
import Lineage
import Tracking

/// 260,000 spots over 500 timepoints that wander in a box; the threshold is under half of their
/// typical spacing, as in a movie with a sensible frame rate. Times include the journal for undo.
func linkBench() throws -> [BenchRow] {
  let frames = 500
  let perFrame = 520
  func movie() throws -> LineageGraph {
    var random = SeededRandom(seed: 7)
    let side = 100.0
    var places = (0..<perFrame).map { _ in
      WorldPoint(
        x: random.uniform(0, side), y: random.uniform(0, side), z: random.uniform(0, side))
    }
    var table = SpotTable()
    table.reserveCapacity(frames * perFrame)
    for t in 0..<frames {
      for i in places.indices {
        table.append(t: Int32(t), position: places[i], covariance: .sphere(radius: 2))
        for axis in Axis.allCases {
          places[i][axis] = min(side, max(0, places[i][axis] + 0.8 * random.normal()))
        }
      }
    }
    let graph = LineageGraph()
    try graph.load(spots: table)
    try graph.edit("tags") {
      try graph.ensureElephantTagSets()
      let set = graph.tagSet(named: ElephantTags.detection)!
      let tag = graph.tag(named: ElephantTags.unlabeled, in: set)
      try graph.setTag(set, ofSpots: graph.spots, to: tag)
    }
    return graph
  }
  var times: [Double] = []
  var linked = 0
  for _ in 0..<4 {
    let graph = try movie()
    let start = now()
    linked = try NearestNeighborLinker.run(graph).linked
    times.append(now() - start)
  }
  // The first run warms up.
  let rate = Double(frames * perFrame) / median(Array(times.dropFirst())) / 1e6
  let peer = runPeer("trackpy_link.py", [String(frames), String(perFrame)])
  return [
    BenchRow(
      name: "link 260,000 spots (\(linked) links)", ours: rate, unit: "M spots/s", peer: "trackpy",
      peerValue: peer["spots_per_second"].map { $0 / 1e6 }, target: ">= 1 M/s", reached: rate >= 1)
  ]
}

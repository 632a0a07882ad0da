// Linking by assignment beside LapTrack (a tenth of the frames, as it is slow) and beside scipy's sparse
// assignment on the tables of the same frames.

import Core
import Lineage
import Tracking

/// Spots that wander in a box, in `frames` frames.
func wanderingSpots(frames: Int, perFrame: Int, side: Double = 100) throws -> LineageGraph {
  var random = SeededRandom(seed: 7)
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

func assignmentBench() throws -> [BenchRow] {
  let (frames, perFrame) = (200, 1000)
  func seconds(_ frames: Int, _ change: (inout AssignmentLinker.Options) -> Void) throws -> (
    Double, Int
  ) {
    var options = AssignmentLinker.Options()
    change(&options)
    var linked = 0
    var times: [Double] = []
    for _ in 0..<4 {
      let graph = try wanderingSpots(frames: frames, perFrame: perFrame)
      let start = now()
      linked = try AssignmentLinker.run(graph, options: options, reasons: LinkReasons()).linked
      times.append(now() - start)
    }
    return (median(Array(times.dropFirst())), linked)
  }
  let peer = runPeer("laptrack_link.py", [String(frames), String(perFrame)])
  let (few, _) = try seconds(frames / 10) { _ in }
  let ratio = peer["laptrack_seconds"].map { $0 / few }
  let (plain, links) = try seconds(frames) {
    $0.splitting = false
    $0.maxFrameGap = 0
  }
  let (all, allLinks) = try seconds(frames) { _ in }
  return [
    BenchRow(
      name: "lap \(frames / 10) x \(perFrame) spots, gaps, splits", ours: few * 1000, unit: "ms",
      peer: "LapTrack", peerValue: peer["laptrack_seconds"].map { $0 * 1000 },
      target: "100 times faster", reached: ratio.map { $0 >= 100 }),
    BenchRow(
      name: "lap \(frames) x \(perFrame) spots (\(links) links)", ours: plain * 1000, unit: "ms",
      peer: "scipy, matching alone", peerValue: peer["scipy_seconds"].map { $0 * 1000 },
      target: "<= scipy", reached: peer["scipy_seconds"].map { plain <= $0 }),
    BenchRow(
      name: "  with gaps and splits (\(allLinks) links)", ours: all * 1000, unit: "ms",
      target: "<= 437 ms", reached: all <= 0.437),
  ]
}

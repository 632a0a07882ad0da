// Linking by assignment beside LapTrack and beside scipy's sparse assignment, on the same spots. LapTrack takes a
// minute.

import Core
import Glibc
import Lineage
import Tracking

/// Spots that wander in a box, in `frames` frames, by `step` along each axis (standard deviation).
func wanderingSpots(
  frames: Int, perFrame: Int, side: Double = 100, step: Double = 0.8
) throws -> LineageGraph {
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
        places[i][axis] = min(side, max(0, places[i][axis] + step * random.normal()))
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

/// Write the places of all spots as numbers of eight bytes, for a peer.
private func writePlaces(_ graph: LineageGraph, to path: String) {
  let numbers = graph.spots.map { graph.position($0) }.flatMap { [$0.x, $0.y, $0.z] }
  guard let file = fopen(path, "wb") else { return }
  fwrite(numbers, 8, numbers.count, file)
  fclose(file)
}

/// A number that says which links there are; the peer works out the same.
private func linkSum(_ graph: LineageGraph) -> Int {
  graph.links.reduce(0) { sum, link in
    let (a, b) = (Int(graph.source(link).index), Int(graph.target(link).index))
    return (sum + (a * 2_654_435_761 + b * 40503) % 1_000_000_007) % 1_000_000_007
  }
}

/// The tables of the costs of neighbouring frames as TrackMate and the peer set them up: squared distances within a
/// reach.
private func tables(_ graph: LineageGraph, frames: Int, reach: Double) -> [SparseCosts] {
  let levels = (0..<frames).map { t in graph.spots(at: t).map { graph.position($0) } }
  return zip(levels.dropLast(), levels.dropFirst()).map { parents, children in
    let near = children.map { child in
      parents.enumerated().compactMap { (n, parent) -> (Int, Double)? in
        let d = parent.squaredDistance(to: child)
        return d <= reach * reach ? (n, d) : nil
      }
    }
    let costs = near.joined().map(\.1)
    let alternative = 1.05 * (costs.max() ?? 1)
    let least = costs.min() ?? 0
    var table = SparseCosts(columns: parents.count)
    for row in near {
      for (column, cost) in row { table.add(column, cost + least) }
      table.endRow(alone: 2 * alternative)
    }
    return table
  }
}

/// 200 frames of 1,000 spots in a box of 1000, steps of 3, links up to 15: LapTrack is asked for links (`predict`) and,
/// as its manual does, for a data frame of tracks (`predict_dataframe`).
func assignmentBench() throws -> [BenchRow] {
  let (frames, perFrame, reach) = (200, 1000, 15.0)
  func spots() throws -> LineageGraph {
    try wanderingSpots(frames: frames, perFrame: perFrame, side: 1000, step: 3)
  }
  let whole = try spots()
  let path = "/tmp/howdah-bench-\(getpid()).f64"
  writePlaces(whole, to: path)
  defer { unlink(path) }

  var sum = 0
  func seconds(_ change: (inout AssignmentLinker.Options) -> Void = { _ in }) throws -> [Double] {
    var options = AssignmentLinker.Options()
    options.threshold = reach
    change(&options)
    return try (0..<4).map { _ in
      let graph = try spots()
      let start = now()
      _ = try AssignmentLinker.run(graph, options: options, reasons: LinkReasons())
      let time = now() - start
      sum = linkSum(graph)
      return time
    }
  }
  func matching(_ options: inout AssignmentLinker.Options) {
    options.splitting = false
    options.maxFrameGap = 0
  }
  // Before and after the peer, so that both meet the same machine; the first run warms up.
  var plain = Array(try seconds(matching).dropFirst())
  var all = try seconds()
  let peer = runPeer(
    "laptrack_link.py", [path, String(frames), String(perFrame), String(reach)])
  plain += try seconds(matching)
  all += try seconds()
  let isSame = peer["laptrack_sum"].map { Int($0) == sum }
  let costs = tables(whole, frames: frames, reach: reach)
  let alone = try medianTime { for table in costs { _ = try SparseAssignment(table).total } }
  let (linked, matched) = (median(all), median(plain))
  let same = isSame.map { $0 ? ", the same links" : ", OTHER LINKS" } ?? ""
  func milliseconds(_ name: String) -> Double? { peer[name].map { $0 * 1000 } }
  return [
    BenchRow(
      name: "lap \(frames) x \(perFrame) spots, gaps, splits\(same)", ours: linked * 1000,
      unit: "ms", peer: "LapTrack, data frame", peerValue: milliseconds("laptrack_table_seconds"),
      target: "100 times faster",
      reached: peer["laptrack_table_seconds"].map { $0 / linked >= 100 && isSame == true }),
    BenchRow(
      name: "  the same", ours: linked * 1000, unit: "ms", peer: "LapTrack, links only",
      peerValue: milliseconds("laptrack_seconds")),
    BenchRow(
      name: "  without gaps and splits", ours: matched * 1000, unit: "ms",
      peer: "scipy, trees and matching alone", peerValue: milliseconds("scipy_tree_seconds"),
      target: "<= 170 ms", reached: matched <= 0.17),
    BenchRow(
      name: "  matching alone", ours: alone * 1000, unit: "ms", peer: "scipy",
      peerValue: milliseconds("scipy_seconds"), target: "<= scipy",
      reached: peer["scipy_seconds"].map { alone <= $0 }),
  ]
}

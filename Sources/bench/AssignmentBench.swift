// Linking by assignment beside LapTrack (the first frames only, as it is slow) and beside scipy's sparse
// assignment, on the same spots; and the most likely story of a whole simulated movie.

import Core
import Glibc
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

/// The tables of the costs of neighbouring frames as TrackMate and the peer set them up: squared distances within 5.
private func tables(_ graph: LineageGraph, frames: Int) -> [SparseCosts] {
  let levels = (0..<frames).map { t in graph.spots(at: t).map { graph.position($0) } }
  return zip(levels.dropLast(), levels.dropFirst()).map { parents, children in
    let near = children.map { child in
      parents.enumerated().compactMap { (n, parent) -> (Int, Double)? in
        let d = parent.squaredDistance(to: child)
        return d <= 25 ? (n, d) : nil
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

func assignmentBench() throws -> [BenchRow] {
  let (frames, perFrame, few) = (200, 1000, 20)
  let whole = try wanderingSpots(frames: frames, perFrame: perFrame)
  let path = "/tmp/howdah-bench-\(getpid()).f64"
  writePlaces(whole, to: path)
  defer { unlink(path) }

  var matching = AssignmentLinker.Options()
  matching.splitting = false
  matching.maxFrameGap = 0
  var sum = 0
  var links = 0
  func seconds(_ frames: Int, _ options: AssignmentLinker.Options) throws -> [Double] {
    try (0..<3).map { _ in
      let graph = try wanderingSpots(frames: frames, perFrame: perFrame)
      let start = now()
      links = try AssignmentLinker.run(graph, options: options, reasons: LinkReasons()).linked
      let time = now() - start
      sum = linkSum(graph)
      return time
    }
  }
  // Before and after the peer, so that both meet the same machine; the first run warms up.
  var plain = Array(try seconds(frames, matching).dropFirst())
  var start = try seconds(few, AssignmentLinker.Options())
  let peer = runPeer(
    "laptrack_link.py", [path, String(frames), String(perFrame), String(few)])
  start += try seconds(few, AssignmentLinker.Options())
  let isSame = peer["laptrack_sum"].map { Int($0) == sum }
  plain += try seconds(frames, matching)
  let plainLinks = links
  let all = median(try seconds(frames, AssignmentLinker.Options()))
  let costs = tables(whole, frames: frames)
  let alone = try medianTime { for table in costs { _ = try SparseAssignment(table).total } }
  let (first, matched) = (median(start), median(plain))
  let same = isSame.map { $0 ? ", the same links" : ", OTHER LINKS" } ?? ""
  return [
    BenchRow(
      name: "lap \(few) x \(perFrame) spots, gaps, splits\(same)", ours: first * 1000, unit: "ms",
      peer: "LapTrack", peerValue: peer["laptrack_seconds"].map { $0 * 1000 },
      target: "100 times faster",
      reached: peer["laptrack_seconds"].map { $0 / first >= 100 && isSame == true }),
    BenchRow(
      name: "matching alone, \(frames) x \(perFrame)", ours: alone * 1000, unit: "ms",
      peer: "scipy",
      peerValue: peer["scipy_seconds"].map { $0 * 1000 }, target: "<= scipy",
      reached: peer["scipy_seconds"].map { alone <= $0 }),
    BenchRow(
      name: "  lap with spots, links, undo, reasons (\(plainLinks) links)", ours: matched * 1000,
      unit: "ms", peer: "scipy, matching alone",
      peerValue: peer["scipy_seconds"].map { $0 * 1000 },
      target: "<= 170 ms", reached: matched <= 0.17),
    BenchRow(
      name: "  with gaps and splits (\(links) links)", ours: all * 1000, unit: "ms",
      target: "<= 437 ms", reached: all <= 0.437),
  ]
}

/// The best story of a movie of 100,000 spots that drift and divide, beside one link after another.
func globalBench() throws -> [BenchRow] {
  var o = Simulator.Preset.flatLeg.options
  o.seed = 71
  o.nuclei = 760
  o.timepoints = 104
  o.size = Size3(x: 840, y: 840, z: 12)
  o.speed = 1.5
  o.divisionRate = 0.003
  let truth = try Simulator.run(o).lineage
  let movie = try Simulator.run(o).lineage
  try movie.edit("forget") { try movie.remove(movie.links) }
  func errors() throws -> (links: Int, divisions: Double) {
    var options = Evaluation.Options()
    options.divisionTolerance = 1
    let e = try Evaluation.run(result: movie, truth: truth, options: options)
    return (e.links.falsePositives + e.links.falseNegatives, e.divisions.f1)
  }
  var near = NearestNeighborLinker.Options()
  near.threshold = 6
  _ = try NearestNeighborLinker.run(movie, options: near)
  let nearest = try errors()
  var counts = GlobalLinker.Counts()
  let time = try medianTime(2) { counts = try GlobalLinker.run(movie, reasons: LinkReasons()) }
  let global = try errors()
  let proof =
    counts.isOptimal
    ? "proven optimal" : "within \(Float(counts.gap)) of \(Float(abs(counts.cost)))"
  return [
    BenchRow(
      name: "global \(movie.spotCount) spots, \(proof)", ours: time, unit: "s", target: "< 10 s",
      reached: time < 10),
    BenchRow(
      name: "  wrong and missing links of \(truth.linkCount)", ours: Double(global.links),
      unit: "links", peer: "nearest", peerValue: Double(nearest.links)),
    BenchRow(
      name: "  F1 of \(truth.dividing().count) divisions (nearest \(Float(nearest.divisions)))",
      ours: global.divisions, unit: "", target: ">= 0.85", reached: global.divisions >= 0.85),
  ]
}

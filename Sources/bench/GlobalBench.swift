// The most likely story of a whole simulated movie, and how soon linkers stop.

import Core
import Lineage
import Tracking

/// The best story of a movie of 100,000 spots that drift and divide, beside one link after another.
func globalBench() throws -> [BenchRow] {
  let truth = try longLeg()
  let movie = try longLeg()
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
  ] + (try stops(movie))
}

/// The truth of a leg of 100,000 spots.
private func longLeg() throws -> LineageGraph {
  var o = Simulator.Preset.flatLeg.options
  o.seed = 71
  o.nuclei = 760
  o.timepoints = 104
  o.size = Size3(x: 840, y: 840, z: 12)
  o.speed = 1.5
  o.divisionRate = 0.003
  return try Simulator.run(o).lineage
}

/// How long the linkers go on when they are asked to stop, until all is as it was before; of a movie that is linked.
private func stops(_ movie: LineageGraph) throws -> [BenchRow] {
  func row(_ name: String, _ moments: Int, _ link: (Progress) throws -> Void) throws -> BenchRow {
    let start = now()
    try link(.none)
    let longest = try longestStop(within: now() - start, moments: moments, link) * 1000
    return BenchRow(
      name: "stop \(name), longest of \(moments)", ours: longest, unit: "ms", target: "<= 50",
      reached: longest <= 50)
  }
  let reasons = LinkReasons()
  var leg = Simulator.Preset.flatLeg.options
  leg.timepoints = 4
  let seen = try Simulator.run(leg)
  let images = try seen.requireImages()
  return [
    try row("global linking", 40) {
      _ = try GlobalLinker.run(movie, reasons: reasons, progress: $0)
    },
    try row("lap linking", 20) {
      _ = try AssignmentLinker.run(movie, reasons: reasons, progress: $0)
    },
    try row("nearest-neighbour linking", 20) {
      _ = try NearestNeighborLinker.run(movie, reasons: reasons, progress: $0)
    },
    try row("linking around registration", 20) { progress in
      let flow = try RegistrationFlow(images, radius: 3.5, progress: progress)
      _ = try NearestNeighborLinker.run(seen.lineage, flow: flow.predict, progress: progress)
    },
  ]
}

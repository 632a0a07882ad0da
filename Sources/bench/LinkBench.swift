// Nearest-neighbour linking of a long movie with many nuclei, beside trackpy on the same spots.

import Core
import Lineage
import Tracking

/// 260,000 spots over 500 timepoints that wander in a box; the threshold is under half of their
/// typical spacing, as in a movie with a sensible frame rate. Times include the journal for undo.
func linkBench() throws -> [BenchRow] {
  let frames = 500
  let perFrame = 520
  var times: [Double] = []
  var linked = 0
  for _ in 0..<4 {
    let graph = try wanderingSpots(frames: frames, perFrame: perFrame)
    let start = now()
    linked = try NearestNeighborLinker.run(graph, reasons: LinkReasons()).linked
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

// Scoring label images of the size of the paper's embryos, beside traccuracy on the same files.

import Core
import Formats
import Glibc
import Imaging
import Lineage
import Tracking

/// Two frames of 35 x 512 x 708 voxels with 300 nuclei (traccuracy needs a link), the result slightly off.
func benchCTC() throws -> [BenchRow] {
  let folder = "/tmp/howdah-bench-ctc-\(getpid())"
  mkdir(folder, 0o755)
  defer { _ = system("rm -r '\(folder)'") }
  let size = Size3(x: 708, y: 512, z: 35)
  let truth = try nuclei(300, size: size, shift: 0)
  try CTCWriter.write(truth, to: folder + "/gt")
  try CTCWriter.write(nuclei(300, size: size, shift: 1.5), to: folder + "/res")
  try CTCWriter.write(nuclei(4, size: Size3(x: 64, y: 64, z: 8), shift: 0), to: folder + "/small")
  var det = 0.0
  let seconds = try medianTime(5) {
    let (res, gt) = (try CTCFolder(folder + "/res"), try CTCFolder(folder + "/gt"))
    det = try CTCEvaluation.run(result: res, truth: gt).det ?? 0
  }
  // The same from volumes in memory: what is left when files cost nothing.
  let (res, gt) = (
    try LabelsInMemory(CTCFolder(folder + "/res")), try LabelsInMemory(CTCFolder(folder + "/gt"))
  )
  let inMemory = try medianTime(5) {
    det = try CTCEvaluation.run(result: res, truth: gt).det ?? 0
  }
  let peer = runPeer("ctc_traccuracy.py", [folder])
  // The result and the truth are the same for both.
  if let other = peer["det"], abs(other - det) > 1e-9 {
    throw HowdahError(.internal, "DET is \(det), traccuracy says \(other)")
  }
  func row(_ name: String, _ seconds: Double, _ other: Double?) -> BenchRow {
    BenchRow(
      name: name, ours: seconds * 1000, unit: "ms", peer: "traccuracy",
      peerValue: other.map { $0 * 1000 }, target: "<= 1/5 of it",
      reached: other.map { seconds / $0 <= 0.2 })
  }
  return [
    row("CTC score, 2 frames 708x512x35, 300 cells", seconds, peer["seconds"]),
    row("  from volumes in memory", inMemory, peer["memory_seconds"]),
  ]
}

/// A folder whose label images have been read.
private struct LabelsInMemory: CTCSubject {
  let folder: CTCFolder
  let volumes: [Volume]

  init(_ folder: CTCFolder) throws {
    self.folder = folder
    volumes = try (0..<folder.frameCount).map { try folder.labels(at: $0) }
  }

  var name: String { folder.name }
  var table: CTCTrackTable { folder.table }
  var frameCount: Int { volumes.count }
  var size: Size3 { folder.size }
  var segmentations: [CTCFolder.Segmentation] { [] }
  var hasOutlines: Bool { false }
  var hasFixedFrames: Bool { true }
  func labels(at t: Int, progress: Progress) throws -> Volume { volumes[t] }
  func labels(_ s: CTCFolder.Segmentation, progress: Progress) throws -> Volume { volumes[s.frame] }
  func check(_ labels: [Int], at t: Int, allowsGaps: Bool) throws {
    try folder.check(labels, at: t, allowsGaps: allowsGaps)
  }
}

/// Two timepoints of balls that touch here and there.
private func nuclei(_ count: Int, size: Size3, shift: Double) throws -> Project {
  var random = SeededRandom(seed: 5)
  let graph = LineageGraph()
  try graph.edit("nuclei") {
    for _ in 0..<count {
      let p = WorldPoint(
        x: random.uniform(0, Double(size.x)), y: random.uniform(0, Double(size.y)),
        z: random.uniform(0, Double(size.z)))
      let shape = Covariance.axisAligned(x: 11, y: 10, z: 4)
      let a = try graph.addSpot(t: 0, position: p, covariance: shape)
      let q = p + WorldPoint(x: shift, y: 0, z: 0)
      _ = try graph.addLink(a, try graph.addSpot(t: 1, position: q, covariance: shape))
    }
  }
  let images = MemoryImageSource(size: size, voxelSize: .one, timepoints: 2, type: .uint8) {
    _, _, _ in
    try Volume(zeroed: size, type: .uint8)
  }
  return Project(images: images, lineage: graph)
}

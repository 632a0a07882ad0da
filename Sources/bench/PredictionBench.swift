// Predicting spots beside its parts and beside scipy and scikit-image: what is around the network should cost
// little. One timepoint at the scale of the paper, 35 x 512 x 708.

import Core
import Glibc
import Imaging
import Learning
import Tracking

/// Probabilities to spots beside `scipy.ndimage.label` with `skimage.measure.regionprops`, and a whole prediction
/// beside the network alone.
func predictionBench() throws -> [BenchRow] {
  let size = Size3(x: 708, y: 512, z: 35)
  let voxel = VoxelSize(x: 1, y: 1, z: 4)
  let center = try blobs(size, voxel, count: 300)
  return [try postProcessing(center, voxel)] + (try wholePrediction(center, voxel))
}

/// Probabilities of ellipsoids of about 5 x 5 x 1.5 voxels, with soft edges and a little noise.
private func blobs(_ size: Size3, _ voxel: VoxelSize, count: Int) throws -> Volume {
  var random = SeededRandom(seed: 11)
  var values = (0..<size.count).map { _ in Float(random.uniform() * 0.2) }
  for _ in 0..<count {
    let c = SIMD3(
      10 + random.uniform() * 688, 10 + random.uniform() * 492, 2 + random.uniform() * 31)
    for z in max(0, Int(c.z) - 3)...min(size.z - 1, Int(c.z) + 3) {
      for y in (Int(c.y) - 9)...(Int(c.y) + 9) {
        for x in (Int(c.x) - 9)...(Int(c.x) + 9) {
          let d = (SIMD3(Double(x), Double(y), Double(z)) - c) * SIMD3(0.2, 0.2, 0.7)
          let p = 1.6 - (d * d).sum().squareRoot()
          let i = (z * size.y + y) * size.x + x
          if p > 0 { values[i] = max(values[i], Float(min(1, p))) }
        }
      }
    }
  }
  return try Volume(floats: values, size: size, voxelSize: voxel)
}

private func postProcessing(_ center: Volume, _ voxel: VoxelSize) throws -> BenchRow {
  let path = "/tmp/howdah-bench-\(getpid()).f4"
  defer { unlink(path) }
  try center.withBytes { try AtomicFile.write($0, to: path) }
  var ours: [Double] = []
  var peers: [Double] = []
  for _ in 0..<2 {
    ours.append(try medianTime(5) { _ = try ProbabilitySpots.find(in: center, voxel: voxel) })
    let figures = runPeer(
      "probability_spots.py",
      [path] + [center.size.z, center.size.y, center.size.x].map(String.init))
    if let seconds = figures["seconds"] { peers.append(seconds) }
  }
  let mine = median(ours) * 1000
  let peer = peers.isEmpty ? nil : median(peers) * 1000
  return BenchRow(
    name: "probabilities to spots, 35x512x708", ours: mine, unit: "ms",
    peer: "scipy label + skimage regionprops", peerValue: peer, target: ">= 10 times",
    reached: peer.map { $0 / mine >= 10 })
}

private func wholePrediction(_ center: Volume, _ voxel: VoxelSize) throws -> [BenchRow] {
  let volume = try (center * 4000).converted(to: .uint16)
  let images = try MemoryImageSource([[volume]])
  let model = try ModelFile.open("models/versatile-3d.pth").models[0]
  let keep = KeepAxials(voxel: voxel, depth: 4)
  let patch = PatchChoice.automatic(
    volume.size, architecture: model.architecture, keepAxials: keep, pad: false)
  let predictor = try Predictor([model])
  let network = Predictor.Options(
    patch: patch, keepAxials: keep, fit: .repeatEdges)
  let tiling = predictor.tiling(of: volume.size, network)
  let engine = try Engine(model)
  let tile = Tensor(TensorShape(channels: 1, size: tiling.box(0).size), filledWith: 0.5)
  let bare = try medianTime(2) {
    for _ in 0..<tiling.count {
      _ = try engine.forward(tile, keepAxials: keep, pad: false, fit: .repeatEdges)
    }
  }
  let whole = try medianTime(2) {
    _ = try DetectionPrediction.spots(images: images, t: 0, predictor: predictor)
  }
  return [
    BenchRow(
      name: "predict one timepoint, \(tiling.count) tiles", ours: whole, unit: "s",
      peer: "its network alone", peerValue: bare, target: "<= 1.3 times",
      reached: whole <= 1.3 * bare)
  ]
}

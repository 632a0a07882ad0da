// Reading BigDataViewer volumes of 64 x 512 x 512 uint16 (33.6 MB), beside h5py on the same files: opening
// the data set and reading all timepoints, and a small box out of each.

import Core
import Formats
import Glibc
import Imaging

/// Rows for whole volumes and boxes, for two chunk shapes, compressed and not.
func benchBDV() throws -> [BenchRow] {
  let folder = "/tmp/howdah-bench-bdv-\(getpid())"
  mkdir(folder, 0o700)
  defer { removeFiles(folder) }
  let size = Size3(x: 512, y: 512, z: 64)
  let source = try embryoLike(size)
  var rows: [BenchRow] = []
  for chunk in [Size3(x: 16, y: 16, z: 16), Size3(x: 64, y: 64, z: 8)] {
    for compression in [0, 6] {
      let label = "\(chunk.z)x\(chunk.y)x\(chunk.x)" + (compression > 0 ? " gzip" : "")
      let path = folder + "/\(chunk.x)-\(compression)"
      var options = BDVWriter.Options()
      options.chunk = chunk
      options.compression = compression
      options.levels = 1
      let start = now()
      try BDVWriter.write(source: source, toXML: path + ".xml", options: options)
      let written = (now() - start) / Double(source.timepoints) * 1000
      let whole = try medianTime {
        let images = try BDVImageSource.open(path + ".xml")
        for t in 0..<images.timepoints { _ = try images.volume(t: t) }
      }
      let box = VoxelBox(
        origin: Size3(x: 200, y: 190, z: 20), size: Size3(x: 128, y: 128, z: 16))
      let part = try medianTime {
        let images = try BDVImageSource.open(path + ".xml")
        for t in 0..<images.timepoints {
          _ = try images.volume(t: t, setup: 0, level: 0, box: box, progress: .none)
        }
      }
      let peer = runPeer("bdv_h5py.py", [path + ".h5"])
      func row(_ what: String, _ seconds: Double, _ key: String) -> BenchRow {
        let ours = seconds * 1000 / Double(source.timepoints)
        return BenchRow(
          name: "BDV \(what), chunks \(label)", ours: ours, unit: "ms", peer: "h5py",
          peerValue: peer[key], target: compression > 0 ? "faster" : "not slower",
          reached: peer[key].map { ours <= $0 })
      }
      rows.append(row("volume", whole, "whole"))
      rows.append(row("box 16x128x128", part, "box"))
      rows.append(
        BenchRow(
          name: "BDV write volume, chunks \(label)", ours: written, unit: "ms", peer: "h5py",
          peerValue: peer["write"]))
    }
  }
  return rows
}

/// Smooth blobs on a noisy background, as a microscope's camera gives them; four timepoints.
private func embryoLike(_ size: Size3) throws -> MemoryImageSource {
  var random = SeededRandom(seed: 1)
  let volumes = try (0..<4).map { t in
    [
      try Volume.make(size: size, of: UInt16.self) { voxels in
        for i in voxels.indices {
          let (x, y, z) = (i % size.x, i / size.x % size.y, i / (size.x * size.y))
          let wave = sine(Double(x + t) / 11) * sine(Double(y) / 13) * sine(Double(z) / 5)
          let noise = Double(random.next() >> 58)
          voxels[i] = UInt16(110 + noise + 900 * max(0, wave))
        }
      }
    ]
  }
  return try MemoryImageSource(volumes)
}

private func removeFiles(_ folder: String) {
  for name in ["16-0", "16-6", "64-0", "64-6"] {
    unlink("\(folder)/\(name).xml")
    unlink("\(folder)/\(name).h5")
  }
  rmdir(folder)
}

// The radius of the nuclei of an image, measured from the image.

import Core
import Imaging

extension BlobFinder {
  /// The radius that most of the contrast of a volume is found at.
  func typicalRadius(_ volume: Volume, progress: Progress) throws -> Double {
    let size = volume.size
    let extent = min(Double(size.x) * voxel.x, Double(size.y) * voxel.y)
    let low = max(3 * max(voxel.x, voxel.y), size.z > 1 ? 0.6 * voxel.z : 0)
    let high = max(low, extent / 8)
    let noise = try NoiseModel(volume, progress: progress)
    let stable = try noise.stabilised(volume, progress: progress)
    let step = 1.25
    var radii = [low]
    while radii[radii.count - 1] * step <= high * 1.0001 {
      radii.append(radii[radii.count - 1] * step)
    }
    var peaks: [Candidate] = []
    for (index, radius) in radii.enumerated() {
      let filter = BlobFilter(radius: radius, voxel: voxel, size: size)
      let contrast = try filter.contrast(stable, progress: progress)
      peaks += try self.peaks(contrast, above: 8 * filter.noise, index, radius, progress)
    }
    // The best scale of each place, and of those the median, weighted by how much light they explain:
    // grains inside nuclei are many but small. Radii within a step count as spread evenly over it.
    let apart = BlobFinder.separationOfScales
    let best = separate(peaks, radii, within: apart, across: apart)
      .sorted { $0.filter < $1.filter }
    let dimensions = size.z > 1 ? 3.0 : 2.0
    let weights = best.map { $0.quality * $0.quality * power($0.radius, dimensions) }
    let half = weights.reduce(0, +) / 2
    guard half > 0 else { return max(low, 2 * voxel.max()) }
    var (sum, first) = (0.0, 0)
    while first < best.count {
      let end = best[first...].firstIndex { $0.filter != best[first].filter } ?? best.count
      let share = weights[first..<end].reduce(0, +)
      if sum + share >= half {
        let steps = (half - sum) / share - 0.5
        return max(low, best[first].radius * power(step, steps))
      }
      sum += share
      first = end
    }
    return low
  }

  /// Peaks of one filter's answer, with sub-voxel centres.
  private func peaks(
    _ contrast: BinnedVolume, above least: Double, _ index: Int, _ radius: Double,
    _ progress: Progress
  ) throws -> [Candidate] {
    let maxima = try contrast.volume.localMaxima(threshold: max(least, 1e-6), progress: progress)
    return contrast.volume.withVoxels(as: Float.self) { v in
      maxima.map { m in
        let peak = BlobFinder.refined(SIMD3(m.x, m.y, m.z), v, contrast.volume.size)
        let center = contrast.full(peak.center)
        return Candidate(
          center: center, top: center, quality: peak.height, radius: radius, filter: index)
      }
    }
  }
}

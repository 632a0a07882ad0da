// How noisy an image is at each brightness, measured from the image itself, and the transform that makes
// the noise the same everywhere.

import Core
import Imaging

/// Noise variance as a straight line over the mean: shot noise gives the slope, the camera the rest.
///
/// `stabilised` maps grey values so that noise has standard deviation 1 at every brightness (Anscombe's
/// square root in the general form of Murtagh, Starck & Bijaoui 1995). Dim nuclei in a dark place then
/// stand out as much as they do to the eye, and thresholds do not depend on gain, offset or bit depth.
struct NoiseModel: Sendable {
  /// Variance per grey value.
  let slope: Double
  /// Variance at grey value 0; negative where the camera has an offset.
  let intercept: Double

  /// Measure a volume: the variance of what is left of each pixel after subtracting the mean of its four
  /// neighbours in the plane, against the mean of all five.
  init(_ volume: Volume, progress: Progress = .none) throws {
    let size = volume.size
    let range = try volume.range(progress: progress) ?? (0, 1)
    let width = max(range.maximum - range.minimum, 1e-9)
    let smallest = width * width * 1e-6
    guard size.x >= 3, size.y >= 3 else {
      slope = 0
      intercept = smallest
      return
    }
    let bins = try NoiseModel.bins(volume, range.minimum, width, progress)
    // A weighted line through the bins that hold enough pixels; a variance is known to a share of
    // itself, so bins weigh by their pixels over their squared variance.
    let loudest = bins.reduce(0) { max($0, $1.count >= 50 ? $1.squares / Double($1.count) : 0) }
    var s = (w: 0.0, x: 0.0, y: 0.0, xx: 0.0, xy: 0.0)
    for bin in bins where bin.count >= 50 {
      let n = Double(bin.count)
      let x = bin.mean / n
      let y = bin.squares / n / 1.25
      // Black areas without any noise must not decide alone.
      let sure = max(y, 0.02 * loudest, smallest)
      let w = min(n, 5000) / (sure * sure)
      s = (s.w + w, s.x + w * x, s.y + w * y, s.xx + w * x * x, s.xy + w * x * y)
    }
    let spread = s.w * s.xx - s.x * s.x
    let a = spread > 1e-12 * s.w * s.xx ? max(0, (s.w * s.xy - s.x * s.y) / spread) : 0
    let b = s.w > 0 ? (s.y - a * s.x) / s.w : smallest
    if s.w > 0, a * width < 0.05 * s.y / s.w {
      // The same noise everywhere; a square root of next to no slope would lose all digits.
      (slope, intercept) = (0, max(smallest, s.y / s.w))
      return
    }
    if a * range.minimum + b >= smallest {
      (slope, intercept) = (a, b)
      return
    }
    // The line is below zero at the darkest voxel: the one through zero there that keeps the middle.
    let middle = (x: s.x / s.w - range.minimum, y: s.y / s.w)
    slope = middle.x > 0 ? max(0, middle.y - smallest) / middle.x : 0
    intercept = smallest - slope * range.minimum
  }

  private struct Bin {
    var count = 0
    var mean = 0.0
    var squares = 0.0
  }

  private static let binCount = 64

  /// Residuals by brightness, over every plane or a regular choice of them, and a regular choice of rows.
  private static func bins(
    _ volume: Volume, _ minimum: Double, _ width: Double, _ progress: Progress
  ) throws -> [Bin] {
    let floats = try volume.converted(to: .float32, progress: progress)
    let size = volume.size
    let rowStep = max(1, size.count / 2_000_000)
    var bins = [Bin](repeating: Bin(), count: binCount)
    // Square-root spacing: most pixels of a fluorescence image are dark.
    let scale = Float(binCount - 1)
    let (low, inverse) = (Float(minimum), Float(1 / width))
    try floats.withVoxels(as: Float.self) { v in
      for z in 0..<size.z {
        try progress.check()
        for y in stride(from: 1, to: size.y - 1, by: rowStep) {
          let row = (z * size.y + y) * size.x
          for x in 1..<size.x - 1 {
            let i = row + x
            let around = v[i - 1] + v[i + 1] + v[i - size.x] + v[i + size.x]
            let mean = (around + v[i]) * 0.2
            let residual = v[i] - around * 0.25
            let place = ((mean - low) * inverse).squareRoot() * scale
            guard place >= 0, place < 64, residual.isFinite else { continue }
            let b = Int(place)
            bins[b].count += 1
            bins[b].mean += Double(mean)
            bins[b].squares += Double(residual * residual)
          }
        }
      }
    }
    return bins
  }

  /// A grey value on the scale where noise has standard deviation 1.
  func stabilised(_ value: Double) -> Double {
    if !isShotNoise { return value / base.squareRoot() }
    return 2 / slope * max(0, slope * value + intercept + 0.375 * slope * slope).squareRoot()
  }

  /// A volume on the scale where noise has standard deviation 1; float32.
  func stabilised(_ volume: Volume, progress: Progress) throws -> Volume {
    if !isShotNoise {
      return try volume.scaled(by: 1 / base.squareRoot(), plus: 0, progress: progress)
    }
    let (a, b) = (Float(slope), Float(intercept + 0.375 * slope * slope))
    let factor = 2 / a
    return try volume.mapFloats(progress: progress) { factor * max(0, a * $0 + b).squareRoot() }
  }

  /// Grey value of a stabilised value.
  func grey(_ stabilised: Double) -> Double {
    if !isShotNoise { return stabilised * base.squareRoot() }
    let root = stabilised * slope / 2
    return (root * root - intercept - 0.375 * slope * slope) / slope
  }

  private var isShotNoise: Bool { slope > 0 }
  private var base: Double { max(intercept, 1e-30) }
}

// Labels that say "background" where an image is dark (ELEPHANT's "auto BG threshold"), so that a few marked nuclei
// are enough: without them nobody tells the network what is none.
//
// ELEPHANT compares single voxels with the threshold. In a noisy image the background then has holes where the noise
// is bright, and the network learns to look at single voxels. So the image is smoothed first, by a fraction of the
// nuclei's size, unless that is switched off.

import Core
import Imaging
import Synchronization

/// Which voxels are background without anybody saying so.
public struct AutoBackground: Sendable, Equatable {
  /// What is dark enough.
  public enum Limit: Sendable, Equatable {
    /// Nothing.
    case none
    /// What lies below this part of the intensity range of the image, 0 to 1.
    case below(Double)
    /// What lies nearer to the darkest parts than to the accepted nuclei: below 0.3 of the way from the first
    /// percentile of the image to the dimmer ones among these nuclei.
    case measured
  }

  /// What is dark enough.
  public var limit = Limit.none
  /// Standard deviation of the smoothing before, world units; nil is a third of the accepted nuclei's median radius;
  /// 0 is ELEPHANT's rule.
  public var smoothing: Double?

  /// No background.
  public init() {}

  /// Throws `.argument` for values out of range.
  public func check() throws {
    if case .below(let value) = limit, !(value >= 0 && value <= 1) {
      throw HowdahError(.argument, "auto_bg_threshold must be from 0 to 1, not \(value)")
    }
    if let smoothing, !(smoothing >= 0 && smoothing.isFinite) {
      throw HowdahError(.argument, "auto_bg_smoothing must be at least 0, not \(smoothing)")
    }
  }

  /// Labels of a whole image: 1 where it is background, else 0; nil when there is none by rule.
  public func labels(
    of image: TrainingImage, _ spots: DetectionLabels, progress: Progress = .none
  ) throws -> Volume? {
    if limit == .none || limit == .below(0) { return nil }
    let grid = spots.grid
    let nuclei = spots.spots.filter { $0.tag.paints == .center }
    let radii = nuclei.map(\.covariance.meanRadius).sorted()
    let sigma = smoothing ?? (radii.isEmpty ? 0 : radii[radii.count / 2] / 3)
    var smooth = image.volume
    if sigma > 0 {
      smooth = try smooth.gaussian(
        sigma: (sigma / grid.spacing.x, sigma / grid.spacing.y, sigma / grid.spacing.z),
        truncate: 3, progress: progress)
    }
    var (range, threshold) = (image.range, 0.0)
    if case .below(let value) = limit { threshold = value }
    if limit == .measured {
      let bright = nuclei.map { spot -> Double in
        let v = grid.clampedVoxel(spot.position)
        return smooth.value(x: v.x, y: v.y, z: v.z)
      }.sorted()
      guard !bright.isEmpty else { return nil }
      let floor = try smooth.percentile(1, progress: progress)
      let dim = bright[bright.count / 10]
      guard dim > floor else { return nil }
      (range, threshold) = ((floor, dim), 0.3)
    }
    return try DetectionLabels.automaticBackground(of: smooth, below: threshold, range: range)
  }
}

/// Background labels of the timepoints that were asked for last.
final class BackgroundCache: Sendable {
  private let kept = Mutex<[(t: Timepoint, labels: Volume?)]>([])

  func labels(_ t: Timepoint, _ make: () throws -> Volume?) throws -> Volume? {
    if let known = kept.withLock({ $0.first { $0.t == t } }) { return known.labels }
    let labels = try make()
    kept.withLock {
      $0.append((t, labels))
      if $0.count > 8 { $0.removeFirst() }
    }
    return labels
  }
}

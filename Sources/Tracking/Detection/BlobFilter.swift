// A difference of Gaussians for blobs of one radius, with what is needed to read its answers: how strongly
// an ideal blob answers, and how strongly noise does.

import Core
import Glibc
import Imaging

/// Answers to bright blobs of one radius. Sizes are world units; axes may have different voxel sizes.
struct BlobFilter: Sendable {
  /// The radius of the ball (disc in 2D) that answers most strongly.
  let radius: Double
  /// Voxels that are averaged before filtering, by axis.
  let factors: SIMD3<Int>
  /// Standard deviations in averaged voxels of the narrow and the wide Gaussian, by axis.
  let narrow, wide: SIMD3<Double>
  /// Answer at the centre of a ball of this radius and contrast 1.
  let gain: Double
  /// Standard deviation of the answer to white noise of standard deviation 1, divided by `gain`: the
  /// noise of the measured contrast.
  let noise: Double

  /// Ratio of the two Gaussians. Wider is steadier against noise, narrower parts close blobs better.
  private static let ratio = 1.5

  init(radius: Double, voxel: SIMD3<Double>, size: Size3) {
    self.radius = radius
    let isFlat = size.z == 1
    // A ball answers a Laplacian of Gaussian most strongly at sigma = r / sqrt(number of dimensions).
    let sigma = radius / (isFlat ? 2.0 : 3.0).squareRoot()
    let (inner, outer) = (
      sigma / BlobFilter.ratio.squareRoot(), sigma * BlobFilter.ratio.squareRoot()
    )
    let axes: SIMD3<Double> = [size.x > 1 ? 1 : 0, size.y > 1 ? 1 : 0, size.z > 1 ? 1 : 0]
    factors = BinnedVolume.factors(sigma: axes * inner / voxel, size: size)
    let coarse = voxel * SIMD3(Double(factors.x), Double(factors.y), Double(factors.z))
    narrow = axes * inner / coarse
    wide = axes * outer / coarse
    func share(_ s: Double) -> Double {
      let u = radius / s
      if isFlat { return 1 - exp(-u * u / 2) }
      return erf(u / 2.0.squareRoot()) - (2 / Double.pi).squareRoot() * u * exp(-u * u / 2)
    }
    gain = share(inner) - share(outer)
    // The sum of squares of the separable kernel.
    var (nn, nw, ww) = (1.0, 1.0, 1.0)
    for axis in 0..<3 {
      let (a, b) = (BlobFilter.kernel(narrow[axis]), BlobFilter.kernel(wide[axis]))
      func product(_ p: [Double], _ q: [Double]) -> Double {
        var sum = p[0] * q[0]
        for k in 1..<max(1, min(p.count, q.count)) { sum += 2 * p[k] * q[k] }
        return sum
      }
      nn *= product(a, a)
      nw *= product(a, b)
      ww *= product(b, b)
    }
    let averaged = Double(factors.x * factors.y * factors.z)
    noise = (max(0, nn - 2 * nw + ww) / averaged).squareRoot() / gain
  }

  /// One half of a sampled Gaussian kernel of sum 1, from its middle outwards.
  private static func kernel(_ sigma: Double) -> [Double] {
    if sigma <= 0 { return [1] }
    let half = (0...Int((4 * sigma).rounded(.up))).map {
      exp(-Double($0 * $0) / (2 * sigma * sigma))
    }
    let sum = 2 * half.reduce(0, +) - half[0]
    return half.map { $0 / sum }
  }

  /// The contrast of a blob of this radius at every averaged voxel. On a stabilised volume it is in units
  /// of the noise of single voxels.
  func contrast(_ volume: Volume, progress: Progress) throws -> BinnedVolume {
    let coarse = try BinnedVolume(volume, factors: factors, progress: progress)
    let difference = try coarse.volume.differenceOfGaussians(
      narrow: (narrow.x, narrow.y, narrow.z), wide: (wide.x, wide.y, wide.z), progress: progress)
    return BinnedVolume(
      try difference.scaled(by: 1 / gain, plus: 0, progress: progress), factors: factors)
  }
}

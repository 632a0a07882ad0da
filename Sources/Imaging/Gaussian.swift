// Gaussian smoothing, one axis after the other, with reflecting borders (d c b a | a b c d | d c b
// a): the conventions of scipy.ndimage.gaussian_filter, sampled kernel cut off at `truncate`
// standard deviations.
//
// Two passes over memory: strips of a plane are smoothed along x into scratch that stays in the
// cache and from there along y into the result; then columns of the result are smoothed along z in
// place, through scratch again. Besides the result a thread needs under 2 MiB (or 2 rows x kernel
// length, if that is more).

import Core
import Glibc
import Kernels

extension Volume {
  /// Smooth with a Gaussian whose standard deviations are given in voxels; float32.
  ///
  /// Borders reflect. An axis with sigma 0 or size 1 is left alone. NaN and infinities spread over
  /// the kernel's reach. Throws `.argument` when a sigma is negative or not finite.
  ///
  /// - Parameters:
  ///   - truncate: the kernel ends at `truncate` x sigma, rounded to whole voxels.
  public func gaussian(
    sigma: (x: Double, y: Double, z: Double), truncate: Double = 4, progress: Progress = .none
  ) throws -> Volume {
    let kernels = try (
      x: GaussianKernel(sigma: sigma.x, truncate: truncate, length: size.x),
      y: GaussianKernel(sigma: sigma.y, truncate: truncate, length: size.y),
      z: GaussianKernel(sigma: sigma.z, truncate: truncate, length: size.z)
    )
    return try Volume.make(size: size, voxelSize: voxelSize, of: Float.self) { out in
      nonisolated(unsafe) let out = out.baseAddress!
      try smoothPlanes(kernels.x, kernels.y, into: out, progress)
      if !kernels.z.isIdentity { try smoothColumns(kernels.z, in: out, progress) }
    }
  }

  /// Smooth with a Gaussian that has the same standard deviation in world units along every axis.
  public func gaussian(worldSigma: Double, truncate: Double = 4, progress: Progress = .none) throws
    -> Volume
  {
    try gaussian(
      sigma: voxels(worldSigma), truncate: truncate, progress: progress)
  }

  /// The narrow Gaussian minus the wide one, standard deviations in voxels; float32. Takes two
  /// volumes of floats.
  public func differenceOfGaussians(
    narrow: (x: Double, y: Double, z: Double), wide: (x: Double, y: Double, z: Double),
    truncate: Double = 4, progress: Progress = .none
  ) throws -> Volume {
    let inner = try gaussian(sigma: narrow, truncate: truncate, progress: progress)
    let outer = try gaussian(sigma: wide, truncate: truncate, progress: progress)
    // `inner` is ours alone: the difference goes where it was.
    nonisolated(unsafe) let target = inner.storage.bytes.baseAddress!
    try outer.forFloatPieces(progress: progress) { range, values in
      let voxels = target.assumingMemoryBound(to: Float.self) + range.lowerBound
      hk_subtract(voxels, values, voxels, range.count)
    }
    return inner
  }

  /// The narrow Gaussian minus the wide one, standard deviations in world units.
  public func differenceOfGaussians(
    worldNarrow narrow: Double, worldWide wide: Double, progress: Progress = .none
  ) throws -> Volume {
    try differenceOfGaussians(narrow: voxels(narrow), wide: voxels(wide), progress: progress)
  }

  /// A length in world units as voxels along each axis.
  private func voxels(_ length: Double) -> (x: Double, y: Double, z: Double) {
    (length / voxelSize.x, length / voxelSize.y, length / voxelSize.z)
  }

  // MARK: The two passes

  private func smoothPlanes(
    _ kernelX: GaussianKernel, _ kernelY: GaussianKernel, into out: UnsafeMutablePointer<Float>,
    _ progress: Progress
  ) throws {
    nonisolated(unsafe) let out = out
    let (nx, ny) = (size.x, size.y)
    // About 1 MiB of smoothed rows, and rows enough that the overlap of strips does not matter.
    let stripRows = max(min(ny, (1 << 18) / nx), min(ny, 4 * kernelY.radius), 1)
    let strips = (ny + stripRows - 1) / stripRows
    try parallelFor(strips * size.z) { task in
      try progress.check()
      let (z, strip) = task.quotientAndRemainder(dividingBy: strips)
      let rows = pieceRange(strip, of: strips, total: ny)
      let first = max(0, rows.lowerBound - kernelY.radius)
      let last = min(ny, rows.upperBound + kernelY.radius)
      let plane = z * ny * nx
      try withScratch((last - first) * nx) { smoothed in
        try withScratch(nx + 2 * kernelX.radius) { padded in
          for y in first..<last {
            if y & 15 == 0 { try progress.check() }
            let target = smoothed + (y - first) * nx
            if kernelX.isIdentity {
              loadFloats(from: plane + y * nx, count: nx, into: target)
            } else {
              loadFloats(from: plane + y * nx, count: nx, into: padded + kernelX.radius)
              kernelX.pad(padded, nx)
              kernelX.sum(into: target, nx) { UnsafePointer(padded + kernelX.radius + $0) }
            }
          }
        }
        for y in rows {
          if y & 15 == 0 { try progress.check() }
          let target = out + plane + y * nx
          if kernelY.isIdentity {
            target.update(from: smoothed + (y - first) * nx, count: nx)
          } else {
            kernelY.sum(into: target, nx) {
              UnsafePointer(smoothed + (GaussianKernel.reflect(y + $0, ny) - first) * nx)
            }
          }
        }
      }
    }
  }

  private func smoothColumns(
    _ kernel: GaussianKernel, in out: UnsafeMutablePointer<Float>, _ progress: Progress
  ) throws {
    nonisolated(unsafe) let out = out
    let (nx, ny, nz) = (size.x, size.y, size.z)
    // Stretches of a row such that the stack of them over z stays in the cache.
    let width = min(nx, max(256, (1 << 16) / nz))
    let stretches = (nx + width - 1) / width
    try parallelRanges(
      ny * stretches, grain: max(1, (1 << 16) / (width * nz)), progress: progress
    ) { range in
      try withScratch(width * nz) { stack in
        for column in range {
          try progress.check()
          let (y, stretch) = column.quotientAndRemainder(dividingBy: stretches)
          let xs = pieceRange(stretch, of: stretches, total: nx)
          let start = out + y * nx + xs.lowerBound
          for z in 0..<nz {
            (stack + z * width).update(from: start + z * ny * nx, count: xs.count)
          }
          for z in 0..<nz {
            kernel.sum(into: start + z * ny * nx, xs.count) {
              UnsafePointer(stack + GaussianKernel.reflect(z + $0, nz) * width)
            }
          }
        }
      }
    }
  }
}

/// Half of a sampled, normalised Gaussian: weight 0 in the middle.
struct GaussianKernel: Sendable {
  let weights: [Float]
  var radius: Int { weights.count - 1 }
  var isIdentity: Bool { radius == 0 }

  /// The kernel for an axis of `length` voxels.
  init(sigma: Double, truncate: Double, length: Int) throws {
    guard sigma >= 0, sigma.isFinite, truncate >= 0, sigma * truncate < 1e6 else {
      throw HowdahError(
        .argument, "gaussian: sigma \(sigma) must be 0 or more, and at most 250000 voxels")
    }
    let radius = length > 1 ? Int(truncate * sigma + 0.5) : 0
    guard radius > 0 else {
      weights = [1]
      return
    }
    let raw = (0...radius).map { exponential(-0.5 * Double($0 * $0) / (sigma * sigma)) }
    let total = raw[0] + 2 * raw.dropFirst().reduce(0, +)
    weights = raw.map { Float($0 / total) }
  }

  /// The index inside 0 ..< n that an index outside reflects to, the edge voxel repeated.
  static func reflect(_ index: Int, _ n: Int) -> Int {
    if index >= 0 && index < n { return index }
    let period = 2 * n
    let folded = ((index % period) + period) % period
    return folded < n ? folded : period - 1 - folded
  }

  /// Fill `radius` values before and after the `n` values at `row + radius` by reflection.
  func pad(_ row: UnsafeMutablePointer<Float>, _ n: Int) {
    let values = row + radius
    for k in 1...radius {
      values[-k] = values[Self.reflect(-k, n)]
      values[n - 1 + k] = values[Self.reflect(n - 1 + k, n)]
    }
  }

  /// The weighted sum of the rows at offsets -radius ... radius.
  func sum(
    into target: UnsafeMutablePointer<Float>, _ n: Int, _ row: (Int) -> UnsafePointer<Float>
  ) {
    withUnsafeTemporaryAllocation(of: UnsafePointer<Float>?.self, capacity: 2 * radius + 1) {
      rows in
      for k in -radius...radius { rows[k + radius] = row(k) }
      hk_symmetric_sum(rows.baseAddress!, weights, radius, target, n)
    }
  }
}

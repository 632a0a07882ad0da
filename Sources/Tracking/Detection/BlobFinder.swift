// From one volume to its blobs: stabilise noise, filter, cut the answer into hills, join hills that are one
// nucleus, leave out weak ones, measure ellipsoids.

import Core
import Imaging

/// A bright blob of one volume. Lengths are world units along the volume's own axes, before registration.
struct Blob: Sendable {
  /// Centre in voxel coordinates.
  var center: SIMD3<Double>
  /// About its radius.
  var radius: Double
  /// Contrast in units of the noise of single voxels.
  var quality: Double
  /// Covariance along the volume's axes.
  var covariance: Covariance
}

/// Finds the blobs of one volume.
struct BlobFinder {
  let options: DoGDetector.Options
  /// Extent of a voxel along the volume's axes, world units.
  let voxel: SIMD3<Double>

  /// What was found, and with which threshold.
  struct Answer {
    var blobs: [Blob]
    var threshold: Double
  }

  /// A blob before it is chosen and measured.
  struct Candidate {
    var center: SIMD3<Double>
    /// Where the filter answers most strongly.
    var top: SIMD3<Double>
    var quality: Double
    /// Of a ball of its volume.
    var radius: Double
    /// The filter that found it.
    var filter: Int
  }

  /// The filter for nuclei of a radius is narrower than they are, so that it tells those that touch apart,
  /// and answers to young, flat and dividing ones.
  static let narrowness = 0.6
  /// Two blobs that filters for different radii found are two nuclei when they are this far apart, as a
  /// factor of the sum of the radii.
  static let separationOfScales = 0.75

  /// The radii to look for: those asked for, or the measured one.
  func radii(_ volume: Volume, progress: Progress) throws -> [Double] {
    guard let range = options.radius else {
      return [try typicalRadius(volume, progress: progress)]
    }
    let (low, high) = (range.lowerBound, range.upperBound)
    let steps = max(0, Int((logarithm(high / low) / logarithm(1.35)).rounded(.up)))
    if steps == 0 { return [low] }
    return (0...steps).map { low * power(high / low, Double($0) / Double(steps)) }
  }

  func find(_ volume: Volume, radii: [Double], progress: Progress) throws -> Answer {
    let noise = try NoiseModel(volume, progress: progress)
    let stable = try noise.stabilised(volume, progress: progress)
    let filters = radii.map {
      BlobFilter(radius: BlobFinder.narrowness * $0, voxel: voxel, size: volume.size)
    }
    var candidates: [Candidate] = []
    for (f, filter) in filters.enumerated() {
      candidates += try self.candidates(
        try filter.contrast(stable, progress: progress), filter, f, radii[f], progress)
    }
    let threshold = options.threshold ?? automaticThreshold(candidates, filters: filters)
    let strong = candidates.filter { c in
      let filter = filters[c.filter]
      if c.quality < threshold { return false }
      return options.threshold != nil
        || c.quality >= 6 * filter.noise * mirrored(c.top, filter, volume.size)
    }
    let kept = separate(
      strong, radii, within: options.separation,
      across: max(options.separation, BlobFinder.separationOfScales))
    let blobs = try measure(kept, radii, stable, noise, progress)
    return Answer(blobs: blobs, threshold: threshold)
  }

  // MARK: Candidates

  /// The nuclei of about one radius in a filter's answer.
  private func candidates(
    _ contrast: BinnedVolume, _ filter: BlobFilter, _ index: Int, _ radius: Double,
    _ progress: Progress
  ) throws -> [Candidate] {
    let least = max(min(options.threshold ?? .infinity, 6 * filter.noise), 1e-6)
    let basins = try BlobBasins(
      contrast.volume, least: least, noise: filter.noise, progress: progress)
    let f = contrast.factors
    let coarse = voxel * SIMD3(Double(f.x), Double(f.y), Double(f.z))
    let isFlat = contrast.volume.size.z == 1
    let merger = BlobMerger(voxel: coarse, isFlat: isFlat, radius: radius)
    return merger.merge(basins).map { hill in
      let top = SIMD3(Double(hill.top.x), Double(hill.top.y), Double(hill.top.z))
      let middle = hill.weight > 0 ? hill.weighted / hill.weight : top
      let extent = hill.count * coarse.x * coarse.y
      return Candidate(
        center: contrast.full(middle), top: contrast.full(top), quality: hill.height,
        radius: isFlat
          ? (extent / Double.pi).squareRoot()
          : power(extent * coarse.z / (4.0 / 3 * Double.pi), 1.0 / 3), filter: index)
    }
  }

  /// The top of the parabola through a peak and its two neighbours, along each axis. A peak on a border
  /// stays there along that axis.
  static func refined(_ peak: SIMD3<Int>, _ v: UnsafeBufferPointer<Float>, _ size: Size3)
    -> (center: SIMD3<Double>, height: Double)
  {
    let index = (peak.z * size.y + peak.y) * size.x + peak.x
    let here = Double(v[index])
    var center = SIMD3(Double(peak.x), Double(peak.y), Double(peak.z))
    var top = here
    let (lengths, steps) = ([size.x, size.y, size.z], [1, size.x, size.x * size.y])
    for axis in 0..<3 where peak[axis] > 0 && peak[axis] < lengths[axis] - 1 {
      let (before, after) = (Double(v[index - steps[axis]]), Double(v[index + steps[axis]]))
      let curvature = before - 2 * here + after
      guard curvature < 0 else { continue }
      let offset = max(-0.5, min(0.5, 0.5 * (before - after) / curvature))
      center[axis] += offset
      top -= 0.25 * (before - after) * offset
    }
    return (center, top)
  }

  // MARK: Choosing

  /// A threshold above noise and well below the contrast of most nuclei of this image.
  private func automaticThreshold(_ candidates: [Candidate], filters: [BlobFilter]) -> Double {
    let noise = filters.map(\.noise).max() ?? 0
    let strong = candidates.map(\.quality).filter { $0 > 6 * noise }.sorted()
    guard !strong.isEmpty else { return 6 * noise }
    return max(6 * noise, 0.14 * strong[strong.count * 9 / 10])
  }

  /// How much stronger noise is at a peak near a border than elsewhere: beyond a border the filter sees the
  /// same voxels again, so half as many are averaged there, a quarter at an edge, an eighth in a corner.
  private func mirrored(_ peak: SIMD3<Double>, _ filter: BlobFilter, _ size: Size3) -> Double {
    let lengths = [size.x, size.y, size.z]
    var factor = 1.0
    for axis in 0..<3 where lengths[axis] > 1 {
      let reach = filter.narrow[axis] * Double(filter.factors[axis])
      let end = Double(lengths[axis] - 1)
      if peak[axis] <= reach || peak[axis] >= end - reach { factor *= 2.0.squareRoot() }
    }
    return factor
  }

  /// Keep the best of candidates that are nearer to each other than a factor of the sum of their scales'
  /// radii; one factor for those of one scale, one for those of two.
  func separate(
    _ candidates: [Candidate], _ radii: [Double], within: Double, across: Double
  ) -> [Candidate] {
    let sorted = candidates.sorted {
      if $0.quality != $1.quality { return $0.quality > $1.quality }
      return ($0.center.z, $0.center.y, $0.center.x) < ($1.center.z, $1.center.y, $1.center.x)
    }
    var grid = PeakGrid(cell: max(2 * max(within, across) * (radii.max() ?? 1), 1e-9))
    var kept: [Candidate] = []
    for candidate in sorted {
      let place = candidate.center * voxel
      let isNear = grid.neighbors(of: place).contains { other in
        let factor = candidate.filter == kept[other].filter ? within : across
        let reach = factor * (radii[candidate.filter] + radii[kept[other].filter])
        return (kept[other].center * voxel - place).length < reach
      }
      if isNear { continue }
      grid.add(kept.count, at: place)
      kept.append(candidate)
    }
    return kept
  }

  // MARK: Measuring

  private func measure(
    _ candidates: [Candidate], _ radii: [Double], _ stable: Volume, _ noise: NoiseModel,
    _ progress: Progress
  ) throws -> [Blob] {
    let blobs = candidates.map {
      let scale = radii[$0.filter]
      // A hill ends inside the nucleus that it stands for.
      let radius = max(BlobFinder.narrowness * scale, min(scale, 1.2 * $0.radius))
      return Blob(
        center: $0.center, radius: radius, quality: $0.quality,
        covariance: .sphere(radius: radius))
    }
    guard options.ellipsoids, !blobs.isEmpty else { return blobs }
    let (smallest, largest) = (radii.min() ?? 1, radii.max() ?? 1)
    let estimate = try EllipsoidEstimate(
      stable, voxel: voxel, smoothing: 0.2 * smallest,
      minRadius: options.minRadius ?? smallest / 3, maxRadius: options.maxRadius ?? 2 * largest,
      noise: noise, progress: progress)
    return try estimate.measure(blobs, progress: progress)
  }
}

/// Points in cells of a grid, for neighbours within one cell's width.
struct PeakGrid {
  private let cell: Double
  private var cells: [SIMD3<Int32>: [Int]] = [:]

  init(cell: Double) { self.cell = cell }

  private func place(_ p: SIMD3<Double>) -> SIMD3<Int32> {
    let q = (p / cell).rounded(.down)
    return SIMD3(Int32(q.x), Int32(q.y), Int32(q.z))
  }

  mutating func add(_ index: Int, at p: SIMD3<Double>) {
    cells[place(p), default: []].append(index)
  }

  /// Everything in the cell of a point and the cells around it, in a fixed order.
  func neighbors(of p: SIMD3<Double>) -> [Int] {
    let home = place(p)
    var found: [Int] = []
    for z in Int32(-1)...1 {
      for y in Int32(-1)...1 {
        for x in Int32(-1)...1 { found += cells[home &+ SIMD3(x, y, z)] ?? [] }
      }
    }
    return found
  }
}

// From one volume to its blobs: stabilise noise, filter at each radius, take the peaks, choose among peaks
// that stand for one nucleus, refine positions, measure ellipsoids.

import Core
import Imaging

/// A bright blob of one volume. Lengths are world units along the volume's own axes, before registration.
struct Blob: Sendable {
  /// Centre in voxel coordinates.
  var center: SIMD3<Double>
  /// Radius of the filter that found it.
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

  private struct Peak {
    var center: SIMD3<Double>
    var quality: Double
    var filter: Int
  }

  /// The radii to look at: those asked for, or the measured one.
  func radii(_ volume: Volume, progress: Progress) throws -> [Double] {
    if let range = options.radius {
      let (low, high) = (range.lowerBound, range.upperBound)
      let steps = max(0, Int((logarithm(high / low) / logarithm(1.35)).rounded(.up)))
      if steps == 0 { return [low] }
      return (0...steps).map { low * power(high / low, Double($0) / Double(steps)) }
    }
    // Young, flat and dividing nuclei are smaller than the typical one, and nuclei that touch are told
    // apart by a filter that is narrower than they are.
    let typical = try typicalRadius(volume, progress: progress)
    return [0.66 * typical, 0.8 * typical, typical]
  }

  func find(_ volume: Volume, radii: [Double], progress: Progress) throws -> Answer {
    let noise = try NoiseModel(volume, progress: progress)
    let stable = try noise.stabilised(volume, progress: progress)
    let filters = radii.map { BlobFilter(radius: $0, voxel: voxel, size: volume.size) }
    var peaks: [Peak] = []
    for (f, filter) in filters.enumerated() {
      let contrast = try filter.contrast(stable, progress: progress)
      let found = try self.peaks(contrast, filter, f, progress)
      peaks += try mergeShallow(found, contrast, filter)
    }
    let threshold =
      options.threshold ?? automaticThreshold(peaks, filters: filters)
    let strong = peaks.filter { peak in
      let filter = filters[peak.filter]
      if peak.quality < threshold { return false }
      return options.threshold != nil
        || peak.quality >= 6 * filter.noise * mirrored(peak, filter, volume.size)
    }
    let kept = separate(strong, filters)
    let blobs = try measure(kept, filters, stable, noise, progress)
    return Answer(blobs: blobs, threshold: threshold)
  }

  // MARK: Peaks

  /// Peaks of one filter's answer above what noise alone does, with sub-voxel centres.
  private func peaks(
    _ contrast: BinnedVolume, _ filter: BlobFilter, _ index: Int, _ progress: Progress
  ) throws -> [Peak] {
    let floor = min(options.threshold ?? .infinity, 3.5 * filter.noise)
    let maxima = try contrast.volume.localMaxima(threshold: max(floor, 1e-6), progress: progress)
    return contrast.volume.withVoxels(as: Float.self) { v in
      maxima.map { m in
        let (center, value) = BlobFinder.refined(m, v, contrast.volume.size)
        return Peak(center: contrast.full(center), quality: value, filter: index)
      }
    }
  }

  /// The top of the parabola through a peak and its two neighbours, along each axis. A peak on a border
  /// stays there along that axis.
  private static func refined(_ m: LocalMaximum, _ v: UnsafeBufferPointer<Float>, _ size: Size3)
    -> (SIMD3<Double>, Double)
  {
    let index = (m.z * size.y + m.y) * size.x + m.x
    let here = Double(v[index])
    var center = SIMD3(Double(m.x), Double(m.y), Double(m.z))
    var top = here
    let axes = [(m.x, size.x, 1), (m.y, size.y, size.x), (m.z, size.z, size.x * size.y)]
    for (axis, (place, length, step)) in axes.enumerated() {
      guard place > 0, place < length - 1 else { continue }
      let (before, after) = (Double(v[index - step]), Double(v[index + step]))
      let curvature = before - 2 * here + after
      guard curvature < 0 else { continue }
      let offset = max(-0.5, min(0.5, 0.5 * (before - after) / curvature))
      center[axis] += offset
      top -= 0.25 * (before - after) * offset
    }
    return (center, top)
  }

  /// Of two near peaks without a real dip between them, only the higher is a blob.
  private func mergeShallow(_ peaks: [Peak], _ contrast: BinnedVolume, _ filter: BlobFilter) throws
    -> [Peak]
  {
    let sorted = peaks.sorted { $0.quality > $1.quality }
    var grid = PeakGrid(cell: 2 * filter.radius)
    var kept: [Peak] = []
    contrast.volume.withVoxels(as: Float.self) { v in
      for peak in sorted {
        let place = peak.center * voxel
        let isShallow = grid.neighbors(of: place).contains { other in
          let distance = (kept[other].center * voxel - place).length
          if distance > 2 * filter.radius { return false }
          var lowest = peak.quality
          for step in 1..<8 {
            let w = Double(step) / 8
            let p = peak.center * (1 - w) + kept[other].center * w
            lowest = min(lowest, sample(v, contrast.volume.size, contrast.coarse(p)))
          }
          return peak.quality - lowest < max(0.15 * peak.quality, 1.2 * filter.noise)
        }
        if isShallow { continue }
        grid.add(kept.count, at: place)
        kept.append(peak)
      }
    }
    return kept
  }

  /// Trilinear interpolation, clamped at the borders.
  private func sample(_ v: UnsafeBufferPointer<Float>, _ size: Size3, _ p: SIMD3<Double>) -> Double
  {
    func split(_ x: Double, _ n: Int) -> (Int, Int, Double) {
      let c = max(0, min(Double(n - 1), x))
      let i = min(Int(c), max(0, n - 2))
      return (i, min(i + 1, n - 1), c - Double(i))
    }
    let (x0, x1, fx) = split(p.x, size.x)
    let (y0, y1, fy) = split(p.y, size.y)
    let (z0, z1, fz) = split(p.z, size.z)
    func row(_ y: Int, _ z: Int) -> Double {
      let base = (z * size.y + y) * size.x
      return Double(v[base + x0]) * (1 - fx) + Double(v[base + x1]) * fx
    }
    let near = row(y0, z0) * (1 - fy) + row(y1, z0) * fy
    let far = row(y0, z1) * (1 - fy) + row(y1, z1) * fy
    return near * (1 - fz) + far * fz
  }

  // MARK: Choosing

  /// A threshold above noise and well below the contrast of most nuclei of this image.
  private func automaticThreshold(_ peaks: [Peak], filters: [BlobFilter]) -> Double {
    let noise = filters.map(\.noise).max() ?? 0
    let strong = peaks.map(\.quality).filter { $0 > 6 * noise }.sorted()
    guard !strong.isEmpty else { return 6 * noise }
    return max(6 * noise, 0.14 * strong[strong.count * 9 / 10])
  }

  /// How much stronger noise is at a peak near a border than elsewhere: beyond a border the filter sees the
  /// same voxels again, so half as many are averaged there, a quarter at an edge, an eighth in a corner.
  private func mirrored(_ peak: Peak, _ filter: BlobFilter, _ size: Size3) -> Double {
    let lengths = [size.x, size.y, size.z]
    var factor = 1.0
    for axis in 0..<3 where lengths[axis] > 1 {
      let reach = filter.narrow[axis] * Double(filter.factors[axis])
      let end = Double(lengths[axis] - 1)
      if peak.center[axis] <= reach || peak.center[axis] >= end - reach {
        factor *= 2.0.squareRoot()
      }
    }
    return factor
  }

  /// Keep the best of peaks that are too near each other, over all scales.
  private func separate(_ peaks: [Peak], _ filters: [BlobFilter]) -> [Peak] {
    let sorted = peaks.sorted {
      if $0.quality != $1.quality { return $0.quality > $1.quality }
      return ($0.center.z, $0.center.y, $0.center.x) < ($1.center.z, $1.center.y, $1.center.x)
    }
    let reach = 2 * options.separation * (filters.map(\.radius).max() ?? 1)
    var grid = PeakGrid(cell: max(reach, 1e-9))
    var kept: [Peak] = []
    for peak in sorted {
      let place = peak.center * voxel
      let isNear = grid.neighbors(of: place).contains { other in
        let radii = filters[peak.filter].radius + filters[kept[other].filter].radius
        return (kept[other].center * voxel - place).length < options.separation * radii
      }
      if isNear { continue }
      grid.add(kept.count, at: place)
      kept.append(peak)
    }
    return kept
  }

  // MARK: Measuring

  private func measure(
    _ peaks: [Peak], _ filters: [BlobFilter], _ stable: Volume, _ noise: NoiseModel,
    _ progress: Progress
  ) throws -> [Blob] {
    let blobs = peaks.map {
      Blob(
        center: $0.center, radius: filters[$0.filter].radius, quality: $0.quality,
        covariance: .sphere(radius: filters[$0.filter].radius))
    }
    guard options.ellipsoids, !blobs.isEmpty else { return blobs }
    let smallest = filters.map(\.radius).min() ?? 1
    let estimate = try EllipsoidEstimate(
      stable, voxel: voxel, smoothing: 0.3 * smallest,
      minRadius: options.minRadius ?? 0.5 * smallest,
      maxRadius: options.maxRadius ?? 2 * (filters.map(\.radius).max() ?? 1), noise: noise,
      progress: progress)
    return try estimate.measure(blobs, progress: progress)
  }

  // MARK: Typical radius

  /// The radius that most of the contrast of a volume is found at.
  private func typicalRadius(_ volume: Volume, progress: Progress) throws -> Double {
    let size = volume.size
    let extent = min(Double(size.x) * voxel.x, Double(size.y) * voxel.y)
    let low = max(3 * max(voxel.x, voxel.y), size.z > 1 ? 0.6 * voxel.z : 0)
    let high = max(low, extent / 8)
    let noise = try NoiseModel(volume, progress: progress)
    let stable = try noise.stabilised(volume, progress: progress)
    let step = 1.25
    var radius = low
    var filters: [BlobFilter] = []
    var peaks: [Peak] = []
    while radius <= high * 1.0001 {
      let filter = BlobFilter(radius: radius, voxel: voxel, size: size)
      let contrast = try filter.contrast(stable, progress: progress)
      peaks += try self.peaks(contrast, filter, filters.count, progress)
        .filter { $0.quality > 8 * filter.noise }
      filters.append(filter)
      radius *= step
    }
    // The best scale of each place, and of those the median, weighted by how much light they explain:
    // grains inside nuclei are many but small. Radii within a step count as spread evenly over it.
    let best = separate(peaks, filters).sorted { $0.filter < $1.filter }
    let dimensions = size.z > 1 ? 3.0 : 2.0
    let weights = best.map {
      $0.quality * $0.quality * power(filters[$0.filter].radius, dimensions)
    }
    let half = weights.reduce(0, +) / 2
    guard half > 0 else { return max(low, 2 * voxel.max()) }
    var (sum, first) = (0.0, 0)
    while first < best.count {
      let end = best[first...].firstIndex { $0.filter != best[first].filter } ?? best.count
      let share = weights[first..<end].reduce(0, +)
      if sum + share >= half {
        let steps = (half - sum) / share - 0.5
        return max(low, filters[best[first].filter].radius * power(step, steps))
      }
      sum += share
      first = end
    }
    return filters[0].radius
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

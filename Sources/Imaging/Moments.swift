// Where labelled regions are and what shape they have: counts, centroids and covariances, plain and
// weighted by intensity.

import Core

/// Moments of one region, in voxel coordinates (an integer is a voxel's centre).
public struct RegionMoments: Hashable, Sendable {
  /// The label.
  public let label: Int
  /// Number of voxels; 0 when the label does not occur, and all else is 0 then.
  public let count: Int
  /// Mean position of the voxels.
  public let centroid: WorldPoint
  /// Covariance of the voxel positions, divided by their number. A solid ball of radius r has r^2 /
  /// 5 on the diagonal; see `ellipsoid`.
  public let covariance: Covariance
  /// Smallest box around the voxels.
  public let box: VoxelBox
  /// Sum of the intensities; 0 without an intensity volume. NaN voxels weigh nothing.
  public let intensitySum: Double
  /// Mean position weighted by intensity; nil without one or when the sum is not positive.
  public let weightedCentroid: WorldPoint?
  /// Covariance weighted by intensity; nil as above.
  public let weightedCovariance: Covariance?

  /// Mean intensity over the voxels.
  public var meanIntensity: Double { count > 0 ? intensitySum / Double(count) : .nan }

  /// The centroid in world coordinates.
  public func worldCentroid(_ voxelToWorld: Affine3) -> WorldPoint { voxelToWorld(centroid) }

  /// The solid ellipsoid that has these moments, in world units: 5 times the covariance, to which
  /// each voxel's own extent (1/12 along each axis) is added so that flat regions keep a thickness.
  public func ellipsoid(_ voxelToWorld: Affine3) -> Covariance {
    let c = covariance
    let own = 1.0 / 12
    let solid = Covariance(
      xx: 5 * (c.xx + own), xy: 5 * c.xy, xz: 5 * c.xz, yy: 5 * (c.yy + own), yz: 5 * c.yz,
      zz: 5 * (c.zz + own))
    return solid.transformed(by: voxelToWorld.linear)
  }
}

extension LabelVolume {
  /// Moments of labels 1 ... count in this order, optionally weighted by the intensities of a
  /// volume of the same size.
  ///
  /// Sums over positions are exact integers; sums over intensities are doubles added up in slabs of
  /// z whose number does not depend on the machine. Throws `.argument` when the sizes differ.
  public func moments(intensity: Volume? = nil, progress: Progress = .none) throws
    -> [RegionMoments]
  {
    if let intensity, intensity.size != size {
      throw HowdahError(
        .argument, "moments: labels of \(size) and intensities of \(intensity.size) do not match")
    }
    if count == 0 { return [] }
    // Each slab has sums for every label; few slabs when there are many labels.
    let slabs = max(1, min(16, size.z, (1 << 21) / count))
    let results = PieceResults<[RegionSums]>(count: slabs)
    try parallelFor(slabs) { slab in
      results.set(
        slab, try sums(pieceRange(slab, of: slabs, total: size.z), intensity, progress))
    }
    var total = [RegionSums](repeating: RegionSums(), count: count)
    for sums in results.all {
      for i in 0..<count { total[i].add(sums[i]) }
    }
    return total.enumerated().map {
      $0.element.moments(label: $0.offset + 1, weighted: intensity != nil)
    }
  }

  private func sums(
    _ planes: Range<Int>, _ intensity: Volume?, _ progress: Progress
  ) throws -> [RegionSums] {
    var sums = [RegionSums](repeating: RegionSums(), count: count)
    try withScratch(size.x) { scratch in
      try labels.withUnsafeBufferPointer { labels in
        try sums.withUnsafeMutableBufferPointer { sums in
          for z in planes {
            for y in 0..<size.y {
              if y & 15 == 0 { try progress.check() }
              let start = (z * size.y + y) * size.x
              let values = intensity?.floats(from: start, count: size.x, scratch: scratch)
              for x in 0..<size.x where labels[start + x] != 0 {
                sums[Int(labels[start + x]) - 1].add(x, y, z, values.map { Double($0[x]) })
              }
            }
          }
        }
      }
    }
    return sums
  }
}

/// Running sums over the voxels of one region.
struct RegionSums: Sendable {
  private(set) var count = 0
  private var first = (x: 0, y: 0, z: 0)
  private var second = (xx: 0, xy: 0, xz: 0, yy: 0, yz: 0, zz: 0)
  private var low = Size3(x: .max, y: .max, z: .max)
  private var high = Size3(x: -1, y: -1, z: -1)
  private var weight = 0.0
  private var weightedFirst = SIMD3<Double>.zero
  private var weightedSquares = SIMD3<Double>.zero
  private var weightedProducts = SIMD3<Double>.zero

  mutating func add(_ x: Int, _ y: Int, _ z: Int, _ intensity: Double?) {
    count += 1
    first = (first.x + x, first.y + y, first.z + z)
    second = (
      second.xx + x * x, second.xy + x * y, second.xz + x * z, second.yy + y * y,
      second.yz + y * z, second.zz + z * z
    )
    low = Size3(x: min(low.x, x), y: min(low.y, y), z: min(low.z, z))
    high = Size3(x: max(high.x, x), y: max(high.y, y), z: max(high.z, z))
    guard let w = intensity, !w.isNaN else { return }
    let p = SIMD3(Double(x), Double(y), Double(z))
    weight += w
    weightedFirst += w * p
    weightedSquares += w * p * p
    weightedProducts += w * SIMD3(p.x * p.y, p.x * p.z, p.y * p.z)
  }

  /// Add the voxels `x` of one row. The sums of a run of whole numbers have closed forms.
  mutating func add(run x: ClosedRange<Int>, _ y: Int, _ z: Int) {
    let (a, b) = (x.lowerBound, x.upperBound)
    let n = b - a + 1
    let sum = n * (a + b) / 2
    // Sum of squares of a ... b around its lower end: n a^2 + 2 a S1 + S2 over 0 ..< n.
    let squares = n * a * a + a * n * (n - 1) + (n - 1) * n * (2 * n - 1) / 6
    count += n
    first = (first.x + sum, first.y + n * y, first.z + n * z)
    second = (
      second.xx + squares, second.xy + sum * y, second.xz + sum * z, second.yy + n * y * y,
      second.yz + n * y * z, second.zz + n * z * z
    )
    low = Size3(x: min(low.x, a), y: min(low.y, y), z: min(low.z, z))
    high = Size3(x: max(high.x, b), y: max(high.y, y), z: max(high.z, z))
  }

  mutating func add(_ other: RegionSums) {
    count += other.count
    first = (first.x + other.first.x, first.y + other.first.y, first.z + other.first.z)
    let (a, b) = (second, other.second)
    second = (a.xx + b.xx, a.xy + b.xy, a.xz + b.xz, a.yy + b.yy, a.yz + b.yz, a.zz + b.zz)
    low = Size3(
      x: min(low.x, other.low.x), y: min(low.y, other.low.y), z: min(low.z, other.low.z))
    high = Size3(
      x: max(high.x, other.high.x), y: max(high.y, other.high.y), z: max(high.z, other.high.z))
    weight += other.weight
    weightedFirst += other.weightedFirst
    weightedSquares += other.weightedSquares
    weightedProducts += other.weightedProducts
  }

  func moments(label: Int, weighted: Bool) -> RegionMoments {
    guard count > 0 else {
      return RegionMoments(
        label: label, count: 0, centroid: .zero, covariance: .sphere(radius: 0),
        box: VoxelBox(Size3(x: 0, y: 0, z: 0)), intensitySum: 0, weightedCentroid: nil,
        weightedCovariance: nil)
    }
    let n = Double(count)
    let plain = Self.centred(
      n, SIMD3(Double(first.x), Double(first.y), Double(first.z)),
      SIMD3(Double(second.xx), Double(second.yy), Double(second.zz)),
      SIMD3(Double(second.xy), Double(second.xz), Double(second.yz)))
    let byIntensity =
      weighted && weight > 0
      ? Self.centred(weight, weightedFirst, weightedSquares, weightedProducts) : nil
    return RegionMoments(
      label: label, count: count, centroid: plain.0, covariance: plain.1,
      box: VoxelBox(
        origin: low,
        size: Size3(x: high.x - low.x + 1, y: high.y - low.y + 1, z: high.z - low.z + 1)),
      intensitySum: weight, weightedCentroid: byIntensity?.0, weightedCovariance: byIntensity?.1)
  }

  /// Mean and covariance from raw sums.
  private static func centred(
    _ n: Double, _ first: SIMD3<Double>, _ squares: SIMD3<Double>, _ products: SIMD3<Double>
  ) -> (WorldPoint, Covariance) {
    let m = first / n
    let v = squares / n - m * m
    let p = products / n - SIMD3(m.x * m.y, m.x * m.z, m.y * m.z)
    return (
      WorldPoint(x: m.x, y: m.y, z: m.z),
      Covariance(
        xx: max(0, v.x), xy: p.x, xz: p.y, yy: max(0, v.y), yz: p.z, zz: max(0, v.z))
    )
  }
}

// The hills of a filter's answer: every voxel belongs to the peak that the steepest way up from it leads to.

import Core
import Imaging

/// Hills of one volume, and how high the passes between them are.
///
/// A hill is cut off where the answer falls below a share of its peak. Difference of Gaussians answers fall
/// to zero at the edge of a blob, whatever its brightness, so that a hill has about the shape of what it
/// stands for. Peaks that rise above the pass to a higher one by no more than noise does, or by next to
/// nothing, belong to that one.
struct BlobBasins {
  /// The voxels of one hill. Sums are over places in voxels of the volume.
  struct Hill {
    /// The voxel of the peak.
    var top: SIMD3<Int>
    /// The answer at the peak, between voxels.
    var height: Double
    var count = 0.0
    var sum = SIMD3<Double>.zero
    /// Sums of xx, yy, zz and of xy, xz, yz.
    var squares = SIMD3<Double>.zero
    var products = SIMD3<Double>.zero
    /// The answers, and the places weighted by them.
    var weight = 0.0
    var weighted = SIMD3<Double>.zero

    /// Take in another hill.
    mutating func add(_ other: Hill) {
      if other.height > height { (top, height) = (other.top, other.height) }
      count += other.count
      sum += other.sum
      squares += other.squares
      products += other.products
      weight += other.weight
      weighted += other.weighted
    }
  }

  /// Where two hills meet.
  struct Pass {
    /// Indices of hills, the lower one first.
    var a, b: Int
    /// The answer at the highest place where they touch.
    var height: Double
  }

  private(set) var hills: [Hill] = []
  private(set) var passes: [Pass] = []

  /// A hill ends where the answer is this share of its peak's.
  private static let foot = 0.2
  /// A peak that stands above a pass by less than this share of its height is no peak of its own.
  private static let ripple = 0.02

  /// The hills of `volume` (float32) that are at least `least` high, above 0. `noise` is the standard
  /// deviation of the volume's noise.
  init(_ volume: Volume, least: Double, noise: Double, progress: Progress) throws {
    let size = volume.size
    guard size.count < Int(Int32.max) else {
      throw HowdahError(
        .limit,
        "detect.dog: a volume of \(size.x) x \(size.y) x \(size.z) voxels is too large for one piece; "
          + "work on boxes (box = ...) or give a larger radius")
    }
    let floor = Float(max(0, BlobBasins.foot * least))
    var uphill = try BlobBasins.uphill(volume, above: floor, progress: progress)
    var tops = BlobBasins.follow(&uphill)
    let labels = uphill
    try volume.withVoxels(as: Float.self) { v in
      var peaks = tops.map { Double(v[$0]) }
      let meetings = try BlobBasins.meetings(labels, v, size, progress)
      let roots = BlobBasins.union(&peaks, &tops, meetings, noise: noise)
      // Hills in the order of their voxels; -1 where the peak is too low.
      var hillOf = [Int](repeating: -1, count: roots.count)
      for (i, root) in roots.enumerated() where i == root && peaks[i] >= least {
        hillOf[i] = hills.count
        let at = tops[i]
        let top = SIMD3(at % size.x, at / size.x % size.y, at / (size.x * size.y))
        let height = BlobFinder.refined(top, v, size).height
        hills.append(Hill(top: top, height: height))
      }
      let numbers = roots.map { hillOf[$0] }
      try measure(labels, numbers, v, size, progress)
      gather(meetings, numbers)
    }
  }

  // MARK: Ways up

  /// For each voxel above a floor the highest of its neighbours, or itself on a peak; -1 for the others. Of
  /// equal voxels the later one is higher. Ways go across faces where they can, as passes do: ways across
  /// corners would cut through passes and make them look higher than they are.
  private static func uphill(_ volume: Volume, above floor: Float, progress: Progress) throws
    -> [Int32]
  {
    let size = volume.size
    let (nx, ny, nz) = (size.x, size.y, size.z)
    return try [Int32](unsafeUninitializedCapacity: size.count) { out, count in
      nonisolated(unsafe) let out = out
      try volume.withVoxels(as: Float.self) { v in
        nonisolated(unsafe) let v = v
        try parallelFor(ny * nz) { row in
          if row & 63 == 0 { try progress.check() }
          let (z, y) = row.quotientAndRemainder(dividingBy: ny)
          for x in 0..<nx {
            let i = row * nx + x
            guard v[i] > floor else {
              out[i] = -1
              continue
            }
            var (best, value) = (i, v[i])
            func climb(to n: Int) {
              if v[n] > value || v[n] == value && n > best { (best, value) = (n, v[n]) }
            }
            if x > 0 { climb(to: i - 1) }
            if x < nx - 1 { climb(to: i + 1) }
            if y > 0 { climb(to: i - nx) }
            if y < ny - 1 { climb(to: i + nx) }
            if z > 0 { climb(to: i - nx * ny) }
            if z < nz - 1 { climb(to: i + nx * ny) }
            if best == i {
              for k in max(0, z - 1)...min(nz - 1, z + 1) {
                for j in max(0, y - 1)...min(ny - 1, y + 1) {
                  let start = (k * ny + j) * nx
                  for n in start + max(0, x - 1)...start + min(nx - 1, x + 1) { climb(to: n) }
                }
              }
            }
            out[i] = Int32(best)
          }
        }
      }
      count = size.count
    }
  }

  /// Replace each way up by the number of the peak that it leads to; returns the peaks' voxels.
  private static func follow(_ uphill: inout [Int32]) -> [Int] {
    // Voxels that have been followed hold -2 - number, so that ways end at the first of them.
    var tops: [Int] = []
    var way: [Int] = []
    for start in uphill.indices where uphill[start] >= 0 {
      var i = start
      while uphill[i] >= 0, Int(uphill[i]) != i {
        way.append(i)
        i = Int(uphill[i])
      }
      if uphill[i] >= 0 {
        uphill[i] = -2 - Int32(tops.count)
        tops.append(i)
      }
      for w in way { uphill[w] = uphill[i] }
      way.removeAll(keepingCapacity: true)
    }
    for i in uphill.indices where uphill[i] < -1 { uphill[i] = -2 - uphill[i] }
    return tops
  }

  // MARK: Passes

  /// The passes between the labelled voxels, one for each pair that touches by a face, highest first.
  private static func meetings(
    _ labels: [Int32], _ v: UnsafeBufferPointer<Float>, _ size: Size3, _ progress: Progress
  ) throws -> [Pass] {
    var heights: [UInt64: Float] = [:]
    let plane = size.x * size.y
    labels.withUnsafeBufferPointer { labels in
      func meet(_ i: Int, _ j: Int) {
        let (a, b) = (labels[i], labels[j])
        if a < 0 || b < 0 || a == b { return }
        let key = UInt64(min(a, b)) << 32 | UInt64(max(a, b))
        let height = min(v[i], v[j])
        if height > heights[key] ?? -.infinity { heights[key] = height }
      }
      for z in 0..<size.z {
        for y in 0..<size.y {
          let row = z * plane + y * size.x
          for i in row..<row + size.x where labels[i] >= 0 {
            if i + 1 < row + size.x { meet(i, i + 1) }
            if y + 1 < size.y { meet(i, i + size.x) }
            if z + 1 < size.z { meet(i, i + plane) }
          }
        }
      }
    }
    try progress.check()
    return heights.map {
      Pass(a: Int($0.key >> 32), b: Int($0.key & 0xFFFF_FFFF), height: Double($0.value))
    }.sorted { ($1.height, $0.a, $0.b) < ($0.height, $1.a, $1.b) }
  }

  /// Join peaks that are ripples; returns the peak that each belongs to.
  private static func union(
    _ peaks: inout [Double], _ tops: inout [Int], _ meetings: [Pass], noise: Double
  ) -> [Int] {
    var parent = Array(peaks.indices)
    func root(_ i: Int) -> Int {
      var i = i
      while parent[i] != i {
        parent[i] = parent[parent[i]]
        i = parent[i]
      }
      return i
    }
    for pass in meetings {
      let (a, b) = (root(pass.a), root(pass.b))
      if a == b { continue }
      let (low, high) = peaks[a] < peaks[b] ? (a, b) : (b, a)
      if peaks[low] - pass.height < max(ripple * peaks[low], noise) { parent[low] = high }
    }
    return parent.indices.map(root)
  }

  /// Passes between hills, from those between their parts.
  private mutating func gather(_ meetings: [Pass], _ numbers: [Int]) {
    var seen = Set<SIMD2<Int>>()
    for pass in meetings {
      let (a, b) = (numbers[pass.a], numbers[pass.b])
      if a < 0 || b < 0 || a == b { continue }
      let (low, high) = (min(a, b), max(a, b))
      if pass.height <= BlobBasins.foot * max(hills[a].height, hills[b].height) { continue }
      // Highest first: the first one of a pair is its pass.
      if seen.insert(SIMD2(low, high)).inserted {
        passes.append(Pass(a: low, b: high, height: pass.height))
      }
    }
  }

  // MARK: Moments

  private mutating func measure(
    _ labels: [Int32], _ numbers: [Int], _ v: UnsafeBufferPointer<Float>, _ size: Size3,
    _ progress: Progress
  ) throws {
    let floors = hills.map { Float(BlobBasins.foot * $0.height) }
    var i = 0
    for z in 0..<size.z {
      try progress.check()
      for y in 0..<size.y {
        for x in 0..<size.x {
          defer { i += 1 }
          guard labels[i] >= 0 else { continue }
          let n = numbers[Int(labels[i])]
          guard n >= 0, v[i] > floors[n] else { continue }
          let p = SIMD3(Double(x), Double(y), Double(z))
          let w = Double(v[i])
          hills[n].count += 1
          hills[n].sum += p
          hills[n].squares += p * p
          hills[n].products += SIMD3(p.x * p.y, p.x * p.z, p.y * p.z)
          hills[n].weight += w
          hills[n].weighted += w * p
        }
      }
    }
  }
}

// Numbers that describe a whole volume. NaN voxels are left out everywhere; infinities count as
// values. When every voxel is NaN, minimum, maximum, mean and percentiles are NaN.

import Core
import Kernels

extension Volume {
  /// The smallest voxel; NaN are left out.
  public func minimum(progress: Progress = .none) throws -> Double {
    try range(progress: progress)?.minimum ?? .nan
  }

  /// The largest voxel; NaN are left out.
  public func maximum(progress: Progress = .none) throws -> Double {
    try range(progress: progress)?.maximum ?? .nan
  }

  /// The smallest and the largest voxel in one pass; nil when all voxels are NaN.
  public func range(progress: Progress = .none) throws -> (minimum: Double, maximum: Double)? {
    let pieces = pieceCount(size.count, grain: voxelGrain)
    let results = PieceResults<(Double, Double)>(count: pieces)
    try parallelFor(pieces) { piece in
      try progress.check()
      results.set(piece, rangeOfPiece(pieceRange(piece, of: pieces, total: size.count)))
    }
    let all = results.all
    let low = all.map(\.0).min()!
    let high = all.map(\.1).max()!
    return low <= high ? (low, high) : nil
  }

  private func rangeOfPiece(_ range: Range<Int>) -> (Double, Double) {
    func of<T: VoxelElement>(
      _ kernel: (UnsafePointer<T>?, Int, UnsafeMutablePointer<T>?, UnsafeMutablePointer<T>?) -> Void
    ) -> (Double, Double) {
      withVoxels(as: T.self) { voxels in
        var (low, high) = (T.zero, T.zero)
        kernel(voxels.baseAddress! + range.lowerBound, range.count, &low, &high)
        return (low.asDouble, high.asDouble)
      }
    }
    switch type {
    case .uint8: return of(hk_range_u8)
    case .uint16: return of(hk_range_u16)
    case .float32: return of(hk_range_float)
    }
  }

  /// The sum of the voxels in double precision and how many there are; NaN are left out.
  public func sum(progress: Progress = .none) throws -> (sum: Double, count: Int) {
    let all = try sums(around: 0, progress: progress)
    return (all.sum, all.count)
  }

  /// The mean of the voxels in double precision; NaN are left out.
  public func mean(progress: Progress = .none) throws -> Double {
    let (sum, count) = try sum(progress: progress)
    return count > 0 ? sum / Double(count) : .nan
  }

  /// The standard deviation of the voxels (divided by their number); NaN are left out.
  public func standardDeviation(progress: Progress = .none) throws -> Double {
    let mean = try mean(progress: progress)
    let about = try sums(around: mean, progress: progress)
    guard about.count > 0 else { return .nan }
    return (about.squares / Double(about.count)).squareRoot()
  }

  private func sums(around centre: Double, progress: Progress) throws -> (
    sum: Double, squares: Double, count: Int
  ) {
    let pieces = pieceCount(size.count, grain: voxelGrain)
    let results = PieceResults<(Double, Double, Int)>(count: pieces)
    try parallelFor(pieces) { piece in
      try progress.check()
      let part = pieceRange(piece, of: pieces, total: size.count)
      try withScratch(1 << 14) { scratch in
        var sums = (0.0, 0.0, 0)
        for start in stride(from: part.lowerBound, to: part.upperBound, by: 1 << 14) {
          try progress.check()
          let n = min(1 << 14, part.upperBound - start)
          var (sum, squares) = (0.0, 0.0)
          let values = floats(from: start, count: n, scratch: scratch)
          let count = hk_sums(values, n, centre, &sum, &squares)
          sums = (sums.0 + sum, sums.1 + squares, sums.2 + count)
        }
        results.set(piece, sums)
      }
    }
    return results.all.reduce((0, 0, 0)) { ($0.0 + $1.0, $0.1 + $1.1, $0.2 + $1.2) }
  }

  /// The exact percentile of the voxels, 0 ... 100, interpolated linearly between neighbours in
  /// rank as `numpy.percentile` does; NaN are left out.
  ///
  /// Throws `.argument` when `p` is outside 0 ... 100.
  public func percentile(_ p: Double, progress: Progress = .none) throws -> Double {
    try percentiles([p], progress: progress)[0]
  }

  /// Several percentiles at the price of little more than one.
  ///
  /// Counting sort over 16 bits at a time: one pass over integer volumes, for float32 one more for
  /// each distinct upper half of the values in question. Needs 256 KiB a piece of work, nothing the
  /// size of the volume.
  public func percentiles(_ ps: [Double], progress: Progress = .none) throws -> [Double] {
    for p in ps where !(p >= 0 && p <= 100) {
      throw HowdahError(.argument, "percentile: \(p) is not between 0 and 100")
    }
    var ranks = RankedVoxels(self, counts: try counts(progress: progress) { upperCounts($0, &$1) })
    guard ranks.total > 0 else { return ps.map { _ in .nan } }
    return try ps.map { p in
      let position = p / 100 * Double(ranks.total - 1)
      let below = Int(position)
      let fraction = position - Double(below)
      let low = try ranks.value(below, progress)
      if fraction == 0 { return low }
      let high = try ranks.value(below + 1, progress)
      if low == high { return low }
      // From the nearer end, as numpy does: exact at both.
      let step = high - low
      return fraction < 0.5 ? low + step * fraction : high - step * (1 - fraction)
    }
  }

  /// Add up the counts that `body` makes for pieces of the volume.
  fileprivate func counts(
    progress: Progress, _ body: @Sendable (Range<Int>, inout [UInt32]) -> Void
  ) throws -> [UInt64] {
    // Few pieces, since each has its own bins; ranges short enough to be cancelled between.
    let pieces = min(16, pieceCount(size.count, grain: voxelGrain))
    let results = PieceResults<[UInt32]>(count: pieces)
    try parallelFor(pieces) { piece in
      var bins = [UInt32](repeating: 0, count: 1 << 16)
      let range = pieceRange(piece, of: pieces, total: size.count)
      var start = range.lowerBound
      while start < range.upperBound {
        try progress.check()
        let end = min(start + (1 << 20), range.upperBound)
        body(start..<end, &bins)
        start = end
      }
      results.set(piece, bins)
    }
    var total = [UInt64](repeating: 0, count: 1 << 16)
    for bins in results.all {
      for i in 0..<1 << 16 { total[i] += UInt64(bins[i]) }
    }
    return total
  }

  private func upperCounts(_ range: Range<Int>, _ bins: inout [UInt32]) {
    withBytes { bytes in
      let base = bytes.baseAddress! + range.lowerBound * type.byteCount
      switch type {
      case .uint8: hk_count_u8(base.assumingMemoryBound(to: UInt8.self), range.count, &bins)
      case .uint16: hk_count_u16(base.assumingMemoryBound(to: UInt16.self), range.count, &bins)
      case .float32:
        hk_count_float_upper(base.assumingMemoryBound(to: Float.self), range.count, &bins)
      }
    }
  }

  fileprivate func lowerCounts(upper: Int, progress: Progress) throws -> [UInt64] {
    try counts(progress: progress) { range, bins in
      withVoxels(as: Float.self) { voxels in
        hk_count_float_lower(
          voxels.baseAddress! + range.lowerBound, range.count, UInt32(upper), &bins)
      }
    }
  }

  /// How many voxels fall into each of `bins` equal bins over a range (by default minimum to
  /// maximum). The last bin includes the upper end; voxels outside and NaN are left out.
  ///
  /// Throws `.argument` when there is no bin, or the range is empty or not finite.
  public func histogram(
    bins: Int = 256, range: ClosedRange<Double>? = nil, progress: Progress = .none
  ) throws -> Histogram {
    guard bins > 0, bins <= 1 << 24 else {
      throw HowdahError(.argument, "histogram: \(bins) bins; give 1 to 16777216")
    }
    var (low, high) = (range?.lowerBound ?? 0, range?.upperBound ?? 0)
    if range == nil, let own = try self.range(progress: progress) { (low, high) = own }
    guard low.isFinite, high.isFinite else {
      throw HowdahError(
        .argument, "histogram: the range \(low) ... \(high) is not finite; give one")
    }
    if low == high { (low, high) = (low - 0.5, high + 0.5) }
    let (first, last) = (low, high)
    let pieces = min(16, pieceCount(size.count, grain: voxelGrain))
    let results = PieceResults<[UInt64]>(count: pieces)
    try parallelFor(pieces) { piece in
      var counts = [UInt64](repeating: 0, count: bins)
      let part = pieceRange(piece, of: pieces, total: size.count)
      try withScratch(1 << 14) { scratch in
        for start in stride(from: part.lowerBound, to: part.upperBound, by: 1 << 14) {
          try progress.check()
          let n = min(1 << 14, part.upperBound - start)
          hk_histogram(
            floats(from: start, count: n, scratch: scratch), n, Float(first), Float(last),
            Double(bins) / (last - first), bins, &counts)
        }
      }
      results.set(piece, counts)
    }
    var total = [Int](repeating: 0, count: bins)
    for counts in results.all {
      for i in 0..<bins { total[i] += Int(counts[i]) }
    }
    return Histogram(minimum: low, maximum: high, counts: total)
  }
}

/// How often values fall into equal bins.
public struct Histogram: Sendable {
  /// The lower end of the first bin and the upper end of the last.
  public let minimum, maximum: Double
  /// Number of voxels in each bin.
  public let counts: [Int]

  /// The lower end of a bin; `lowerEdge(counts.count)` is the upper end of the last.
  public func lowerEdge(_ bin: Int) -> Double {
    minimum + (maximum - minimum) * Double(bin) / Double(counts.count)
  }
}

/// The voxels of a volume by rank, found by counting.
private struct RankedVoxels {
  private let volume: Volume
  private let counts: [UInt64]
  private var lower: [Int: [UInt64]] = [:]
  let total: Int

  init(_ volume: Volume, counts: [UInt64]) {
    self.volume = volume
    self.counts = counts
    total = Int(counts.reduce(0, +))
  }

  /// The voxel of a rank, 0 being the smallest.
  mutating func value(_ rank: Int, _ progress: Progress) throws -> Double {
    let (upper, rest) = Self.find(UInt64(rank), in: counts)
    guard volume.type == .float32 else { return Double(upper) }
    if lower[upper] == nil {
      lower[upper] = try volume.lowerCounts(upper: upper, progress: progress)
    }
    let key = UInt32(upper) << 16 | UInt32(Self.find(rest, in: lower[upper]!).0)
    return Double(Float(bitPattern: key & 0x8000_0000 != 0 ? key ^ 0x8000_0000 : ~key))
  }

  /// The bin that holds a rank, and the rank within the bin.
  private static func find(_ rank: UInt64, in counts: [UInt64]) -> (Int, UInt64) {
    var rest = rank
    for (bin, count) in counts.enumerated() {
      if rest < count { return (bin, rest) }
      rest -= count
    }
    return (counts.count - 1, 0)
  }
}

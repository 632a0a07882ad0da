// How a tissue moved between two frames, measured from the images without any model: pieces of the later frame, a few
// nuclei wide, are looked for in the earlier one. It knows nothing of single nuclei and cannot tell that one divided or
// went its own way, but it finds strong drift, also one that differs from place to place, for which a network needs
// much training.
//
// Normalised cross-correlation of blocks on a lattice (as particle image velocimetry does it), each block by itself;
// those that disagree with the median of their neighbours look again near it (Westerweel & Scarano 2005 find outliers
// in the same way); parabolas through the peaks give parts of voxels; between the blocks the field is linear.

import Core
import Imaging

/// The field of displacements from a frame back to the one before, in voxels of the frames.
public struct FrameRegistration: Sendable {
  /// How it is measured. Lengths are voxels.
  public struct Options: Sendable, Equatable {
    /// How far blocks are looked for along each axis.
    public var reach = Size3(x: 8, y: 8, z: 3)
    /// Half the width of blocks along y and z; along x it is always 8.
    public var half = (y: 8, z: 3)
    /// Distance of the blocks.
    public var step = Size3(x: 8, y: 8, z: 4)

    /// For nuclei of about 2 voxels' radius along x and y.
    public init() {}

    /// Whether all parts are equal.
    public static func == (a: Options, b: Options) -> Bool {
      a.reach == b.reach && a.half == b.half && a.step == b.step
    }
  }

  /// One block: where it is, how it moved, how sure that is.
  private struct Block {
    var center: SIMD3<Int>
    var way = SIMD3<Double>.zero
    /// Correlation at the peak; 0 for a block without contrast.
    var score = 0.0
  }

  private let size: Size3
  private let step: SIMD3<Double>
  private let first: SIMD3<Double>
  private let counts: SIMD3<Int>
  private var ways: [SIMD3<Double>]

  /// Measure the field between two frames of one size with intensities from 0 to 1.
  public init(
    earlier: Volume, later: Volume, options o: Options = Options(), progress: Progress = .none
  ) throws {
    guard earlier.size == later.size else {
      throw HowdahError(
        .argument, "frames of \(earlier.size) and \(later.size) cannot be registered")
    }
    size = later.size
    var (n, low, apart) = (SIMD3<Int>.one, SIMD3<Double>.zero, SIMD3<Double>.one)
    for (k, axis) in Axis.allCases.enumerated() {
      let length = size[axis]
      n[k] = max(1, (length + o.step[axis] / 2) / o.step[axis])
      apart[k] = Double(o.step[axis])
      low[k] = (Double(length - 1) - Double(n[k] - 1) * apart[k]) / 2
    }
    (counts, step, first) = (n, apart, low)
    let search = BlockSearch(
      earlier: try PaddedFrame(earlier, o, progress), later: try PaddedFrame(later, o, progress), o)
    let (count, counts, begin, gap) = (n.x * n.y * n.z, n, low, apart)
    @Sendable func center(_ i: Int) -> SIMD3<Int> {
      let place = SIMD3(
        Double(i % counts.x), Double(i / counts.x % counts.y), Double(i / (counts.x * counts.y)))
      let p = begin + place * gap
      return SIMD3(Int(p.x.rounded()), Int(p.y.rounded()), Int(p.z.rounded()))
    }
    let whole = SIMD3(o.reach.x, o.reach.y, o.reach.z)
    var blocks = try parallelMap(count) { i -> Block in
      var block = Block(center: center(i))
      (block.way, block.score) = try search.best(
        block.center, around: .zero, within: whole, progress)
      return block
    }
    // Blocks that went astray look again where their neighbours went.
    for _ in 0..<3 {
      let now = blocks
      blocks = try parallelMap(count) { i -> Block in
        var block = now[i]
        let middle = FrameRegistration.median(around: i, now, counts)
        let off = block.way - middle
        if block.score > 0.2, abs(off).max() <= 1.5 { return block }
        (block.way, block.score) = try search.best(
          block.center, around: middle, within: SIMD3(2, 2, 1), progress)
        if block.score < 0.2 { block.way = middle }
        return block
      }
    }
    ways = blocks.map(\.way)
  }

  /// The median of the ways around a block, itself left out; those without contrast do not count.
  private static func median(around i: Int, _ blocks: [Block], _ n: SIMD3<Int>) -> SIMD3<Double> {
    let p = SIMD3(i % n.x, i / n.x % n.y, i / (n.x * n.y))
    for radius in 1...max(1, n.max()) {
      var near: [SIMD3<Double>] = []
      for z in max(0, p.z - radius)...min(n.z - 1, p.z + radius) {
        for y in max(0, p.y - radius)...min(n.y - 1, p.y + radius) {
          for x in max(0, p.x - radius)...min(n.x - 1, p.x + radius) {
            let j = (z * n.y + y) * n.x + x
            if j != i, blocks[j].score > 0.2 { near.append(blocks[j].way) }
          }
        }
      }
      guard near.count >= 3 else { continue }
      return SIMD3(near.map(\.x).median, near.map(\.y).median, near.map(\.z).median)
    }
    return .zero
  }

  /// The way back from a voxel of the later frame.
  public func way(at v: WorldPoint) -> WorldPoint {
    let p = (SIMD3(v.x, v.y, v.z) - first) / step
    var low = SIMD3<Int>.zero
    var f = SIMD3<Double>.zero
    for k in 0..<3 where counts[k] > 1 {
      let q = min(max(0, p[k]), Double(counts[k] - 1))
      low[k] = min(counts[k] - 2, Int(q))
      f[k] = q - Double(low[k])
    }
    var sum = SIMD3<Double>.zero
    for corner in 0..<8 {
      let c = SIMD3(corner & 1, corner >> 1 & 1, corner >> 2)
      var weight = 1.0
      var at = low
      for k in 0..<3 {
        weight *= c[k] == 1 ? f[k] : 1 - f[k]
        at[k] = min(counts[k] - 1, low[k] + c[k])
      }
      if weight > 0 { sum += ways[(at.z * counts.y + at.y) * counts.x + at.x] * weight }
    }
    return WorldPoint(x: sum.x, y: sum.y, z: sum.z)
  }
}

private func abs(_ v: SIMD3<Double>) -> SIMD3<Double> { v.replacing(with: -v, where: v .< 0) }

/// A frame without its slow changes of brightness, in a rim of zeros so wide that no search leaves it.
private struct PaddedFrame: Sendable {
  let values: [Float]
  let rim: SIMD3<Int>
  let width, height: Int

  init(_ frame: Volume, _ o: FrameRegistration.Options, _ progress: Progress) throws {
    // The root tames nuclei that outshine all others.
    let root = try frame.mapFloats { $0 > 0 ? $0.squareRoot() : 0 }
    let slow = try root.gaussian(sigma: (5, 5, 2.5), truncate: 2.5, progress: progress)
    let fast = try root - slow
    let size = frame.size
    // Rows are read 16 voxels at a time.
    let rim = SIMD3(o.reach.x + 20, o.reach.y + o.half.y + 3, o.reach.z + o.half.z + 3)
    let (width, height) = (size.x + 2 * rim.x, size.y + 2 * rim.y)
    var padded = [Float](repeating: 0, count: width * height * (size.z + 2 * rim.z))
    fast.withVoxels(as: Float.self) { voxels in
      for z in 0..<size.z {
        for y in 0..<size.y {
          let to = ((z + rim.z) * height + y + rim.y) * width + rim.x
          for x in 0..<size.x { padded[to + x] = voxels[(z * size.y + y) * size.x + x] }
        }
      }
    }
    (values, self.rim, self.width, self.height) = (padded, rim, width, height)
  }

  /// The place of a voxel in `values`.
  func place(_ v: SIMD3<Int>) -> Int {
    ((v.z + rim.z) * height + v.y + rim.y) * width + v.x + rim.x
  }
}

/// Looks for blocks of the later frame in the earlier one.
private struct BlockSearch: Sendable {
  let earlier, later: PaddedFrame
  let halfY, halfZ: Int
  let reach: SIMD3<Int>

  init(earlier: PaddedFrame, later: PaddedFrame, _ o: FrameRegistration.Options) {
    self.earlier = earlier
    self.later = later
    (halfY, halfZ) = o.half
    reach = SIMD3(o.reach.x, o.reach.y, o.reach.z)
  }

  /// The way with the greatest correlation within a box of ways, and that correlation; 0 without contrast.
  func best(
    _ center: SIMD3<Int>, around middle: SIMD3<Double>, within range: SIMD3<Int>,
    _ progress: Progress
  ) throws -> (SIMD3<Double>, Double) {
    var start = SIMD3<Int>.zero
    for k in 0..<3 {
      start[k] = Int(min(max(middle[k].rounded(), Double(-reach[k])), Double(reach[k])))
    }
    let low = pointwiseMax(start &- range, SIMD3<Int>.zero &- reach)
    let high = pointwiseMin(start &+ range, reach)
    let n = high &- low &+ 1
    let own = energy(later, center)
    guard own > 1e-4 else { return (middle, 0) }
    var scores = [Float](repeating: 0, count: n.x * n.y * n.z)
    var top = 0
    for z in 0..<n.z {
      for y in 0..<n.y {
        try progress.check()
        for x in 0..<n.x {
          let i = (z * n.y + y) * n.x + x
          scores[i] = correlation(center, low &+ SIMD3(x, y, z), own)
          if scores[i] > scores[top] { top = i }
        }
      }
    }
    let at = SIMD3(top % n.x, top / n.x % n.y, top / (n.x * n.y))
    var way = SIMD3<Double>.zero
    let strides = SIMD3(1, n.x, n.x * n.y)
    for k in 0..<3 {
      way[k] = Double(low[k] + at[k])
      guard at[k] > 0, at[k] < n[k] - 1 else { continue }
      let (a, b, c) = (
        Double(scores[top - strides[k]]), Double(scores[top]), Double(scores[top + strides[k]])
      )
      let bend = a - 2 * b + c
      if bend < 0 { way[k] += min(0.5, max(-0.5, 0.5 * (a - c) / bend)) }
    }
    return (way, Double(scores[top]))
  }

  private func energy(_ frame: PaddedFrame, _ center: SIMD3<Int>) -> Float {
    frame.values.withUnsafeBufferPointer { v in
      var sum = SIMD8<Float>.zero
      for dz in -halfZ...halfZ {
        for dy in -halfY..<halfY {
          let p = UnsafeRawPointer(v.baseAddress! + frame.place(center &+ SIMD3(-8, dy, dz)))
          let a = p.loadUnaligned(as: SIMD8<Float>.self)
          let b = p.loadUnaligned(fromByteOffset: 32, as: SIMD8<Float>.self)
          sum += a * a + b * b
        }
      }
      return sum.sum()
    }
  }

  private func correlation(_ center: SIMD3<Int>, _ way: SIMD3<Int>, _ own: Float) -> Float {
    earlier.values.withUnsafeBufferPointer { e in
      later.values.withUnsafeBufferPointer { l in
        var (product, square) = (SIMD8<Float>.zero, SIMD8<Float>.zero)
        let (width, plane) = (later.width, later.width * later.height)
        let corner = center &+ SIMD3(-8, -halfY, -halfZ)
        let (fromL, fromE) = (later.place(corner), earlier.place(corner &+ way))
        for dz in 0...2 * halfZ {
          for dy in 0..<2 * halfY {
            let row = dz * plane + dy * width
            let p = UnsafeRawPointer(l.baseAddress! + fromL + row)
            let q = UnsafeRawPointer(e.baseAddress! + fromE + row)
            let (a, b) = (
              q.loadUnaligned(as: SIMD8<Float>.self),
              q.loadUnaligned(fromByteOffset: 32, as: SIMD8<Float>.self)
            )
            product += a * p.loadUnaligned(as: SIMD8<Float>.self)
            product += b * p.loadUnaligned(fromByteOffset: 32, as: SIMD8<Float>.self)
            square += a * a + b * b
          }
        }
        let other = square.sum()
        return other > 1e-4 ? product.sum() / (own * other).squareRoot() : 0
      }
    }
  }
}

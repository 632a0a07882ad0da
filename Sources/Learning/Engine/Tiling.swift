// How a volume is cut into overlapping tiles and how their results are blended, as ELEPHANT does it: along each
// axis size / patch + 1 tiles (one when the patch covers the axis), starts spread evenly, and weights that ramp
// linearly over the overlap. Tiles come with z outermost, so the planes before the next tile's first one are
// finished and need not be kept.

import Core

/// The tiles along one axis.
public struct AxisTiling: Hashable, Sendable {
  /// Voxels of the axis and of a tile.
  public let size, patch: Int
  /// Where each tile begins.
  public let starts: [Int]
  /// The length of the ramps.
  public let overlap: Int

  /// Tiles of `patch` voxels (at most the size) over `size`.
  public init(size: Int, patch wanted: Int) {
    let patch = min(max(1, wanted), size)
    let count = size == patch ? 1 : size / patch + 1
    // Rounded down, also below zero.
    let excess = count > 1 ? floorDivide(patch * count - size, count - 1) : 0
    let interval = count == 1 ? 0 : patch - excess
    self.size = size
    self.patch = patch
    overlap = max(1, patch - interval)
    starts = (0..<count).map { min($0 * interval, size - patch) }
  }

  /// Every voxel of the axis by itself, for 2D networks over the planes of a volume.
  public init(planes: Int) {
    (size, patch, overlap) = (planes, 1, 0)
    starts = Array(0..<planes)
  }

  /// The weights of tile k: a ramp from 0 to 1 over the first `overlap` voxels unless it is the first, from 1 to
  /// 0 over the last ones unless it is the last.
  public func weights(_ k: Int) -> [Float] {
    var result = [Float](repeating: 1, count: patch)
    for i in 0..<min(overlap, patch) {
      let ramp = overlap > 1 ? Float(i) / Float(overlap - 1) : 0
      if k > 0 { result[i] *= ramp }
      if k < starts.count - 1 { result[patch - 1 - i] *= ramp }
    }
    return result
  }
}

private func floorDivide(_ a: Int, _ b: Int) -> Int {
  a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0)
}

/// The tiles of a volume.
public struct VolumeTiling: Hashable, Sendable {
  /// Along each axis.
  public let x, y, z: AxisTiling

  /// - Parameters:
  ///   - patch: the size of a tile; axes that it covers are not cut.
  ///   - planes: whether each plane is a tile of its own, for 2D networks.
  public init(size: Size3, patch: Size3, planes: Bool = false) {
    x = AxisTiling(size: size.x, patch: patch.x)
    y = AxisTiling(size: size.y, patch: patch.y)
    z = planes ? AxisTiling(planes: size.z) : AxisTiling(size: size.z, patch: patch.z)
  }

  /// Number of tiles.
  public var count: Int { x.starts.count * y.starts.count * z.starts.count }

  /// The box of tile k; z is outermost, x innermost.
  public func box(_ k: Int) -> VoxelBox {
    let (i, j, l) = place(k)
    return VoxelBox(
      origin: Size3(x: x.starts[i], y: y.starts[j], z: z.starts[l]),
      size: Size3(x: x.patch, y: y.patch, z: z.patch))
  }

  func place(_ k: Int) -> (x: Int, y: Int, z: Int) {
    let (nx, ny) = (x.starts.count, y.starts.count)
    return (k % nx, k / nx % ny, k / (nx * ny))
  }
}

/// Planes of a prediction that are finished. Valid only during the call that hands them over.
public struct PredictedPlanes: @unchecked Sendable {
  /// Which planes of the volume they are.
  public let planes: Range<Int>
  /// Voxels of a row and rows of a plane.
  public let width, height: Int
  let base: UnsafePointer<Float>
  let channelStride: Int

  /// One plane (by its number in the volume) of a channel (by its place among the wanted ones), x fastest.
  public func plane(_ z: Int, channel: Int) -> UnsafeBufferPointer<Float> {
    precondition(planes.contains(z), "the plane is not among those finished")
    let start = channel * channelStride + (z - planes.lowerBound) * width * height
    return UnsafeBufferPointer(start: base + start, count: width * height)
  }
}

/// A sum of blended tiles that holds no more planes than a tile has.
struct SlidingBlender {
  let tiling: VolumeTiling
  private let channels: Int
  /// Channel, plane of the window, y, x.
  private var window: FloatBlock
  /// The plane of the volume that is first in the window.
  private var low = 0
  private let normalised: Bool

  /// - Parameter normalised: divide by the sum of the weights. It is 1 but where rounding makes the last tile
  ///   overlap by more than the ramp, or where a ramp of one voxel leaves none.
  init(_ tiling: VolumeTiling, channels: Int, normalised: Bool) {
    self.tiling = tiling
    self.channels = channels
    self.normalised = normalised
    window = FloatBlock(zeros: channels * tiling.z.patch * tiling.y.size * tiling.x.size)
  }

  private var planeSize: Int { tiling.x.size * tiling.y.size }
  private var channelStride: Int { tiling.z.patch * planeSize }

  /// Hand over what tile k and later ones do not touch, and make room for it.
  mutating func advance(
    to k: Int, _ finished: (PredictedPlanes) throws -> Void
  ) throws {
    let start = k < tiling.count ? tiling.z.starts[tiling.place(k).z] : tiling.z.size
    guard start > low else { return }
    // A tile may begin after the last one ended only when tiles have no overlap at all.
    let done = start - low
    try emit(low..<start, finished)
    let kept = tiling.z.patch - done
    for c in 0..<channels {
      let base = window.pointer + c * channelStride
      if kept > 0 { base.update(from: base + done * planeSize, count: kept * planeSize) }
      (base + max(0, kept) * planeSize).update(
        repeating: 0, count: min(done, tiling.z.patch) * planeSize)
    }
    low = start
  }

  private func emit(_ planes: Range<Int>, _ finished: (PredictedPlanes) throws -> Void) throws {
    if normalised {
      func total(_ t: AxisTiling) -> [Float] {
        var result = [Float](repeating: 0, count: t.size)
        for (k, start) in t.starts.enumerated() {
          for (i, w) in t.weights(k).enumerated() { result[start + i] += w }
        }
        return result.map { $0 > 0 ? 1 / $0 : 0 }
      }
      let (fx, fy, fz) = (total(tiling.x), total(tiling.y), total(tiling.z))
      if !(fx + fy + fz).allSatisfy({ $0 == 1 }) {
        let (width, height) = (tiling.x.size, tiling.y.size)
        let out = Shared(window.pointer)
        let (stride, plane, first) = (channelStride, planeSize, planes.lowerBound)
        try parallelFor(channels * planes.count) { item in
          let (c, p) = item.quotientAndRemainder(dividingBy: planes.count)
          let base = out.base + c * stride + p * plane
          fx.withUnsafeBufferPointer { fx in
            for y in 0..<height {
              let f = fy[y] * fz[first + p]
              for x in 0..<width { base[y * width + x] *= f * fx[x] }
            }
          }
        }
      }
    }
    try finished(
      PredictedPlanes(
        planes: planes, width: tiling.x.size, height: tiling.y.size,
        base: UnsafePointer(window.pointer), channelStride: channelStride))
  }

  /// Add a share of what a network gave for tile k; `wanted` are the network's channels that are kept.
  ///
  /// - Parameter exponentiate: add e^x of the values.
  mutating func add(
    _ tile: Tensor, _ k: Int, channels wanted: [Int], share: Float, exponentiate: Bool
  ) throws {
    let (i, j, l) = tiling.place(k)
    let wx = tiling.x.weights(i).map { $0 * share }
    let (wy, wz) = (tiling.y.weights(j), tiling.z.weights(l))
    let box = tiling.box(k)
    let (planeSize, stride, width) = (planeSize, channelStride, tiling.x.size)
    let first = box.origin.z - low
    let out = Shared(window.pointer)
    let (sx, sy, sz) = (box.size.x, box.size.y, box.size.z)
    try tile.values.withUnsafeBufferPointer { values in
      let values = Shared(UnsafeMutablePointer(mutating: values.baseAddress!))
      try parallelFor(wanted.count * sz) { item in
        let (c, z) = item.quotientAndRemainder(dividingBy: sz)
        wx.withUnsafeBufferPointer { wx in
          for y in 0..<sy {
            let from = values.base + ((wanted[c] * sz + z) * sy + y) * sx
            let row = c * stride + (first + z) * planeSize + (box.origin.y + y) * width
            let to = out.base + row + box.origin.x
            let w = wy[y] * wz[z]
            if exponentiate {
              addExponentials(to, from, wx.baseAddress!, w, sx)
            } else {
              for x in 0..<sx { to[x] += w * wx[x] * from[x] }
            }
          }
        }
      }
    }
  }
}

/// to[i] += w * weights[i] * e^from[i], for values up to 0. Within 2e-7 of the exact exponential: 2^n times a
/// polynomial for the rest, eight values at a time.
private func addExponentials(
  _ to: UnsafeMutablePointer<Float>, _ from: UnsafePointer<Float>, _ weights: UnsafePointer<Float>,
  _ w: Float, _ count: Int
) {
  var i = 0
  while i + 8 <= count {
    let x = UnsafeRawPointer(from + i).loadUnaligned(as: SIMD8<Float>.self)
    let f = UnsafeRawPointer(weights + i).loadUnaligned(as: SIMD8<Float>.self)
    let old = UnsafeRawPointer(to + i).loadUnaligned(as: SIMD8<Float>.self)
    UnsafeMutableRawPointer(to + i).storeBytes(
      of: old + exponentials(x) * (f * w), as: SIMD8<Float>.self)
    i += 8
  }
  while i < count {
    to[i] += exponentials(SIMD8(repeating: from[i]))[0] * (weights[i] * w)
    i += 1
  }
}

@inline(__always)
private func exponentials(_ x: SIMD8<Float>) -> SIMD8<Float> {
  // Below -87 the result is not a normal number; it is 0 for a probability.
  let tiny = x .< -87
  let bounded = x.replacing(with: -87, where: tiny)
  // Adding 1.5 * 2^23 rounds to whole numbers and leaves them in the lowest bits.
  let shifted = bounded * 1.442695040889 + 12_582_912
  let n = shifted - 12_582_912
  // ln 2 in two parts, so that the difference is exact.
  let r = (bounded - n * 0.693359375) + n * 2.12194440e-4
  var p = SIMD8<Float>(repeating: 1.9875691500e-4)
  p = p * r + 1.3981999507e-3
  p = p * r + 8.3334519073e-3
  p = p * r + 4.1665795894e-2
  p = p * r + 1.6666665459e-1
  p = p * r + 0.5
  p = p * (r * r) + r + 1
  let bits = (unsafeBitCast(shifted, to: SIMD8<Int32>.self) &- (0x4B40_0000 - 127)) &<< 23
  let scale = unsafeBitCast(bits, to: SIMD8<Float>.self)
  return (p * scale).replacing(with: 0, where: tiny)
}

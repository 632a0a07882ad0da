// The loss of the flow network: the mean absolute error at annotated voxels, the structural similarity of frame t
// with frame t + 1 warped by the flow, and a smoothness term (elephant-server, "FlowLoss").

import Core
import Glibc

/// What the flow should be, for a batch.
public struct FlowTarget: Sendable {
  /// Displacements along x, y (and z), divided by their norms: [n, dimensions, ...].
  public var flow: Tensor
  /// Above 0 where the flow is annotated: [n, 1, ...].
  public var mask: Tensor
  /// The earlier and the later frame: [n, 1, ...].
  public var earlier, later: Tensor

  /// A target of these parts.
  public init(flow: Tensor, mask: Tensor, earlier: Tensor, later: Tensor) {
    self.flow = flow
    self.mask = mask
    self.earlier = earlier
    self.later = later
  }
}

/// The flow loss with its constants.
public struct FlowLoss: Sendable {
  /// Voxels that a flow of 1 means when warping, along x, y and z. ELEPHANT fixes 80, 80, 10.
  public let norms: [Float]
  /// Weights of the axes in the first term; normalised to sum 1.
  public let axisWeights: [Float]

  /// ELEPHANT's constants by default.
  public init(norms: [Float] = [80, 80, 10], axisWeights: [Float] = [1, 1, 1]) {
    self.norms = norms
    self.axisWeights = axisWeights
  }

  /// The loss of flows [n, dimensions, ...]. Throws `.argument` when shapes do not fit or nothing is
  /// annotated.
  public func evaluate(_ output: Tensor, _ target: FlowTarget) throws -> LossResult {
    let shape = output.shape
    let dimensions = shape.channels
    guard dimensions == 2 || dimensions == 3, norms.count >= dimensions,
      axisWeights.count >= dimensions
    else { throw HowdahError(.argument, "a flow has 2 or 3 channels, not \(dimensions)") }
    try target.flow.require(shape, "the target flow")
    for one in [target.mask, target.earlier, target.later] {
      try one.require(shape.with(channels: 1), "mask and frames")
    }
    var gradient = Tensor(shape)
    let instance = try instance(output, target, &gradient, 1 / 1.02)
    let similarity = similarity(output, target, &gradient, 0.01 / 1.02)
    let (smooth, g) = SmoothnessLoss.evaluate(output, .smoothing(dimensions: dimensions))
    for i in g.values.indices { gradient.values[i] += 0.01 / 1.02 * g.values[i] }
    return LossResult(
      total: (instance + 0.01 * similarity + 0.01 * smooth) / 1.02,
      parts: [("instance_loss", instance), ("SSIM_loss", similarity), ("smooth_loss", smooth)],
      gradient: gradient)
  }

  private func instance(
    _ output: Tensor, _ target: FlowTarget, _ gradient: inout Tensor, _ factor: Float
  ) throws -> Double {
    let (shape, voxels) = (output.shape, output.shape.voxels)
    let count = target.mask.values.count { $0 > 0 }
    guard count > 0 else {
      throw HowdahError(.argument, "no voxel of the batch has a flow; approve some links first")
    }
    let weightSum = axisWeights.prefix(shape.channels).reduce(0, +)
    var result = 0.0
    for n in 0..<shape.batch {
      for d in 0..<shape.channels {
        let weight = axisWeights[d] / weightSum / Float(count)
        let start = n * shape.sampleCount + d * voxels
        for v in 0..<voxels where target.mask.values[n * voxels + v] > 0 {
          let e = output.values[start + v] - target.flow.values[start + v]
          result += Double(weight * abs(e))
          gradient.values[start + v] += factor * (e > 0 ? weight : e < 0 ? -weight : 0)
        }
      }
    }
    return result
  }

  /// 1 - SSIM(earlier, warp(later)) (Wang et al. 2004, constants 0.01 and 0.03). In 3D only voxels count where
  /// both local means differ from 0.
  private func similarity(
    _ output: Tensor, _ target: FlowTarget, _ gradient: inout Tensor, _ factor: Float
  ) -> Double {
    let dimensions = output.shape.channels
    let filter = SeparableFilter.similarity(dimensions: dimensions)
    let (c1, c2): (Float, Float) = (0.0001, 0.0009)
    let t = target.earlier
    var w = t
    warp(output, target.later) { i, value, _ in w.values[i] = value }
    func product(_ a: Tensor, _ b: Tensor) -> Tensor {
      var r = a
      for i in r.values.indices { r.values[i] *= b.values[i] }
      return r
    }
    let (m1, m2) = (filter.forward(t), filter.forward(w))
    let (tt, ww, tw) = (
      filter.forward(product(t, t)), filter.forward(product(w, w)), filter.forward(product(t, w))
    )
    var sum = 0.0
    var count = 0
    // Gradients of the sum with respect to filtered w, filtered w * w and filtered t * w.
    var (g1, g2, g3) = (Tensor(t.shape), Tensor(t.shape), Tensor(t.shape))
    for i in t.values.indices {
      let (a, b) = (m1.values[i], m2.values[i])
      if dimensions == 3 && (a == 0 || b == 0) { continue }
      let a1 = 2 * a * b + c1
      let a2 = 2 * (tw.values[i] - a * b) + c2
      let b1 = a * a + b * b + c1
      let b2 = tt.values[i] - a * a + ww.values[i] - b * b + c2
      let s = a1 * a2 / (b1 * b2)
      sum += Double(s)
      count += 1
      g1.values[i] = 2 * a * (a2 - a1) / (b1 * b2) - 2 * b * s / b1 + 2 * b * s / b2
      g2.values[i] = -s / b2
      g3.values[i] = 2 * a1 / (b1 * b2)
    }
    if count == 0 { return 1 }
    (g1, g2, g3) = (filter.forward(g1), filter.forward(g2), filter.forward(g3))
    let scale = -factor / Float(count)
    warp(output, target.later) { i, value, slope in
      let g = scale * (g1.values[i] + 2 * value * g2.values[i] + t.values[i] * g3.values[i])
      let voxels = output.shape.voxels
      let start = i / voxels * output.shape.sampleCount + i % voxels
      for d in 0..<dimensions { gradient.values[start + d * voxels] += g * slope[d] }
    }
    return 1 - sum / Double(count)
  }

  /// Sample `image` at every voxel minus its flow, linearly, zero outside: calls `body` with the voxel, the
  /// value, and the value's derivative by the flow along x, y and z.
  private func warp(
    _ flow: Tensor, _ image: Tensor,
    _ body: (_ i: Int, _ value: Float, _ slope: SIMD4<Float>) -> Void
  ) {
    let s = flow.shape
    let size = [s.width, s.height, s.depth]
    // Voxels that a flow of 1 moves: align_corners sampling of displacements in units of half the size.
    let reach = (0..<s.channels).map { norms[$0] * Float(size[$0] - 1) / Float(size[$0]) }
    image.values.withUnsafeBufferPointer { pixels in
      flow.values.withUnsafeBufferPointer { flow in
        for n in 0..<s.batch {
          for v in 0..<s.voxels {
            let place = [v % s.width, v / s.width % s.height, v / (s.width * s.height)]
            var low = SIMD4<Int>.zero
            var f = SIMD4<Float>.zero
            for d in 0..<3 {
              let move = d < s.channels ? flow[(n * s.channels + d) * s.voxels + v] * reach[d] : 0
              let p = min(max(Float(place[d]) - move, -1e6), 1e6)
              low[d] = Int(p.rounded(.down))
              f[d] = p - p.rounded(.down)
            }
            var value: Float = 0
            var slope = SIMD4<Float>.zero
            for corner in 0..<(s.depth > 1 ? 8 : 4) {
              let (dx, dy, dz) = (corner & 1, corner >> 1 & 1, corner >> 2)
              let (x, y, z) = (low.x + dx, low.y + dy, low.z + dz)
              if x < 0 || y < 0 || z < 0 || x >= s.width || y >= s.height || z >= s.depth {
                continue
              }
              let pixel = pixels[((n * s.depth + z) * s.height + y) * s.width + x]
              let (wx, wy, wz) = (
                dx == 1 ? f.x : 1 - f.x, dy == 1 ? f.y : 1 - f.y, dz == 1 ? f.z : 1 - f.z
              )
              value += pixel * wx * wy * wz
              slope.x += pixel * (dx == 1 ? wy * wz : -wy * wz)
              slope.y += pixel * (dy == 1 ? wx * wz : -wx * wz)
              slope.z += pixel * (dz == 1 ? wx * wy : -wx * wy)
            }
            for d in 0..<s.channels { slope[d] *= -reach[d] }
            body(n * s.voxels + v, value, slope)
          }
        }
      }
    }
  }
}

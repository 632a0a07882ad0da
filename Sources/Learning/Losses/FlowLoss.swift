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
  /// Threads that evaluate it, 0 for one a core. The result is the same for any number.
  public var threads = 0
  /// Weights of the three terms; the total is divided by their sum.
  public let termWeights: (instance: Double, similarity: Double, smoothness: Double)

  /// ELEPHANT's constants by default. A term of weight 0 is not computed.
  public init(
    norms: [Float] = [80, 80, 10], axisWeights: [Float] = [1, 1, 1],
    termWeights: (instance: Double, similarity: Double, smoothness: Double) = (1, 0.01, 0.01)
  ) {
    self.norms = norms
    self.axisWeights = axisWeights
    self.termWeights = termWeights
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
    let team = Team(workers: threads)
    var gradient = Tensor(shape)
    let w = termWeights
    let sum = w.instance + w.similarity + w.smoothness
    var (total, parts) = (0.0, [(name: String, value: Double)]())
    func add(_ name: String, _ weight: Double, _ value: Double) {
      total += weight * value
      parts.append((name, value))
    }
    add(
      "instance_loss", w.instance,
      try instance(output, target, &gradient, Float(w.instance / sum)))
    if w.similarity > 0 {
      let value = try similarity(output, target, &gradient, Float(w.similarity / sum), team)
      add("SSIM_loss", w.similarity, value)
    }
    if w.smoothness > 0 {
      let (smooth, even) = try SmoothnessLoss.evaluate(
        output, .smoothing(dimensions: dimensions), team)
      let factor = Float(w.smoothness / sum)
      try even.read { even in
        try gradient.write { g in
          try team.ranges(shape.count) { for i in $0 { g.base[i] += factor * even.base[i] } }
        }
      }
      add("smooth_loss", w.smoothness, smooth)
    }
    return LossResult(total: total / sum, parts: parts, gradient: gradient)
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
    _ output: Tensor, _ target: FlowTarget, _ gradient: inout Tensor, _ factor: Float, _ team: Team
  ) throws -> Double {
    let dimensions = output.shape.channels
    let filter = SeparableFilter.similarity(dimensions: dimensions)
    let (c1, c2): (Float, Float) = (0.0001, 0.0009)
    let t = target.earlier
    let count = t.shape.count
    var w = Tensor(t.shape)
    try w.write { w in
      try warp(output, target.later, team) { i, value, _ in w.base[i] = value }
    }
    func filtered(_ a: Tensor, _ b: Tensor) throws -> Tensor {
      var product = a
      try b.read { b in
        try product.write { p in
          try team.ranges(count) { for i in $0 { p.base[i] *= b.base[i] } }
        }
      }
      return try filter.forward(product, team)
    }
    // Local means of both frames and of their products; replaced by the gradients of the sum with respect to
    // filtered w, filtered w * w and filtered t * w.
    let (m1, tt) = (try filter.forward(t, team), try filtered(t, t))
    var (m2, ww, tw) = (try filter.forward(w, team), try filtered(w, w), try filtered(t, w))
    var sums = SIMD8<Double>.zero
    try m1.read { m1 in
      try tt.read { tt in
        try m2.write { m2 in
          try ww.write { ww in
            try tw.write { tw in
              sums = try team.sums(count) { range in
                var (sum, counted) = (0.0, 0.0)
                for i in range {
                  let (a, b) = (m1.base[i], m2.base[i])
                  if dimensions == 3 && (a == 0 || b == 0) {
                    (m2.base[i], ww.base[i], tw.base[i]) = (0, 0, 0)
                    continue
                  }
                  let a1 = 2 * a * b + c1
                  let a2 = 2 * (tw.base[i] - a * b) + c2
                  let b1 = a * a + b * b + c1
                  let b2 = tt.base[i] - a * a + ww.base[i] - b * b + c2
                  let s = a1 * a2 / (b1 * b2)
                  sum += Double(s)
                  counted += 1
                  m2.base[i] = 2 * a * (a2 - a1) / (b1 * b2) - 2 * b * s / b1 + 2 * b * s / b2
                  ww.base[i] = -s / b2
                  tw.base[i] = 2 * a1 / (b1 * b2)
                }
                return (SIMD8(sum, counted, 0, 0, 0, 0, 0, 0), .zero)
              }.0
            }
          }
        }
      }
    }
    if sums[1] == 0 { return 1 }
    let (g1, g2, g3) = (
      try filter.forward(m2, team), try filter.forward(ww, team), try filter.forward(tw, team)
    )
    let scale = -factor / Float(sums[1])
    let (voxels, sample) = (output.shape.voxels, output.shape.sampleCount)
    try t.read { t in
      try g1.read { g1 in
        try g2.read { g2 in
          try g3.read { g3 in
            try gradient.write { gradient in
              try warp(output, target.later, team) { i, value, slope in
                let g = scale * (g1.base[i] + 2 * value * g2.base[i] + t.base[i] * g3.base[i])
                let start = i / voxels * sample + i % voxels
                for d in 0..<dimensions { gradient.base[start + d * voxels] += g * slope[d] }
              }
            }
          }
        }
      }
    }
    return 1 - sums[0] / sums[1]
  }

  /// Sample `image` at every voxel minus its flow, linearly, zero outside: calls `body` with the voxel, the
  /// value, and the value's derivative by the flow along x, y and z.
  private func warp(
    _ flow: Tensor, _ image: Tensor, _ team: Team,
    _ body: @Sendable (_ i: Int, _ value: Float, _ slope: SIMD4<Float>) -> Void
  ) throws {
    let s = flow.shape
    let (width, height, depth) = (s.width, s.height, s.depth)
    // Voxels that a flow of 1 moves: align_corners sampling of displacements in units of half the size.
    var lengths = SIMD4<Float>.zero
    for (d, n) in [width, height, depth].prefix(s.channels).enumerated() {
      lengths[d] = norms[d] * Float(n - 1) / Float(n)
    }
    let reach = lengths
    try image.read { pixels in
      try flow.read { flow in
        try team.run(s.batch * depth * height, .none) { row, _ in
          let (n, y, z) = (row / (depth * height), row % height, row / height % depth)
          for x in 0..<width {
            let v = (z * height + y) * width + x
            var move = SIMD4<Float>.zero
            for d in 0..<s.channels { move[d] = flow.base[(n * s.channels + d) * s.voxels + v] }
            var place = SIMD4(Float(x), Float(y), Float(z), 0) - move * reach
            // A flow that is no number points outside.
            place.replace(with: -1e6, where: place .!= place)
            place.clamp(lowerBound: SIMD4(repeating: -1e6), upperBound: SIMD4(repeating: 1e6))
            let floor = place.rounded(.down)
            let f = place - floor
            let low = SIMD4<Int>(Int(floor.x), Int(floor.y), Int(floor.z), 0)
            var value: Float = 0
            var slope = SIMD4<Float>.zero
            for corner in 0..<(depth > 1 ? 8 : 4) {
              let (dx, dy, dz) = (corner & 1, corner >> 1 & 1, corner >> 2)
              let (x, y, z) = (low.x + dx, low.y + dy, low.z + dz)
              if x < 0 || y < 0 || z < 0 || x >= width || y >= height || z >= depth { continue }
              let pixel = pixels.base[((n * depth + z) * height + y) * width + x]
              let (wx, wy, wz) = (
                dx == 1 ? f.x : 1 - f.x, dy == 1 ? f.y : 1 - f.y, dz == 1 ? f.z : 1 - f.z
              )
              value += pixel * wx * wy * wz
              slope.x += pixel * (dx == 1 ? wy * wz : -wy * wz)
              slope.y += pixel * (dy == 1 ? wx * wz : -wx * wz)
              slope.z += pixel * (dz == 1 ? wx * wy : -wx * wy)
            }
            body(n * s.voxels + v, value, slope * -reach)
          }
        }
      }
    }
  }
}

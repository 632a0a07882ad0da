// Separable filters with zero padding, optionally with stride 2, and their transposes (the gradients).

import Core
import Glibc

/// A filter that is a product of one odd-sized profile an axis.
public struct SeparableFilter: Sendable {
  /// Weights along x, y and z; an axis with one weight of 1 is left alone.
  public let x, y, z: [Float]

  /// A filter of these profiles.
  public init(x: [Float], y: [Float], z: [Float]) {
    self.x = x
    self.y = y
    self.z = z
  }

  /// exp(-((i - center) / sigma)^2 / 2), normalised to sum 1.
  public static func gaussian(count: Int, sigma: Double) -> [Float] {
    normalised((0..<count).map { exp(-pow((Double($0) - Double(count - 1) / 2) / sigma, 2) / 2) })
  }

  /// ELEPHANT's smoothing: 3 x 5 x 5 (z, y, x) with sigma 1, 8, 8; in 2D without z.
  public static func smoothing(dimensions: Int) -> SeparableFilter {
    let plane = gaussian(count: 5, sigma: 8)
    return SeparableFilter(
      x: plane, y: plane, z: dimensions == 3 ? gaussian(count: 3, sigma: 1) : [1])
  }

  /// The window of the structural similarity: 3 x 7 x 7 with sigma 1.5, the z profile squared; in 2D 7 x 7.
  public static func similarity(dimensions: Int) -> SeparableFilter {
    let plane = gaussian(count: 7, sigma: 1.5)
    let z = gaussian(count: 3, sigma: 1.5).map { Double($0) * Double($0) }
    return SeparableFilter(x: plane, y: plane, z: dimensions == 3 ? normalised(z) : [1])
  }

  private static func normalised(_ values: [Double]) -> [Float] {
    let sum = values.reduce(0, +)
    return values.map { Float($0 / sum) }
  }

  /// The filtered tensor; with stride 2 every second voxel along the filtered axes, from the first one.
  func forward(_ input: Tensor, stride: Int = 1, _ team: Team) throws -> Tensor {
    var result = input
    for (axis, weights) in [(Axis.x, x), (.y, y), (.z, z)] where weights.count > 1 {
      let n = result.shape.size[axis]
      let count = (n + stride - 1) / stride
      result = try Self.along(axis, result, count: count, team) { lines in
        for (k, w) in weights.enumerated() {
          let shift = k - weights.count / 2
          // From i * stride + shift to i, for all of both that are inside.
          let low = max(0, (stride - 1 - shift) / stride)
          lines.add(
            from: low * stride + shift, by: stride, to: low, by: 1,
            count: min(count - low, (n - 1 - shift - low * stride + stride) / stride), times: w)
        }
      }
    }
    return result
  }

  /// The gradient of the input from that of the output.
  func transposed(_ gradient: Tensor, size: Size3, stride: Int = 1, _ team: Team) throws -> Tensor {
    var result = gradient
    for (axis, weights) in [(Axis.z, z), (.y, y), (.x, x)] where weights.count > 1 {
      let n = size[axis]
      let old = result.shape.size[axis]
      result = try Self.along(axis, result, count: n, team) { lines in
        for (k, w) in weights.enumerated() {
          let shift = k - weights.count / 2
          let low = max(0, (stride - 1 - shift) / stride)
          lines.add(
            from: low, by: 1, to: low * stride + shift, by: stride,
            count: min(old - low, (n - 1 - shift - low * stride + stride) / stride), times: w)
        }
      }
    }
    return result
  }

  /// Lines along one axis, of the input and of the output: places along them are `step` apart, and `lines` of them
  /// lie side by side.
  private struct Lines {
    let input: UnsafePointer<Float>
    let output: UnsafeMutablePointer<Float>
    let step, lines: Int

    /// output[to] += w * input[from], for `count` places of every line.
    func add(from: Int, by a: Int, to: Int, by b: Int, count: Int, times w: Float) {
      guard count > 0 else { return }
      let (source, target) = (input + from * step, output + to * step)
      if lines == 1 {
        for i in 0..<count { target[i * b * step] += w * source[i * a * step] }
        return
      }
      for i in 0..<count {
        let (s, t) = (source + i * a * step, target + i * b * step)
        for j in 0..<lines { t[j] += w * s[j] }
      }
    }
  }

  /// A tensor with `count` places along an axis, cut into items for the team: planes, or rows for z.
  private static func along(
    _ axis: Axis, _ input: Tensor, count: Int, _ team: Team, _ body: @Sendable (Lines) -> Void
  ) throws -> Tensor {
    var size = input.shape.size
    let old = size[axis]
    size[axis] = count
    var result = Tensor(input.shape.with(size: size))
    let volumes = input.shape.batch * input.shape.channels
    let (width, plane) = (size.x, size.x * size.y)
    let (fromPlane, height, depth) = (input.shape.width * input.shape.height, size.y, size.z)
    try input.read { source in
      try result.write { out in
        switch axis {
        case .x:
          try team.run(volumes * depth, .none) { item, _ in
            for y in 0..<height {
              body(
                Lines(
                  input: source.base + item * fromPlane + y * old,
                  output: out.base + item * plane + y * count, step: 1, lines: 1))
            }
          }
        case .y:
          try team.run(volumes * depth, .none) { item, _ in
            body(
              Lines(
                input: source.base + item * fromPlane, output: out.base + item * plane,
                step: width, lines: width))
          }
        case .z:
          try team.run(volumes * height, .none) { item, _ in
            let (volume, y) = (item / height, item % height)
            body(
              Lines(
                input: source.base + volume * old * plane + y * width,
                output: out.base + volume * count * plane + y * width, step: plane, lines: width))
          }
        }
      }
    }
    return result
  }
}

/// Nearest resampling to a larger size, source index = floor(dst * in / out), and its transpose.
enum NearestResampling {
  static func forward(_ input: Tensor, to size: Size3, _ team: Team) throws -> Tensor {
    var result = Tensor(input.shape.with(size: size))
    let small = input.shape.size
    let (xs, ys, zs) = tables(small, size)
    try input.read { source in
      try result.write { out in
        try team.run(input.shape.batch * input.shape.channels * size.z, .none) { item, _ in
          let z = item / size.z * small.z + zs[item % size.z]
          for y in 0..<size.y {
            let from = source.base + (z * small.y + ys[y]) * small.x
            let to = out.base + (item * size.y + y) * size.x
            for x in 0..<size.x { to[x] = from[xs[x]] }
          }
        }
      }
    }
    return result
  }

  static func transposed(_ gradient: Tensor, to small: Size3, _ team: Team) throws -> Tensor {
    var result = Tensor(gradient.shape.with(size: small))
    let size = gradient.shape.size
    let (xs, ys, zs) = tables(small, size)
    try gradient.read { source in
      try result.write { out in
        // All planes that add to one plane are one item.
        try team.run(gradient.shape.batch * gradient.shape.channels * small.z, .none) { item, _ in
          for z in 0..<size.z where zs[z] == item % small.z {
            for y in 0..<size.y {
              let from = source.base + ((item / small.z * size.z + z) * size.y + y) * size.x
              let to = out.base + (item * small.y + ys[y]) * small.x
              for x in 0..<size.x { to[xs[x]] += from[x] }
            }
          }
        }
      }
    }
    return result
  }

  private static func tables(_ small: Size3, _ large: Size3) -> (x: [Int], y: [Int], z: [Int]) {
    func table(_ from: Int, _ to: Int) -> [Int] {
      let scale = Float(from) / Float(to)
      return (0..<to).map { min(from - 1, Int(Float($0) * scale)) }
    }
    return (table(small.x, large.x), table(small.y, large.y), table(small.z, large.z))
  }
}

/// mean |v - smooth(up(smooth, stride 2))|: what a map differs from its own smoothed half-size copy.
enum SmoothnessLoss {
  /// The value and the gradient of the map.
  static func evaluate(_ map: Tensor, _ filter: SeparableFilter, _ team: Team) throws -> (
    value: Double, gradient: Tensor
  ) {
    let (size, count) = (map.shape.size, map.shape.count)
    let small = try filter.forward(map, stride: 2, team)
    let smooth = try filter.forward(NearestResampling.forward(small, to: size, team), team)
    var sign = Tensor(map.shape)
    var sum = 0.0
    let step = 1 / Float(count)
    try map.read { map in
      try smooth.read { smooth in
        try sign.write { sign in
          sum = try team.sums(count) { range in
            var sum = 0.0
            for i in range {
              let d = map.base[i] - smooth.base[i]
              sum += Double(abs(d))
              sign.base[i] = d > 0 ? step : d < 0 ? -step : 0
            }
            return (SIMD8(sum, 0, 0, 0, 0, 0, 0, 0), .zero)
          }.0[0]
        }
      }
    }
    let back = try NearestResampling.transposed(
      filter.transposed(sign, size: size, team), to: small.shape.size, team)
    let through = try filter.transposed(back, size: size, stride: 2, team)
    try through.read { through in
      try sign.write { sign in
        try team.ranges(count) { for i in $0 { sign.base[i] -= through.base[i] } }
      }
    }
    return (sum / Double(count), sign)
  }
}

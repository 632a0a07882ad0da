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
  public func forward(_ input: Tensor, stride: Int = 1) -> Tensor {
    var result = input
    for (axis, weights) in [(Axis.x, x), (.y, y), (.z, z)] where weights.count > 1 {
      let n = result.shape.size[axis]
      result = Self.along(axis, result, count: (n + stride - 1) / stride) { line in
        for (k, w) in weights.enumerated() {
          for i in 0..<line.count {
            let from = i * stride + k - weights.count / 2
            if from >= 0 && from < n { line.add(from, times: w, to: i) }
          }
        }
      }
    }
    return result
  }

  /// The gradient of the input from that of the output.
  public func transposed(_ gradient: Tensor, size: Size3, stride: Int = 1) -> Tensor {
    var result = gradient
    for (axis, weights) in [(Axis.z, z), (.y, y), (.x, x)] where weights.count > 1 {
      let n = size[axis]
      let old = result.shape.size[axis]
      result = Self.along(axis, result, count: n) { line in
        for (k, w) in weights.enumerated() {
          for i in 0..<old {
            let to = i * stride + k - weights.count / 2
            if to >= 0 && to < n { line.add(i, times: w, to: to) }
          }
        }
      }
    }
    return result
  }

  /// Rows of `inner` contiguous values along one axis, of the input and of the output.
  struct Line {
    let input: UnsafePointer<Float>
    let output: UnsafeMutablePointer<Float>
    let inner, count: Int

    /// output[to] += w * input[from]
    func add(_ from: Int, times w: Float, to: Int) {
      let a = input + from * inner
      let b = output + to * inner
      for i in 0..<inner { b[i] += w * a[i] }
    }
  }

  private static func along(
    _ axis: Axis, _ input: Tensor, count: Int, _ body: (Line) -> Void
  ) -> Tensor {
    var size = input.shape.size
    let old = size[axis]
    size[axis] = count
    let inner = axis == .x ? 1 : axis == .y ? size.x : size.x * size.y
    var result = Tensor(input.shape.with(size: size))
    let outer = input.shape.count / (old * inner)
    result.values.withUnsafeMutableBufferPointer { out in
      input.values.withUnsafeBufferPointer { source in
        for o in 0..<outer {
          body(
            Line(
              input: source.baseAddress! + o * old * inner,
              output: out.baseAddress! + o * count * inner, inner: inner, count: count))
        }
      }
    }
    return result
  }
}

/// Nearest resampling to a larger size, source index = floor(dst * in / out), and its transpose.
enum NearestResampling {
  static func forward(_ input: Tensor, to size: Size3) -> Tensor {
    var result = Tensor(input.shape.with(size: size))
    eachPair(input.shape, size) { small, large in result.values[large] = input.values[small] }
    return result
  }

  static func transposed(_ gradient: Tensor, to size: Size3) -> Tensor {
    var result = Tensor(gradient.shape.with(size: size))
    eachPair(result.shape, gradient.shape.size) { small, large in
      result.values[small] += gradient.values[large]
    }
    return result
  }

  private static func eachPair(_ small: TensorShape, _ large: Size3, _ body: (Int, Int) -> Void) {
    func table(_ from: Int, _ to: Int) -> [Int] {
      let scale = Float(from) / Float(to)
      return (0..<to).map { min(from - 1, Int(Float($0) * scale)) }
    }
    let (xs, ys, zs) = (
      table(small.width, large.x), table(small.height, large.y), table(small.depth, large.z)
    )
    var to = 0
    for plane in 0..<(small.batch * small.channels) {
      for z in zs {
        for y in ys {
          let row = ((plane * small.depth + z) * small.height + y) * small.width
          for x in xs {
            body(row + x, to)
            to += 1
          }
        }
      }
    }
  }
}

/// mean |v - smooth(up(smooth, stride 2))|: what a map differs from its own smoothed half-size copy.
enum SmoothnessLoss {
  /// The value and the gradient of the map.
  static func evaluate(_ map: Tensor, _ filter: SeparableFilter) -> (
    value: Double, gradient: Tensor
  ) {
    let small = filter.forward(map, stride: 2)
    let smooth = filter.forward(NearestResampling.forward(small, to: map.shape.size))
    var sign = map
    var sum = 0.0
    let step = 1 / Float(map.shape.count)
    for i in map.values.indices {
      let d = map.values[i] - smooth.values[i]
      sum += Double(abs(d))
      sign.values[i] = d > 0 ? step : d < 0 ? -step : 0
    }
    let back = NearestResampling.transposed(
      filter.transposed(sign, size: map.shape.size), to: small.shape.size)
    let through = filter.transposed(back, size: map.shape.size, stride: 2)
    for i in sign.values.indices { sign.values[i] -= through.values[i] }
    return (sum / Double(map.shape.count), sign)
  }
}

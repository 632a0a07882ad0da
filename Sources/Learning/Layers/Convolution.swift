// Convolution with stride 1 and zero padding, plainly: the definition, row by row. It is the oracle of the
// fast kernels and the layer to read first.
//
//   out[n, o, v] = bias[o] + sum over i, t of weight[o, i, t] * in[n, i, v + t - center]
//
// In 2D the kernel has no z extent. Backward, with g the gradient of the output:
//   d in[n, i, v] = sum over o, t of weight[o, i, t] * g[n, o, v - t + center]
//   d weight[o, i, t] = sum over n, v of g[n, o, v] * in[n, i, v + t - center],  d bias[o] = sum of g[n, o]

import Core

/// The plain convolution layer, of any odd kernel size.
public struct Convolution: Sendable {
  /// Channels of input and output.
  public let inputChannels, outputChannels: Int
  /// Taps along z, y and x.
  public let kernel: Size3

  /// A convolution with a weight array of `outputs x inputs x kernel.z x kernel.y x kernel.x`.
  public init(inputChannels: Int, outputChannels: Int, kernel: Size3) {
    self.inputChannels = inputChannels
    self.outputChannels = outputChannels
    self.kernel = kernel
  }

  /// The layer that fits a weight of a state_dict: [out, in, (kz,) ky, kx].
  public init(weightShape s: [Int]) throws {
    guard s.count == 4 || s.count == 5 else {
      throw HowdahError(.argument, "\(s) is not the shape of a convolution's weight")
    }
    self.init(
      inputChannels: s[1], outputChannels: s[0],
      kernel: Size3(x: s[s.count - 1], y: s[s.count - 2], z: s.count == 5 ? s[2] : 1))
  }

  /// The output for a batch. Throws `.argument` when channels or array lengths do not fit.
  public func forward(_ input: Tensor, weight: [Float], bias: [Float]?) throws -> Tensor {
    try check(input, weight)
    let shape = input.shape
    var output = Tensor(shape.with(channels: outputChannels))
    try rows(shape, outputChannels, into: &output) { n, o, out in
      if let bias { for v in 0..<shape.voxels { out[v] = bias[o] } }
      input.values.withUnsafeBufferPointer { all in
        for i in 0..<inputChannels {
          let source = all.baseAddress! + (n * inputChannels + i) * shape.voxels
          for t in 0..<kernel.count {
            let w = weight[(o * inputChannels + i) * kernel.count + t]
            addShifted(source, to: out, by: tap(t), times: w, shape)
          }
        }
      }
    }
    return output
  }

  /// The gradient of the input from that of the output.
  public func inputGradient(_ gradient: Tensor, weight: [Float]) throws -> Tensor {
    let shape = gradient.shape
    var result = Tensor(shape.with(channels: inputChannels))
    try rows(shape, inputChannels, into: &result) { n, i, out in
      gradient.values.withUnsafeBufferPointer { all in
        for o in 0..<outputChannels {
          let source = all.baseAddress! + (n * outputChannels + o) * shape.voxels
          for t in 0..<kernel.count {
            let w = weight[(o * inputChannels + i) * kernel.count + t]
            let d = tap(t)
            addShifted(source, to: out, by: Size3(x: -d.x, y: -d.y, z: -d.z), times: w, shape)
          }
        }
      }
    }
    return result
  }

  /// The gradients of weight and bias.
  public func parameterGradients(_ input: Tensor, _ gradient: Tensor) throws -> (
    weight: [Float], bias: [Float]
  ) {
    try check(input, nil)
    let shape = input.shape
    let perOutput = inputChannels * kernel.count
    var weight = [Float](repeating: 0, count: outputChannels * perOutput)
    var bias = [Float](repeating: 0, count: outputChannels)
    try weight.withUnsafeMutableBufferPointer { weight in
      let weight = Shared(weight)
      try bias.withUnsafeMutableBufferPointer { bias in
        let bias = Shared(bias)
        try parallelFor(outputChannels) { o in
          input.values.withUnsafeBufferPointer { x in
            gradient.values.withUnsafeBufferPointer { g in
              for n in 0..<shape.batch {
                let rows = g.baseAddress! + (n * outputChannels + o) * shape.voxels
                for v in 0..<shape.voxels { bias.base[o] += rows[v] }
                for i in 0..<inputChannels {
                  let source = x.baseAddress! + (n * inputChannels + i) * shape.voxels
                  for t in 0..<kernel.count {
                    weight.base[o * perOutput + i * kernel.count + t] += dotShifted(
                      source, rows, by: tap(t), shape)
                  }
                }
              }
            }
          }
        }
      }
    }
    return (weight, bias)
  }

  /// The offset of tap t from the center.
  private func tap(_ t: Int) -> Size3 {
    Size3(
      x: t % kernel.x - kernel.x / 2, y: t / kernel.x % kernel.y - kernel.y / 2,
      z: t / (kernel.x * kernel.y) - kernel.z / 2)
  }

  private func check(_ input: Tensor, _ weight: [Float]?) throws {
    guard input.shape.channels == inputChannels else {
      throw HowdahError(
        .argument, "a convolution of \(inputChannels) channels was given \(input.shape)")
    }
    if let weight, weight.count != outputChannels * inputChannels * kernel.count {
      throw HowdahError(.argument, "a convolution's weight has \(weight.count) elements")
    }
  }

  /// Run `body` for every sample and channel of `output`, each with its own volume, in parallel.
  private func rows(
    _ shape: TensorShape, _ channels: Int, into output: inout Tensor,
    _ body: @Sendable (_ n: Int, _ c: Int, _ out: UnsafeMutablePointer<Float>) throws -> Void
  ) throws {
    try output.values.withUnsafeMutableBufferPointer { buffer in
      let out = Shared(buffer)
      try parallelFor(shape.batch * channels) { k in
        try body(k / channels, k % channels, out.base + k * shape.voxels)
      }
    }
  }
}

/// A pointer that several threads use, each for its own part.
struct Shared<Element>: @unchecked Sendable {
  let base: UnsafeMutablePointer<Element>

  init(_ buffer: UnsafeMutableBufferPointer<Element>) { base = buffer.baseAddress! }
  init(_ pointer: UnsafeMutablePointer<Element>) { base = pointer }
}

/// A pointer that several threads read.
struct Constant: @unchecked Sendable {
  let base: UnsafePointer<Float>

  init(_ buffer: UnsafeBufferPointer<Float>) { base = buffer.baseAddress! }
}

/// The voxels v along one axis for which both v and v + d are inside.
private func inside(_ d: Int, _ count: Int) -> Range<Int> {
  let low = max(0, -d)
  return low..<max(low, min(count, count - d))
}

/// out[v] += w * source[v + d] wherever v + d is inside.
private func addShifted(
  _ source: UnsafePointer<Float>, to out: UnsafeMutablePointer<Float>, by d: Size3, times w: Float,
  _ shape: TensorShape
) {
  let xs = inside(d.x, shape.width)
  for z in inside(d.z, shape.depth) {
    for y in inside(d.y, shape.height) {
      let to = out + (z * shape.height + y) * shape.width
      let from = source + ((z + d.z) * shape.height + y + d.y) * shape.width + d.x
      for x in xs { to[x] += w * from[x] }
    }
  }
}

/// The sum of source[v + d] * g[v] wherever v + d is inside, rows summed in double.
private func dotShifted(
  _ source: UnsafePointer<Float>, _ g: UnsafePointer<Float>, by d: Size3, _ shape: TensorShape
) -> Float {
  let xs = inside(d.x, shape.width)
  var sum = 0.0
  for z in inside(d.z, shape.depth) {
    for y in inside(d.y, shape.height) {
      let rows = g + (z * shape.height + y) * shape.width
      let from = source + ((z + d.z) * shape.height + y + d.y) * shape.width + d.x
      var row = SIMD8<Float>.zero
      var x = xs.lowerBound
      while x + 8 <= xs.upperBound {
        let a = UnsafeRawPointer(rows + x).loadUnaligned(as: SIMD8<Float>.self)
        let b = UnsafeRawPointer(from + x).loadUnaligned(as: SIMD8<Float>.self)
        row += a * b
        x += 8
      }
      var rest: Float = 0
      while x < xs.upperBound {
        rest += rows[x] * from[x]
        x += 1
      }
      sum += Double(row.sum() + rest)
    }
  }
  return Float(sum)
}

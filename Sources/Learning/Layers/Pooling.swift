// Max pooling with kernel = stride, nearest upsampling by the same factors, and the concatenation of channels.
// y and x are always halved; z is kept where the sample keeps its axials at that level, else halved.

import Core

/// Max pooling by 2 along y and x, and by `zFactor` (1 or 2) along z.
public struct MaxPooling: Sendable {
  /// Extent of a block along z, 1 or 2.
  public let zFactor: Int

  /// The layer with this block extent along z.
  public init(zFactor: Int) { self.zFactor = zFactor }

  /// The maxima. Throws `.argument` when a size does not divide.
  public func forward(_ input: Tensor) throws -> Tensor {
    let shape = try pooled(input.shape)
    var result = Tensor(shape)
    eachWindow(shape, input.shape) { out, window in
      var best = input.values[window[0]]
      for v in window where input.values[v] > best { best = input.values[v] }
      result.values[out] = best
    }
    return result
  }

  /// The gradient goes to the first maximum of each window (in z, y, x order), as in PyTorch.
  public func backward(_ gradient: Tensor, input: Tensor) throws -> Tensor {
    try gradient.require(pooled(input.shape), "the gradient of the pooling")
    var result = Tensor(input.shape)
    eachWindow(gradient.shape, input.shape) { out, window in
      var best = window[0]
      for v in window where input.values[v] > input.values[best] { best = v }
      result.values[best] += gradient.values[out]
    }
    return result
  }

  private func pooled(_ shape: TensorShape) throws -> TensorShape {
    guard shape.depth % zFactor == 0, shape.height % 2 == 0, shape.width % 2 == 0 else {
      throw HowdahError(.argument, "\(shape) cannot be pooled by z \(zFactor), y 2, x 2")
    }
    return shape.with(
      size: Size3(x: shape.width / 2, y: shape.height / 2, z: shape.depth / zFactor))
  }

  private func eachWindow(
    _ small: TensorShape, _ large: TensorShape, _ body: (_ out: Int, _ window: [Int]) -> Void
  ) {
    var window = [Int](repeating: 0, count: zFactor * 4)
    var out = 0
    for plane in 0..<(small.batch * small.channels) {
      for z in 0..<small.depth {
        for y in 0..<small.height {
          for x in 0..<small.width {
            for k in window.indices {
              let zz = plane * large.depth + z * zFactor + k / 4
              window[k] = (zz * large.height + 2 * y + k / 2 % 2) * large.width + 2 * x + k % 2
            }
            body(out, window)
            out += 1
          }
        }
      }
    }
  }
}

/// Repetition of every voxel, twice along y and x, `zFactor` times along z.
public struct NearestUpsampling: Sendable {
  /// Extent of a block along z, 1 or 2.
  public let zFactor: Int

  /// The layer with this block extent along z.
  public init(zFactor: Int) { self.zFactor = zFactor }

  /// The repeated voxels.
  public func forward(_ input: Tensor) -> Tensor {
    let s = input.shape
    let size = Size3(x: s.width * 2, y: s.height * 2, z: s.depth * zFactor)
    return Tensor(s.with(size: size)) { n, c, z, y, x in
      input[n: n, c: c, z: z / zFactor, y: y / 2, x: x / 2]
    }
  }

  /// The sum of the gradient over each block.
  public func backward(_ gradient: Tensor) -> Tensor {
    let s = gradient.shape
    var result = Tensor(
      s.with(size: Size3(x: s.width / 2, y: s.height / 2, z: s.depth / zFactor)))
    for n in 0..<s.batch {
      for c in 0..<s.channels {
        for z in 0..<s.depth {
          for y in 0..<s.height {
            for x in 0..<s.width {
              result[n: n, c: c, z: z / zFactor, y: y / 2, x: x / 2] +=
                gradient[n: n, c: c, z: z, y: y, x: x]
            }
          }
        }
      }
    }
    return result
  }
}

/// Channels of two tensors, one after the other.
public enum Concatenation {
  /// Both tensors' channels; batch and size must agree.
  public static func forward(_ first: Tensor, _ second: Tensor) throws -> Tensor {
    try second.require(first.shape.with(channels: second.shape.channels), "the second tensor")
    let channels = first.shape.channels + second.shape.channels
    var values: [Float] = []
    values.reserveCapacity(first.shape.count + second.shape.count)
    for n in 0..<first.shape.batch {
      values += first.sample(n).values
      values += second.sample(n).values
    }
    return try Tensor(first.shape.with(channels: channels), values: values)
  }

  /// The gradients of both parts; the first has `channels` channels.
  public static func backward(_ gradient: Tensor, firstChannels channels: Int) throws -> (
    Tensor, Tensor
  ) {
    let s = gradient.shape
    let cut = channels * s.voxels
    var first: [Float] = []
    var second: [Float] = []
    for n in 0..<s.batch {
      let one = gradient.sample(n).values
      first += one[..<cut]
      second += one[cut...]
    }
    return (
      try Tensor(s.with(channels: channels), values: first),
      try Tensor(s.with(channels: s.channels - channels), values: second)
    )
  }
}

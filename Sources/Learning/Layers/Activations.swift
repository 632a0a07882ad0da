// ReLU, leaky ReLU, log-softmax over channels, and tanh.

import Core
import Glibc

/// max(x, slope * x): ReLU at slope 0, leaky ReLU between 0 and 1, nothing at 1.
public struct LeakyReLU: Sendable {
  /// What negative values are multiplied by.
  public let slope: Float

  /// The layer with this slope, 0 to 1.
  public init(slope: Float) { self.slope = slope }

  /// The activated values.
  public func forward(_ input: Tensor) -> Tensor { input.map { max($0, slope * $0) } }

  /// The gradient of the input. The sign of the output is that of the input, so either can be given.
  public func backward(_ gradient: Tensor, output: Tensor) -> Tensor {
    var result = gradient
    for i in result.values.indices where output.values[i] <= 0 { result.values[i] *= slope }
    return result
  }
}

/// log(exp(x_c) / sum over channels of exp(x)) for each voxel.
public enum LogSoftmax {
  /// The activated values.
  public static func forward(_ input: Tensor) -> Tensor {
    var result = input
    eachVoxel(input.shape) { offset, stride, channels in
      var top = -Float.infinity
      for c in 0..<channels { top = max(top, input.values[offset + c * stride]) }
      var sum = 0.0
      for c in 0..<channels { sum += exp(Double(input.values[offset + c * stride] - top)) }
      let logSum = top + Float(log(sum))
      for c in 0..<channels { result.values[offset + c * stride] -= logSum }
    }
    return result
  }

  /// g_c - exp(y_c) * sum over channels of g.
  public static func backward(_ gradient: Tensor, output: Tensor) -> Tensor {
    var result = gradient
    eachVoxel(gradient.shape) { offset, stride, channels in
      var sum: Float = 0
      for c in 0..<channels { sum += gradient.values[offset + c * stride] }
      for c in 0..<channels {
        result.values[offset + c * stride] -= exp(output.values[offset + c * stride]) * sum
      }
    }
    return result
  }

  private static func eachVoxel(_ shape: TensorShape, _ body: (Int, Int, Int) -> Void) {
    for n in 0..<shape.batch {
      for v in 0..<shape.voxels { body(n * shape.sampleCount + v, shape.voxels, shape.channels) }
    }
  }
}

/// The hyperbolic tangent.
public enum Tanh {
  /// The activated values.
  public static func forward(_ input: Tensor) -> Tensor { input.map { tanh($0) } }

  /// g * (1 - y^2).
  public static func backward(_ gradient: Tensor, output: Tensor) -> Tensor {
    var result = gradient
    for i in result.values.indices { result.values[i] *= 1 - output.values[i] * output.values[i] }
    return result
  }
}

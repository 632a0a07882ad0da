// Linear resampling with the corners aligned: source coordinate = dst * (in - 1) / (out - 1), 0 when out is 1.
// It is how ELEPHANT makes sizes fit ("conform"). Separable, so each axis is one pass.

import Core

/// Bi- or trilinear resampling of every channel.
public enum LinearResampling {
  /// The tensor at another size. An axis whose size stays is untouched.
  public static func forward(_ input: Tensor, to size: Size3) throws -> Tensor {
    guard size.x > 0, size.y > 0, size.z > 0 else {
      throw HowdahError(.argument, "cannot resample to \(size)")
    }
    var result = input
    for axis in [Axis.x, .y, .z] where result.shape.size[axis] != size[axis] {
      result = along(axis, result, to: size[axis])
    }
    return result
  }

  private static func along(_ axis: Axis, _ input: Tensor, to count: Int) -> Tensor {
    var size = input.shape.size
    let old = size[axis]
    size[axis] = count
    // The tensor seen as outer x axis x inner.
    let inner: Int
    switch axis {
    case .x: inner = 1
    case .y: inner = size.x
    case .z: inner = size.x * size.y
    }
    let outer = input.shape.count / (old * inner)
    var result = Tensor(input.shape.with(size: size))
    let step = count > 1 ? Float(old - 1) / Float(count - 1) : 0
    result.values.withUnsafeMutableBufferPointer { out in
      input.values.withUnsafeBufferPointer { source in
        for k in 0..<count {
          let position = Float(k) * step
          let low = min(old - 1, Int(position))
          let high = min(old - 1, low + 1)
          let f = position - Float(low)
          for o in 0..<outer {
            let to = out.baseAddress! + (o * count + k) * inner
            let a = source.baseAddress! + (o * old + low) * inner
            let b = source.baseAddress! + (o * old + high) * inner
            for i in 0..<inner { to[i] = (1 - f) * a[i] + f * b[i] }
          }
        }
      }
    }
    return result
  }
}

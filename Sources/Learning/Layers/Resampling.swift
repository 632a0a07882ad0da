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
    let sources = (0..<count).map { k in
      let position = Float(k) * step
      let low = min(old - 1, Int(position))
      return (low: low, high: min(old - 1, low + 1), f: position - Float(low))
    }
    result.values.withUnsafeMutableBufferPointer { out in
      input.values.withUnsafeBufferPointer { source in
        let (out, source) = (
          Shared(out), Shared(UnsafeMutablePointer(mutating: source.baseAddress!))
        )
        // Along x a block is some rows, along y and z some rows or planes of the result.
        let items = inner == 1 ? outer : outer * count
        let pieces = min(items, max(1, outer * count * inner >> 16))
        // Nothing in the blocks throws.
        try? parallelFor(pieces) { piece in
          for item in (piece * items / pieces)..<((piece + 1) * items / pieces) {
            if inner == 1 {
              let (from, to) = (source.base + item * old, out.base + item * count)
              for (k, s) in sources.enumerated() {
                to[k] = (1 - s.f) * from[s.low] + s.f * from[s.high]
              }
            } else {
              let s = sources[item % count]
              let to = out.base + item * inner
              let a = source.base + (item / count * old + s.low) * inner
              let b = source.base + (item / count * old + s.high) * inner
              for i in 0..<inner { to[i] = (1 - s.f) * a[i] + s.f * b[i] }
            }
          }
        }
      }
    }
    return result
  }
}

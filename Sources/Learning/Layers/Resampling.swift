// Linear resampling with the corners aligned: source coordinate = dst * (in - 1) / (out - 1), 0 when out is 1.
// It is how ELEPHANT makes sizes fit ("conform"). Separable, so each axis is one pass.

import Core

/// Bi- or trilinear resampling of every channel.
public enum LinearResampling {
  /// The tensor at another size. An axis whose size stays is untouched.
  public static func forward(_ input: Tensor, to size: Size3, progress: Progress = .none) throws
    -> Tensor
  {
    guard size.x > 0, size.y > 0, size.z > 0 else {
      throw HowdahError(.argument, "cannot resample to \(size)")
    }
    var result = input
    for axis in [Axis.x, .y, .z] where result.shape.size[axis] != size[axis] {
      result = try along(axis, result, to: size[axis], progress)
    }
    return result
  }

  /// The gradient of an input of this size from that of the output.
  public static func backward(_ gradient: Tensor, from size: Size3) throws -> Tensor {
    var result = gradient
    for axis in [Axis.z, .y, .x] where result.shape.size[axis] != size[axis] {
      var shape = result.shape.size
      let count = shape[axis]
      shape[axis] = size[axis]
      let inner = axis == .x ? 1 : axis == .y ? shape.x : shape.x * shape.y
      var input = Tensor(result.shape.with(size: shape))
      for (k, p) in sources(size[axis], count).enumerated() {
        for o in 0..<(result.shape.count / (count * inner)) {
          for i in 0..<inner {
            let g = result.values[(o * count + k) * inner + i]
            input.values[(o * size[axis] + p.low) * inner + i] += (1 - p.f) * g
            input.values[(o * size[axis] + p.high) * inner + i] += p.f * g
          }
        }
      }
      result = input
    }
    return result
  }

  /// Where each of `count` voxels reads on an axis of `old` voxels: between two of them, and how far.
  private static func sources(_ old: Int, _ count: Int) -> [(low: Int, high: Int, f: Float)] {
    let step = count > 1 ? Float(old - 1) / Float(count - 1) : 0
    return (0..<count).map { k in
      let position = Float(k) * step
      let low = min(old - 1, Int(position))
      return (low, min(old - 1, low + 1), position - Float(low))
    }
  }

  private static func along(
    _ axis: Axis, _ input: Tensor, to count: Int, _ progress: Progress
  ) throws -> Tensor {
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
    let sources = sources(old, count)
    try result.values.withUnsafeMutableBufferPointer { out in
      try input.values.withUnsafeBufferPointer { source in
        let (out, source) = (Shared(out), Constant(source))
        // Along x a block is some rows, along y and z some rows or planes of the result.
        let items = inner == 1 ? outer : outer * count
        let pieces = min(items, max(1, outer * count * inner >> 16))
        try parallelFor(pieces) { piece in
          try progress.check()
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

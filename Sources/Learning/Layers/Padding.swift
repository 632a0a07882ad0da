// Edge-replicate padding and cutting, for the "pad" option that mitigates discontinuities at the edges.

import Core

/// Repeats the outermost voxels, and cuts them off again.
public enum EdgePadding {
  /// The tensor with `margin` voxels more on both sides of every axis.
  public static func forward(_ input: Tensor, margin: Size3) -> Tensor {
    let s = input.shape
    return forward(
      input, margin: margin,
      to: Size3(
        x: s.width + 2 * margin.x, y: s.height + 2 * margin.y, z: s.depth + 2 * margin.z))
  }

  /// The tensor at a larger size, with `margin` voxels more before the first ones, and the others behind the last.
  public static func forward(_ input: Tensor, margin: Size3, to size: Size3) -> Tensor {
    let s = input.shape
    func inside(_ v: Int, _ m: Int, _ count: Int) -> Int { min(max(v - m, 0), count - 1) }
    var result = Tensor(s.with(size: size))
    result.values.withUnsafeMutableBufferPointer { out in
      input.values.withUnsafeBufferPointer { values in
        for row in 0..<(s.batch * s.channels * size.z * size.y) {
          let (volume, plane) = (row / (size.z * size.y), row / size.y % size.z)
          let z = volume * s.depth + inside(plane, margin.z, s.depth)
          let y = inside(row % size.y, margin.y, s.height)
          let from = values.baseAddress! + (z * s.height + y) * s.width
          let to = out.baseAddress! + row * size.x
          (to + margin.x).update(from: from, count: s.width)
          to.update(repeating: from[0], count: margin.x)
          (to + margin.x + s.width).update(
            repeating: from[s.width - 1], count: size.x - margin.x - s.width)
        }
      }
    }
    return result
  }

  /// The tensor without `margin` voxels on both sides of every axis.
  public static func cut(_ input: Tensor, margin: Size3) -> Tensor {
    let s = input.shape
    return cut(
      input, margin: margin,
      to: Size3(
        x: s.width - 2 * margin.x, y: s.height - 2 * margin.y, z: s.depth - 2 * margin.z))
  }

  /// The part of the tensor of a size that begins after `margin` voxels.
  public static func cut(_ input: Tensor, margin: Size3, to size: Size3) -> Tensor {
    let s = input.shape
    var result = Tensor(s.with(size: size))
    result.values.withUnsafeMutableBufferPointer { out in
      input.values.withUnsafeBufferPointer { values in
        for row in 0..<(s.batch * s.channels * size.z * size.y) {
          let (volume, plane) = (row / (size.z * size.y), row / size.y % size.z)
          let z = volume * s.depth + plane + margin.z
          let from = (z * s.height + row % size.y + margin.y) * s.width + margin.x
          (out.baseAddress! + row * size.x).update(
            from: values.baseAddress! + from, count: size.x)
        }
      }
    }
    return result
  }
}

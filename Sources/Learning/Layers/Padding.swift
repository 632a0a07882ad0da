// Edge-replicate padding and cutting, for the "pad" option that mitigates discontinuities at the edges.

import Core

/// Repeats the outermost voxels, and cuts them off again.
public enum EdgePadding {
  /// The tensor with `margin` voxels more on both sides of every axis.
  public static func forward(_ input: Tensor, margin: Size3) -> Tensor {
    let s = input.shape
    let size = Size3(
      x: s.width + 2 * margin.x, y: s.height + 2 * margin.y, z: s.depth + 2 * margin.z)
    func inside(_ v: Int, _ m: Int, _ count: Int) -> Int { min(max(v - m, 0), count - 1) }
    return Tensor(s.with(size: size)) { n, c, z, y, x in
      input[
        n: n, c: c, z: inside(z, margin.z, s.depth), y: inside(y, margin.y, s.height),
        x: inside(x, margin.x, s.width)]
    }
  }

  /// The tensor without `margin` voxels on both sides of every axis.
  public static func cut(_ input: Tensor, margin: Size3) -> Tensor {
    let s = input.shape
    let size = Size3(
      x: s.width - 2 * margin.x, y: s.height - 2 * margin.y, z: s.depth - 2 * margin.z)
    return Tensor(s.with(size: size)) { n, c, z, y, x in
      input[n: n, c: c, z: z + margin.z, y: y + margin.y, x: x + margin.x]
    }
  }
}

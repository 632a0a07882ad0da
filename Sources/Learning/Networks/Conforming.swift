// How any size is made to fit the poolings (the "conform" and "pad" of ELEPHANT): the input is resampled
// linearly up to the next multiples, optionally padded by half a multiple of repeated edge voxels; the
// activated output is cut and resampled back.

import Core

/// The plan for one input size.
public struct Conforming: Sendable {
  /// The size given, the size resampled to, and the padding on each side.
  public let original, conformed, margin: Size3

  /// - Parameter pad: also pad by half of what sizes must be a multiple of.
  public init(_ size: Size3, architecture: Architecture, keepAxials: KeepAxials, pad: Bool) {
    let base = keepAxials.effective(architecture).base(dimensions: architecture.dimensions)
    original = size
    func next(_ v: Int, _ b: Int) -> Int { (v + b - 1) / b * b }
    conformed = Size3(
      x: next(size.x, base.x), y: next(size.y, base.y), z: next(size.z, base.z))
    margin = pad ? Size3(x: base.x / 2, y: base.y / 2, z: base.z / 2) : Size3(x: 0, y: 0, z: 0)
  }

  /// The size that the network sees.
  public var inner: Size3 {
    Size3(
      x: conformed.x + 2 * margin.x, y: conformed.y + 2 * margin.y, z: conformed.z + 2 * margin.z)
  }

  /// What the network is given.
  public func apply(_ input: Tensor, progress: Progress = .none) throws -> Tensor {
    var result = input
    if conformed != original {
      result = try LinearResampling.forward(result, to: conformed, progress: progress)
    }
    if inner != conformed { result = EdgePadding.forward(result, margin: margin) }
    return result
  }

  /// The network's output at the original size.
  public func restore(_ output: Tensor, progress: Progress = .none) throws -> Tensor {
    var result = output
    if inner != conformed { result = EdgePadding.cut(result, margin: margin) }
    if conformed != original {
      result = try LinearResampling.forward(result, to: original, progress: progress)
    }
    return result
  }
}

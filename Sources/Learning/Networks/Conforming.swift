// How any size is made to fit the poolings (the "conform" and "pad" of ELEPHANT): the input is resampled
// linearly up to the next multiples, optionally padded by half a multiple of repeated edge voxels; the
// activated output is cut and resampled back.
//
// Resampling the output of a detection network mixes logarithms of probabilities: of two neighbouring planes, one
// sure of a nucleus and one sure of none, the second wins. Where voxels are long, as 35 planes that become 36 are,
// half of the nuclei are lost. So the sizes can be made to fit by repeating edge voxels instead.

import Core

/// The plan for one input size.
public struct Conforming: Sendable {
  /// How a size that the poolings do not divide is made to fit.
  public enum Fit: Sendable {
    /// Resample to the next multiples, as ELEPHANT does.
    case resample
    /// Repeat the last voxels of an axis up to the next multiple.
    case repeatEdges
  }

  /// The size given, the size that fits, and the padding on each side of it.
  public let original, conformed, margin: Size3
  private let fit: Fit

  /// - Parameters:
  ///   - pad: also pad by half of what sizes must be a multiple of.
  ///   - fit: what is done with sizes that are no multiple of it.
  public init(
    _ size: Size3, architecture: Architecture, keepAxials: KeepAxials, pad: Bool,
    fit: Fit = .resample
  ) {
    self.fit = fit
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
    if inner == original { return input }
    if fit == .repeatEdges { return EdgePadding.forward(input, margin: margin, to: inner) }
    var result = input
    if conformed != original {
      result = try LinearResampling.forward(result, to: conformed, progress: progress)
    }
    if inner != conformed { result = EdgePadding.forward(result, margin: margin) }
    return result
  }

  /// The network's output at the original size.
  public func restore(_ output: Tensor, progress: Progress = .none) throws -> Tensor {
    if inner == original { return output }
    if fit == .repeatEdges { return EdgePadding.cut(output, margin: margin, to: original) }
    var result = output
    if inner != conformed { result = EdgePadding.cut(result, margin: margin) }
    if conformed != original {
      result = try LinearResampling.forward(result, to: original, progress: progress)
    }
    return result
  }
}

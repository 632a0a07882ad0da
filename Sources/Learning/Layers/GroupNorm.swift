// Group normalisation (Wu & He 2018) as ELEPHANT uses it: min(32, channels) groups, epsilon 1e-5, biased
// variance over the channels of the group and all voxels of one sample, weight and bias per channel.
//
// A group's output is x * scale + shift with scale = weight / sqrt(var + eps), shift = bias - mean * scale.
// The fast engine never writes it: it hands scale and shift to the layer that reads.

import Core

/// The plain GroupNorm layer.
public struct GroupNorm: Sendable {
  /// Channels of input and output.
  public let channels: Int
  /// What is added to the variance.
  public static let epsilon = 1e-5

  /// The layer for this many channels.
  public init(channels: Int) { self.channels = channels }

  /// The number of groups for this many channels.
  public static func groups(channels: Int) -> Int { min(32, channels) }

  /// Normalised, scaled and shifted.
  public func forward(_ input: Tensor, weight: [Float], bias: [Float]) throws -> Tensor {
    try check(input)
    var result = input
    let voxels = input.shape.voxels
    for n in 0..<input.shape.batch {
      for group in 0..<Self.groups(channels: channels) {
        let (mean, inverse) = statistics(input, n, group)
        for c in members(group) {
          let scale = Float(inverse) * weight[c]
          let shift = bias[c] - Float(mean) * scale
          let start = (n * channels + c) * voxels
          for v in start..<(start + voxels) { result.values[v] = input.values[v] * scale + shift }
        }
      }
    }
    return result
  }

  /// The gradients of input, weight and bias. With xhat the normalised input and m the mean over a group:
  /// dx = inverse * (w g - m(w g) - xhat * m(w g xhat)).
  public func backward(_ gradient: Tensor, input: Tensor, weight: [Float]) throws -> (
    input: Tensor, weight: [Float], bias: [Float]
  ) {
    try check(input)
    try gradient.require(input.shape, "the gradient of GroupNorm")
    var result = gradient
    var weightGradient = [Float](repeating: 0, count: channels)
    var biasGradient = weightGradient
    let voxels = input.shape.voxels
    for n in 0..<input.shape.batch {
      for group in 0..<Self.groups(channels: channels) {
        let (mean, inverse) = statistics(input, n, group)
        var sumG = 0.0
        var sumGX = 0.0
        for c in members(group) {
          var g = 0.0
          var gx = 0.0
          let start = (n * channels + c) * voxels
          for v in start..<(start + voxels) {
            g += Double(gradient.values[v])
            gx += Double(gradient.values[v]) * (Double(input.values[v]) - mean) * inverse
          }
          weightGradient[c] += Float(gx)
          biasGradient[c] += Float(g)
          sumG += g * Double(weight[c])
          sumGX += gx * Double(weight[c])
        }
        let count = Double(voxels * members(group).count)
        let (meanG, meanGX) = (sumG / count, sumGX / count)
        for c in members(group) {
          let start = (n * channels + c) * voxels
          let w = Double(weight[c])
          for v in start..<(start + voxels) {
            let xhat = (Double(input.values[v]) - mean) * inverse
            result.values[v] = Float(
              inverse * (w * Double(gradient.values[v]) - meanG - xhat * meanGX))
          }
        }
      }
    }
    return (result, weightGradient, biasGradient)
  }

  private func members(_ group: Int) -> Range<Int> {
    let size = channels / Self.groups(channels: channels)
    return (group * size)..<((group + 1) * size)
  }

  private func statistics(_ input: Tensor, _ n: Int, _ group: Int) -> (
    mean: Double, inverseDeviation: Double
  ) {
    let voxels = input.shape.voxels
    let range = members(group)
    let start = (n * channels + range.lowerBound) * voxels
    let end = start + range.count * voxels
    var sum = 0.0
    for v in start..<end { sum += Double(input.values[v]) }
    let mean = sum / Double(end - start)
    var squares = 0.0
    for v in start..<end {
      let d = Double(input.values[v]) - mean
      squares += d * d
    }
    return (mean, 1 / (squares / Double(end - start) + Self.epsilon).squareRoot())
  }

  private func check(_ input: Tensor) throws {
    guard input.shape.channels == channels else {
      throw HowdahError(.argument, "a GroupNorm of \(channels) channels was given \(input.shape)")
    }
  }
}

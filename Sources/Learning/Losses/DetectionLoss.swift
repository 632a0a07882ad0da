// The loss of the detection network: a weighted negative log-likelihood, a dice loss of the center probability,
// and a smoothness term (elephant-server, "SegmentationLoss"), with ELEPHANT's weights 1/7, 5/7, 1/7.

import Core
import Glibc

/// What a loss gives: its value, its named parts, and the gradient of the network's output.
public struct LossResult: Sendable {
  /// What is minimised.
  public var total: Double
  /// The parts under the names of ELEPHANT's log, in its order.
  public var parts: [(name: String, value: Double)]
  /// d total / d output.
  public var gradient: Tensor

  /// A loss of one's own.
  public init(total: Double, parts: [(name: String, value: Double)], gradient: Tensor) {
    self.total = total
    self.parts = parts
    self.gradient = gradient
  }
}

/// Labels of voxels: -1 unlabeled; 0, 1, 2 background, border, center; 3, 4, 5 the same where the annotation
/// corrects a wrong prediction.
public typealias Labels = [Int8]

/// The loss with its memory: a sample without center voxels repeats the last center loss, as a constant.
public struct DetectionLoss: Sendable {
  /// Weights of background, border and center.
  public let classWeights: [Float]
  /// Weight of the corrected ("false") labels.
  public let falseWeight: Float
  /// 2 or 3, of the smoothing filter in training.
  public let dimensions: Int
  private var lastCenter = 0.0

  /// ELEPHANT's defaults are class weights 1, 10, 10 and a false weight of 10.
  public init(
    classWeights: [Float] = [1, 10, 10], falseWeight: Float = 10, dimensions: Int = 3
  ) {
    self.classWeights = classWeights
    self.falseWeight = falseWeight
    self.dimensions = dimensions
  }

  /// The loss of log-probabilities [n, 3, ...] against labels [n, ...].
  ///
  /// Throws `.argument` for shapes that do not fit, labels out of range, or a batch without any label.
  public mutating func evaluate(
    _ output: Tensor, labels: Labels, dimensions: Int
  ) throws -> LossResult {
    let shape = output.shape
    guard shape.channels == 3, classWeights.count == 3, labels.count == shape.batch * shape.voxels,
      labels.allSatisfy({ (-1...5).contains($0) })
    else { throw HowdahError(.argument, "labels from -1 to 5 are needed for every voxel") }
    let samples = (0..<shape.batch).filter { n in
      labels[(n * shape.voxels)..<((n + 1) * shape.voxels)].contains { $0 >= 0 }
    }
    guard !samples.isEmpty else {
      throw HowdahError(.argument, "no voxel of the batch is labelled; annotate some spots first")
    }
    var gradient = Tensor(shape)
    var (nll, center, smooth) = (0.0, 0.0, 0.0)
    let share = 1 / Float(samples.count)
    for n in samples {
      let one = output.sample(n)
      let target = labels[(n * shape.voxels)..<((n + 1) * shape.voxels)]
      var part = Tensor(one.shape)
      nll += likelihood(one, target, &part, share / 7)
      center += dice(one, target, &part, share * 5 / 7)
      smooth += smoothness(one, dimensions, &part, share / 7)
      let start = n * shape.sampleCount
      gradient.values.replaceSubrange(start..<(start + shape.sampleCount), with: part.values)
    }
    let count = Double(samples.count)
    (nll, center, smooth) = (nll / count, center / count, smooth / count)
    return LossResult(
      total: nll / 7 + center * 5 / 7 + smooth / 7,
      parts: [("nll_loss", nll), ("center_dice_loss", center), ("smooth_loss", smooth)],
      gradient: gradient)
  }

  /// The two masks, correct and corrected labels, each with its share of the sum.
  private func masks(_ labels: ArraySlice<Int8>) -> [(classes: ClosedRange<Int8>, share: Float)] {
    let light = Float(labels.count { (0...2).contains($0) })
    let heavy = Float(labels.count { $0 >= 3 })
    let total = light + falseWeight * heavy
    return [(0...2, light / total), (3...5, falseWeight * heavy / total)].filter { $0.share > 0 }
  }

  private func likelihood(
    _ output: Tensor, _ labels: ArraySlice<Int8>, _ gradient: inout Tensor, _ factor: Float
  ) -> Double {
    let voxels = output.shape.voxels
    var result = 0.0
    for mask in masks(labels) {
      var weights = 0.0
      var sum = 0.0
      for (v, label) in labels.enumerated() where mask.classes.contains(label) {
        let c = Int(label) % 3
        weights += Double(classWeights[c])
        sum -= Double(classWeights[c]) * Double(output.values[c * voxels + v])
      }
      guard weights > 0 else { continue }
      result += Double(mask.share) * sum / weights
      let step = factor * mask.share / Float(weights)
      for (v, label) in labels.enumerated() where mask.classes.contains(label) {
        let c = Int(label) % 3
        gradient.values[c * voxels + v] -= step * classWeights[c]
      }
    }
    return result
  }

  private mutating func dice(
    _ output: Tensor, _ labels: ArraySlice<Int8>, _ gradient: inout Tensor, _ factor: Float
  ) -> Double {
    guard labels.contains(where: { $0 == 2 || $0 == 5 }) else { return lastCenter }
    let start = 2 * output.shape.voxels
    var result = 0.0
    for mask in masks(labels) {
      var (overlap, squares) = (0.0, 0.0)
      for (v, label) in labels.enumerated() where mask.classes.contains(label) {
        let p = Double(exp(output.values[start + v]))
        squares += p * p
        if label % 3 == 2 {
          overlap += p
          squares += 1
        }
      }
      let sum = max(squares, 1e-6)
      result += Double(mask.share) * (1 - 2 * overlap / sum)
      let step = factor * mask.share
      let (a, b) = (Float(2 / sum), Float(squares > 1e-6 ? 4 * overlap / (sum * sum) : 0))
      for (v, label) in labels.enumerated() where mask.classes.contains(label) {
        let p = exp(output.values[start + v])
        gradient.values[start + v] += step * p * (b * p - (label % 3 == 2 ? a : 0))
      }
    }
    lastCenter = result
    return result
  }

  private func smoothness(
    _ output: Tensor, _ dimensions: Int, _ gradient: inout Tensor, _ factor: Float
  ) -> Double {
    let start = 2 * output.shape.voxels
    var p = Tensor(output.shape.with(channels: 1))
    p.values = output.values[start...].map { exp($0) }
    let (value, g) = SmoothnessLoss.evaluate(p, .smoothing(dimensions: dimensions))
    for v in p.values.indices { gradient.values[start + v] += factor * g.values[v] * p.values[v] }
    return value
  }
}

/// The loss of prior training, which teaches a fresh network that bright is inside: mean |p_center - x| +
/// mean |(1 - p_background) - x| with x the image itself.
public struct PriorLoss: Sendable {
  /// It has no constants.
  public init() {}

  /// The loss of log-probabilities [n, 3, ...] against the image [n, 1, ...].
  public static func evaluate(_ output: Tensor, image: Tensor) throws -> LossResult {
    try image.require(output.shape.with(channels: 1), "the image")
    let (voxels, count) = (output.shape.voxels, Float(image.shape.count))
    var gradient = Tensor(output.shape)
    var sum = 0.0
    for n in 0..<output.shape.batch {
      for v in 0..<voxels {
        let x = image.values[n * voxels + v]
        let background = n * output.shape.sampleCount + v
        let center = background + 2 * voxels
        let (p, q) = (exp(output.values[center]), exp(output.values[background]))
        let (a, b) = (p - x, 1 - q - x)
        sum += Double(abs(a) + abs(b))
        gradient.values[center] = (a > 0 ? p : a < 0 ? -p : 0) / count
        gradient.values[background] = (b > 0 ? -q : b < 0 ? q : 0) / count
      }
    }
    return LossResult(total: sum / Double(count), parts: [], gradient: gradient)
  }
}

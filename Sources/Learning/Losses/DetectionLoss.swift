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
  /// Threads that evaluate it, 0 for one a core. The result is the same for any number.
  public var threads = 0
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
      let target = labels[(n * shape.voxels)..<((n + 1) * shape.voxels)]
      let parts = try sample(n, output, target, dimensions, share, &gradient)
      nll += parts.nll
      center += parts.center
      smooth += parts.smooth
    }
    let count = Double(samples.count)
    (nll, center, smooth) = (nll / count, center / count, smooth / count)
    return LossResult(
      total: nll / 7 + center * 5 / 7 + smooth / 7,
      parts: [("nll_loss", nll), ("center_dice_loss", center), ("smooth_loss", smooth)],
      gradient: gradient)
  }

  /// The three parts of sample `n`; `share` of the gradient of their weighted sum is written.
  private mutating func sample(
    _ n: Int, _ output: Tensor, _ labels: ArraySlice<Int8>, _ dimensions: Int, _ share: Float,
    _ gradient: inout Tensor
  ) throws -> (nll: Double, center: Double, smooth: Double) {
    let (shape, voxels, start) = (output.shape, output.shape.voxels, n * output.shape.sampleCount)
    let team = Team(workers: threads)
    var p = Tensor(TensorShape(channels: 1, size: shape.size))
    try output.read { out in
      try p.write { p in
        try team.ranges(voxels) { range in
          for v in range { p.base[v] = exp(out.base[start + 2 * voxels + v]) }
        }
      }
    }
    let smooth = try SmoothnessLoss.evaluate(p, .smoothing(dimensions: dimensions), team)
    let masks = try masks(labels, n, output, p, team)
    let nll = masks.reduce(0) { $0 + Double($1.share) * $1.likelihood }
    let hasCenter = masks.contains { $0.centers > 0 }
    if hasCenter { lastCenter = masks.reduce(0) { $0 + Double($1.share) * $1.dice } }
    // What a voxel of each label adds: a constant to its own class; to the center s p (b p - a).
    var steps = [Float](repeating: 0, count: 6)
    var (a, b) = (steps, steps)
    for mask in masks {
      let s = share * 5 / 7 * mask.share
      for c in 0..<3 {
        let label = mask.first + c
        steps[label] =
          mask.weights > 0 ? share / 7 * mask.share / Float(mask.weights) * classWeights[c] : 0
        a[label] = hasCenter && c == 2 ? s * Float(2 / mask.sum) : 0
        b[label] = hasCenter ? s * Float(mask.slope) : 0
      }
    }
    let (step, toCenter, fromSquare) = (steps, a, b)
    try labels.withUnsafeBufferPointer { labels in
      let labels = Shared(UnsafeMutablePointer(mutating: labels.baseAddress!))
      try p.read { p in
        try smooth.gradient.read { even in
          try gradient.write { g in
            try team.ranges(voxels) { range in
              let center = g.base + start + 2 * voxels
              for v in range {
                let p = p.base[v]
                center[v] += share / 7 * even.base[v] * p
                let label = Int(labels.base[v])
                if label < 0 { continue }
                g.base[start + label % 3 * voxels + v] -= step[label]
                center[v] += p * (fromSquare[label] * p - toCenter[label])
              }
            }
          }
        }
      }
    }
    return (nll, lastCenter, smooth.value)
  }

  /// The correct or the corrected labels of a sample.
  private struct Mask {
    /// Its label of background.
    var first: Int
    /// Its share of the sum of both.
    var share: Float
    /// The sum of the class weights, and the weighted negative log-likelihood.
    var weights = 0.0, negative = 0.0
    /// The number of center voxels; the sum of p there; that of p * p, everywhere.
    var centers = 0.0, overlap = 0.0, squares = 0.0

    var likelihood: Double { weights > 0 ? negative / weights : 0 }
    var sum: Double { max(squares + centers, 1e-6) }
    var dice: Double { 1 - 2 * overlap / sum }
    /// The factor of p that the denominator adds to the gradient of the dice.
    var slope: Double { squares + centers > 1e-6 ? 4 * overlap / (sum * sum) : 0 }
  }

  /// The masks that have voxels.
  private func masks(
    _ labels: ArraySlice<Int8>, _ n: Int, _ output: Tensor, _ p: Tensor, _ team: Team
  ) throws -> [Mask] {
    let (voxels, start) = (output.shape.voxels, n * output.shape.sampleCount)
    let weights = classWeights
    // Lanes 0 to 3 of the correct labels, 4 to 7 of the corrected: see `Mask`, after a count of voxels.
    let sums = try labels.withUnsafeBufferPointer { labels in
      let labels = Shared(UnsafeMutablePointer(mutating: labels.baseAddress!))
      return try output.read { out in
        try p.read { p in
          try team.sums(voxels) { range in
            var light = SIMD8<Double>.zero
            var heavy = SIMD8<Double>.zero
            for v in range {
              let label = Int(labels.base[v])
              if label < 0 { continue }
              let c = label % 3
              let (p, w) = (Double(p.base[v]), Double(weights[c]))
              let isCenter: Double = c == 2 ? 1 : 0
              let one = SIMD8(
                1, w, -w * Double(out.base[start + c * voxels + v]), isCenter, p * isCenter, p * p,
                0, 0)
              if label < 3 { light += one } else { heavy += one }
            }
            return (light, heavy)
          }
        }
      }
    }
    let total = Float(sums.0[0]) + falseWeight * Float(sums.1[0])
    return [(0, sums.0, 1), (3, sums.1, falseWeight)].filter { $0.1[0] > 0 && $0.2 > 0 }.map {
      first, s, weight in
      Mask(
        first: first, share: weight * Float(s[0]) / total, weights: s[1], negative: s[2],
        centers: s[3], overlap: s[4], squares: s[5])
    }
  }
}

/// The loss of prior training, which teaches a fresh network that bright is inside: mean |p_center - x| +
/// mean |(1 - p_background) - x| with x the image itself.
public struct PriorLoss: Sendable {
  /// Threads that evaluate it, 0 for one a core. The result is the same for any number.
  public var threads = 0

  /// It has no constants.
  public init() {}

  /// The loss of log-probabilities [n, 3, ...] against the image [n, 1, ...].
  public static func evaluate(_ output: Tensor, image: Tensor, threads: Int = 0) throws
    -> LossResult
  {
    try image.require(output.shape.with(channels: 1), "the image")
    let (voxels, count) = (output.shape.voxels, Float(image.shape.count))
    let sample = output.shape.sampleCount
    var gradient = Tensor(output.shape)
    var sum = 0.0
    try output.read { out in
      try image.read { image in
        try gradient.write { g in
          sum = try Team(workers: threads).sums(output.shape.batch * voxels) { range in
            var sum = 0.0
            for i in range {
              let x = image.base[i]
              let background = i / voxels * sample + i % voxels
              let center = background + 2 * voxels
              let (p, q) = (exp(out.base[center]), exp(out.base[background]))
              let (a, b) = (p - x, 1 - q - x)
              sum += Double(abs(a) + abs(b))
              g.base[center] = (a > 0 ? p : a < 0 ? -p : 0) / count
              g.base[background] = (b > 0 ? -q : b < 0 ? q : 0) / count
            }
            return (SIMD8(sum, 0, 0, 0, 0, 0, 0, 0), .zero)
          }.0[0]
        }
      }
    }
    return LossResult(total: sum / Double(count), parts: [], gradient: gradient)
  }
}

// Whether a spot divides into two others, from what the three look like: a logistic function of named features.
//
// The coefficients below were fitted on twelve simulated movies of 36 to 40 frames (a tissue with fast drift, a flat
// layer, a small embryo, a dim calm tissue; seeds 101 to 103) with 307 divisions among 9,500 candidates: true spots
// with jitter, errors of size, 3 per cent missing, 3 per cent false ones, half of these beside a nucleus. On four
// other movies (seed 109) they tell divisions with F1 0.96, 0.92 without brightness. The constant was then raised by
// 3, which served whole stories best on a movie with another seed (201): most of the wrong candidates are settled
// by the spots' other links. `fit` adapts the weights to the divisions that people have approved in a project.

import Core

/// Gives the logarithm of the odds that three spots are a mother and her two daughters.
public struct DivisionDetector: Sendable {
  /// What is looked at. Unknown values (no brightness, no size) count as the mean of their feature.
  public enum Feature: Int, Sendable, CaseIterable {
    /// Distance of the daughters' middle from where the mother was expected, over the typical radius.
    case offset
    /// Distance between the daughters, over the typical radius.
    case separation
    /// Square of `separation`: too near is as unlikely as too far.
    case separationSquared
    /// Logarithm of the daughters' common volume over the mother's.
    case volumeRatio
    /// Difference of the logarithms of the daughters' volumes, without sign.
    case volumeAsymmetry
    /// Logarithm of the daughters' mean volume over the median of all spots.
    case daughterVolume
    /// Logarithm of the mother's brightness over the median of her frame.
    case motherLight
    /// Mean logarithm of the daughters' brightness over the median of their frame.
    case daughterLight
    /// Difference of the logarithms of the daughters' brightness, without sign.
    case lightAsymmetry
    /// Logarithm of the mother's longest over her shortest semi-axis.
    case elongation
    /// How well the daughters part along the mother's shortest axis: the cosine, without sign.
    case alignment
    /// How even the daughters' distances from the mother are: the smaller over the larger.
    case evenness
  }

  /// The coefficient of each feature, in the order of `Feature`.
  public var weights: [Double]
  /// The logarithm of the odds when every feature has its mean.
  public var bias: Double
  /// The mean of each feature over candidates; subtracted before weighing.
  public var means: [Double]
  /// The standard deviation of each feature over candidates; divided by before weighing.
  public var deviations: [Double]

  /// A detector from its numbers.
  public init(weights: [Double], bias: Double, means: [Double], deviations: [Double]) {
    self.weights = weights
    self.bias = bias
    self.means = means
    self.deviations = deviations
  }

  /// The coefficients that come with Howdah.
  public static let standard = DivisionDetector(
    weights: [
      -0.815, 0.503, -0.871, -0.814, -1.951, -0.012, 0.217, 0.144, -0.799, 1.311, 0.8, 0.536,
    ], bias: -6.133,
    means: [0.963, 1.94, 4.051, 0.543, 0.726, -0.241, 0.043, -0.006, 0.182, 0.47, 0.471, 0.179],
    deviations: [
      0.286, 0.534, 1.862, 0.396, 0.571, 0.438, 0.169, 0.16, 0.157, 0.233, 0.307, 0.15,
    ])

  /// The logarithm of the odds for a division with these features; NaN features count as their mean.
  public func logOdds(_ features: [Double]) -> Double {
    var sum = bias
    for i in weights.indices where features[i].isFinite {
      let z = (features[i] - means[i]) / deviations[i]
      sum += weights[i] * max(-4, min(4, z))
    }
    return sum
  }

  /// A detector fitted to examples, starting from this one: the less they say, the more it stays as it was.
  ///
  /// Logistic regression with a normal prior around the present coefficients (precision `prior`), by Newton's
  /// method.
  public func fit(_ examples: [(features: [Double], isDivision: Bool)], prior: Double = 4)
    -> DivisionDetector
  {
    let n = weights.count + 1
    var x: [[Double]] = []
    for example in examples {
      x.append(
        [1]
          + weights.indices.map { i in
            let z = (example.features[i] - means[i]) / deviations[i]
            return z.isFinite ? max(-4, min(4, z)) : 0
          })
    }
    let start = [bias] + weights
    var w = start
    for _ in 0..<25 {
      var gradient = (0..<n).map { prior * (start[$0] - w[$0]) }
      var hessian = [[Double]](repeating: Array(repeating: 0, count: n), count: n)
      for i in 0..<n { hessian[i][i] = prior }
      for (row, example) in zip(x, examples) {
        var sum = 0.0
        for i in 0..<n { sum += w[i] * row[i] }
        let p = 1 / (1 + exponential(-sum))
        let error = (example.isDivision ? 1 : 0) - p
        let curvature = max(1e-9, p * (1 - p))
        for i in 0..<n {
          gradient[i] += error * row[i]
          for j in 0...i { hessian[i][j] += curvature * row[i] * row[j] }
        }
      }
      for i in 0..<n { for j in 0..<i { hessian[j][i] = hessian[i][j] } }
      let step = DivisionDetector.solve(hessian, gradient)
      for i in 0..<n { w[i] += step[i] }
      if step.allSatisfy({ abs($0) < 1e-8 }) { break }
    }
    return DivisionDetector(
      weights: Array(w.dropFirst()), bias: w[0], means: means, deviations: deviations)
  }

  /// Gaussian elimination with pivots; the matrix is positive definite.
  private static func solve(_ matrix: [[Double]], _ right: [Double]) -> [Double] {
    var (a, b) = (matrix, right)
    let n = b.count
    for k in 0..<n {
      let pivot = (k..<n).max { abs(a[$0][k]) < abs(a[$1][k]) }!
      a.swapAt(k, pivot)
      b.swapAt(k, pivot)
      if abs(a[k][k]) < 1e-300 { continue }
      for i in k + 1..<max(n, k + 1) {
        let f = a[i][k] / a[k][k]
        if f == 0 { continue }
        for j in k..<n { a[i][j] -= f * a[k][j] }
        b[i] -= f * b[k]
      }
    }
    for k in (0..<n).reversed() {
      for j in k + 1..<max(n, k + 1) { b[k] -= a[k][j] * b[j] }
      b[k] = abs(a[k][k]) < 1e-300 ? 0 : b[k] / a[k][k]
    }
    return b
  }
}

/// The features of three spots by their places.
struct DivisionFeatures: Sendable {
  let frames: SpotFrames
  let traits: SpotTraits
  private let medianLogVolume: Double

  init(_ frames: SpotFrames, _ traits: SpotTraits) {
    self.frames = frames
    self.traits = traits
    medianLogVolume = traits.logVolume.filter { $0.isFinite }.median
  }

  /// In the order of `DivisionDetector.Feature`. `a` and `b` are the offsets of the daughters from where the
  /// mother was expected, world units.
  func callAsFunction(
    mother: Int, _ first: Int, _ second: Int, _ a: WorldPoint, _ b: WorldPoint
  ) -> [Double] {
    let radius = traits.radius
    let middle = (a + b) * 0.5
    let apart = a - b
    let separation = apart.distance(to: .zero) / radius
    let (va, vb, vm) = (
      traits.logVolume[first], traits.logVolume[second], traits.logVolume[mother]
    )
    let (la, lb, lm) = (traits.logLight[first], traits.logLight[second], traits.logLight[mother])
    let (values, vectors) = traits.covariance[mother].eigen()
    var (elongation, alignment) = (Double.nan, Double.nan)
    // A ball was not measured: it says nothing about the shape.
    if values.x > 0, values.z > values.x * (1 + 1e-6) {
      elongation = 0.5 * logarithm(values.z / values.x)
      let n = vectors[0]
      let length = apart.distance(to: .zero)
      if length > 0 {
        alignment = abs(apart.x * n.x + apart.y * n.y + apart.z * n.z) / length
      }
    }
    let (da, db) = (a.distance(to: .zero), b.distance(to: .zero))
    let mean = logarithm(max(1e-300, (exponential(va) + exponential(vb)) / 2))
    return [
      middle.distance(to: .zero) / radius, separation, separation * separation,
      mean + logarithm(2) - vm, abs(va - vb), mean - medianLogVolume,
      lm, (la + lb) / 2, abs(la - lb), elongation, alignment,
      max(da, db) > 0 ? min(da, db) / max(da, db) : .nan,
    ]
  }
}

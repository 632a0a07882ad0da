// The Adam optimiser (Kingma & Ba 2015) with the constants that ELEPHANT uses: beta 0.9 and 0.999,
// epsilon 1e-8, no weight decay. The arithmetic follows PyTorch's order of operations.

import Core
import Glibc

/// Moments and step count of Adam for one model.
public struct Adam: Sendable, Equatable {
  /// The number of steps done.
  public private(set) var step = 0
  /// Running means of the gradients and of their squares, one array a parameter.
  public private(set) var first, second: [[Float]]

  /// A fresh state for a model's parameters.
  public init(for model: Model) {
    first = model.specs.map { [Float](repeating: 0, count: $0.count) }
    second = first
  }

  /// A state that was stored. Throws `.argument` when it does not fit the model.
  public init(step: Int, first: [[Float]], second: [[Float]], for model: Model) throws {
    let counts = model.specs.map(\.count)
    guard step >= 0, first.map(\.count) == counts, second.map(\.count) == counts else {
      throw HowdahError(.argument, "the optimiser state does not fit \(model.architecture.name)")
    }
    self.step = step
    self.first = first
    self.second = second
  }

  /// One step. Throws `.argument` when the gradients do not fit the model, and then changes nothing.
  ///
  /// - Parameter threads: 0 for one a core. The result is the same for any number.
  public mutating func update(
    _ model: inout Model, gradients: Gradients, learningRate: Double, threads: Int = 1
  ) throws {
    guard gradients.map(\.count) == model.specs.map(\.count), first.count == gradients.count else {
      throw HowdahError(.argument, "the gradients do not fit \(model.architecture.name)")
    }
    step += 1
    let size = Float(learningRate / (1 - pow(0.9, Double(step))))
    let correction = Float((1 - pow(0.999, Double(step))).squareRoot())
    let piece = 1 << 15
    let team = Team(workers: threads)
    for p in gradients.indices {
      let count = gradients[p].count
      try model.values[p].withUnsafeMutableBufferPointer { value in
        try first[p].withUnsafeMutableBufferPointer { m in
          try second[p].withUnsafeMutableBufferPointer { v in
            try gradients[p].withUnsafeBufferPointer { g in
              let part = AdamPart(
                value: value, m: m, v: v, g: g, size: size, correction: correction)
              // Nobody may stop a step half-way.
              try team.run((count + piece - 1) / piece, .none) { item, _ in
                part.update(item * piece, min(count, (item + 1) * piece))
              }
            }
          }
        }
      }
    }
  }
}

/// One parameter's arrays, of which threads change disjoint parts.
private struct AdamPart: @unchecked Sendable {
  let value, m, v: UnsafeMutableBufferPointer<Float>
  let g: UnsafeBufferPointer<Float>
  let size, correction: Float

  func update(_ begin: Int, _ end: Int) {
    for i in begin..<end {
      m[i] += (g[i] - m[i]) * 0.1
      v[i] = v[i] * 0.999 + g[i] * g[i] * 0.001
      value[i] -= size * m[i] / (v[i].squareRoot() / correction + 1e-8)
    }
  }
}

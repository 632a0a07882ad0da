// Gradients of a step that are too long are shortened, their direction kept (Pascanu et al. 2013).

import Glibc

/// Limits the length of gradients.
public enum Clipping {
  /// The Euclidean norm of all gradients together.
  public static func norm(of gradients: Gradients) -> Double {
    // Sums of pieces as SIMD, then in double precision: in this order whatever the machine.
    var total = 0.0
    for values in gradients {
      values.withUnsafeBufferPointer { values in
        var i = 0
        while i < values.count {
          let end = min(values.count, i + 4096)
          var sum = SIMD8<Float>.zero
          while i + 8 <= end {
            let v = UnsafeRawPointer(values.baseAddress! + i).loadUnaligned(as: SIMD8<Float>.self)
            sum += v * v
            i += 8
          }
          total += Double(sum.sum())
          while i < end {
            total += Double(values[i] * values[i])
            i += 1
          }
        }
      }
    }
    return total.squareRoot()
  }

  /// Multiply all by one number, so that their norm is at most `limit`. Gradients that are no numbers stay.
  public static func apply(_ gradients: inout Gradients, to limit: Double) {
    let norm = norm(of: gradients)
    guard norm > limit, norm.isFinite else { return }
    let factor = Float(limit / norm)
    for p in gradients.indices {
      for i in gradients[p].indices { gradients[p][i] *= factor }
    }
  }
}

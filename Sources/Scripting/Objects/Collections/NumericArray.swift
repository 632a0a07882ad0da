// A column of numbers: what `collection:column("x")` gives. The numbers do not change when the lineage does.

import Core

/// Numbers read from a collection, in its order.
final class NumericArray {
  let values: UnsafeMutableBufferPointer<Double>
  /// Whether all values are whole numbers that Lua should see as integers (ids, timepoints).
  let isInteger: Bool

  /// Takes `count` values from `fill`, which must write all of them.
  init(
    count: Int, isInteger: Bool, fill: (UnsafeMutableBufferPointer<Double>) throws -> Void
  ) rethrows {
    values = .allocate(capacity: count)
    self.isInteger = isInteger
    do {
      try fill(values)
    } catch {
      values.deallocate()
      throw error
    }
  }

  deinit { values.deallocate() }

  /// Sum by pairwise blocks: as exact as it is fast.
  func sum() -> Double {
    func part(_ range: Range<Int>) -> Double {
      if range.count > 4096 {
        let middle = range.lowerBound + range.count / 2
        return part(range.lowerBound..<middle) + part(middle..<range.upperBound)
      }
      var lanes = SIMD8<Double>.zero
      var i = range.lowerBound
      while i + 8 <= range.upperBound {
        lanes += UnsafeRawPointer(values.baseAddress! + i).loadUnaligned(as: SIMD8<Double>.self)
        i += 8
      }
      var total = lanes.sum()
      while i < range.upperBound {
        total += values[i]
        i += 1
      }
      return total
    }
    return part(0..<values.count)
  }

  /// The mean; nil for no values.
  var mean: Double? { values.isEmpty ? nil : sum() / Double(values.count) }

  var minimum: Double? { values.min() }
  var maximum: Double? { values.max() }

  /// The standard deviation (divided by n); nil for no values.
  var deviation: Double? {
    guard let mean else { return nil }
    let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    return (squares / Double(values.count)).squareRoot()
  }

  /// The value below which `p` per cent of the values lie, linear between neighbours; nil for no values.
  func percentile(_ p: Double) -> Double? {
    guard !values.isEmpty else { return nil }
    let sorted = values.sorted()
    let place = min(max(p, 0), 100) / 100 * Double(sorted.count - 1)
    let low = Int(place)
    let high = min(low + 1, sorted.count - 1)
    return sorted[low] + (sorted[high] - sorted[low]) * (place - Double(low))
  }
}

// A balanced k-d tree over a fixed set of points: built by splitting the widest axis at the median
// until eight points are left, searched depth first, nearer side first (Friedman, Bentley & Finkel
// 1977).
//
// Searches are exact and deterministic: a subtree is left out only when every point in it is
// strictly farther than the worst result. The bound of a subtree is computed by the same operations
// in the same order as a distance is, so rounding cannot make it exceed the distance of a point
// inside.

import Core

/// Four doubles a point: x, y, z and the id.
typealias IndexEntry = SIMD4<Double>

extension SIMD4<Double> {
  init(_ id: SpotID, _ p: WorldPoint) {
    self.init(p.x, p.y, p.z, Double(id.index))
  }

  var spot: SpotID { SpotID(UInt32(w)) }
}

/// A fixed set of points for searches by distance.
final class KDTree {
  static let leafSize = 8

  let count: Int
  let entries: UnsafeMutablePointer<IndexEntry>
  /// Axis and place of the split of each inner node; children of node n are 2n+1 and 2n+2.
  private let axes: UnsafeMutablePointer<UInt8>
  private let splits: UnsafeMutablePointer<Double>

  /// Takes over `entries`, which were allocated with `count` elements.
  init(taking entries: UnsafeMutablePointer<IndexEntry>, count: Int) {
    self.count = count
    self.entries = entries
    var nodes = 1
    var size = count
    while size > KDTree.leafSize {
      size = (size + 1) / 2
      nodes *= 2
    }
    axes = .allocate(capacity: nodes)
    splits = .allocate(capacity: nodes)
    split(node: 0, from: 0, to: count)
  }

  deinit {
    entries.deallocate()
    axes.deallocate()
    splits.deallocate()
  }

  /// Bytes taken.
  var memoryFootprint: Int { count * (32 + 2) }

  private func split(node: Int, from low: Int, to high: Int) {
    guard high - low > KDTree.leafSize else { return }
    var lowest = entries[low]
    var highest = lowest
    for i in low + 1..<high {
      lowest = pointwiseMin(lowest, entries[i])
      highest = pointwiseMax(highest, entries[i])
    }
    let extent = highest - lowest
    let axis =
      extent.x >= extent.y ? (extent.x >= extent.z ? 0 : 2) : (extent.y >= extent.z ? 1 : 2)
    let middle = low + (high - low) / 2
    select(middle, from: low, to: high, axis: axis)
    axes[node] = UInt8(axis)
    splits[node] = coordinate(middle, axis)
    split(node: 2 * node + 1, from: low, to: middle)
    split(node: 2 * node + 2, from: middle, to: high)
  }

  @inline(__always)
  private func coordinate(_ i: Int, _ axis: Int) -> Double {
    UnsafeRawPointer(entries).load(fromByteOffset: i * 32 + axis * 8, as: Double.self)
  }

  /// Hoare's selection: afterwards no point before `k` is above it along the axis and none after is
  /// below.
  private func select(_ k: Int, from low: Int, to high: Int, axis: Int) {
    var left = low
    var right = high - 1
    while left < right {
      let pivot = medianOfThree(left, (left + right) / 2, right, axis)
      var i = left
      var j = right
      while i <= j {
        while coordinate(i, axis) < pivot { i += 1 }
        while pivot < coordinate(j, axis) { j -= 1 }
        if i <= j {
          let other = entries[i]
          entries[i] = entries[j]
          entries[j] = other
          i += 1
          j -= 1
        }
      }
      if k <= j {
        right = j
      } else if k >= i {
        left = i
      } else {
        return
      }
    }
  }

  private func medianOfThree(_ a: Int, _ b: Int, _ c: Int, _ axis: Int) -> Double {
    let (p, q, r) = (coordinate(a, axis), coordinate(b, axis), coordinate(c, axis))
    return max(min(p, q), min(max(p, q), r))
  }

  /// Offer every point that may be among the results to `search`.
  func visit(_ search: inout NeighborSearch) {
    visit(node: 0, from: 0, to: count, offset: .zero, &search)
  }

  private func visit(
    node: Int, from low: Int, to high: Int, offset: SIMD4<Double>, _ search: inout NeighborSearch
  ) {
    if high - low <= KDTree.leafSize {
      for i in low..<high { search.offer(entries[i]) }
      return
    }
    let axis = Int(axes[node])
    let middle = low + (high - low) / 2
    let difference = search.center[axis] - splits[node]
    var farOffset = offset
    farOffset[axis] = difference
    let square = farOffset * farOffset
    let bound = square.x + square.y + square.z
    if difference < 0 {
      visit(node: 2 * node + 1, from: low, to: middle, offset: offset, &search)
      if bound <= search.worst {
        visit(node: 2 * node + 2, from: middle, to: high, offset: farOffset, &search)
      }
    } else {
      visit(node: 2 * node + 2, from: middle, to: high, offset: offset, &search)
      if bound <= search.worst {
        visit(node: 2 * node + 1, from: low, to: middle, offset: farOffset, &search)
      }
    }
  }

  /// Call `body` for every point that may lie within a squared distance of `center`.
  func visit(
    of center: SIMD4<Double>, within squaredDistance: Double, _ body: (IndexEntry) -> Void
  ) {
    func visit(node: Int, from low: Int, to high: Int, offset: SIMD4<Double>) {
      if high - low <= KDTree.leafSize {
        for i in low..<high { body(entries[i]) }
        return
      }
      let axis = Int(axes[node])
      let middle = low + (high - low) / 2
      let difference = center[axis] - splits[node]
      var farOffset = offset
      farOffset[axis] = difference
      let square = farOffset * farOffset
      let reachesFar = square.x + square.y + square.z <= squaredDistance
      let isBelow = difference < 0
      if isBelow || reachesFar {
        visit(node: 2 * node + 1, from: low, to: middle, offset: isBelow ? offset : farOffset)
      }
      if !isBelow || reachesFar {
        visit(node: 2 * node + 2, from: middle, to: high, offset: isBelow ? farOffset : offset)
      }
    }
    visit(node: 0, from: 0, to: count, offset: .zero)
  }
}

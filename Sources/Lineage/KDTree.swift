// A balanced k-d tree over a fixed set of points: built by splitting the widest axis at the median
// until eight points are left, searched nearest side first (Friedman, Bentley & Finkel 1977).
//
// Searches are exact and deterministic: a subtree is left out only when every point in it is
// strictly farther than the worst result. The bound of a subtree is computed by the same operations
// in the same order as a distance is, so rounding cannot make it exceed the distance of a point
// inside.
//
// A leaf holds the coordinates of its eight points axis by axis, so that eight distances are
// computed at once; that and the depth of the tree bound the speed of a search. All leaves but the
// last are full; the empty places of the last one are NaN, which is never near.

import Core

/// A point of an index: its spot and where it was when it was put in.
struct IndexEntry: BitwiseCopyable {
  var x, y, z: Double
  var id: SpotID

  init(_ id: SpotID, _ p: WorldPoint) {
    (x, y, z) = (p.x, p.y, p.z)
    self.id = id
  }
}

/// Eight points.
struct IndexLeaf: BitwiseCopyable {
  var x, y, z: SIMD8<Double>
  var ids: SIMD8<UInt32>

  init() {
    x = SIMD8(repeating: .nan)
    y = x
    z = x
    ids = SIMD8(repeating: noIndex)
  }
}

/// A fixed set of points for searches by distance. The owner frees it.
struct KDTree {
  /// Where an inner node is split. Children of node n are 2n + 1 and 2n + 2; they share the leaves
  /// of their parent, the first child takes the larger half.
  struct Node: BitwiseCopyable {
    var place: Double
    /// Which coordinate, as the number of bytes before it.
    var axis: Int
  }

  /// A subtree that waits while the nearer side is searched: the distances to its box along each
  /// axis, its lower bound, its node and leaves.
  struct Waiting: BitwiseCopyable {
    var offset = SIMD4<Double>.zero
    var bound = 0.0
    var node = 0
    var first = 0
    var end = 0
  }

  /// No tree of 2^32 points is deeper.
  static let greatestDepth = 33

  let count: Int
  private let leafCount: Int
  private let leaves: UnsafeMutablePointer<IndexLeaf>
  private let nodes: UnsafeMutablePointer<Node>

  /// A tree of these points, whose order is changed.
  init(_ points: UnsafeMutableBufferPointer<IndexEntry>) {
    count = points.count
    leafCount = (count + 7) / 8
    leaves = .allocate(capacity: max(leafCount, 1))
    var inner = 1
    while inner < leafCount { inner *= 2 }
    nodes = .allocate(capacity: inner)
    guard let base = points.baseAddress, count > 0 else { return }
    let builder = KDTreeBuilder(points: base, count: count, leaves: leaves, nodes: nodes)
    builder.split(node: 0, first: 0, end: leafCount)
  }

  func free() {
    leaves.deallocate()
    nodes.deallocate()
  }

  /// Bytes taken.
  var memoryFootprint: Int {
    leafCount * (MemoryLayout<IndexLeaf>.stride + MemoryLayout<Node>.stride)
  }

  /// The points, in the order of the leaves.
  func forEachEntry(_ body: (IndexEntry) -> Void) {
    for i in 0..<count { body(entry(leaf: i / 8, i % 8)) }
  }

  @inline(__always)
  private func entry(leaf: Int, _ lane: Int) -> IndexEntry {
    let l = leaves[leaf]
    return IndexEntry(SpotID(l.ids[lane]), WorldPoint(x: l.x[lane], y: l.y[lane], z: l.z[lane]))
  }

  /// Offer every point that may be among the results to `search`. `waiting` has room for
  /// `greatestDepth` subtrees.
  func visit<Search: PointSearch>(
    _ search: inout Search, _ waiting: UnsafeMutablePointer<Waiting>
  ) {
    if count == 0 { return }
    let place = SIMD4(search.x, search.y, search.z, 0)
    withUnsafeBytes(of: place) { visit(place, $0, &search, waiting) }
  }

  /// The descent takes no branch that depends on the data: which side is nearer and whether the
  /// other one is of interest cannot be predicted, and a wrong guess costs more than a few moves.
  private func visit<Search: PointSearch>(
    _ place: SIMD4<Double>, _ coordinates: UnsafeRawBufferPointer, _ search: inout Search,
    _ waiting: UnsafeMutablePointer<Waiting>
  ) {
    var top = 0
    var here = Waiting()
    here.end = leafCount
    while true {
      let worst = search.worst
      while here.end &- here.first > 1 {
        let node = nodes[here.node]
        let middle = (here.first &+ here.end &+ 1) >> 1
        let difference =
          coordinates.loadUnaligned(fromByteOffset: node.axis, as: Double.self) - node.place
        let isAbove = difference >= 0
        let above = isAbove ? 1 : 0
        let far = waiting + top
        far.pointee.offset = here.offset
        UnsafeMutableRawPointer(far).storeBytes(
          of: difference, toByteOffset: node.axis, as: Double.self)
        far.pointee.node = 2 &* here.node &+ 2 &- above
        far.pointee.first = isAbove ? here.first : middle
        far.pointee.end = isAbove ? middle : here.end
        here.node = 2 &* here.node &+ 1 &+ above
        here.first = isAbove ? middle : here.first
        here.end = isAbove ? here.end : middle
        let square = far.pointee.offset * far.pointee.offset
        far.pointee.bound = square.x + square.y + square.z
        top &+= far.pointee.bound <= worst ? 1 : 0
      }
      scan(here.first, place.x, place.y, place.z, &search)
      repeat {
        if top == 0 { return }
        top &-= 1
      } while waiting[top].bound > search.worst
      here = waiting[top]
    }
  }

  @inline(__always)
  private func scan<Search: PointSearch>(
    _ leaf: Int, _ qx: Double, _ qy: Double, _ qz: Double, _ search: inout Search
  ) {
    let l = leaves + leaf
    let dx = SIMD8(repeating: qx) - l.pointee.x
    let dy = SIMD8(repeating: qy) - l.pointee.y
    let dz = SIMD8(repeating: qz) - l.pointee.z
    let distance = dx * dx + dy * dy + dz * dz
    for lane in 0..<8 where distance[lane] <= search.worst {
      search.keep(entry(leaf: leaf, lane), distance[lane])
    }
  }
}

/// What a search wants to see: points around a place that are not farther than the worst result.
protocol PointSearch {
  var x: Double { get }
  var y: Double { get }
  var z: Double { get }
  /// The largest squared distance of interest; it never grows.
  var worst: Double { get }
  /// Take a point with its squared distance, which is at most `worst`.
  mutating func keep(_ entry: IndexEntry, _ distance: Double)
}

/// Puts points into the order of the leaves.
private struct KDTreeBuilder {
  let points: UnsafeMutablePointer<IndexEntry>
  let count: Int
  let leaves: UnsafeMutablePointer<IndexLeaf>
  let nodes: UnsafeMutablePointer<KDTree.Node>

  func split(node: Int, first: Int, end: Int) {
    let low = 8 * first
    let high = min(8 * end, count)
    if end - first == 1 {
      fill(first, low, high)
      return
    }
    let axis = widestAxis(low, high)
    let middle = (first + end + 1) / 2
    select(8 * middle, from: low, to: high, axis: axis)
    nodes[node] = KDTree.Node(place: coordinate(8 * middle, axis), axis: 8 * axis)
    split(node: 2 * node + 1, first: first, end: middle)
    split(node: 2 * node + 2, first: middle, end: end)
  }

  private func fill(_ leaf: Int, _ low: Int, _ high: Int) {
    var l = IndexLeaf()
    for i in low..<high {
      l.x[i - low] = points[i].x
      l.y[i - low] = points[i].y
      l.z[i - low] = points[i].z
      l.ids[i - low] = points[i].id.index
    }
    leaves[leaf] = l
  }

  private func widestAxis(_ low: Int, _ high: Int) -> Int {
    var (x0, y0, z0) = (points[low].x, points[low].y, points[low].z)
    var (x1, y1, z1) = (x0, y0, z0)
    for i in low + 1..<high {
      let p = points[i]
      if p.x < x0 { x0 = p.x }
      if p.x > x1 { x1 = p.x }
      if p.y < y0 { y0 = p.y }
      if p.y > y1 { y1 = p.y }
      if p.z < z0 { z0 = p.z }
      if p.z > z1 { z1 = p.z }
    }
    let (x, y, z) = (x1 - x0, y1 - y0, z1 - z0)
    return x >= y ? (x >= z ? 0 : 2) : (y >= z ? 1 : 2)
  }

  @inline(__always)
  private func coordinate(_ i: Int, _ axis: Int) -> Double {
    UnsafeRawPointer(points + i).load(fromByteOffset: axis * 8, as: Double.self)
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
          let other = points[i]
          points[i] = points[j]
          points[j] = other
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
}

// Ellipsoids drawn into a label image. Where several reach the same voxel, the one whose surface is
// relatively farthest away has it, so that touching nuclei part half-way and a small one inside the shell
// of a large one stays.

import Core

/// An ellipsoid to be drawn, in voxel coordinates (an integer is a voxel's centre).
public struct LabelledEllipsoid: Sendable {
  /// The centre.
  public var center: WorldPoint
  /// The shape in squared voxels; the surface is at normalised distance 1. All zeros draws one voxel.
  public var covariance: Covariance
  /// The label, 1 to 16,777,216.
  public var label: UInt32

  /// An ellipsoid with these values.
  public init(center: WorldPoint, covariance: Covariance, label: UInt32) {
    self.center = center
    self.covariance = covariance
    self.label = label
  }
}

extension Volume {
  /// A label image of ellipsoids: uint16, or float32 when a label is above 65535.
  ///
  /// A voxel belongs to the ellipsoid in which its centre has the smallest normalised distance, below 1;
  /// of equal ones to the earlier in the list. Every ellipsoid gets at least one voxel, also when it is
  /// thinner than a voxel, hidden by others or outside the image: then it is the nearest voxel to its centre
  /// that is no other's last one.
  /// - Throws: `.argument` for a size without voxels, `.limit` when there are more ellipsoids than voxels,
  ///   `.interrupted`.
  public static func painted(
    _ ellipsoids: [LabelledEllipsoid], size: Size3, voxelSize: VoxelSize = .one,
    progress: Progress = .none
  ) throws -> Volume {
    guard ellipsoids.count <= size.count else {
      throw HowdahError(
        .limit, "\(ellipsoids.count) spots do not fit an image of \(size) voxels")
    }
    let isWide = ellipsoids.contains { $0.label > 65535 }
    // Voxels hold places in the list first: two bytes are enough for what one frame has in practice.
    if ellipsoids.count < 65535, !isWide {
      return try make(size: size, voxelSize: voxelSize, of: UInt16.self) { out in
        try paint(ellipsoids, size, out, progress)
      }
    }
    let exact = try [UInt32](unsafeUninitializedCapacity: size.count) { out, filled in
      filled = size.count
      try paint(
        ellipsoids, size, UnsafeMutableBufferPointer(rebasing: out[..<size.count]), progress)
    }
    if isWide {
      return try Volume(floats: exact.map { Float($0) }, size: size, voxelSize: voxelSize)
    }
    return try Volume(uint16s: exact.map { UInt16($0) }, size: size, voxelSize: voxelSize)
  }

  private static func paint<T: FixedWidthInteger & UnsignedInteger>(
    _ ellipsoids: [LabelledEllipsoid], _ size: Size3, _ out: UnsafeMutableBufferPointer<T>,
    _ progress: Progress
  ) throws {
    out.initialize(repeating: 0)
    var brush = Brush<T>(shapes: ellipsoids.map(Shape.init), size: size, out: out)
    for i in ellipsoids.indices {
      if i & 7 == 0 { try progress.check() }
      brush.paint(i)
    }
    for i in ellipsoids.indices where brush.voxels[i] == 0 { brush.claim(i) }
    try progress.check()
    var labels: [T] = [0]
    for ellipsoid in ellipsoids { labels.append(T(ellipsoid.label)) }
    for i in out.indices where out[i] != 0 { out[i] = labels[Int(out[i])] }
  }
}

/// An ellipsoid as a quadratic form: q(d) = d^T M d.
private struct Shape {
  let center: WorldPoint
  let form: Matrix3?
  let reach: WorldPoint

  init(_ e: LabelledEllipsoid) {
    center = e.center
    let c = e.covariance
    let isSolid = c.isFinite && c.xx > 0 && c.yy > 0 && c.zz > 0 && c.determinant > 0
    form = isSolid ? c.matrix.inverse : nil
    reach = WorldPoint(
      x: max(0, c.xx).squareRoot(), y: max(0, c.yy).squareRoot(), z: max(0, c.zz).squareRoot())
  }

  func distance(_ x: Int, _ y: Int, _ z: Int) -> Double {
    guard let form else { return .infinity }
    let d = WorldPoint(
      x: Double(x) - center.x, y: Double(y) - center.y, z: Double(z) - center.z)
    let v = form * d
    return d.x * v.x + d.y * v.y + d.z * v.z
  }
}

/// Draws places of a list (from 1) into an image.
private struct Brush<T: FixedWidthInteger & UnsignedInteger> {
  let shapes: [Shape]
  let size: Size3
  let out: UnsafeMutableBufferPointer<T>
  /// How many voxels each has.
  var voxels: [Int]

  init(shapes: [Shape], size: Size3, out: UnsafeMutableBufferPointer<T>) {
    (self.shapes, self.size, self.out) = (shapes, size, out)
    voxels = Array(repeating: 0, count: shapes.count)
  }

  private func range(_ axis: Axis, _ s: Shape) -> Range<Int> {
    let low = max(0, (s.center[axis] - s.reach[axis]).rounded(.up))
    let high = min(Double(size[axis] - 1), (s.center[axis] + s.reach[axis]).rounded(.down))
    return low <= high ? Int(low)..<Int(high) + 1 : 0..<0
  }

  /// Draws what is inside of number `i`, row by row: along x the form is a parabola.
  mutating func paint(_ i: Int) {
    let s = shapes[i]
    guard let m = s.form, s.center.isFinite else { return }
    let columns = range(.x, s)
    for z in range(.z, s) {
      for y in range(.y, s) {
        let (dy, dz) = (Double(y) - s.center.y, Double(z) - s.center.z)
        let (a, b) = (m[0, 0], m[0, 1] * dy + m[0, 2] * dz)
        let rest = m[1, 1] * dy * dy + 2 * m[1, 2] * dy * dz + m[2, 2] * dz * dz
        let root = b * b - a * (rest - 1)
        if root <= 0 { continue }
        // One voxel more at both ends; the distance itself decides.
        let low = max(Double(columns.lowerBound), (s.center.x + (-b - root.squareRoot()) / a) - 1)
        let high = min(
          Double(columns.upperBound - 1), (s.center.x + (-b + root.squareRoot()) / a) + 1)
        if low > high { continue }
        for x in Int(low.rounded(.up))...Int(high.rounded(.down)) { mark(i, s, x, y, z) }
      }
    }
  }

  @inline(__always)
  private mutating func mark(_ i: Int, _ s: Shape, _ x: Int, _ y: Int, _ z: Int) {
    let distance = s.distance(x, y, z)
    if distance >= 1 { return }
    let at = (z * size.y + y) * size.x + x
    let owner = Int(out[at]) - 1
    if owner >= 0 {
      if distance >= shapes[owner].distance(x, y, z) { return }
      voxels[owner] -= 1
    }
    out[at] = T(i + 1)
    voxels[i] += 1
  }

  /// Gives number `i`, which has no voxel, the nearest one that nobody needs.
  mutating func claim(_ i: Int) {
    func clamped(_ axis: Axis) -> Int {
      let c = shapes[i].center[axis]
      return c.isFinite ? Int(min(Double(size[axis] - 1), max(0, c.rounded()))) : 0
    }
    let (cx, cy, cz) = (clamped(.x), clamped(.y), clamped(.z))
    for r in 0...max(size.x, size.y, size.z) {
      var best: (distance: Double, at: Int)?
      for z in max(0, cz - r)...min(size.z - 1, cz + r) {
        for y in max(0, cy - r)...min(size.y - 1, cy + r) {
          // Inside the shell only its two ends along x are new.
          let isWall = abs(z - cz) == r || abs(y - cy) == r
          let ends = max(0, cx - r)...min(size.x - 1, cx + r)
          for x in isWall || r == 0 ? Array(ends) : [cx - r, cx + r].filter(ends.contains) {
            let at = (z * size.y + y) * size.x + x
            let owner = Int(out[at]) - 1
            if owner >= 0, voxels[owner] < 2 { continue }
            let d = WorldPoint(x: Double(x), y: Double(y), z: Double(z))
            let distance = d.squaredDistance(to: shapes[i].center)
            if best == nil || distance < best!.distance { best = (distance, at) }
          }
        }
      }
      guard let best else { continue }
      let owner = Int(out[best.at]) - 1
      if owner >= 0 { voxels[owner] -= 1 }
      out[best.at] = T(i + 1)
      voxels[i] = 1
      return
    }
  }
}

// Points, sizes and matrices with named axes. World coordinates are double precision in the unit of
// the data set; voxel coordinates are 0-based and an integer index is the centre of its voxel.

/// A timepoint: the 0-based index into the time-ordered list of the data set's timepoints.
public typealias Timepoint = Int

/// A position or displacement in world units (usually micrometres).
public struct WorldPoint: Hashable, BitwiseCopyable, Sendable {
  public var x, y, z: Double

  /// A point with these coordinates.
  public init(x: Double, y: Double, z: Double) {
    self.x = x
    self.y = y
    self.z = z
  }

  /// The origin.
  public static let zero = WorldPoint(x: 0, y: 0, z: 0)

  /// The sum, axis by axis.
  public static func + (a: WorldPoint, b: WorldPoint) -> WorldPoint {
    WorldPoint(x: a.x + b.x, y: a.y + b.y, z: a.z + b.z)
  }

  /// The difference, axis by axis.
  public static func - (a: WorldPoint, b: WorldPoint) -> WorldPoint {
    WorldPoint(x: a.x - b.x, y: a.y - b.y, z: a.z - b.z)
  }

  /// The point scaled about the origin.
  public static func * (a: WorldPoint, s: Double) -> WorldPoint {
    WorldPoint(x: a.x * s, y: a.y * s, z: a.z * s)
  }

  /// Squared Euclidean distance.
  @inlinable public func squaredDistance(to other: WorldPoint) -> Double {
    let dx = x - other.x
    let dy = y - other.y
    let dz = z - other.z
    return dx * dx + dy * dy + dz * dz
  }

  /// Euclidean distance.
  @inlinable public func distance(to other: WorldPoint) -> Double {
    squaredDistance(to: other).squareRoot()
  }

  /// Whether no coordinate is infinite or NaN.
  public var isFinite: Bool { x.isFinite && y.isFinite && z.isFinite }

  /// The coordinate along an axis.
  public subscript(axis: Axis) -> Double {
    get {
      switch axis {
      case .x: x
      case .y: y
      case .z: z
      }
    }
    set {
      switch axis {
      case .x: x = newValue
      case .y: y = newValue
      case .z: z = newValue
      }
    }
  }
}

/// One of the three spatial axes.
public enum Axis: String, CaseIterable, Sendable {
  case x, y, z
}

/// A size in voxels. Memory order of a volume is z, y, x with x fastest.
public struct Size3: Hashable, Sendable, CustomStringConvertible {
  public var x, y, z: Int

  /// A size with these numbers of voxels.
  public init(x: Int, y: Int, z: Int) {
    self.x = x
    self.y = y
    self.z = z
  }

  /// Number of voxels, or nil when it does not fit an `Int` or an axis is negative. Use it for
  /// sizes that come from a file.
  public var checkedCount: Int? {
    guard x >= 0, y >= 0, z >= 0 else { return nil }
    let (xy, o1) = x.multipliedReportingOverflow(by: y)
    let (xyz, o2) = xy.multipliedReportingOverflow(by: z)
    return o1 || o2 ? nil : xyz
  }

  /// Number of voxels.
  public var count: Int { x * y * z }

  /// As `x x y x z`, for messages.
  public var description: String { "\(x) x \(y) x \(z)" }

  /// The number of voxels along an axis.
  public subscript(axis: Axis) -> Int {
    get {
      switch axis {
      case .x: x
      case .y: y
      case .z: z
      }
    }
    set {
      switch axis {
      case .x: x = newValue
      case .y: y = newValue
      case .z: z = newValue
      }
    }
  }
}

/// The extent of one voxel in world units along each axis.
public struct VoxelSize: Hashable, Sendable {
  public var x, y, z: Double

  /// A voxel with these extents.
  public init(x: Double, y: Double, z: Double) {
    self.x = x
    self.y = y
    self.z = z
  }

  /// One world unit along each axis.
  public static let one = VoxelSize(x: 1, y: 1, z: 1)

  /// The extent along an axis.
  public subscript(axis: Axis) -> Double {
    switch axis {
    case .x: x
    case .y: y
    case .z: z
    }
  }
}

/// A box of voxels: the half-open range `origin ..< origin + size` on each axis.
public struct VoxelBox: Hashable, Sendable {
  /// The first voxel.
  public var origin: Size3
  /// The number of voxels along each axis.
  public var size: Size3

  /// The box of this size that begins at this voxel.
  public init(origin: Size3, size: Size3) {
    self.origin = origin
    self.size = size
  }

  /// The box that covers a whole volume.
  public init(_ size: Size3) {
    self.init(origin: Size3(x: 0, y: 0, z: 0), size: size)
  }

  /// Whether the box lies wholly inside a volume of this size and is not empty.
  public func fits(in volume: Size3) -> Bool {
    for axis in Axis.allCases {
      let (end, overflow) = origin[axis].addingReportingOverflow(size[axis])
      if origin[axis] < 0 || size[axis] < 1 || overflow || end > volume[axis] { return false }
    }
    return true
  }
}

/// A box in world units: half-open `minimum ..< maximum` on each axis.
public struct WorldBox: Hashable, Sendable {
  public var minimum, maximum: WorldPoint

  /// The box between two corners.
  public init(minimum: WorldPoint, maximum: WorldPoint) {
    self.minimum = minimum
    self.maximum = maximum
  }

  /// Whether a point lies inside; the lower faces belong to the box, the upper ones do not.
  public func contains(_ p: WorldPoint) -> Bool {
    p.x >= minimum.x && p.x < maximum.x && p.y >= minimum.y && p.y < maximum.y
      && p.z >= minimum.z && p.z < maximum.z
  }
}

extension SIMD3<Double> {
  /// Euclidean length.
  public var length: Double { (self * self).sum().squareRoot() }
}

/// A 3x3 matrix in row-major order; `m[row, column]`, axes in the order x, y, z.
public struct Matrix3: Hashable, Sendable {
  /// The nine elements, row by row.
  public var rows: (SIMD3<Double>, SIMD3<Double>, SIMD3<Double>)

  /// A matrix of three rows.
  public init(_ r0: SIMD3<Double>, _ r1: SIMD3<Double>, _ r2: SIMD3<Double>) {
    rows = (r0, r1, r2)
  }

  /// The matrix that changes nothing.
  public static let identity = Matrix3([1, 0, 0], [0, 1, 0], [0, 0, 1])

  /// The right-handed rotation by an angle (radians) about an axis.
  public static func rotation(about axis: Axis, radians: Double) -> Matrix3 {
    let (s, c) = (sine(radians), cosine(radians))
    switch axis {
    case .x: return Matrix3([1, 0, 0], [0, c, -s], [0, s, c])
    case .y: return Matrix3([c, 0, s], [0, 1, 0], [-s, 0, c])
    case .z: return Matrix3([c, -s, 0], [s, c, 0], [0, 0, 1])
    }
  }

  /// The element in a row and a column, both 0-based.
  public subscript(row: Int, column: Int) -> Double {
    get {
      switch row {
      case 0: rows.0[column]
      case 1: rows.1[column]
      default: rows.2[column]
      }
    }
    set {
      switch row {
      case 0: rows.0[column] = newValue
      case 1: rows.1[column] = newValue
      default: rows.2[column] = newValue
      }
    }
  }

  /// Whether all elements are equal.
  public static func == (a: Matrix3, b: Matrix3) -> Bool { a.rows == b.rows }

  /// Feeds all elements to the hasher.
  public func hash(into hasher: inout Hasher) {
    hasher.combine(rows.0)
    hasher.combine(rows.1)
    hasher.combine(rows.2)
  }

  /// The matrix with rows and columns exchanged.
  public var transposed: Matrix3 {
    Matrix3(
      [rows.0.x, rows.1.x, rows.2.x], [rows.0.y, rows.1.y, rows.2.y],
      [rows.0.z, rows.1.z, rows.2.z])
  }

  /// The matrix product.
  public static func * (a: Matrix3, b: Matrix3) -> Matrix3 {
    let t = b.transposed
    func row(_ r: SIMD3<Double>) -> SIMD3<Double> {
      [(r * t.rows.0).sum(), (r * t.rows.1).sum(), (r * t.rows.2).sum()]
    }
    return Matrix3(row(a.rows.0), row(a.rows.1), row(a.rows.2))
  }

  /// The matrix applied to a point.
  public static func * (a: Matrix3, p: WorldPoint) -> WorldPoint {
    let v = SIMD3(p.x, p.y, p.z)
    return WorldPoint(x: (a.rows.0 * v).sum(), y: (a.rows.1 * v).sum(), z: (a.rows.2 * v).sum())
  }

  /// The determinant.
  public var determinant: Double {
    let (a, b, c) = rows
    return a.x * (b.y * c.z - b.z * c.y) - a.y * (b.x * c.z - b.z * c.x)
      + a.z * (b.x * c.y - b.y * c.x)
  }

  /// The inverse, or nil when the matrix is singular.
  public var inverse: Matrix3? {
    let d = determinant
    guard d != 0, d.isFinite else { return nil }
    let (a, b, c) = rows
    return Matrix3(
      [(b.y * c.z - b.z * c.y) / d, (a.z * c.y - a.y * c.z) / d, (a.y * b.z - a.z * b.y) / d],
      [(b.z * c.x - b.x * c.z) / d, (a.x * c.z - a.z * c.x) / d, (a.z * b.x - a.x * b.z) / d],
      [(b.x * c.y - b.y * c.x) / d, (a.y * c.x - a.x * c.y) / d, (a.x * b.y - a.y * b.x) / d])
  }
}

/// An affine map from voxel coordinates to world coordinates: `world = linear * voxel +
/// translation`.
public struct Affine3: Hashable, Sendable {
  /// Scaling, rotation and shear.
  public var linear: Matrix3
  /// What is added after that, in world units.
  public var translation: WorldPoint

  /// The map `linear * voxel + translation`.
  public init(linear: Matrix3, translation: WorldPoint) {
    self.linear = linear
    self.translation = translation
  }

  /// Plain calibration: world = voxel x voxel size.
  public init(scale s: VoxelSize) {
    self.init(linear: Matrix3([s.x, 0, 0], [0, s.y, 0], [0, 0, s.z]), translation: .zero)
  }

  /// The map that changes nothing.
  public static let identity = Affine3(scale: .one)

  /// The image of a point.
  public func callAsFunction(_ p: WorldPoint) -> WorldPoint { linear * p + translation }

  /// The composition that applies `b` first.
  public static func * (a: Affine3, b: Affine3) -> Affine3 {
    Affine3(linear: a.linear * b.linear, translation: a(b.translation))
  }

  /// The smallest box around what the map makes of a box.
  public func bounds(of box: WorldBox) -> WorldBox {
    var low = WorldPoint(x: .infinity, y: .infinity, z: .infinity)
    var high = WorldPoint(x: -.infinity, y: -.infinity, z: -.infinity)
    for corner in 0..<8 {
      func side(_ axis: Axis, _ bit: Int) -> Double {
        corner & bit == 0 ? box.minimum[axis] : box.maximum[axis]
      }
      let p = self(WorldPoint(x: side(.x, 1), y: side(.y, 2), z: side(.z, 4)))
      for axis in Axis.allCases {
        low[axis] = min(low[axis], p[axis])
        high[axis] = max(high[axis], p[axis])
      }
    }
    return WorldBox(minimum: low, maximum: high)
  }

  /// World lengths of a step of one voxel along x, y and z; 0 where the map is singular.
  public var steps: SIMD3<Double> {
    let columns = linear.transposed.rows
    return SIMD3(columns.0.length, columns.1.length, columns.2.length)
  }

  /// The map from vectors along the voxels' axes, in world units, to vectors of the world; `steps` must be above 0.
  public var turn: Matrix3 {
    let (columns, steps) = (linear.transposed.rows, steps)
    return Matrix3(columns.0 / steps.x, columns.1 / steps.y, columns.2 / steps.z).transposed
  }

  /// The inverse, or nil when the map is singular.
  public var inverse: Affine3? {
    guard let inv = linear.inverse else { return nil }
    return Affine3(linear: inv, translation: inv * (translation * -1))
  }
}

// The covariance matrix of an ellipsoid, as Mastodon and ELEPHANT store it: the surface is
// { p : (p - c)^T C^-1 (p - c) = 1 }, so the semi-axes are the square roots of the eigenvalues.

/// A symmetric 3x3 covariance in squared world units; the ellipsoid's semi-axes are the square
/// roots of its eigenvalues. May be all zeros in real files.
public struct Covariance: Hashable, BitwiseCopyable, Sendable {
  public var xx, xy, xz, yy, yz, zz: Double

  /// A covariance with these six elements, in squared world units.
  public init(xx: Double, xy: Double, xz: Double, yy: Double, yz: Double, zz: Double) {
    self.xx = xx
    self.xy = xy
    self.xz = xz
    self.yy = yy
    self.yz = yz
    self.zz = zz
  }

  /// A sphere of this radius.
  public static func sphere(radius r: Double) -> Covariance {
    Covariance(xx: r * r, xy: 0, xz: 0, yy: r * r, yz: 0, zz: r * r)
  }

  /// An ellipsoid with these semi-axes along x, y and z.
  public static func axisAligned(x: Double, y: Double, z: Double) -> Covariance {
    Covariance(xx: x * x, xy: 0, xz: 0, yy: y * y, yz: 0, zz: z * z)
  }

  /// The upper triangle of a matrix.
  public init(_ m: Matrix3) {
    self.init(xx: m[0, 0], xy: m[0, 1], xz: m[0, 2], yy: m[1, 1], yz: m[1, 2], zz: m[2, 2])
  }

  /// The full symmetric matrix.
  public var matrix: Matrix3 { Matrix3([xx, xy, xz], [xy, yy, yz], [xz, yz, zz]) }

  /// Whether no element is infinite or NaN.
  public var isFinite: Bool {
    xx.isFinite && xy.isFinite && xz.isFinite && yy.isFinite && yz.isFinite && zz.isFinite
  }

  /// The determinant: the product of the squared semi-axes.
  public var determinant: Double { matrix.determinant }

  /// The radius of the sphere of equal volume: the geometric mean of the semi-axes, det(C)^(1/6).
  public var meanRadius: Double { power(max(0, determinant), 1.0 / 6.0) }

  /// Volume of the ellipsoid, 4/3 pi sqrt(det C).
  public var volume: Double { 4.0 / 3.0 * Double.pi * max(0, determinant).squareRoot() }

  /// The covariance of the ellipsoid mapped by a matrix: A C A^T.
  public func transformed(by a: Matrix3) -> Covariance { Covariance(a * matrix * a.transposed) }

  /// Scale along one world axis by a factor (C' = S C S), as ELEPHANT's ellipsoid size keys do.
  public func scaled(along axis: Axis, by f: Double) -> Covariance {
    var c = self
    switch axis {
    case .x: (c.xx, c.xy, c.xz) = (xx * f * f, xy * f, xz * f)
    case .y: (c.yy, c.xy, c.yz) = (yy * f * f, xy * f, yz * f)
    case .z: (c.zz, c.xz, c.yz) = (zz * f * f, xz * f, yz * f)
    }
    return c
  }

  /// Rotated about a world axis by an angle in degrees, right-handed (C' = R C R^T).
  public func rotated(about axis: Axis, degrees: Double) -> Covariance {
    transformed(by: .rotation(about: axis, radians: degrees * Double.pi / 180))
  }

  /// Eigenvalues in ascending order with their unit eigenvectors, by cyclic Jacobi rotations (Golub
  /// & Van Loan, Matrix Computations, 8.5). A diagonal matrix gives its diagonal exactly.
  public func eigen() -> (values: SIMD3<Double>, vectors: [SIMD3<Double>]) {
    let solved = Jacobi.solve(self, wantsVectors: true)
    let v = solved.vectors
    return (solved.values, [v.0, v.1, v.2])
  }

  /// The semi-axes in world units, ascending. Negative eigenvalues (a matrix that is no covariance)
  /// give 0.
  public var radii: SIMD3<Double> {
    let e = Jacobi.solve(self, wantsVectors: false).values
    return SIMD3(max(0, e.x).squareRoot(), max(0, e.y).squareRoot(), max(0, e.z).squareRoot())
  }

  /// Squared radius of the bounding sphere: the largest eigenvalue, at least 0.
  public var boundingSphereRadiusSquared: Double {
    max(0, Jacobi.solve(self, wantsVectors: false).values.z)
  }

  /// The axis-aligned ellipsoid with the same semi-axes, each put on the world axis its eigenvector
  /// is closest to (the rule that ELEPHANT's "reset ellipsoid rotation" intends).
  public func rotationReset() -> Covariance {
    let (values, vectors) = eigen()
    var best = (score: -1.0, axes: [0, 1, 2])
    for axes in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
      let score = (0..<3).reduce(0.0) { $0 + abs(vectors[$1][axes[$1]]) }
      if score > best.score + 1e-12 { best = (score, axes) }
    }
    var d = [0.0, 0.0, 0.0]
    for k in 0..<3 { d[best.axes[k]] = values[k] }
    return Covariance(xx: d[0], xy: 0, xz: 0, yy: d[1], yz: 0, zz: d[2])
  }
}

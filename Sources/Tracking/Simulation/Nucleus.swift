// One nucleus of a simulated movie in one frame: where it is, how it is shaped, how bright it is.

import Core

/// A nucleus as it is drawn, and as the truth records it.
struct Nucleus: Sendable {
  /// Identity of the cell through time; a daughter is a new cell.
  var cell: Int32
  /// The cell it came from by division in this frame, or -1.
  var mother: Int32 = -1
  /// Centre in world units.
  var position: WorldPoint
  /// Directions of the semi-axes, one a column.
  var orientation: Matrix3
  /// Lengths of the semi-axes in world units.
  var semiAxes: SIMD3<Double>
  /// Photons per voxel in its middle at the surface, as a multiple of the movie's `photons`.
  var brightness: Double
  /// Strength of its texture, as a multiple of the movie's `texture`.
  var texture: Double
  /// Debris is drawn but is no nucleus any more.
  var isDebris = false

  /// The ellipsoid's covariance.
  var covariance: Covariance {
    let s = semiAxes * semiAxes
    let d = Matrix3([s.x, 0, 0], [0, s.y, 0], [0, 0, s.z])
    return Covariance(orientation * d * orientation.transposed)
  }

  /// The matrix that maps an offset from the centre to the unit ball.
  var toUnitBall: Matrix3 {
    let t = orientation.transposed.rows
    return Matrix3(t.0 / semiAxes.x, t.1 / semiAxes.y, t.2 / semiAxes.z)
  }

  /// Half the extent along a world axis.
  func halfExtent(_ axis: Axis) -> Double {
    let c = covariance
    switch axis {
    case .x: return c.xx.squareRoot()
    case .y: return c.yy.squareRoot()
    case .z: return c.zz.squareRoot()
    }
  }

  /// Volume of the ellipsoid.
  var volume: Double { 4.0 / 3.0 * Double.pi * semiAxes.x * semiAxes.y * semiAxes.z }
}

extension Matrix3 {
  /// The rotation by an angle (radians) about a unit vector (Rodrigues).
  static func rotation(about axis: WorldPoint, radians: Double) -> Matrix3 {
    let (s, c) = (sine(radians), cosine(radians))
    let (x, y, z, k) = (axis.x, axis.y, axis.z, 1 - c)
    return Matrix3(
      [c + x * x * k, x * y * k - z * s, x * z * k + y * s],
      [y * x * k + z * s, c + y * y * k, y * z * k - x * s],
      [z * x * k - y * s, z * y * k + x * s, c + z * z * k])
  }
}

extension SeededRandom {
  /// A direction, uniform on the sphere.
  mutating func direction() -> WorldPoint {
    while true {
      let p = WorldPoint(x: normal(), y: normal(), z: normal())
      let length = p.squaredDistance(to: .zero).squareRoot()
      if length > 1e-6 { return p * (1 / length) }
    }
  }

  /// A rotation, near enough to uniform for the eye.
  mutating func rotation() -> Matrix3 {
    .rotation(about: direction(), radians: uniform(0, 2 * Double.pi))
  }

  /// A Poisson deviate: by inversion for small means, by the normal approximation above 40.
  mutating func poisson(_ mean: Double) -> Double {
    if mean <= 0 { return 0 }
    if mean > 40 { return max(0, (mean + mean.squareRoot() * normal()).rounded()) }
    var p = exponential(-mean)
    var sum = p
    let u = uniform()
    var k = 0.0
    while u > sum && k < 200 {
      k += 1
      p *= mean / k
      sum += p
    }
    return k
  }
}

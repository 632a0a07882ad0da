// Eigenvalues of symmetric 3x3 matrices by cyclic Jacobi rotations: plain numbers, no memory,
// because saving a project needs them for every spot.

/// The eigenvalue solver of `Covariance`.
enum Jacobi {
  /// Eigenvalues in ascending order, and the unit eigenvectors in the same order when wanted.
  ///
  /// Sweeps go on until the elements off the diagonal no longer count (1e-17 of the diagonal);
  /// three or four do. Fifty are the end of it for matrices that are not finite.
  static func solve(
    _ c: Covariance, wantsVectors: Bool
  ) -> (values: SIMD3<Double>, vectors: (SIMD3<Double>, SIMD3<Double>, SIMD3<Double>)) {
    var (xx, yy, zz) = (c.xx, c.yy, c.zz)
    var (xy, xz, yz) = (c.xy, c.xz, c.yz)
    // Columns of the eigenvector matrix.
    var v0 = SIMD3<Double>(1, 0, 0)
    var v1 = SIMD3<Double>(0, 1, 0)
    var v2 = SIMD3<Double>(0, 0, 1)
    for _ in 0..<50 {
      let off = abs(xy) + abs(xz) + abs(yz)
      let scale = abs(xx) + abs(yy) + abs(zz)
      if !(off > 1e-300) || off <= 1e-17 * scale { break }
      if xy != 0 {
        let (cosine, sine) = rotate(&xx, &yy, &xy, &xz, &yz)
        if wantsVectors { turn(&v0, &v1, cosine, sine) }
      }
      if xz != 0 {
        let (cosine, sine) = rotate(&xx, &zz, &xz, &xy, &yz)
        if wantsVectors { turn(&v0, &v2, cosine, sine) }
      }
      if yz != 0 {
        let (cosine, sine) = rotate(&yy, &zz, &yz, &xy, &xz)
        if wantsVectors { turn(&v1, &v2, cosine, sine) }
      }
    }
    if yy < xx { exchange(&xx, &yy, &v0, &v1) }
    if zz < yy { exchange(&yy, &zz, &v1, &v2) }
    if yy < xx { exchange(&xx, &yy, &v0, &v1) }
    return (SIMD3(xx, yy, zz), (v0, v1, v2))
  }

  /// Make element pq zero by a rotation in the plane of the axes p and q; r is the third axis.
  private static func rotate(
    _ pp: inout Double, _ qq: inout Double, _ pq: inout Double, _ pr: inout Double,
    _ qr: inout Double
  ) -> (cosine: Double, sine: Double) {
    let theta = (qq - pp) / (2 * pq)
    let t = (theta >= 0 ? 1.0 : -1.0) / (abs(theta) + (theta * theta + 1).squareRoot())
    let c = 1 / (t * t + 1).squareRoot()
    let s = t * c
    pp -= t * pq
    qq += t * pq
    pq = 0
    (pr, qr) = (c * pr - s * qr, s * pr + c * qr)
    return (c, s)
  }

  private static func turn(
    _ p: inout SIMD3<Double>, _ q: inout SIMD3<Double>, _ cosine: Double, _ sine: Double
  ) {
    (p, q) = (cosine * p - sine * q, sine * p + cosine * q)
  }

  private static func exchange(
    _ a: inout Double, _ b: inout Double, _ p: inout SIMD3<Double>, _ q: inout SIMD3<Double>
  ) {
    swap(&a, &b)
    swap(&p, &q)
  }
}

// Ellipsoids: eigenvalues against their definition, and the shapes that real files hold.

import Core
import Testing

@Suite struct CovarianceTests {
  /// A covariance with these semi-axes, turned about three axes.
  private func turned(_ radii: SIMD3<Double>, _ angles: SIMD3<Double>) -> Covariance {
    Covariance.axisAligned(x: radii.x, y: radii.y, z: radii.z)
      .rotated(about: .x, degrees: angles.x).rotated(about: .y, degrees: angles.y)
      .rotated(about: .z, degrees: angles.z)
  }

  /// Checks C v = lambda v, unit length, right angles and ascending order.
  private func checkEigen(_ c: Covariance, sourceLocation: SourceLocation = #_sourceLocation) {
    let (values, vectors) = c.eigen()
    let scale = max(abs(values.x), abs(values.z), 1e-300)
    #expect(values.x <= values.y && values.y <= values.z, sourceLocation: sourceLocation)
    for k in 0..<3 {
      let v = vectors[k]
      let image = c.matrix * WorldPoint(x: v.x, y: v.y, z: v.z)
      let difference = SIMD3(image.x, image.y, image.z) - values[k] * v
      #expect((difference * difference).sum().squareRoot() <= 1e-12 * scale)
      #expect(abs((v * v).sum() - 1) < 1e-12)
      #expect(abs((v * vectors[(k + 1) % 3]).sum()) < 1e-12)
    }
    #expect(abs(values.sum() - (c.xx + c.yy + c.zz)) <= 1e-12 * scale)
  }

  @Test func eigenvaluesAndVectorsOfRandomEllipsoids() {
    var random = SeededRandom(seed: 5)
    for _ in 0..<2000 {
      let radii = SIMD3(
        exponential(random.uniform(-6, 6)), exponential(random.uniform(-6, 6)),
        exponential(random.uniform(-6, 6)))
      let angles = SIMD3(
        random.uniform(-180, 180), random.uniform(-180, 180), random.uniform(-180, 180))
      let c = turned(radii, angles)
      checkEigen(c)
      let largest = max(radii.x, radii.y, radii.z)
      #expect(abs(c.radii.z - largest) < 1e-9 * largest)
    }
  }

  @Test func eigenvaluesOfMatricesThatAreNoCovariances() {
    checkEigen(Covariance(xx: 0, xy: 1, xz: 2, yy: 0, yz: 3, zz: 0))
    checkEigen(Covariance(xx: -1, xy: 0.5, xz: 0, yy: -1, yz: 0, zz: 4))
    checkEigen(Covariance(xx: 1, xy: 1e-200, xz: 0, yy: 1, yz: 1e-200, zz: 1))
    #expect(Covariance(xx: -4, xy: 0, xz: 0, yy: -9, yz: 0, zz: -1).radii == .zero)
  }

  @Test func diagonalMatricesGiveTheirDiagonalExactly() {
    let c = Covariance(xx: 0.1, xy: 0, xz: 0, yy: 0.3, yz: 0, zz: 0.2)
    #expect(c.eigen().values == SIMD3(0.1, 0.2, 0.3))
    #expect(c.boundingSphereRadiusSquared == 0.3)
    #expect(c.eigen().vectors == [SIMD3(1, 0, 0), SIMD3(0, 0, 1), SIMD3(0, 1, 0)])
  }

  @Test func aCovarianceOfZerosIsLegal() {
    let zero = Covariance.sphere(radius: 0)
    #expect(zero.radii == .zero && zero.boundingSphereRadiusSquared == 0)
    #expect(zero.meanRadius == 0 && zero.volume == 0 && zero.rotationReset() == zero)
  }

  @Test func numbersThatAreNotFiniteEnd() {
    let c = Covariance(xx: .nan, xy: 1, xz: 1, yy: .infinity, yz: 1, zz: 1)
    #expect(!c.isFinite)
    _ = c.eigen()
    _ = c.radii
  }

  @Test func radiusAndVolumeOfAnEllipsoid() {
    let c = turned(SIMD3(2, 3, 4), SIMD3(10, 20, 30))
    #expect(abs(c.meanRadius - power(24, 1.0 / 3)) < 1e-12)
    #expect(abs(c.volume - 4.0 / 3 * Double.pi * 24) < 1e-10)
    #expect(abs(c.boundingSphereRadiusSquared - 16) < 1e-12)
    #expect(Covariance.sphere(radius: 5).radii == SIMD3(5, 5, 5))
  }

  @Test("EL-1 scaling along a world axis") func scaled() {
    let c = Covariance(xx: 9, xy: 1, xz: 2, yy: 4, yz: 3, zz: 1)
    let s = Matrix3([1, 0, 0], [0, 1.1, 0], [0, 0, 1])
    let expected = c.transformed(by: s)
    let got = c.scaled(along: .y, by: 1.1)
    for (a, b) in [
      (got.xx, expected.xx), (got.xy, expected.xy), (got.xz, expected.xz), (got.yy, expected.yy),
      (got.yz, expected.yz), (got.zz, expected.zz),
    ] { #expect(abs(a - b) < 1e-14) }
  }

  @Test(
    "EL-4 reset rotation",
    arguments: [(Axis.y, 1.0, (9.0, 4.0)), (.z, 1, (9, 4)), (.z, 46, (4, 9)), (.x, 0, (9, 4))])
  func reset(axis: Axis, degrees: Double, expected: (Double, Double)) {
    let c = Covariance.axisAligned(x: 3, y: 2, z: 1).rotated(about: axis, degrees: degrees)
    let r = c.rotationReset()
    #expect(abs(r.xx - expected.0) < 1e-12 && abs(r.yy - expected.1) < 1e-12)
    #expect(abs(r.zz - 1) < 1e-12 && r.xy == 0 && r.xz == 0 && r.yz == 0)
  }
}

// Matrices, affine maps, sizes and boxes.

import Core
import Testing

@Suite struct GeometryTests {
  private func near(_ a: WorldPoint, _ b: WorldPoint) -> Bool { a.distance(to: b) < 1e-12 }

  @Test func rotationsAreRightHanded() {
    let quarter = Double.pi / 2
    let x = WorldPoint(x: 1, y: 0, z: 0)
    let y = WorldPoint(x: 0, y: 1, z: 0)
    let z = WorldPoint(x: 0, y: 0, z: 1)
    #expect(near(Matrix3.rotation(about: .z, radians: quarter) * x, y))
    #expect(near(Matrix3.rotation(about: .x, radians: quarter) * y, z))
    #expect(near(Matrix3.rotation(about: .y, radians: quarter) * z, x))
  }

  @Test func inverseAndDeterminant() throws {
    let m = Matrix3([2, 1, 0], [0, 3, 1], [1, 0, 1])
    #expect(m.determinant == 7)
    let product = m * (try #require(m.inverse))
    for row in 0..<3 {
      for column in 0..<3 { #expect(abs(product[row, column] - (row == column ? 1 : 0)) < 1e-15) }
    }
    #expect(Matrix3([1, 2, 3], [2, 4, 6], [0, 0, 1]).inverse == nil)
    #expect(m.transposed[0, 2] == 1 && m.transposed.transposed == m)
  }

  @Test func productsApplyTheRightHandSideFirst() {
    let a = Affine3(scale: VoxelSize(x: 2, y: 3, z: 4))
    let b = Affine3(
      linear: .rotation(about: .z, radians: 0.3), translation: WorldPoint(x: 1, y: 2, z: 3))
    let p = WorldPoint(x: 5, y: -6, z: 7)
    #expect(near((a * b)(p), a(b(p))))
    #expect(Affine3.identity(p) == p)
  }

  @Test func affineInverse() throws {
    let a = Affine3(
      linear: Matrix3([0.5, 0.1, 0], [0, 0.5, 0.2], [0.1, 0, 2]),
      translation: WorldPoint(x: 10, y: -20, z: 30))
    let inverse = try #require(a.inverse)
    let p = WorldPoint(x: 1, y: 2, z: 3)
    #expect(near(inverse(a(p)), p) && near(a(inverse(p)), p))
    #expect(Affine3(scale: VoxelSize(x: 1, y: 0, z: 1)).inverse == nil)
  }

  @Test func sizesFromFilesAreCheckedForOverflow() {
    #expect(Size3(x: 256, y: 256, z: 8).checkedCount == 524_288)
    #expect(Size3(x: 0, y: 5, z: 5).checkedCount == 0)
    #expect(Size3(x: -1, y: 5, z: 5).checkedCount == nil)
    #expect(Size3(x: 1 << 32, y: 1 << 31, z: 1).checkedCount == nil)
    #expect(Size3(x: 1 << 30, y: 1 << 30, z: 1 << 30).checkedCount == nil)
  }

  @Test func boxesFitOrDoNot() {
    let size = Size3(x: 10, y: 10, z: 4)
    #expect(VoxelBox(size).fits(in: size))
    let origin = Size3(x: 8, y: 0, z: 0)
    #expect(VoxelBox(origin: origin, size: Size3(x: 2, y: 1, z: 1)).fits(in: size))
    #expect(!VoxelBox(origin: origin, size: Size3(x: 3, y: 1, z: 1)).fits(in: size))
    #expect(!VoxelBox(origin: origin, size: Size3(x: 0, y: 1, z: 1)).fits(in: size))
    #expect(!VoxelBox(origin: origin, size: Size3(x: .max, y: 1, z: 1)).fits(in: size))
    let below = Size3(x: -1, y: 0, z: 0)
    #expect(!VoxelBox(origin: below, size: Size3(x: 2, y: 1, z: 1)).fits(in: size))
  }

  @Test func worldBoxesAreHalfOpen() {
    let box = WorldBox(minimum: .zero, maximum: WorldPoint(x: 1, y: 1, z: 1))
    #expect(box.contains(.zero) && !box.contains(WorldPoint(x: 1, y: 0, z: 0)))
    #expect(!box.contains(WorldPoint(x: 0.5, y: -1e-9, z: 0.5)))
  }

  @Test func axesSelectCoordinates() {
    var p = WorldPoint(x: 1, y: 2, z: 3)
    p[.y] = 9
    #expect(Axis.allCases.map { p[$0] } == [1, 9, 3])
    var size = Size3(x: 1, y: 2, z: 3)
    size[.z] = 7
    #expect(Axis.allCases.map { size[$0] } == [1, 2, 7] && size.description == "1 x 2 x 7")
  }
}

// Flow labels: which links teach, and what they say.

import Core
import Imaging
import Learning
import Lineage
import Testing
import Tracking

@Suite("Flow labels")
struct FlowLabelsTests {
  private let grid: VoxelGrid

  init() throws {
    grid = try VoxelGrid(
      size: Size3(x: 40, y: 30, z: 10), voxelSize: VoxelSize(x: 1, y: 1, z: 2))
  }

  @Test("An approved link says where its target came from (elephant-client 17)")
  func mark() throws {
    let scene = try LinkingScene([])
    let graph = scene.graph
    try graph.edit("link") {
      let a = try graph.addSpot(
        t: 4, position: WorldPoint(x: 5, y: 5, z: 5), covariance: .sphere(radius: 2))
      let b = try graph.addSpot(
        t: 5, position: WorldPoint(x: 7, y: 5, z: 4), covariance: .sphere(radius: 3))
      let link = try graph.addLink(a, b)
      try graph.setTag(
        scene.tracking, of: link, to: graph.tag(named: "Approved", in: scene.tracking))
    }
    let marks = FlowMark.all(in: graph, [5])
    #expect(marks.keys.map { $0 } == [5])
    let mark = try #require(marks[5]?.first)
    #expect(mark.displacement == WorldPoint(x: -2, y: 0, z: 1))
    #expect(mark.position == WorldPoint(x: 7, y: 5, z: 4))
    #expect(mark.covariance == .sphere(radius: 3))
    #expect(FlowMark.all(in: graph, [4]).isEmpty)
  }

  @Test("Only approved links teach, whatever the tags of their spots; none that skips timepoints")
  func whichLinks() throws {
    let scene = try LinkingScene([
      S(1, t: 0, 0, "fp"), S(2, t: 1, 1, "none"), S(3, t: 2, 2), S(4, t: 2, 9), S(5, t: 3, 4),
    ])
    try scene.link(1, 2, "Approved")
    try scene.link(2, 3, "unlabeled")
    try scene.link(2, 4, nil)
    try scene.link(2, 5, "Approved")
    #expect(FlowMark.all(in: scene.graph).mapValues(\.count) == [1: 1])
    #expect(FlowMark.all(in: LineageGraph()).isEmpty)
  }

  @Test("Worked example of elephant-server 5.2: voxels over norms")
  func values() throws {
    let mark = FlowMark(
      position: WorldPoint(x: 16, y: 14, z: 8), covariance: .axisAligned(x: 4, y: 3, z: 4),
      source: WorldPoint(x: 20, y: 12, z: 11))
    let labels = FlowLabels([mark], earlier: grid, later: grid)
    #expect(labels.ways == [WorldPoint(x: 4, y: -2, z: 1.5)])
    // The norm (80, 80, 10) is that of three poolings that keep z.
    let scale = try FlowScale(keepAxials: 3)
    #expect(scale.norms == WorldPoint(x: 80, y: 80, z: 10))
    let (x, y, z, mask) = try labels.volumes(scale)
    #expect(abs(x.value(x: 16, y: 14, z: 4) - 0.05) < 1e-7)
    #expect(abs(y.value(x: 16, y: 14, z: 4) + 0.025) < 1e-7)
    #expect(abs(z.value(x: 16, y: 14, z: 4) - 0.15) < 1e-7)
    let raster = EllipsoidRaster(position: mark.position, covariance: mark.covariance, in: grid)
    #expect(mask.values().reduce(0, +) == Double(raster.count))
    #expect(mask.value(x: 0, y: 0, z: 0) == 0 && x.value(x: 0, y: 0, z: 0) == 0)
  }

  @Test("The scale follows ELEPHANT's count, and never grows for flat voxels")
  func scale() throws {
    #expect(try FlowScale(maxDisplacement: 16, keepAxials: 2).norms.z == 4)
    #expect(try FlowScale(keepAxials: -1).norms.z == 80)
    #expect(try FlowScale(keepAxials: 5).norms.z == 2.5)
    #expect(throws: HowdahError.self) { try FlowScale(maxDisplacement: 0, keepAxials: 0) }
  }

  @Test(
    "Where nuclei overlap the later link counts; a tiny nucleus leaves a mark; one outside none")
  func painting() throws {
    func mark(_ x: Double, _ radius: Double, from: Double) -> FlowMark {
      FlowMark(
        position: WorldPoint(x: x, y: 15, z: 10), covariance: .sphere(radius: radius),
        source: WorldPoint(x: from, y: 15, z: 10))
    }
    let labels = FlowLabels(
      [
        mark(12, 4, from: 11), mark(16, 4, from: 18), mark(30, 0.1, from: 31),
        mark(90, 2, from: 91),
      ],
      earlier: grid, later: grid)
    #expect(labels.marks.count == 3 && labels.centers[2] == Size3(x: 30, y: 15, z: 5))
    let numbers = try labels.numbers()
    #expect(numbers.value(x: 11, y: 15, z: 5) == 1)
    #expect(numbers.value(x: 14, y: 15, z: 5) == 2)
    #expect(numbers.values().count { $0 == 3 } == 9)
    let box = VoxelBox(origin: Size3(x: 8, y: 10, z: 2), size: Size3(x: 20, y: 12, z: 6))
    #expect(try labels.numbers(box).hasSameVoxels(as: numbers.crop(box)))
  }

  @Test("With registrations the way is between voxels, not between world points")
  func registrations() throws {
    // The view of the later frame is shifted by 3 along x: a nucleus at rest in the world moves in the image.
    let shifted = try VoxelGrid(
      size: grid.size,
      transform: Affine3(
        linear: Affine3(scale: VoxelSize(x: 1, y: 1, z: 2)).linear,
        translation: WorldPoint(x: 3, y: 0, z: 0)))
    let rest = WorldPoint(x: 20, y: 15, z: 10)
    let labels = FlowLabels(
      [FlowMark(position: rest, covariance: .sphere(radius: 3), source: rest)], earlier: grid,
      later: shifted)
    #expect(labels.ways == [WorldPoint(x: 3, y: 0, z: 0)])
  }
}

// Snapshots: spots stand where they are, in the colours of their tags, whatever the registration.

import Core
import Formats
import Foundation
import Imaging
import Lineage
import Testing
import Tracking

/// A lineage with a tag set "Fate" (a: red, hidden: transparent) and black images of 60 x 40 x 20
/// voxels.
struct FigureScene {
  let lineage = LineageGraph()
  let images: MemoryImageSource
  let fate: TagSetID

  init(transform: Affine3? = nil) throws {
    let size = Size3(x: 60, y: 40, z: 20)
    images = MemoryImageSource(
      size: size, voxelSize: VoxelSize(x: 1, y: 1, z: 2), timepoints: 8, type: .uint8,
      transform: transform
    ) { _, _, _ in try Volume(zeroed: size, type: .uint8) }
    let lineage = self.lineage
    fate = try lineage.edit("tags") {
      try lineage.addTagSet(
        name: "Fate",
        tags: [Tag(label: "a", color: 0xFFFF_0000), Tag(label: "hidden", color: 0x0000_00FF)])
    }
  }

  @discardableResult
  func spot(
    t: Timepoint = 0, _ x: Double, _ y: Double, _ z: Double, radius: Double = 6, tag: TagID? = nil
  ) throws -> SpotID {
    try lineage.edit("spot") {
      let spot = try lineage.addSpot(
        t: t, position: WorldPoint(x: x, y: y, z: z), covariance: .sphere(radius: radius))
      if let tag { try lineage.setTag(fate, of: spot, to: tag) }
      return spot
    }
  }

  func link(_ a: SpotID, _ b: SpotID) throws {
    _ = try lineage.edit("link") { try lineage.addLink(a, b) }
  }

  /// Options for bare pictures, one pixel a voxel.
  var plain: Snapshot.Options {
    var options = Snapshot.Options()
    options.colorBy = "Fate"
    options.zoom = 1
    options.caption = false
    options.scaleBar = false
    options.lineWidth = 1
    return options
  }

  func render(_ options: Snapshot.Options) throws -> Canvas {
    try Snapshot.render(lineage: lineage, images: images, options: options)
  }
}

@Suite struct FiguresSnapshotTests {
  private func isRed(_ c: Color) -> Bool { c.r > 150 && c.g < 60 && c.b < 60 }

  @Test func sectionsStandWhereTheSpotsAre() throws {
    let scene = try FigureScene()
    try scene.spot(20, 15, 16, tag: 0)
    var options = scene.plain
    options.z = 16
    let middle = try scene.render(options)
    #expect(middle.width == 60 && middle.height == 40)
    // Voxel (20, 15) is the pixel around (20.5, 15.5); the outline is 6 voxels away, the middle
    // black.
    #expect(isRed(middle[26, 15]) && isRed(middle[14, 15]) && isRed(middle[20, 21]))
    #expect(middle[20, 15] == .black && middle[40, 15] == .black)
    // 4 off the centre the radius is sqrt(36 - 16) = 4.5.
    options.z = 20
    let higher = try scene.render(options)
    #expect(higher[24, 15].r > 100 && higher[25, 15].r > 100)
    #expect(higher[26, 15] == .black)
    options.z = 24
    #expect(try scene.render(options).rgba.allSatisfy { $0 == 0 || $0 == 255 })
    #expect(try scene.render(options)[26, 15] == .black)
  }

  @Test func otherViewsScaleAnisotropicVoxels() throws {
    let scene = try FigureScene()
    try scene.spot(20, 15, 16, tag: 0)
    var options = scene.plain
    options.view = .xz
    let xz = try scene.render(options)
    #expect(xz.width == 60 && xz.height == 40)
    // Voxel 8 along z is 2 pixels high; its centre is at 17.
    #expect(xz[20, 16 + 6].r > 100 && xz[20, 17 + 6].r > 100 && xz[20, 20] == .black)
    options.view = .yz
    let yz = try scene.render(options)
    #expect(yz.width == 40 && yz.height == 40)
    #expect(isRed(yz[17, 15 + 6]))
    options.view = .ortho
    let ortho = try scene.render(options)
    #expect(ortho.width == 60 + 4 + 40 && ortho.height == 40 + 4 + 40)
    options.view = .max
    options.z = 0
    #expect(isRed(try scene.render(options)[26, 15]))
  }

  @Test func registrationsAreFollowed() throws {
    // Voxel x becomes world y + 100, voxel y world x - 7; z is scaled by 3.
    let map = Affine3(
      linear: Matrix3([0, 1, 0], [1, 0, 0], [0, 0, 3]),
      translation: WorldPoint(x: -7, y: 100, z: 5))
    let scene = try FigureScene(transform: map)
    let world = map(WorldPoint(x: 30, y: 12, z: 4))
    try scene.spot(world.x, world.y, world.z, tag: 0)
    let picture = try scene.render(scene.plain)
    #expect(isRed(picture[36, 12]) && isRed(picture[30, 18]) && picture[30, 12] == .black)
  }

  @Test func transparentTagsHideAndUntaggedAreNeutral() throws {
    let scene = try FigureScene()
    try scene.spot(12, 15, 16, tag: 1)
    try scene.spot(40, 15, 16)
    let picture = try scene.render(scene.plain)
    #expect((0..<25).allSatisfy { picture[$0, 15] == .black })
    let edge = picture[46, 15]
    #expect(edge.r == edge.g && edge.g == edge.b && edge.r > 120)
  }

  @Test func linksAreTailsThatFade() throws {
    let scene = try FigureScene()
    let spots = try (0..<4).map { try scene.spot(t: $0, 10 + 10 * Double($0), 20, 16, radius: 2) }
    for (a, b) in zip(spots, spots.dropFirst()) { try scene.link(a, b) }
    var options = scene.plain
    options.t = 3
    options.links = 2
    let picture = try scene.render(options)
    #expect(picture[34, 20].r > picture[25, 20].r && picture[25, 20].r > 0)
    #expect(picture[15, 20] == .black)
    options.links = 0
    #expect(try scene.render(options)[34, 20] == .black)
  }

  @Test func worksWithoutImages() throws {
    let scene = try FigureScene()
    try scene.spot(1000, 2000, 0, radius: 50, tag: 0)
    try scene.spot(t: 5, 1400, 2200, 10, radius: 50, tag: 0)
    var options = Snapshot.Options()
    options.view = .max
    options.colorBy = "Fate"
    let picture = try Snapshot.render(
      lineage: scene.lineage, images: nil, unit: "micrometer", options: options)
    let red = (0..<picture.width * picture.height).filter {
      isRed(picture[$0 % picture.width, $0 / picture.width])
    }
    // The spot of timepoint 0 alone, in the upper left part of a picture that has room for both.
    #expect(red.count > 50 && red.allSatisfy { $0 % picture.width < picture.width / 2 })
    #expect(picture.width > 600 && picture.width > picture.height)
    let empty = try Snapshot.render(
      lineage: LineageGraph(), images: nil, options: options.plainColors)
    #expect(empty.width >= 1)
  }

  @Test func unknownNamesAndTimepointsAreExplained() throws {
    let scene = try FigureScene()
    var options = scene.plain
    options.colorBy = "Fates"
    let error = #expect(throws: HowdahError.self) { try scene.render(options) }
    #expect(error?.kind == .argument && error?.message.contains("\"Fate\", \"track\"") == true)
    options = scene.plain
    options.t = 8
    #expect(throws: HowdahError.self) { try scene.render(options) }
    options.t = 0
    options.zoom = 1e9
    #expect(throws: HowdahError.self) { try scene.render(options) }
  }

  @Test func featuresBecomeColours() throws {
    let scene = try FigureScene()
    let low = try scene.spot(10, 20, 16, radius: 4)
    let high = try scene.spot(40, 20, 16, radius: 4)
    try scene.lineage.edit("feature") {
      try scene.lineage.setFeature("Quality", low, 1)
      try scene.lineage.setFeature("Quality", high, 9)
    }
    var options = scene.plain
    options.colorBy = "Quality"
    let picture = try scene.render(options)
    // Dark violet and (the scale ends at the 98th percentile) yellow.
    #expect(picture[14, 20].b > picture[14, 20].g)
    #expect(picture[44, 20].g > picture[44, 20].b)
  }

  @Test func moviesAreNumberedPictures() throws {
    let scene = try FigureScene()
    for t in 0..<3 { try scene.spot(t: t, 10 + 10 * Double(t), 20, 16, tag: 0) }
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("howdah-movie-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let count = try SnapshotMovie.write(
      lineage: scene.lineage, images: scene.images, to: folder, timepoints: 1...3,
      options: scene.plain)
    #expect(count == 3)
    let names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
    #expect(names == ["t0001.png", "t0002.png", "t0003.png"])
    let picture = try PNGFile.read(folder + "/t0002.png")
    var options = scene.plain
    options.t = 2
    #expect(picture.pixels == (try scene.render(options).rgba))
    let progress = Progress()
    progress.cancel()
    #expect(throws: HowdahError.self) {
      try SnapshotMovie.write(
        lineage: scene.lineage, images: scene.images, to: folder, options: scene.plain,
        progress: progress)
    }
  }

  @Test func projectsNeedNoFurtherWords() throws {
    let scene = try FigureScene()
    try scene.spot(20, 15, 16, tag: 0)
    let project = Project(images: scene.images, lineage: scene.lineage)
    let picture = try Snapshot.render(project, options: scene.plain)
    #expect(picture.rgba == (try scene.render(scene.plain).rgba))
  }
}

extension Snapshot.Options {
  /// The same without a tag set, for lineages that have none.
  fileprivate var plainColors: Snapshot.Options {
    var options = self
    options.colorBy = nil
    return options
  }
}

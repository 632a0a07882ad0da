// Label volumes from judged spots: every row of the specification's B.5, and what ELEPHANT gets wrong.

import Core
import Imaging
import Lineage
import Testing
import Tracking

@Suite("Detection labels (B.5)")
struct DetectionLabelsTests {
  private let grid: VoxelGrid

  init() throws {
    grid = try VoxelGrid(
      size: Size3(x: 40, y: 30, z: 10), voxelSize: VoxelSize(x: 1, y: 1, z: 2))
  }

  private func spot(
    _ tag: DetectionTag, _ x: Double, _ y: Double, _ z: Double = 10, radii: [Double] = [6, 5, 8]
  ) -> LabeledSpot {
    LabeledSpot(
      position: WorldPoint(x: x, y: y, z: z),
      covariance: .axisAligned(x: radii[0], y: radii[1], z: radii[2]), tag: tag)
  }

  /// The image of B.5: 5 x, as bytes.
  private func image() throws -> Volume {
    try Volume.make(size: grid.size, of: UInt8.self) { out in
      for i in out.indices { out[i] = UInt8(5 * (i % 40)) }
    }
  }

  private func paint(_ spots: [LabeledSpot], autoBackground: Double = 0, ratio: Double = 0.4)
    throws -> Volume
  {
    let background = try DetectionLabels.automaticBackground(
      of: image(), below: autoBackground, range: (0, 195))
    return try DetectionLabels(spots, in: grid, centerRatio: ratio).paint(over: background)
  }

  private func counts(_ labels: Volume) -> [Int: Int] {
    Dictionary(labels.values().map { (Int($0), 1) }, uniquingKeysWith: +)
  }

  private func expect(
    _ spots: [LabeledSpot], _ plain: [Int: Int], _ withBackground: [Int: Int],
    _ location: SourceLocation = #_sourceLocation
  ) throws {
    #expect(try counts(paint(spots)) == plain, sourceLocation: location)
    #expect(
      try counts(paint(spots, autoBackground: 0.2)) == withBackground, sourceLocation: location)
  }

  @Test("tp (10,15,10; 6,5,8)")
  func tp() throws {
    try expect(
      [spot(.tp, 10, 15)], [0: 11515, 2: 452, 3: 33], [0: 9218, 1: 2297, 2: 452, 3: 33])
  }

  @Test("that + tp (16,15,10; same), with the ring at x = 13")
  func twoTP() throws {
    let spots = [spot(.tp, 10, 15), spot(.tp, 16, 15)]
    try expect(
      spots, [0: 11185, 2: 749, 3: 66], [0: 8888, 1: 2297, 2: 749, 3: 66])
    let plane = try paint(spots)
    let rows = (11...19).map { y in
      (2...25).map { x in String(Int(plane.value(x: x, y: y, z: 5))) }.joined()
    }
    #expect(
      rows == [
        "000002222222222222000000", "000022222222222222200000", "000222222222222222220000",
        "000222333332333332220000", "000222333332333332220000", "000222333332333332220000",
        "000222222222222222220000", "000022222222222222200000", "000002222222222222000000",
      ])
  }

  @Test("tp then fp at (16,15,10), or fp first (same result)")
  func tpAndFP() throws {
    let (tp, fp) = (spot(.tp, 10, 15), spot(.fp, 16, 15))
    for spots in [[tp, fp], [fp, tp]] {
      try expect(
        spots, [0: 11185, 2: 452, 3: 33, 4: 330],
        [0: 8888, 1: 2297, 2: 452, 3: 33, 4: 330])
    }
  }

  @Test("fn")
  func fn() throws {
    try expect(
      [spot(.fn, 10, 15)], [0: 11515, 5: 452, 6: 33], [0: 9218, 1: 2297, 5: 452, 6: 33])
  }

  @Test("tb")
  func tb() throws {
    try expect([spot(.tb, 10, 15)], [0: 11515, 2: 485], [0: 9218, 1: 2297, 2: 485])
  }

  @Test("all, radii (5,5,6), z 10")
  func all() throws {
    let places: [(DetectionTag, Double, Double)] = [
      (.tp, 8, 8), (.fp, 14, 8), (.tn, 20, 8), (.fn, 8, 20), (.tb, 14, 20), (.fb, 20, 20),
    ]
    try expect(
      places.map { spot($0.0, $0.1, $0.2, radii: [5, 5, 6]) },
      [0: 10462, 1: 297, 2: 514, 3: 19, 4: 175, 5: 514, 6: 19],
      [0: 8318, 1: 2441, 2: 514, 3: 19, 4: 175, 5: 514, 6: 19])
  }

  @Test("Rasteriser: center (5,5,5), radius 0.6, unit scales, image 11^3")
  func rasteriser() throws {
    let cube = try VoxelGrid(size: Size3(x: 11, y: 11, z: 11), voxelSize: .one)
    func count(_ minimum: Int) -> Int {
      EllipsoidRaster(
        position: WorldPoint(x: 5, y: 5, z: 5), covariance: .sphere(radius: 0.6), in: cube,
        minimum: minimum
      ).count
    }
    #expect(count(0) == 1)
    #expect(count(9) == 19)
  }

  @Test("Q27: the ring outside the ellipsoid stays, however few labels there are")
  func ringStays() throws {
    let cube = try VoxelGrid(size: Size3(x: 11, y: 11, z: 11), voxelSize: .one)
    let one = LabeledSpot(
      position: WorldPoint(x: 5, y: 5, z: 5), covariance: .sphere(radius: 1.2), tag: .tp)
    let labels = try DetectionLabels([one], in: cube, centerRatio: 1).paint()
    // 19 voxels of centre, and all their neighbours: the 3 x 3 x 3 cube and its surroundings
    // without what no edge or face touches.
    let centre = labels.values().count { $0 == 3 }
    let border = labels.values().count { $0 == 2 }
    #expect(centre == 19)
    #expect(border == 125 - 8 - 19)
  }

  @Test("Q26: outside there is nothing, at the edge what is left, and a speck in a tiny image")
  func guards() throws {
    let cube = try VoxelGrid(size: Size3(x: 11, y: 11, z: 11), voxelSize: .one)
    func count(_ x: Double, _ radius: Double, _ grid: VoxelGrid) -> Int {
      EllipsoidRaster(
        position: WorldPoint(x: x, y: 1, z: 1), covariance: .sphere(radius: radius), in: grid
      ).count
    }
    #expect(count(40, 2, cube) == 0)
    #expect(count(-2.5, 2, cube) == 0)
    #expect(count(-1, 2, cube) >= 9)
    #expect(count(.nan, 2, cube) == 0)
    #expect(count(5, 0, cube) >= 9)
    let speck = try VoxelGrid(size: Size3(x: 2, y: 2, z: 1), voxelSize: .one)
    #expect(count(1, 0.5, speck) == 4)
  }

  @Test("A box is painted as it is in the whole, wherever it is cut")
  func boxes() throws {
    var random = SeededRandom(seed: 4)
    let spots = (0..<30).map { _ in
      LabeledSpot(
        position: WorldPoint(
          x: random.uniform(-3, 43), y: random.uniform(-3, 33), z: random.uniform(-3, 22)),
        covariance: Covariance.axisAligned(
          x: random.uniform(1, 6), y: random.uniform(1, 6), z: random.uniform(1, 6)
        ).rotated(about: .x, degrees: random.uniform(0, 90)),
        tag: DetectionTag.allCases[random.below(6)])
    }
    let labels = try DetectionLabels(spots, in: grid)
    let whole = try labels.paint()
    for _ in 0..<20 {
      let origin = Size3(x: random.below(30), y: random.below(20), z: random.below(8))
      let box = VoxelBox(
        origin: origin,
        size: Size3(
          x: 1 + random.below(40 - origin.x), y: 1 + random.below(30 - origin.y),
          z: 1 + random.below(10 - origin.z)))
      #expect(try labels.paint(box).hasSameVoxels(as: whole.crop(box)))
    }
  }

  @Test("In one plane the ellipse of x and y is painted, whatever z is")
  func plane() throws {
    let flat = try VoxelGrid(size: Size3(x: 40, y: 30, z: 1), voxelSize: .one)
    func labels(_ z: Double, _ depth: Double) throws -> Volume {
      try DetectionLabels([spot(.tp, 10, 15, z, radii: [6, 5, depth])], in: flat).paint()
    }
    let plain = try labels(0, 8)
    let inside = plain.values().count { $0 > 0 }
    #expect((Int(Double.pi * 30) - 8...Int(Double.pi * 30) + 8).contains(inside))
    #expect(try labels(25, 2).hasSameVoxels(as: plain))
  }

  @Test("A registration turns spots into the image's axes")
  func registration() throws {
    // World = a quarter turn about z of the calibrated voxel, then a shift.
    let turn = Matrix3([0, -1, 0], [1, 0, 0], [0, 0, 2])
    let turned = try VoxelGrid(
      size: grid.size,
      transform: Affine3(linear: turn, translation: WorldPoint(x: 100, y: 7, z: 1)))
    let there = LabeledSpot(
      position: WorldPoint(x: 100 - 15, y: 7 + 10, z: 11),
      covariance: .axisAligned(x: 5, y: 6, z: 8), tag: .tp)
    #expect(
      try DetectionLabels([there], in: turned).paint().hasSameVoxels(as: paint([spot(.tp, 10, 15)]))
    )
  }

  @Test("Spots of a lineage speak through the tag set Detection alone")
  func fromLineage() throws {
    let graph = LineageGraph()
    try graph.edit("spots") {
      let p = WorldPoint(x: 1, y: 2, z: 3)
      _ = try graph.addSpot(t: 0, position: p, covariance: .sphere(radius: 2))
    }
    #expect(LabeledSpot.all(in: graph, at: 0).isEmpty)
    try graph.edit("tags") {
      try graph.ensureElephantTagSets()
      let set = graph.tagSet(named: "Detection")!
      for label in ["unlabeled", "fb", "tp"] {
        let p = WorldPoint(x: 1, y: 2, z: 3)
        let new = try graph.addSpot(t: 0, position: p, covariance: .sphere(radius: 2))
        try graph.setTag(set, of: new, to: graph.tag(named: label, in: set))
      }
    }
    #expect(LabeledSpot.all(in: graph, at: 0).map(\.tag) == [.fb, .tp])
    #expect(LabeledSpot.all(in: graph, at: 1).isEmpty)
  }

  @Test("A centre ratio of 0 or above 1 is refused")
  func ratio() {
    for ratio in [0, -1, 1.5, .nan] {
      #expect(throws: HowdahError.self) {
        try DetectionLabels([], in: grid, centerRatio: ratio)
      }
    }
  }
}

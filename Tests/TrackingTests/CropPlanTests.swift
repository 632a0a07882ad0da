// Crops: the convention of rotation against scikit-image, what a plan shows, and the ranges of what is drawn.

import Core
import Foundation
import Imaging
import Testing
import Tracking

@Suite("Crops and augmentation (3.2, 3.3)")
struct CropPlanTests {
  private func volume(_ size: Size3) throws -> Volume {
    var random = SeededRandom(seed: 9)
    return try Volume(
      floats: (0..<size.count).map { _ in Float(random.uniform()) }, size: size)
  }

  @Test("Turning is that of scikit-image, with the canvas enlarged")
  func rotation() throws {
    let url = Bundle.module.url(forResource: "Golden/rotation", withExtension: "txt")!
    let lines = try String(contentsOf: url, encoding: .utf8).split(separator: "\n")
      .map { $0.split(separator: " ").map { Double($0)! } }
    for k in stride(from: 0, to: lines.count, by: 5) {
      let (w, h, degrees) = (lines[k][0], lines[k][1], lines[k][2])
      let image = try Volume(
        floats: lines[k + 1].map { Float($0) }, size: Size3(x: Int(w), y: Int(h), z: 1))
      let canvas = Size3(x: Int(lines[k + 2][0]), y: Int(lines[k + 2][1]), z: 1)
      // The corners through the inverse map, as 3.3 says, give where the canvas begins.
      let (c, s) = (cos(degrees * .pi / 180), sin(degrees * .pi / 180))
      let (cx, cy) = (w / 2 - 0.5, h / 2 - 0.5)
      let corners = [(0, 0), (0, h - 1), (w - 1, h - 1), (w - 1, 0)].map { x, y in
        (c * (x - cx) + s * (y - cy) + cx, -s * (x - cx) + c * (y - cy) + cy)
      }
      let middle = (
        x: corners.map(\.0).min()! + Double(canvas.x - 1) / 2 - cx,
        y: corners.map(\.1).min()! + Double(canvas.y - 1) / 2 - cy
      )
      var plan = CropPlan(
        size: canvas, extent: canvas,
        center: WorldPoint(
          x: c * middle.x - s * middle.y + cx, y: s * middle.x + c * middle.y + cy, z: 0))
      plan.degrees = Int(degrees)
      let map = plan.map(try InputGrid(image.size))
      let linear = try image.sampled(canvas, through: map, .linear).values()
      for (a, b) in zip(linear, lines[k + 3]) { #expect(abs(a - b) < 2e-6) }
      let nearest = try image.sampled(canvas, through: map, .nearest).values()
      // Points half-way between two voxels may go either way: rounding of sines decides there.
      let different = zip(nearest, lines[k + 4]).count { abs($0 - $1) > 1e-6 }
      #expect(different <= (Int(degrees) % 90 == 0 ? 0 : 1))
    }
  }

  @Test("A plain plan is a crop, bit by bit; a mirrored one the crop mirrored")
  func plain() throws {
    let image = try volume(Size3(x: 20, y: 15, z: 8))
    let box = VoxelBox(origin: Size3(x: 3, y: 2, z: 1), size: Size3(x: 8, y: 6, z: 4))
    var plan = CropPlan(
      size: box.size, extent: box.size, center: WorldPoint(x: 6.5, y: 4.5, z: 2.5))
    let grid = try InputGrid(image.size)
    #expect(plan.box(grid) == box)
    let crop = try image.crop(box)
    #expect(try image.sampled(plan.size, through: plan.map(grid)).hasSameVoxels(as: crop))
    plan.flipped = (true, false, true)
    let mirrored = try image.sampled(plan.size, through: plan.map(grid))
    for z in 0..<4 {
      for y in 0..<6 {
        for x in 0..<8 {
          #expect(mirrored.value(x: x, y: y, z: z) == crop.value(x: 7 - x, y: y, z: 3 - z))
        }
      }
    }
  }

  @Test("A stretched plan and a rescaled image are linear resampling with corners aligned")
  func stretched() throws {
    let image = try volume(Size3(x: 20, y: 15, z: 8))
    let plan = CropPlan(
      size: Size3(x: 31, y: 15, z: 5), extent: image.size,
      center: WorldPoint(x: 9.5, y: 7, z: 3.5))
    let wanted = try image.resampled(to: plan.size)
    let direct = try image.sampled(plan.size, through: plan.map(try InputGrid(image.size)))
    let grid = try InputGrid(image.size, rescale: VoxelSize(x: 1.55, y: 1, z: 0.65))
    #expect(grid.size == plan.size)
    let whole = CropPlan(
      size: grid.size, extent: grid.size, center: WorldPoint(x: 15, y: 7, z: 2))
    let rescaled = try image.sampled(plan.size, through: whole.map(grid))
    for (a, (b, c)) in zip(wanted.values(), zip(direct.values(), rescaled.values())) {
      #expect(abs(a - b) < 1e-5)
      #expect(abs(a - c) < 1e-5)
    }
  }

  @Test("Drawn plans lie in the image, show the base voxel, and use all of their ranges")
  func drawn() throws {
    let grid = try InputGrid(Size3(x: 60, y: 50, z: 20))
    var options = CropOptions()
    options.size = Size3(x: 20, y: 20, z: 10)
    options.scaleFactorBase = 0.4
    var random = SeededRandom(seed: 1)
    var extents: (x: Set<Int>, z: Set<Int>) = ([], [])
    var (flips, origins) = (Set<Int>(), Set<Double>())
    for _ in 0..<2000 {
      let base = Size3(x: 45, y: 3, z: 19)
      let plan = CropPlan(
        options, in: grid, around: base, spacing: VoxelSize(x: 1, y: 1, z: 2),
        multiples: Size3(x: 16, y: 16, z: 4), using: &random)
      #expect(plan.size == Size3(x: 32, y: 32, z: 12))
      for axis in Axis.allCases {
        let low = plan.center[axis] - Double(plan.extent[axis] - 1) / 2
        #expect(low >= 0 && low + Double(plan.extent[axis]) <= Double(grid.size[axis]))
        #expect(low <= Double(base[axis]) && Double(base[axis]) < low + Double(plan.extent[axis]))
      }
      extents.x.insert(plan.extent.x)
      extents.z.insert(plan.extent.z)
      origins.insert(plan.center.x - Double(plan.extent.x - 1) / 2)
      flips.insert(
        (plan.flipped.x ? 1 : 0) + (plan.flipped.y ? 2 : 0) + (plan.flipped.z ? 4 : 0))
    }
    // x: 20 (1 -+ 0.4); z is twice as coarse: 10 (1 -+ 0.2).
    #expect(extents.x == Set(12...28) && extents.z == Set(8...12))
    #expect(flips.count == 8 && origins.contains(45))
  }

  @Test("Turned plans keep inside the image as far as they can, in whole degrees from -A to A")
  func turned() throws {
    let grid = try InputGrid(Size3(x: 100, y: 100, z: 4))
    var options = CropOptions()
    options.size = Size3(x: 32, y: 32, z: 4)
    options.rotationAngle = 30
    var random = SeededRandom(seed: 2)
    var degrees: Set<Int> = []
    for _ in 0..<2000 {
      let plan = CropPlan(
        options, in: grid, around: nil, spacing: .one, multiples: Size3(x: 16, y: 16, z: 1),
        using: &random)
      degrees.insert(plan.degrees)
      // Scale 0 and a turn, which stops ELEPHANT (Q12).
      #expect(plan.extent == options.size)
      let box = try #require(plan.box(grid))
      #expect(box.fits(in: grid.size) && box.size.x <= 46 && box.size.y <= 46)
    }
    #expect(degrees == Set(-30...30))
  }

  @Test("A small image is shown whole, in a size that fits the network")
  func small() throws {
    let grid = try InputGrid(Size3(x: 10, y: 40, z: 3))
    var random = SeededRandom(seed: 3)
    var options = CropOptions()
    options.flips = false
    let plan = CropPlan(
      options, in: grid, around: Size3(x: 9, y: 39, z: 2), spacing: .one,
      multiples: Size3(x: 16, y: 16, z: 2), using: &random)
    #expect(plan.size == Size3(x: 16, y: 48, z: 4))
    #expect(plan.extent == grid.size && plan.box(grid) == VoxelBox(grid.size))
  }

  @Test("Values out of range are refused")
  func refused() {
    var bad = CropOptions()
    bad.scaleFactorBase = 1
    #expect(throws: HowdahError.self) { try bad.check() }
    bad = CropOptions()
    bad.rotationAngle = 181
    #expect(throws: HowdahError.self) { try bad.check() }
    bad = CropOptions()
    bad.size.z = 0
    #expect(throws: HowdahError.self) { try bad.check() }
    #expect(throws: HowdahError.self) {
      try InputGrid(Size3(x: 4, y: 4, z: 4), rescale: VoxelSize(x: 0, y: 1, z: 1))
    }
  }
}

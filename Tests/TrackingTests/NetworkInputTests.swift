// What networks are given: intensities, tiles, poolings that keep z.

import Core
import Imaging
import Learning
import Testing
import Tracking

@Suite struct NetworkInputTests {
  @Test func poolingsThatKeepZFollowTheVoxelSize() {
    let examples: [(Double, Int)] = [
      (8, 3), (6, 3), (5.5, 2), (1, 0), (0.6, -1), (0.9, 0), (16, 4),
    ]
    for (anisotropy, count) in examples {
      #expect(KeepAxials.count(anisotropy: anisotropy) == count, "\(anisotropy)")
    }
    let keep = KeepAxials(voxel: VoxelSize(x: 0.5, y: 0.5, z: 2), depth: 4)
    #expect(keep.flags == [true, true, false, false])
  }

  @Test func intensitiesRunFromZeroToOneOverTheWholeVolume() throws {
    let volume = try Volume(
      uint16s: [100, 300, 500, 200, 100, 100], size: Size3(x: 3, y: 1, z: 2))
    let scale = try IntensityScale(measuring: volume)
    #expect(try scale.apply(volume).values() == [0, 0.5, 1, 0.25, 0, 0])
    let part = try volume.slice(axis: .z, index: 1)
    #expect(try scale.apply(part, firstPlane: 1).values() == [0.25, 0, 0])
    let flat = try Volume(floats: [3, 3], size: Size3(x: 2, y: 1, z: 1))
    #expect(try IntensityScale(measuring: flat).apply(flat).values() == [0, 0])
  }

  @Test func medianCorrectionMakesPlanesAlike() throws {
    // Medians: planes 20 and 60, all 40; a plane of median 0 stays as it is.
    let size = Size3(x: 3, y: 1, z: 2)
    let volume = try Volume(uint16s: [10, 20, 40, 50, 60, 140], size: size)
    let scale = try IntensityScale(measuring: volume, medianCorrection: true)
    #expect(scale.planeShifts == [-25, 15])
    #expect(scale.minimum == 35)
    #expect(scale.range == 90)
    let values = try scale.apply(volume).values()
    #expect(values == [0, 10, 30, 0, 10, 90].map { Double(Float($0) / 90) })
    let dark = try Volume(uint16s: [0, 0, 9, 50, 60, 140], size: size)
    #expect(try IntensityScale(measuring: dark, medianCorrection: true).planeShifts[0] == 0)
  }

  @Test func tilesFitTheMemoryAndCoverTheVolume() {
    let unet = Architecture.unet()
    let keep = KeepAxials(first: 2, of: 4)
    func choose(_ size: Size3, _ memory: Int) -> Size3 {
      PatchChoice.automatic(size, architecture: unet, keepAxials: keep, pad: false, memory: memory)
    }
    let small = Size3(x: 100, y: 90, z: 12)
    #expect(choose(small, 1 << 30) == small)
    for memory in [1 << 28, 1 << 30] {
      let patch = choose(Size3(x: 708, y: 512, z: 35), memory)
      #expect(patch.count * 216 + 12 * patch.z * 708 * 512 <= memory)
      #expect(patch.x % 16 == 0 || patch.x == 708)
      #expect(patch.z % 4 == 0 || patch.z == 35)
    }
    let plane = PatchChoice.automatic(
      Size3(x: 600, y: 600, z: 90), architecture: .unet(dimensions: 2), keepAxials: keep, pad: true)
    #expect(plane == Size3(x: 600, y: 600, z: 1))
    // Even with hardly any memory there is an answer.
    #expect(choose(Size3(x: 4000, y: 4000, z: 200), 1 << 20).x == 128)
  }
}

// Making, converting, cutting and combining volumes, and resampling.

import Core
import Imaging
import Testing

@Suite struct VolumeTests {
  let size = Size3(x: 4, y: 3, z: 2)

  func ramp() throws -> Volume {
    try Volume(uint16s: (0..<24).map { UInt16($0) }, size: size)
  }

  @Test func memoryOrderIsZYX() throws {
    let volume = try ramp()
    #expect(volume[x: 1, y: 2, z: 1] == 21)
    #expect(volume.byteCount == 48)
  }

  @Test func cropAndSlice() throws {
    let volume = try ramp()
    let box = VoxelBox(origin: Size3(x: 1, y: 1, z: 0), size: Size3(x: 2, y: 2, z: 2))
    #expect(try volume.crop(box).values() == [5, 6, 9, 10, 17, 18, 21, 22])
    #expect(try volume.slice(axis: .x, index: 3).values() == [3, 7, 11, 15, 19, 23])
    #expect(try volume.slice(axis: .z, index: 1).size == Size3(x: 4, y: 3, z: 1))
    #expect(throws: HowdahError.self) { try volume.slice(axis: .y, index: 3) }
    let outside = VoxelBox(origin: Size3(x: 3, y: 0, z: 0), size: Size3(x: 2, y: 1, z: 1))
    #expect(throws: HowdahError.self) { try volume.crop(outside) }
  }

  @Test func impossibleSizesAreErrors() throws {
    let kinds = [Size3(x: 0, y: 1, z: 1), Size3(x: 1 << 40, y: 1 << 20, z: 1 << 20)].map { size in
      (#expect(throws: HowdahError.self) { try Volume(zeroed: size, type: .float32) })?.kind
    }
    #expect(kinds == [.argument, .limit])
    #expect(throws: HowdahError.self) { try Volume(floats: [1, 2], size: size) }
  }

  @Test func conversionRoundsAndSaturates() throws {
    let values: [Float] = [-3, 0.49999997, 0.5, 1.5, 2.5, 254.5, 255.5, 300, .nan, .infinity]
    let volume = try Volume(floats: values, size: Size3(x: 10, y: 1, z: 1))
    #expect(try volume.converted(to: .uint8).values() == [0, 0, 1, 2, 3, 255, 255, 255, 0, 255])
    let wide = try volume.converted(to: .uint16).values()
    #expect(wide == [0, 0, 1, 2, 3, 255, 256, 300, 0, 65535])
    #expect(UInt16(nearest: 65534.5) == 65535 && UInt8(nearest: .nan) == 0)
    let small = try ramp().converted(to: .uint8)
    #expect(try small.converted(to: .uint16).hasSameVoxels(as: ramp()))
    #expect(try small.converted(to: .float32).converted(to: .uint8).hasSameVoxels(as: small))
  }

  @Test func arithmetic() throws {
    let a = try Volume(uint8s: [1, 2, 3, 4], size: Size3(x: 2, y: 2, z: 1))
    let b = try Volume(floats: [4, 3, 2, 0], size: Size3(x: 2, y: 2, z: 1))
    #expect(try (a - b).values() == [-3, -1, 1, 4])
    #expect(try (a + b).values() == [5, 5, 5, 4])
    #expect(try (a * b).values() == [4, 6, 6, 0])
    #expect(try (b / a).values() == [4, 1.5, Double(Float(2) / 3), 0])
    #expect(try (a / b).values()[3] == .infinity)
    #expect(try (10 - a).values() == [9, 8, 7, 6])
    #expect(try (a * 0.5 + 1).values() == [1.5, 2, 2.5, 3])
    #expect(try (12 / a).values() == [12, 6, 4, 3])
    #expect(try b.threshold(2).values() == [1, 1, 0, 0])
    #expect(throws: HowdahError.self) { try a + ramp() }
  }

  @Test func linearResamplingAgreesWithScipy() throws {
    let golden = try Golden()
    let volume = try golden.volume("resample.in")
    let sizes = [
      "up": Size3(x: 8, y: 9, z: 7), "down": Size3(x: 4, y: 3, z: 2),
      "one": Size3(x: 3, y: 1, z: 1),
    ]
    for (name, size) in sizes {
      let got = try volume.resampled(to: size)
      #expect(largestDifference(got.values(), try golden.values("resample.\(name).out")) < 1e-4)
    }
  }

  @Test func resamplingKeepsCornersAndExtent() throws {
    let volume = try randomVolume(Size3(x: 31, y: 17, z: 5)).withVoxelSize(
      VoxelSize(x: 0.5, y: 0.5, z: 2))
    let fine = try volume.resampled(to: Size3(x: 100, y: 33, z: 9))
    #expect(fine[x: 99, y: 32, z: 8] == volume[x: 30, y: 16, z: 4])
    #expect(fine[x: 0, y: 32, z: 0] == volume[x: 0, y: 16, z: 0])
    #expect(abs(fine.voxelSize.x * 99 - 0.5 * 30) < 1e-12)
    let counts = try ramp().resampled(to: Size3(x: 7, y: 3, z: 2))
    #expect(counts.type == .uint16 && counts[x: 1, y: 0, z: 0] == 1)
  }

  /// Worked examples of nearest resampling, as torch does it.
  @Test func nearestFiveToEightAndBack() throws {
    func line(_ n: Int) throws -> Volume {
      try Volume(uint8s: (0..<n).map { UInt8($0) }, size: Size3(x: n, y: 1, z: 1))
    }
    let up = try line(5).resampled(to: Size3(x: 8, y: 1, z: 1), .nearest)
    #expect(up.values() == [0, 0, 1, 1, 2, 3, 3, 4])
    let down = try line(8).resampled(to: Size3(x: 5, y: 1, z: 1), .nearest)
    #expect(down.values() == [0, 1, 3, 4, 6])
  }

  @Test func memorySource() throws {
    let volume = try ramp().withVoxelSize(VoxelSize(x: 1, y: 1, z: 5))
    let source = try MemoryImageSource([[volume], [volume]])
    #expect(source.timepoints == 2 && source.type == .uint16 && source.setups == 1)
    let corner = source.transform(t: 0, setup: 0, level: 0)(WorldPoint(x: 1, y: 2, z: 3))
    #expect(corner == WorldPoint(x: 1, y: 2, z: 15))
    let box = VoxelBox(origin: Size3(x: 0, y: 0, z: 1), size: Size3(x: 1, y: 1, z: 1))
    let part = try source.volume(t: 1, setup: 0, level: 0, box: box, progress: .none)
    #expect(part.values() == [12])
    let error = #expect(throws: HowdahError.self) { try source.volume(t: 2) }
    #expect(error?.message == "memory: there is no timepoint 2; valid are 0 to 1")
  }
}

// TIFF against files that tifffile wrote (Golden/tiff/make.py), and against our own reading back.

import Core
import Formats
import Foundation
import Imaging
import Testing

/// The value that make.py gives a voxel.
private func value(_ t: Int, _ c: Int, _ z: Int, _ y: Int, _ x: Int) -> Double {
  Double(1000 * t + 300 * c + 100 * z + 10 * y + x)
}

private func golden(_ name: String) -> String {
  Bundle.module.resourcePath! + "/Golden/tiff/" + name
}

@Suite struct TIFFTests {
  @Test(
    "ImageJ hyperstacks: one directory a page, one for all, both byte orders",
    arguments: ["hyperstack.tif", "truncated.tif", "big-endian.tif"])
  func hyperstack(name: String) throws {
    let image = try TIFFFile.read(golden(name))
    #expect(image.volumes.count == 2)
    #expect(image.unit == "µm")
    for t in 0..<2 {
      #expect(image.volumes[t].count == 2)
      for c in 0..<2 {
        let v = image.volumes[t][c]
        #expect(v.size == Size3(x: 5, y: 4, z: 3))
        #expect(v.type == .uint16)
        #expect(abs(v.voxelSize.x - 0.2768) < 1e-6)
        #expect(abs(v.voxelSize.y - 0.25) < 1e-6)
        #expect(v.voxelSize.z == 2.1605)
        for z in 0..<3 {
          for y in 0..<4 { for x in 0..<5 { #expect(v[x: x, y: y, z: z] == value(t, c, z, y, x)) } }
        }
      }
    }
  }

  @Test func eightBitPagesAreSlices() throws {
    let v = try TIFFFile.read(golden("stack8.tif")).volumes[0][0]
    #expect(v.size == Size3(x: 5, y: 4, z: 3) && v.type == .uint8)
    #expect(v[x: 4, y: 3, z: 2] == value(0, 0, 2, 3, 4))
  }

  @Test func compressedFloatsInABigTIFF() throws {
    let v = try TIFFFile.read(golden("float-deflate-bigtiff.tif")).volumes[0][0]
    #expect(v.type == .float32)
    #expect(v[x: 4, y: 3, z: 2] == 234)
    #expect(v[x: 0, y: 0, z: 1] == 100)
  }

  @Test func signedTilesBecomeFloats() throws {
    let v = try TIFFFile.read(golden("int16-tiled.tif")).volumes[0][0]
    #expect(v.size == Size3(x: 37, y: 20, z: 1) && v.type == .float32)
    for (x, y) in [(0, 0), (36, 19), (16, 15), (15, 16)] {
      #expect(v[x: x, y: y, z: 0] == value(0, 0, 0, y, x) - 500)
    }
  }

  @Test func coloursAreChannels() throws {
    let image = try TIFFFile.read(golden("rgb.tif"))
    #expect(image.volumes[0].count == 3)
    for c in 0..<3 {
      #expect(
        image.volumes[0][c][x: 2, y: 3, z: 0] == Double(Int(value(0, c, 0, 3, 2)) % 256))
    }
  }

  @Test func lzwInSeveralStrips() throws {
    let v = try TIFFFile.read(golden("lzw16.tif")).volumes[0][0]
    #expect(v.values() == (0..<60).map { value(0, 0, $0 / 20, $0 / 5 % 4, $0 % 5) })
  }

  @Test("a source reads any box of any plane")
  func source() throws {
    let source = try TIFFImageSource(golden("hyperstack.tif"))
    #expect(source.timepoints == 2 && source.setups == 2 && source.levels(setup: 0) == 1)
    let box = VoxelBox(origin: Size3(x: 1, y: 2, z: 1), size: Size3(x: 3, y: 2, z: 2))
    let v = try source.volume(t: 1, setup: 1, level: 0, box: box, progress: .none)
    for z in 0..<2 {
      for y in 0..<2 {
        for x in 0..<3 { #expect(v[x: x, y: y, z: z] == value(1, 1, z + 1, y + 2, x + 1)) }
      }
    }
    #expect(throws: HowdahError.self) { try source.volume(t: 2) }
    source.close()
    #expect(throws: HowdahError.self) { try source.volume(t: 0) }
  }

  @Test("what is written reads back the same", arguments: [false, true], VoxelType.allCases)
  func roundTrip(compressed: Bool, type: VoxelType) throws {
    let folder = Fuzz.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let size = Size3(x: 7, y: 5, z: 3)
    let voxel = VoxelSize(x: 0.2768, y: 0.25, z: 2.1605)
    let frames = try (0..<2).map { t in
      try (0..<3).map { c in
        try Volume(
          floats: (0..<size.count).map { Float(1000 * t + 300 * c + $0) }, size: size,
          voxelSize: voxel
        ).converted(to: type)
      }
    }
    var options = TIFFFile.Options()
    options.isCompressed = compressed
    options.unit = "µm"
    let path = folder + "/out.tif"
    try TIFFFile.write(frames, to: path, options: options)
    let image = try TIFFFile.read(path)
    #expect(image.unit == "µm")
    #expect(image.volumes.count == 2 && image.volumes[1].count == 3)
    for (a, b) in zip(frames.joined(), image.volumes.joined()) {
      #expect(a.hasSameVoxels(as: b) && b.type == type)
      #expect(abs(b.voxelSize.x - voxel.x) < 1e-6 && b.voxelSize.z == voxel.z)
    }
  }

  @Test("errors name the file and the page")
  func errors() throws {
    let folder = Fuzz.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    func message(_ bytes: [UInt8]) -> String {
      let path = folder + "/bad.tif"
      _ = FileManager.default.createFile(atPath: path, contents: Data(bytes))
      do {
        _ = try TIFFFile.read(path)
        return ""
      } catch { return "\(error)" }
    }
    #expect(message(Array("no picture".utf8)).hasPrefix(folder + "/bad.tif: is no readable TIFF"))
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: golden("stack8.tif"))))
    #expect(message(bytes.dropLast(70) + []).contains("page"))
    #expect(throws: HowdahError.self) { try TIFFFile.read(folder + "/missing.tif") }
  }

  @Test("a real ImageJ movie", .enabled(if: RealData.exists))
  func realMovie() throws {
    let source = try TIFFImageSource(RealData.path("faketracks-trackmate/FakeTracks.tif"))
    #expect(source.size == Size3(x: 128, y: 128, z: 1))
    #expect(source.timepoints == 50 && source.type == .uint8)
    let v = try source.volume(t: 49)
    #expect(v.values().contains { $0 > 0 })
  }

  @Test("broken TIFF files are refused or read, never fatal")
  func broken() async throws {
    let child = await #expect(
      processExitsWith: .success, observing: [\.standardOutputContent]
    ) {
      let folder = Fuzz.temporaryFolder()
      defer { try? FileManager.default.removeItem(atPath: folder) }
      for name in ["hyperstack.tif", "float-deflate-bigtiff.tif", "int16-tiled.tif", "lzw16.tif"] {
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: golden(name))))
        var judge = FuzzJudge(fileSize: bytes.count)
        let path = folder + "/" + name
        func feed(_ bytes: [UInt8], _ what: String) {
          _ = FileManager.default.createFile(atPath: path, contents: Data(bytes))
          judge.run(what) { _ = try TIFFFile.read(path) }
        }
        for cut in Fuzz.truncations(of: bytes, step: 64) {
          feed(cut, "\(name) cut at \(cut.count)")
        }
        let count = Fuzz.count(normally: 400)
        for (k, copy) in Fuzz.mutations(of: bytes, count: count, seed: 11).enumerated() {
          feed(copy, "\(name) change \(k)")
        }
        print("\(name): \(judge.summary)")
        #expect(judge.complaints == [])
      }
    }
    Fuzz.show(child)
  }
}

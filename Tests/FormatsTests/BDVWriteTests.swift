// Writing BigDataViewer data sets: what is written reads back the same, the pyramid is the mean, nothing is
// half-written. With HOWDAH_H5PY set to a Python that has h5py and npy2bdv, those read the files too.

import Core
import Formats
import Foundation
import Imaging
import Testing

@Suite struct BDVWriteTests {
  /// A volume with structure and noise, different for each seed.
  private func volume(_ size: Size3, _ type: VoxelType, seed: UInt64) throws -> Volume {
    var random = SeededRandom(seed: seed)
    let top = type == .float32 ? 1.0 : type.largestValue
    let values = (0..<size.count).map { i in
      let x = Double(i % size.x) / Double(size.x)
      return Float((x * 0.9 + 0.1 * random.uniform()) * top)
    }
    return try Volume(floats: values, size: size).converted(to: type)
  }

  private func source(_ size: Size3, _ type: VoxelType, timepoints: Int = 2, setups: Int = 2) throws
    -> MemoryImageSource
  {
    let volumes = try (0..<timepoints).map { t in
      try (0..<setups).map { try volume(size, type, seed: UInt64(10 * t + $0)) }
    }
    return try MemoryImageSource(
      volumes, unit: "µm", setupNames: (0..<setups).map { "dye <\($0)>" },
      transform: Affine3(scale: VoxelSize(x: 0.25, y: 0.25, z: 1.5)))
  }

  @Test(arguments: VoxelType.allCases, [0, 1, 9])
  func readsBackWhatItWrote(_ type: VoxelType, _ compression: Int) throws {
    let folder = Fuzz.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let images = try source(Size3(x: 70, y: 45, z: 9), type)
    var options = BDVWriter.Options()
    options.compression = compression
    options.levels = 3
    let xml = folder + "/a b.xml"
    try BDVWriter.write(source: images, toXML: xml, options: options)
    #expect(
      Set(try FileManager.default.contentsOfDirectory(atPath: folder)) == ["a b.xml", "a b.h5"])
    let back = try BDVImageSource.open(xml)
    #expect(back.timepoints == 2 && back.setups == 2 && back.type == type)
    #expect(back.size == images.size && back.unit == "µm")
    #expect(back.voxelSize == VoxelSize(x: 0.25, y: 0.25, z: 1.5))
    #expect(back.setupName(1) == "dye <1>")
    for t in 0..<2 {
      for setup in 0..<2 {
        #expect(
          try back.volume(t: t, setup: setup).hasSameVoxels(as: images.volume(t: t, setup: setup)))
        #expect(
          back.transform(t: t, setup: setup, level: 0)
            == images.transform(t: t, setup: setup, level: 0))
      }
    }
    #expect((0..<3).map { back.downsampling(setup: 0, level: $0).x } == [1, 2, 4])
    #expect((0..<3).map { back.downsampling(setup: 0, level: $0).z } == [1, 1, 1])
    #expect(back.size(setup: 1, level: 2) == Size3(x: 17, y: 11, z: 9))
    let half = try back.volume(t: 1, setup: 1, level: 1)
    let full = try images.volume(t: 1, setup: 1)
    let (i, j) = (5, 3)
    let mean =
      (full[x: 2 * i, y: 2 * j, z: 2] + full[x: 2 * i + 1, y: 2 * j, z: 2]
        + full[x: 2 * i, y: 2 * j + 1, z: 2] + full[x: 2 * i + 1, y: 2 * j + 1, z: 2]) / 4
    #expect(abs(half[x: i, y: j, z: 2] - mean) <= (type == .float32 ? 1e-6 : 0.5))
  }

  @Test func choosesLevelsByAnisotropy() throws {
    let folder = Fuzz.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let v = try Volume(zeroed: Size3(x: 300, y: 200, z: 40), type: .uint8)
    let images = try MemoryImageSource(
      [[v]], transform: Affine3(scale: VoxelSize(x: 0.3, y: 0.3, z: 1)))
    try BDVWriter.write(source: images, toXML: folder + "/a.xml")
    let back = try BDVImageSource.open(folder + "/a.xml")
    let factors = (0..<back.levels(setup: 0)).map { back.downsampling(setup: 0, level: $0) }
    #expect(factors.map(\.x) == [1, 2, 4, 8])
    #expect(factors.map(\.z) == [1, 1, 2, 4])
    let world = back.transform(t: 0, setup: 0, level: 3)(.zero)
    #expect(abs(world.x - 0.3 * 3.5) < 1e-12 && abs(world.z - 1.5) < 1e-12)
  }

  @Test func convertsTypesAndAcceptsPlanesAndChunks() throws {
    let folder = Fuzz.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let images = try source(Size3(x: 33, y: 20, z: 1), .float32, timepoints: 1, setups: 1)
    var options = BDVWriter.Options()
    options.type = .uint8
    options.chunk = Size3(x: 64, y: 7, z: 4)
    try BDVWriter.write(source: images, toXML: folder + "/a.xml", options: options)
    let back = try BDVImageSource.open(folder + "/a.xml")
    #expect(back.type == .uint8)
    #expect(try back.volume(t: 0).hasSameVoxels(as: images.volume(t: 0).converted(to: .uint8)))
    options.compression = 13
    #expect(throws: HowdahError.self) {
      try BDVWriter.write(source: images, toXML: folder + "/b.xml", options: options)
    }
  }

  @Test func leavesTheOldFilesWhenItFails() throws {
    let folder = Fuzz.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let images = try source(Size3(x: 20, y: 20, z: 4), .uint16)
    try BDVWriter.write(source: images, toXML: folder + "/a.xml")
    let before = try Data(contentsOf: URL(fileURLWithPath: folder + "/a.h5"))
    let progress = Progress()
    let failing = MemoryImageSource(
      size: images.size, voxelSize: images.voxelSize, timepoints: 3, type: .uint16
    ) { t, _, progress in
      if t == 1 { progress.cancel() }
      return try images.volume(t: 0)
    }
    let error = #expect(throws: HowdahError.self) {
      try BDVWriter.write(source: failing, toXML: folder + "/a.xml", progress: progress)
    }
    #expect(error?.kind == .interrupted)
    #expect(try Data(contentsOf: URL(fileURLWithPath: folder + "/a.h5")) == before)
    #expect(Set(try FileManager.default.contentsOfDirectory(atPath: folder)) == ["a.xml", "a.h5"])
    #expect(throws: HowdahError.self) {
      try BDVWriter.write(source: images, toXML: folder + "/no/such/folder/a.xml")
    }
  }

  /// A data set may be written over the one that is being read.
  @Test func rewritesInPlace() throws {
    let folder = Fuzz.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let images = try source(Size3(x: 40, y: 30, z: 6), .uint16)
    try BDVWriter.write(source: images, toXML: folder + "/a.xml")
    let first = try BDVImageSource.open(folder + "/a.xml")
    try BDVWriter.write(source: first, toXML: folder + "/a.xml")
    let second = try BDVImageSource.open(folder + "/a.xml")
    #expect(try second.volume(t: 1, setup: 1).hasSameVoxels(as: images.volume(t: 1, setup: 1)))
  }

  @Test(
    .enabled(
      if: ProcessInfo.processInfo.environment["HOWDAH_H5PY"] != nil, "HOWDAH_H5PY is not set"))
  func othersReadWhatItWrote() throws {
    let folder = Fuzz.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let python = try #require(ProcessInfo.processInfo.environment["HOWDAH_H5PY"])
    for type in VoxelType.allCases {
      let images = try source(Size3(x: 70, y: 45, z: 9), type)
      var options = BDVWriter.Options()
      options.levels = 3
      try BDVWriter.write(source: images, toXML: folder + "/\(type).xml", options: options)
      let expected = try images.volume(t: 1, setup: 1).withBytes(crc32)
      let script = """
        import sys, zlib, h5py
        from npy2bdv import BdvEditor
        from pybdv import metadata
        xml = sys.argv[1]
        d = h5py.File(xml[:-3] + 'h5')
        a = d['t00001/s01/0/cells'][...]
        print(zlib.crc32(a.tobytes()), d['s01'].attrs['dataType'].decode(), a.dtype)
        assert d['s00/resolutions'][1].tolist() == [2, 2, 1]
        d.close()
        print(list(metadata.get_affine(xml, 1, 1).values())[0][10], metadata.get_time_range(xml),
              metadata.get_resolution(xml, 0), metadata.get_data_path(xml).endswith('.h5'))
        e = BdvEditor(xml[:-3] + 'h5')
        if a.dtype == 'uint16':
            assert (e.read_view(time=1, channel=1) == a).all()
        print(e.ntimes, e.nchannels)
        """
      let process = Process()
      process.executableURL = URL(fileURLWithPath: python)
      process.arguments = ["-c", script, folder + "/\(type).xml"]
      let pipe = Pipe()
      process.standardOutput = pipe
      try process.run()
      let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
      process.waitUntilExit()
      #expect(process.terminationStatus == 0)
      #expect(
        output == """
          \(expected) \(type) \(type)
          1.5 (0, 1) [1.5, 0.25, 0.25] True
          2 2

          """)
    }
  }
}

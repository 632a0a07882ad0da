// Reading BigDataViewer data sets: files of three other writers, boxes, and real data against h5py.

import Core
import Formats
import Foundation
import Imaging
import Testing

@Suite struct BDVReadTests {
  @Test(arguments: [
    "java_like.xml", "kinds_earliest.xml", "kinds_v110.xml", "sparse.xml",
    "partitions_earliest.xml", "partitions_v110.xml", "npy2bdv.xml", "pybdv.xml",
  ])
  func readsWhatOthersWrote(_ xml: String) throws {
    let views = try #require(try BDVGolden.expectations("expected.json")[xml])
    let source = try BDVImageSource.open(BDVGolden.folder + "/" + xml)
    for view in views {
      let volume = try source.volume(t: view.t, setup: view.setup, level: view.level)
      #expect(differences(volume, view) == [], "\(xml), \(source.setupName(view.setup))")
      #expect(source.size(setup: view.setup, level: view.level) == volume.size)
      if let affine = view.affine {
        let transform = source.transform(t: view.t, setup: view.setup, level: view.level)
        #expect(rowMajor(transform) == affine)
      }
    }
    #expect(views.count > 1)
  }

  @Test func timepointsAreIndicesOfAscendingIDs() throws {
    let list = try BDVImageSource.open(BDVGolden.folder + "/java_like.xml")
    #expect((0..<list.timepoints).map { list.timepointID($0) } == [3, 7, 12])
    #expect(list.isMissing(t: 1, setup: 1))
    #expect(!list.isMissing(t: 0, setup: 1))
    #expect(list.setups == 2)
    #expect(list.levels(setup: 1) == 2)
    let pattern = try BDVImageSource.open(BDVGolden.folder + "/partitions_v110.xml")
    #expect(
      (0..<pattern.timepoints).map { pattern.timepointID($0) }
        == [5, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28])
  }

  @Test func worldIsTheRegistrationNotTheVoxelSize() throws {
    let source = try BDVImageSource.open(BDVGolden.folder + "/npy2bdv.xml")
    #expect(source.voxelSize == VoxelSize(x: 1, y: 1, z: 4))
    #expect(source.unit == "um")
    // The centre of the first voxel of a level downsampled by (2, 2, 1) lies between two of level 0.
    let p = source.transform(t: 0, setup: 0, level: 1)(WorldPoint(x: 0, y: 0, z: 0))
    #expect(p == WorldPoint(x: 0.5, y: 0.5, z: 0))
    #expect(source.downsampling(setup: 0, level: 1) == (x: 2, y: 2, z: 1))
  }

  @Test(arguments: ["kinds_earliest.xml", "kinds_v110.xml", "sparse.xml", "java_like.xml"])
  func boxesAreCropsOfTheWhole(_ xml: String) throws {
    let source = try BDVImageSource.open(BDVGolden.folder + "/" + xml)
    var random = SeededRandom(seed: 3)
    for setup in 0..<source.setups {
      let whole = try source.volume(t: 0, setup: setup)
      for _ in 0..<12 {
        func interval(_ n: Int) -> (Int, Int) {
          let a = random.below(n)
          return (a, 1 + random.below(n - a))
        }
        let (x, y, z) = (
          interval(whole.size.x), interval(whole.size.y), interval(whole.size.z)
        )
        let box = VoxelBox(
          origin: Size3(x: x.0, y: y.0, z: z.0), size: Size3(x: x.1, y: y.1, z: z.1))
        let part = try source.volume(t: 0, setup: setup, level: 0, box: box, progress: .none)
        #expect(try part.hasSameVoxels(as: whole.crop(box)), "\(source.setupName(setup)) \(box)")
      }
    }
  }

  @Test func refusesViewsAndBoxesThatAreNotThere() throws {
    let source = try BDVImageSource.open(BDVGolden.folder + "/pybdv.xml")
    let inside = VoxelBox(origin: Size3(x: 0, y: 0, z: 0), size: Size3(x: 1, y: 1, z: 1))
    let outside = VoxelBox(origin: Size3(x: 20, y: 0, z: 0), size: Size3(x: 5, y: 1, z: 1))
    for (t, setup, level, box) in [
      (2, 0, 0, inside), (-1, 0, 0, inside), (0, 1, 0, inside), (0, 0, 2, inside),
      (0, 0, 0, outside),
    ] {
      let error = #expect(throws: HowdahError.self) {
        try source.volume(t: t, setup: setup, level: level, box: box, progress: .none)
      }
      #expect(error?.kind == .argument)
    }
  }

  @Test func stopsWhenAsked() throws {
    let source = try BDVImageSource.open(BDVGolden.folder + "/pybdv.xml")
    let progress = Progress()
    progress.cancel()
    let error = #expect(throws: HowdahError.self) {
      try source.volume(t: 0, setup: 0, level: 0, box: nil, progress: progress)
    }
    #expect(error?.kind == .interrupted)
    source.close()
    #expect(throws: HowdahError.self) { try source.volume(t: 0) }
  }

  @Test(.enabled(if: BDVGolden.real != nil, "HOWDAH_DATA is not set"))
  func readsRealDataAsH5pyDoes() throws {
    let folder = try #require(BDVGolden.real)
    let scratch = Fuzz.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: scratch) }
    for (name, views) in try BDVGolden.expectations("expected_real.json") {
      var xml = folder + "/" + name
      if name.hasSuffix(".h5") {
        xml = scratch + "/server.xml"
        try serverXML(hdf5: folder + "/" + name).write(
          toFile: xml, atomically: true, encoding: .utf8)
      }
      let source = try BDVImageSource.open(xml)
      #expect(views.count == source.timepoints * source.setups * source.levels(setup: 0))
      for view in views {
        let volume = try source.volume(t: view.t, setup: view.setup, level: view.level)
        #expect(differences(volume, view) == [], "\(name)")
      }
      if name.hasPrefix("pasteur") {
        #expect(try source.volume(t: 0).values().max()! > 32767)
      }
    }
  }

  private func serverXML(hdf5: String) -> String {
    """
    <SpimData version="0.2"><SequenceDescription>
    <ImageLoader format="bdv.hdf5"><hdf5 type="absolute">\(hdf5)</hdf5></ImageLoader>
    <ViewSetups><ViewSetup><id>0</id></ViewSetup></ViewSetups>
    <Timepoints type="range"><first>0</first><last>4</last></Timepoints>
    </SequenceDescription></SpimData>
    """
  }
}

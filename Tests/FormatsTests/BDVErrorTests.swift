// What a person is told when a BigDataViewer data set cannot be opened, and the variations of the XML.

import Core
import Formats
import Foundation
import Imaging
import Testing

@Suite struct BDVErrorTests {
  /// An XML around these parts, with the golden file sparse.h5 or another as images.
  private func xml(
    loader: String? = nil, base: String = "", h5: String = BDVGolden.folder + "/pybdv.h5",
    setups: String = "<ViewSetup><id>0</id></ViewSetup>",
    timepoints: String = #"<Timepoints type="range"><first>0</first><last>1</last></Timepoints>"#,
    registrations: String = ""
  ) -> String {
    let loader =
      loader
      ?? #"<ImageLoader format="bdv.hdf5"><hdf5 type="absolute">\#(h5)</hdf5></ImageLoader>"#
    return """
      <SpimData version="0.2">\(base)<SequenceDescription>\(timepoints)
      <ViewSetups>\(setups)</ViewSetups>\(loader)
      </SequenceDescription><ViewRegistrations>\(registrations)</ViewRegistrations>
      <ViewInterestPoints /></SpimData>
      """
  }

  private func open(_ text: String, name: String = "a.xml") throws -> BDVImageSource {
    let folder = Fuzz.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try text.write(toFile: folder + "/" + name, atomically: true, encoding: .utf8)
    return try BDVImageSource.open(folder + "/" + name)
  }

  private func failure(_ text: String) -> HowdahError? {
    do {
      _ = try open(text)
      return nil
    } catch {
      return error as? HowdahError
    }
  }

  @Test func namesTheMissingFileAndWhoNamesIt() throws {
    let error = try #require(failure(xml(h5: "/no/where.h5")))
    #expect(error.kind == .unavailable)
    #expect(error.message.contains("/no/where.h5") && error.message.contains("a.xml"))
    #expect(failure(xml(h5: "/tmp"))?.kind == .file)
    #expect(failure(xml(h5: BDVGolden.folder + "/pybdv.xml"))?.kind == .format)
  }

  @Test(arguments: ["bdv.n5", "bdv.ome.zarr.s3", "bdv.remote", "ims"])
  func namesTheLoaderItDoesNotHave(_ loader: String) throws {
    let error = try #require(failure(xml(loader: #"<ImageLoader format="\#(loader)"/>"#)))
    #expect(error.kind == .unavailable)
    #expect(error.message.contains("\"\(loader)\""))
  }

  @Test func acceptsTheOldLoaderClass() throws {
    let loader =
      #"<ImageLoader class="viewer.hdf5.Hdf5ImageLoader"><hdf5>"#
      + BDVGolden.folder + "/pybdv.h5</hdf5></ImageLoader>"
    let source = try open(xml(loader: loader))
    #expect(source.size == Size3(x: 24, y: 20, z: 6))
    #expect(source.voxelSize == .one && source.unit == "pixel")
    #expect(source.transform(t: 0, setup: 0, level: 0) == .identity)
  }

  @Test func errorsOfTheXMLNameTheLine() throws {
    for (text, part) in [
      ("<a/>", "<SpimData>"),
      ("<SpimData/>", "SequenceDescription"),
      (xml(setups: ""), "ViewSetup"),
      (xml(setups: "<ViewSetup/>"), "line 2"),
      (
        xml(setups: "<ViewSetup><id>0</id></ViewSetup><ViewSetup><id>0</id></ViewSetup>"), "repeats"
      ),
      (xml(setups: "<ViewSetup><id>0</id><size>1 2</size></ViewSetup>"), "3 numbers"),
      (xml(setups: "<ViewSetup><id>0</id><size>1 -2 3</size></ViewSetup>"), "size in voxels"),
      (xml(timepoints: #"<Timepoints type="what"/>"#), "\"what\""),
      (
        xml(timepoints: #"<Timepoints type="range"><first>3</first><last>1</last></Timepoints>"#),
        "ends"
      ),
      (
        xml(
          registrations:
            #"<ViewRegistration timepoint="0" setup="0"><ViewTransform type="affine"><affine>1 0 0</affine></ViewTransform></ViewRegistration>"#
        ), "12 numbers"
      ),
      (
        xml(
          registrations:
            #"<ViewRegistration timepoint="0" setup="0"><ViewTransform type="affine"><affine>1 0 0 0 0 1 0 0 0 0 0 0</affine></ViewTransform></ViewRegistration>"#
        ), "inverted"
      ),
    ] {
      let error = try #require(failure(text), "\(text)")
      #expect(error.kind == .format)
      #expect(error.message.contains("a.xml") && error.message.contains(part), "\(error.message)")
    }
    let endless = #"<Timepoints type="range"><first>0</first><last>2000000000</last></Timepoints>"#
    #expect(failure(xml(timepoints: endless))?.kind == .limit)
  }

  @Test func aSizeThatDiffersFromTheFileIsSaid() throws {
    let setup = "<ViewSetup><id>0</id><size>24 20 7</size></ViewSetup>"
    let source = try open(xml(setups: setup))
    let error = #expect(throws: HowdahError.self) { try source.volume(t: 0) }
    #expect(error?.message.contains("24 x 20 x 6") == true)
    #expect(error?.message.contains("24 x 20 x 7") == true)
  }

  @Test func impossibleSizesTakeNoMemory() throws {
    // A setup that the file does not have is black, but not larger than the memory.
    let setup = "<ViewSetup><id>7</id><size>200000 200000 200000</size></ViewSetup>"
    let source = try open(xml(setups: setup))
    let error = #expect(throws: HowdahError.self) { try source.volume(t: 0) }
    #expect(error?.kind == .limit)
    let box = VoxelBox(
      origin: Size3(x: 199_000, y: 5, z: 9), size: Size3(x: 1000, y: 10, z: 10))
    let part = try source.volume(t: 0, setup: 0, level: 0, box: box, progress: .none)
    #expect(part.values().allSatisfy { $0 == 0 })
  }

  @Test func pathsWithSpacesAndPercentSigns() throws {
    let folder = Fuzz.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let data = try Data(contentsOf: URL(fileURLWithPath: BDVGolden.folder + "/pybdv.h5"))
    try FileManager.default.createDirectory(
      atPath: folder + "/x y", withIntermediateDirectories: true)
    try data.write(to: URL(fileURLWithPath: folder + "/x y/100%25 a.h5"))
    for (n, path) in ["x y/100%25 a.h5", #"x y\.\..\x y\100%25 a.h5"#, "x%20y/100%2525%20a.h5"]
      .enumerated()
    {
      let loader =
        #"<ImageLoader format="bdv.hdf5"><hdf5 type="relative">\#(path)</hdf5></ImageLoader>"#
      let file = folder + "/\(n).xml"
      try xml(loader: loader).write(toFile: file, atomically: true, encoding: .utf8)
      #expect(try BDVImageSource.open(file).hdf5Path.hasSuffix("100%25 a.h5"))
    }
    let base = xml(
      loader:
        #"<ImageLoader format="bdv.hdf5"><hdf5 type="relative">100%25 a.h5</hdf5></ImageLoader>"#,
      base: #"<BasePath type="relative">x y</BasePath>"#)
    try base.write(toFile: folder + "/base.xml", atomically: true, encoding: .utf8)
    #expect(try BDVImageSource.open(folder + "/base.xml").timepoints == 2)
  }

  @Test func aMissingPartitionIsNamedWithItsLink() throws {
    let folder = try BDVGolden.copy()
    defer { try? FileManager.default.removeItem(atPath: folder + "/..") }
    let source = try BDVImageSource.open(folder + "/partitions_v110.xml")
    try FileManager.default.removeItem(atPath: folder + "/part1_v110.h5")
    _ = try source.volume(t: 0)
    let error = #expect(throws: HowdahError.self) { try source.volume(t: 1) }
    #expect(error?.message.contains("part1_v110.h5") == true)
    #expect(error?.message.contains("partitions_v110.h5") == true)
  }
}

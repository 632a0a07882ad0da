// Real projects, opened and saved again: members that hold data must come out byte by byte.

import Core
import Formats
import Foundation
import Lineage
import Testing

/// Members of a project as the zip reader gives them, by name.
func members(of path: String) throws -> [String: [UInt8]] {
  Dictionary(uniqueKeysWithValues: try ZipArchive.read(path).map { ($0.name, $0.bytes) })
}

@Suite struct MastodonRoundTripTests {
  @Test(
    "an unchanged project has the same members after saving, as file and as folder",
    .enabled(if: RealData.exists), arguments: RealData.files(withExtension: "mastodon"))
  func unchanged(path: String) throws {
    let folder = Fuzz.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let before = try members(of: path)
    let project = try Project.open(path)
    #expect(!project.isModified)
    #expect(project.notes.isEmpty)

    // Into another place: only the way to the images may differ.
    let file = folder + "/copy.mastodon"
    try project.save(to: file)
    var after = try members(of: file)
    #expect(Set(after.keys) == Set(before.keys))
    for (name, bytes) in before where name != "project.xml" {
      #expect(after[name] == bytes, "\(name)")
    }

    // As a folder, and from there again.
    let plain = folder + "/plain.mastodon"
    try FileManager.default.createDirectory(atPath: plain, withIntermediateDirectories: true)
    try project.save(to: plain)
    let again = try Project.open(plain)
    #expect(sameLineage(project.lineage, again.lineage))
    let file2 = folder + "/copy2.mastodon"
    try again.save(to: file2)
    after = try members(of: file2)
    for (name, bytes) in before where name != "project.xml" {
      #expect(after[name] == bytes, "\(name) by way of a folder")
    }
  }

  @Test(
    "saved in its own place not even project.xml changes", .enabled(if: RealData.exists),
    arguments: RealData.files(withExtension: "mastodon"))
  func inPlace(path: String) throws {
    let folder = Fuzz.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let copy = folder + "/p.mastodon"
    try FileManager.default.copyItem(atPath: path, toPath: copy)
    let before = try members(of: copy)
    let project = try Project.open(copy)
    try project.save(to: copy)
    #expect(try members(of: copy) == before)
    let first = try Data(contentsOf: URL(fileURLWithPath: copy))
    try project.save(to: copy)
    #expect(try Data(contentsOf: URL(fileURLWithPath: copy)) == first)
  }

  @Test(
    "edits taken back give the same bytes", .enabled(if: RealData.exists),
    arguments: RealData.files(withExtension: "mastodon"))
  func editedAndUndone(path: String) throws {
    let folder = Fuzz.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let before = try members(of: path)
    let project = try Project.open(path)
    let graph = project.lineage
    try graph.edit("spots") {
      let a = try graph.addSpot(t: 0, position: .zero, covariance: .sphere(radius: 1))
      for spot in graph.spots.prefix(3) where spot != a { _ = try graph.addLink(a, spot) }
    }
    if let last = graph.spots.last { try graph.edit("remove") { try graph.remove(last) } }
    #expect(project.isModified)
    while !graph.undoNames.isEmpty { try graph.undo() }
    #expect(!project.isModified)
    try project.save(to: folder + "/p.mastodon")
    let after = try members(of: folder + "/p.mastodon")
    for (name, bytes) in before where name != "project.xml" {
      #expect(after[name] == bytes, "\(name)")
    }
  }

  @Test("Pm09: a real embryo", .enabled(if: RealData.exists))
  func embryo() throws {
    let project = try Project.open(RealData.path("astec/Pm09.mastodon"))
    let graph = project.lineage
    #expect(graph.spotCount == 10129)
    #expect(graph.linkCount == 10057)
    #expect(graph.tagSets.count == 3)
    #expect(graph.labelCount > 0)
    #expect(project.images == nil)
    #expect(project.imagesProblem?.contains("dummy.xml") == true)
    #expect(project.spaceUnit == "" && project.timeUnit == "")
    #expect(throws: HowdahError.self) { try project.requireImages() }
  }

  @Test(
    "features with one number a spot or link are features of the lineage",
    .enabled(if: RealData.exists))
  func features() throws {
    let project = try Project.open(RealData.path("python-importer-demo/demo.mastodon"))
    let graph = project.lineage
    #expect(graph.featureNames == ["Detection quality"])
    #expect(graph.linkFeatureNames == ["Link cost"])
    #expect(graph.spotCount == 98 && graph.linkCount == 55)
    let quality = try #require(graph.feature("Detection quality", SpotID(0x61)))
    #expect(abs(quality - 133.1696) < 0.1)
    #expect(graph.feature("Link cost", LinkID(0x36)) != nil)
  }

  @Test("features, tags and spots encoded anew are what Java wrote", .enabled(if: RealData.exists))
  func encodedAnew() throws {
    let folder = Fuzz.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let path = folder + "/p.mastodon"
    let original = RealData.path("python-importer-demo/demo.mastodon")
    let before = try members(of: original)
    let project = try Project.open(original)
    let graph = project.lineage
    let (spot, link) = (SpotID(7), LinkID(5))
    let quality = try #require(graph.feature("Detection quality", spot))
    let cost = try #require(graph.feature("Link cost", link))
    func set(_ a: Double, _ b: Double) throws {
      try graph.edit("features") {
        try graph.setFeature("Detection quality", spot, a)
        try graph.setFeature("Link cost", link, b)
      }
      try project.save(to: path)
    }
    try set(1, 2)
    let changed = try members(of: path)
    #expect(changed["features/Detection quality.raw"] != before["features/Detection quality.raw"])
    #expect(try Project.open(path).lineage.feature("Link cost", link) == 2)
    try set(quality, cost)
    let after = try members(of: path)
    for (name, bytes) in before where name != "project.xml" {
      #expect(after[name] == bytes, "\(name)")
    }
  }

  @Test("stand-ins: images are missing, but their size is known", .enabled(if: RealData.exists))
  func standIn() throws {
    let project = try Project.open(RealData.path("simulator/reference_empty_dummydata.mastodon"))
    #expect(project.images == nil)
    #expect(project.imagesProblem?.contains("stand-in") == true)
    #expect(project.imagesDescription?.size == Size3(x: 1000, y: 1000, z: 1000))
    #expect(project.imagesDescription?.timepoints == 1000)
    let tree = try Project.open(RealData.path("lineagetree/test.mastodon"))
    #expect(tree.spaceUnit == "µm" && tree.imagesDescription?.size.y == 1529)
    #expect(tree.lineage.tagSets.count == 8)
  }

  @Test("paths with either separator lead to the images", .enabled(if: RealData.exists))
  func separators() throws {
    for name in ["tiny/tiny-project", "tiny-os/tiny-project-linux", "tiny-os/tiny-project-windows"]
    {
      let project = try Project.open(RealData.path("mastodon-examples/\(name).mastodon"))
      #expect(project.imagesProblem == nil, "\(name)")
      #expect(project.lineage.spotCount == 23)
    }
  }

  @Test("container version 0.2 without units", .enabled(if: RealData.exists))
  func oldVersion() throws {
    let folder = Fuzz.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let project = try Project.open(RealData.path("elephant-sample/sample.mastodon"))
    #expect(project.images?.timepoints == 5)
    #expect(project.lineage.tagSets.count == 2)
    // Saved elsewhere the link to the images is relative to the new place, and still leads there.
    try project.save(to: folder + "/moved.mastodon")
    let bytes = try #require(members(of: folder + "/moved.mastodon")["project.xml"])
    let xml = String(decoding: bytes, as: UTF8.self)
    #expect(xml.contains("type=\"relative\">../"))
    #expect(xml.contains("version=\"0.2\""))
    #expect(!xml.contains("SpaceUnits"))
    #expect(try Project.open(folder + "/moved.mastodon").images?.timepoints == 5)
  }
}

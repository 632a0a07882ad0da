// Projects made here: what is saved comes back, whatever the graph is like.

import Core
import Formats
import Foundation
import Imaging
import Lineage
import Testing

/// A random lineage with everything that is legal: gaps in ids, merges, self links, several links between two
/// spots, backward links, labels of all alphabets, tag sets of equal names, features, zero covariances.
func randomLineage(seed: UInt64) throws -> LineageGraph {
  var random = SeededRandom(seed: seed)
  let graph = LineageGraph()
  let texts = ["", "cell", "Zelle ä", "細胞", "🧬 𝄞", "a\u{0}b", "line\nend", "µ\"<&>"]
  try graph.edit("build") {
    for k in 0..<random.below(4) {
      _ = try graph.addTagSet(
        name: texts[random.below(texts.count)] + "\(k)",
        tags: (0..<random.below(5)).map {
          Tag(
            label: $0 == 3 ? "" : "\(texts[k + 1])\($0)",
            color: UInt32.random(in: 0 ... .max, using: &random))
        })
    }
    for _ in 0..<random.below(60) {
      let c =
        random.below(4) == 0
        ? Covariance(xx: 0, xy: 0, xz: 0, yy: 0, yz: 0, zz: 0)
        : Covariance.axisAligned(x: 2, y: 3, z: random.uniform(1, 5))
          .rotated(about: .y, degrees: random.below(2) == 0 ? 0 : random.uniform(0, 90))
      let spot = try graph.addSpot(
        t: random.below(6),
        position: WorldPoint(x: random.normal(), y: -0.0, z: random.uniform(-1e9, 1e9)),
        covariance: c)
      if random.below(3) == 0 { try graph.setLabel(spot, texts[random.below(texts.count)]) }
      if random.below(2) == 0 { try graph.setFeature("Detection quality", spot, random.normal()) }
      if random.below(5) == 0 { try graph.setFeature("my/score", spot, random.uniform()) }
    }
    let spots = graph.spots
    for _ in 0..<(spots.isEmpty ? 0 : random.below(90)) {
      let link = try graph.addLink(
        spots[random.below(spots.count)], spots[random.below(spots.count)])
      if random.below(2) == 0 { try graph.setFeature("Link cost", link, random.uniform()) }
      if random.below(9) == 0 { try graph.setFeature("my/score", link, random.uniform()) }
    }
    for _ in 0..<random.below(12) where graph.spotCount > 0 {
      try graph.remove(graph.spots[random.below(graph.spotCount)])
    }
    for _ in 0..<random.below(4) where graph.linkCount > 0 {
      try graph.remove(graph.links[random.below(graph.linkCount)])
    }
    for set in graph.tagSets.indices where !graph.tagSets[set].tags.isEmpty {
      for spot in graph.spots where random.below(2) == 0 {
        try graph.setTag(set, of: spot, to: random.below(graph.tagSets[set].tags.count))
      }
      for link in graph.links where random.below(3) == 0 {
        try graph.setTag(set, of: link, to: random.below(graph.tagSets[set].tags.count))
      }
    }
  }
  return graph
}

@Suite struct ProjectTests {
  @Test("a project that is saved and opened has the same lineage", arguments: 0..<60)
  func roundTrip(seed: Int) throws {
    let folder = Fuzz.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let graph = try randomLineage(seed: UInt64(seed))
    let project = Project(images: nil, lineage: graph)
    project.spaceUnit = "µm"
    try project.save(to: folder + "/a.mastodon")
    #expect(!project.isModified)
    let again = try Project.open(folder + "/a.mastodon")
    #expect(firstDifference(graph, again.lineage) == nil)
    #expect(again.spaceUnit == "µm" && again.timeUnit == "frame")
    // Reading numbers without gaps; writing that again gives the same file.
    try again.save(to: folder + "/b.mastodon")
    #expect(try members(of: folder + "/a.mastodon") == members(of: folder + "/b.mastodon"))

    // The project in memory goes on with its own ids, edited and saved over.
    try graph.edit("more") {
      let a = try graph.addSpot(t: 9, position: .zero, covariance: .sphere(radius: 2))
      if let b = graph.spots.first { _ = try graph.addLink(b, a) }
      if graph.spotCount > 4 { try graph.remove(graph.spots[2]) }
    }
    #expect(project.isModified)
    try project.save(to: folder + "/a.mastodon")
    #expect(firstDifference(graph, try Project.open(folder + "/a.mastodon").lineage) == nil)
  }

  @Test("features whose meaning is unknown stay while numbers do, and go when they change")
  func unknownFeatures() throws {
    let folder = Fuzz.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let path = folder + "/p.mastodon"
    let graph = LineageGraph()
    try graph.edit("spots") {
      for t in 0..<3 {
        let spot = try graph.addSpot(t: t, position: .zero, covariance: .sphere(radius: 1))
        try graph.setFeature("Detection quality", spot, Double(t))
      }
    }
    try Project(images: nil, lineage: graph).save(to: path)
    var content = try ZipArchive.read(path)
    content.append(
      ArchiveMember(name: "features/Spot N links.raw", bytes: [0xAC, 0xED, 0, 5, 0x70]))
    content.append(ArchiveMember(name: "notes.txt", bytes: Array("kept".utf8)))
    try ZipArchive.write(content, to: path, as: path)

    let project = try Project.open(path)
    try project.lineage.edit("one more") {
      _ = try project.lineage.addSpot(t: 5, position: .zero, covariance: .sphere(radius: 1))
    }
    try project.save(to: path)
    #expect(try members(of: path)["features/Spot N links.raw"] == [0xAC, 0xED, 0, 5, 0x70])
    try project.lineage.edit("one less") { try project.lineage.remove(SpotID(0)) }
    try project.save(to: path)
    let after = try members(of: path)
    #expect(after["features/Spot N links.raw"] == nil)
    #expect(after["notes.txt"] == Array("kept".utf8))
    #expect(after["features/Detection quality.raw"] != nil)
    let reread = try Project.open(path).lineage
    #expect(reread.feature("Detection quality", SpotID(0)) == 1)
    #expect(reread.feature("Detection quality", SpotID(2)) == nil)
  }

  @Test("a slot that is used again is another spot: its features are not those of the old one")
  func reusedSlots() throws {
    let folder = Fuzz.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let path = folder + "/p.mastodon"
    let graph = LineageGraph()
    try graph.edit("spot") {
      _ = try graph.addSpot(t: 0, position: .zero, covariance: .sphere(radius: 1))
    }
    let project = Project(images: nil, lineage: graph)
    try project.save(to: path)
    var content = try ZipArchive.read(path)
    content.append(ArchiveMember(name: "features/Spot N links.raw", bytes: [0xAC, 0xED, 0, 5]))
    try ZipArchive.write(content, to: path, as: path)
    let opened = try Project.open(path)
    try opened.lineage.edit("replace") {
      try opened.lineage.remove(SpotID(0))
      _ = try opened.lineage.addSpot(t: 0, position: .zero, covariance: .sphere(radius: 1))
    }
    try opened.save(to: path)
    #expect(try members(of: path)["features/Spot N links.raw"] == nil)
  }

  @Test("a new project over images has what Mastodon expects")
  func newProject() throws {
    let folder = Fuzz.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let images = folder + "/stack.tif"
    var options = TIFFFile.Options()
    options.unit = "µm"
    try TIFFFile.write(
      Volume(uint8s: [1, 2, 3, 4], size: Size3(x: 2, y: 2, z: 1)), to: images, options: options)
    let project = try Project(imagesPath: images)
    #expect(project.spaceUnit == "µm" && project.lineage.tagSets.isEmpty && !project.isModified)
    let path = folder + "/new.mastodon"
    try project.save(to: path)
    let names = try ZipArchive.read(path).map(\.name)
    #expect(names == ["project.xml", "model.raw", "tags.raw", "gui.xml"])
    let content = try members(of: path)
    #expect(content["model.raw"]?.count == 108)
    #expect(content["tags.raw"]?.count == 34)
    let xml = String(decoding: try #require(content["project.xml"]), as: UTF8.self)
    #expect(xml.contains("<MamutProject version=\"0.3\">"))
    #expect(xml.contains("<SpimDataFile type=\"relative\">../stack.tif</SpimDataFile>"))
    #expect(xml.contains("<SpaceUnits>µm</SpaceUnits>"))

    // In another folder the link changes with it.
    try FileManager.default.createDirectory(
      atPath: folder + "/a/b", withIntermediateDirectories: true)
    try project.save(to: folder + "/a/b/moved.mastodon")
    let moved = try Project.open(folder + "/a/b/moved.mastodon")
    #expect(moved.images?.size == Size3(x: 2, y: 2, z: 1))
    #expect(moved.imagesPath == images)
    // Images that are gone are said to be gone; new ones can be given.
    try FileManager.default.moveItem(atPath: images, toPath: folder + "/other.tif")
    let lost = try Project.open(folder + "/a/b/moved.mastodon")
    #expect(lost.images == nil && lost.imagesProblem?.contains("stack.tif") == true)
    try lost.setImages(folder + "/other.tif")
    #expect(lost.images != nil && lost.isModified)
    try lost.save(to: folder + "/a/b/moved.mastodon")
    #expect(try Project.open(folder + "/a/b/moved.mastodon").images != nil)
  }

  @Test("places of images: absolute, Windows, web, none")
  func places() throws {
    let folder = Fuzz.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let path = folder + "/p.mastodon"
    try Project(images: nil).save(to: path)
    func problem(_ element: String) throws -> String {
      var content = try ZipArchive.read(path)
      let xml =
        "<?xml version=\"1.0\"?><!-- licence --><MamutProject version=\"0.3\">\(element)</MamutProject>"
      content[0].bytes = Array(xml.utf8)
      let copy = folder + "/q.mastodon"
      try ZipArchive.write(content, to: copy, as: copy)
      let project = try Project.open(copy)
      // What is not understood stays as it is, in place and elsewhere.
      try project.save(to: folder + "/r.mastodon")
      #expect(try members(of: folder + "/r.mastodon")["project.xml"] == Array(xml.utf8))
      return try #require(project.imagesProblem)
    }
    #expect(try problem("").contains("names no images"))
    #expect(try problem("<SpimDataFile>null</SpimDataFile>").contains("names no images"))
    #expect(try problem("<SpimDataFile>C:\\data\\x.xml</SpimDataFile>").contains("C:\\data\\x.xml"))
    #expect(
      try problem("<SpimDataFile type=\"absolute\">/no/where.xml</SpimDataFile>").contains(
        "/no/where.xml"))
    #expect(
      try problem("<SpimDataFile>https://e.org/x.xml</SpimDataFile>").contains("another machine"))
    #expect(
      try problem(
        "<SpimDataFile type=\"relative\">../x=3 y=4 z=5 t=6.dummy</SpimDataFile><Odd a=\"1\"/>"
      )
      .contains("stand-in"))
  }

  @Test("what is no project is refused with a list of what can be read")
  func unknownFiles() throws {
    let folder = Fuzz.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    func message(_ name: String, _ content: String) -> String {
      _ = FileManager.default.createFile(atPath: folder + "/" + name, contents: Data(content.utf8))
      do {
        _ = try Project.open(folder + "/" + name)
        return ""
      } catch { return "\(error)" }
    }
    #expect(message("a.txt", "hello").contains("Mastodon project (.mastodon)"))
    #expect(message("a.mastodon", "hello").contains("zip"))
    #expect(throws: HowdahError.self) { try Project.open(folder) }
    #expect(throws: HowdahError.self) { try Project.open(folder + "/missing.mastodon") }
  }

  @Test("a folder keeps what else is in it and is replaced as a whole")
  func folderForm() throws {
    let folder = Fuzz.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let path = folder + "/p.mastodon"
    try FileManager.default.createDirectory(
      atPath: path + "/images/deep", withIntermediateDirectories: true)
    _ = FileManager.default.createFile(atPath: path + "/images/deep/x", contents: Data([1, 2]))
    let graph = try randomLineage(seed: 5)
    let project = Project(images: nil, lineage: graph)
    try project.save(to: path + "/")
    #expect(try Data(contentsOf: URL(fileURLWithPath: path + "/images/deep/x")) == Data([1, 2]))
    #expect(firstDifference(graph, try Project.open(path).lineage) == nil)
    try graph.edit("clear") { try graph.removeAll() }
    try project.save(to: path)
    #expect(try Project.open(path).lineage.spotCount == 0)
    #expect(!FileManager.default.fileExists(atPath: path + "/features/Detection quality.raw"))
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["p.mastodon"])
  }

  @Test("saving inside an edit, or where nothing can be written, changes nothing")
  func refusals() throws {
    let graph = try randomLineage(seed: 3)
    let project = Project(images: nil, lineage: graph)
    #expect(throws: HowdahError.self) {
      try graph.edit("x") { try project.save(to: "/tmp/never.mastodon") }
    }
    #expect(throws: HowdahError.self) { try project.save(to: "/no/such/folder/p.mastodon") }
    #expect(project.path == nil)
    let cancelled = Progress()
    cancelled.cancel()
    #expect(throws: HowdahError.self) {
      try project.save(to: "/tmp/never.mastodon", progress: cancelled)
    }
    #expect(!FileManager.default.fileExists(atPath: "/tmp/never.mastodon"))
  }

  @Test("a label that the format has no room for is named before anything is written")
  func longLabels() throws {
    let folder = Fuzz.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let path = folder + "/p.mastodon"
    let graph = LineageGraph()
    try graph.edit("spots") {
      for t in 0..<3 {
        try graph.addSpot(t: t, position: .zero, covariance: .sphere(radius: 1))
      }
      // 65,535 bytes in Java's encoding, where NUL takes two.
      try graph.setLabel(graph.spots[0], "\0" + String(repeating: "a", count: 65533))
    }
    let project = Project(images: nil, lineage: graph)
    try project.save(to: path)
    let before = try Data(contentsOf: URL(fileURLWithPath: path))
    #expect(try Project.open(path).lineage.label(SpotID(0)) == graph.label(SpotID(0)))
    try graph.edit("label") {
      try graph.setLabel(graph.spots[2], String(repeating: "é", count: 32768))
    }
    do {
      try project.save(to: path)
      Issue.record("was saved")
    } catch let error as HowdahError {
      #expect(error.kind == .limit)
      #expect(error.message.hasPrefix("\(path): the label of spot 2 (timepoint 2) has 65536 bytes"))
    }
    #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == before)
    #expect(project.isModified)
  }

  @Test("A project is never written over images, tables or other files")
  func savingSparesOtherFiles() throws {
    let folder = Fuzz.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let project = Project(images: nil)
    for (name, text) in [
      ("images.xml", "<SpimData version=\"0.2\"></SpimData>"), ("table.csv", "x,y,z,t\n"),
      ("notes.txt", "mine"),
    ] {
      let path = folder + "/" + name
      try AtomicFile.write(text, to: path)
      #expect(throws: HowdahError.self) { try project.save(to: path) }
      #expect(try String(contentsOfFile: path, encoding: .utf8) == text)
    }
    #expect(throws: HowdahError.self) { try project.save(to: folder + "/new.xml") }
    try project.save(to: folder + "/new.mastodon")
    try project.save(to: folder + "/new.mastodon")
  }
}

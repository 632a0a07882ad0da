// Adding other projects and tables to a project.

import Core
import Formats
import Foundation
import Lineage
import Testing

@Suite struct ProjectImportTests {
  /// A project file with a tag set "Detection" {fp, tn}, a tag set "Lineage" {L1, L2}, two spots and a link.
  private func source(_ folder: String) throws -> String {
    let graph = LineageGraph()
    try graph.edit("build") {
      let detection = try graph.addTagSet(
        name: "Detection", tags: [Tag(label: "fp", color: 0xFF00_0001), Tag(label: "tn", color: 2)])
      let lineage = try graph.addTagSet(
        name: "Lineage", tags: [Tag(label: "L1", color: 3), Tag(label: "L2", color: 4)])
      let a = try graph.addSpot(t: 0, position: .zero, covariance: .sphere(radius: 2))
      let b = try graph.addSpot(
        t: 1, position: WorldPoint(x: 1, y: 2, z: 3), covariance: .sphere(radius: 3))
      let link = try graph.addLink(a, b)
      try graph.setTag(detection, of: a, to: 1)
      try graph.setTag(lineage, of: b, to: 1)
      try graph.setTag(lineage, of: link, to: 0)
      try graph.setLabel(b, "B")
      try graph.setFeature("Detection quality", a, 0.5)
      try graph.setFeature("Link cost", link, 7)
    }
    try Project(images: nil, lineage: graph).save(to: folder + "/source.mastodon")
    return folder + "/source.mastodon"
  }

  @Test("tag sets are matched by name, colours stay, counts add up, one undo point (Q18 fixed)")
  func importProject() throws {
    let folder = Fuzz.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let path = try source(folder)
    let project = Project(images: nil)
    let graph = project.lineage
    try graph.edit("here") {
      _ = try graph.addTagSet(name: "Detection", tags: [Tag(label: "fp", color: 0xFFAA_0000)])
      _ = try graph.addSpot(t: 0, position: .zero, covariance: .sphere(radius: 1))
    }
    let counts = try project.importMastodon(path)
    #expect(counts.spots == 2 && counts.links == 1 && counts.tagSets == 1 && counts.tags == 3)
    #expect(graph.spotCount == 3 && graph.linkCount == 1)
    #expect(graph.tagSets.map(\.name) == ["Detection", "Lineage"])
    #expect(graph.tagSets[0].tags.map(\.label) == ["fp", "tn"])
    #expect(graph.tagSets[0].tags[0].color == 0xFFAA_0000)
    let (a, b) = (SpotID(1), SpotID(2))
    #expect(graph.tag(0, of: a) == 1 && graph.tag(1, of: a) == nil)
    #expect(graph.tag(0, of: b) == nil && graph.tag(1, of: b) == 1)
    #expect(graph.label(b) == "B" && graph.label(a) == nil)
    #expect(graph.feature("Detection quality", a) == 0.5)
    let link = try #require(graph.link(from: a, to: b))
    #expect(graph.tag(1, of: link) == 0 && graph.feature("Link cost", link) == 7)

    _ = try project.importMastodon(path)
    #expect(graph.spotCount == 5 && graph.tagSets.count == 2)
    #expect(graph.undoNames.count == 3)
    try graph.undo()
    try graph.undo()
    #expect(graph.spotCount == 1 && graph.tagSets.map(\.name) == ["Detection"])
    #expect(graph.tagSets[0].tags.count == 1)
  }

  @Test("an import that is stopped leaves nothing behind", .enabled(if: RealData.exists))
  func allOrNothing() throws {
    let project = Project(images: nil)
    let calls = Counter()
    let progress = Progress(stopRequested: { calls.next() > 6 })
    #expect(throws: HowdahError.self) {
      try project.importMastodon(RealData.path("astec/Pm09.mastodon"), progress: progress)
    }
    #expect(project.lineage.spotCount == 0 && project.lineage.tagSets.isEmpty)
    let counts = try project.importMastodon(RealData.path("astec/Pm09.mastodon"))
    #expect(counts.spots == 10129 && counts.links == 10057)
    #expect(throws: HowdahError.self) { try project.importMastodon("/no/such.mastodon") }
  }

  @Test("tables of Mastodon's CSV importer", .enabled(if: RealData.exists))
  func pasteur() throws {
    let project = try Project.open(RealData.path("pasteur-csv/TestCSVImportTagParentIdRadius.csv"))
    let graph = project.lineage
    #expect(graph.spotCount == 5 && graph.linkCount == 2)
    let spots = graph.spots
    #expect(graph.position(spots[1]) == WorldPoint(x: 30, y: 31, z: 6))
    #expect(abs(graph.covariance(spots[0]).meanRadius - 5.73) < 1e-12)
    #expect(graph.feature("Detection quality", spots[0]) == 50.943)
    #expect(graph.link(from: spots[2], to: spots[3]) != nil)
    #expect(graph.link(from: spots[3], to: spots[4]) != nil)
    let set = try #require(graph.tagSet(named: "TAG"))
    #expect(graph.tag(set, of: spots[4]) == graph.tag(named: "tag2", in: set))
    #expect(graph.timepoint(spots[4]) == 2)
    #expect(graph.undoNames.isEmpty)
  }

  @Test("tables of laptrack: an unnamed first column, no z", .enabled(if: RealData.exists))
  func laptrack() throws {
    let project = Project(images: nil)
    var options = Project.CSVImportOptions()
    options.radius = 2
    let counts = try project.importCSV(
      RealData.path("trackmate-laptrack/trackmate_tracks_with_merging_spots.csv"), options: options)
    #expect(counts.spots == project.lineage.spotCount && counts.spots > 100)
    #expect(project.lineage.position(SpotID(0)).x == 116.28953440559181)
    #expect(project.lineage.covariance(SpotID(0)) == .sphere(radius: 2))
    #expect(project.lineage.label(SpotID(0)) == "221")
  }

  @Test("what a table says wrongly is named with line and column, and nothing is added")
  func wrongTables() throws {
    let folder = Fuzz.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let path = folder + "/t.csv"
    func message(_ text: String) -> String {
      _ = FileManager.default.createFile(atPath: path, contents: Data(text.utf8))
      let project = Project(images: nil)
      do {
        _ = try project.importCSV(path)
        return ""
      } catch {
        #expect(project.lineage.spotCount == 0 && project.lineage.undoNames.isEmpty)
        return "\(error)"
      }
    }
    #expect(
      message("x,y,frame\n1,2,0\n1,zwei,0\n") == "\(path): line 3, column y: \"zwei\" is no number")
    #expect(
      message("x,y,frame\n1,2,0.5\n").contains("line 2, column frame: \"0.5\" is no timepoint"))
    #expect(message("x,y,frame\n1,2,-1\n").contains("no timepoint"))
    #expect(message("x,y\n1,2\n").contains("timepoint"))
    #expect(message("id,x,y,t,parent_id\n1,1,1,0,9\n").contains("is the id of no spot"))
    #expect(message("id,x,y,t\n1,1,1,0\n1,1,1,0\n").contains("another spot"))
    #expect(message("x,y,t\nnan,1,0\n").contains("no number"))
    #expect(
      message("id, label, timepoint, x, y, z, radius, parent_id\n1, a, 0, 1.5, 2, 3, 4, \n") == "")
  }

  @Test("tables of spots come back as they were written", arguments: 0..<10)
  func roundTrip(seed: Int) throws {
    let folder = Fuzz.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let graph = try randomLineage(seed: UInt64(100 + seed))
    try Project(images: nil, lineage: graph).exportSpots(folder + "/s.csv")
    try Project(images: nil, lineage: graph).exportLinks(folder + "/l.csv", style: .elephant)
    let again = try Project.open(folder + "/s.csv").lineage
    #expect(again.spotCount == graph.spotCount)
    for (p, q) in zip(graph.spots, again.spots) {
      #expect(graph.position(p) == again.position(q) && graph.timepoint(p) == again.timepoint(q))
      #expect(graph.covariance(p) == again.covariance(q))
      #expect(graph.feature("Detection quality", p) == again.feature("Detection quality", q))
      #expect(again.incoming(q).count == min(1, graph.incoming(p).count))
    }
    let links = try CSVFile.read(folder + "/l.csv")
    #expect(links.rowCount == graph.linkCount)
    #expect(Array(links.header.prefix(3)) == ["id", "source_id", "target_id"])
  }
}

/// Counts calls from any thread.
private final class Counter: @unchecked Sendable {
  private let lock = NSLock()
  private var count = 0

  func next() -> Int {
    lock.lock()
    defer { lock.unlock() }
    count += 1
    return count
  }
}

// Folders of the Cell Tracking Challenge: files that tifffile wrote (Golden/ctc/make.py) open as projects,
// what we write reads back, and broken folders are refused with file and place.

import Core
import Formats
import Foundation
import Imaging
import Lineage
import Synchronization
import Testing

private let golden = Bundle.module.resourcePath! + "/Golden/ctc"

private func expected() throws -> [String: Any] {
  let data = try Data(contentsOf: URL(fileURLWithPath: golden + "/expected.json"))
  return try JSONSerialization.jsonObject(with: data) as! [String: Any]
}

/// A copy of the golden sequence to be broken.
private struct Copy: ~Copyable {
  let folder = Fuzz.temporaryFolder()

  init() throws {
    for name in ["01", "01_GT", "01_RES"] {
      try FileManager.default.copyItem(atPath: golden + "/" + name, toPath: folder + "/" + name)
    }
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  func write(_ text: String, _ name: String) throws {
    try text.write(toFile: folder + "/" + name, atomically: true, encoding: .utf8)
  }

  func remove(_ name: String) throws {
    try FileManager.default.removeItem(atPath: folder + "/" + name)
  }

  /// The message of opening a part as a project, empty when it opens.
  func problem(_ name: String = "01_RES") -> String {
    do {
      _ = try Project.open(folder + "/" + name)
      return ""
    } catch { return "\(error)" }
  }
}

@Suite struct CTCReadTests {
  @Test("every part of a sequence opens as a project", arguments: ["01", "01_GT", "01_GT/TRA"])
  func truth(_ part: String) throws {
    let project = try Project.open(golden + "/" + part)
    let graph = project.lineage
    #expect(graph.spotCount == 10 && graph.linkCount == 8 && graph.dividing().count == 1)
    let images = try #require(project.images)
    #expect(images.size == Size3(x: 16, y: 12, z: 4) && images.timepoints == 4)
    #expect(images.type == .uint8 && images.unit == "pixel")
    #expect(try images.volume(t: 2)[x: 10, y: 7, z: 1] == 92)
    let box = VoxelBox(origin: Size3(x: 9, y: 6, z: 2), size: Size3(x: 3, y: 2, z: 2))
    let part = try images.volume(t: 0, setup: 0, level: 0, box: box, progress: .none)
    #expect(part.values() == Array(repeating: 90, count: 6) + Array(repeating: 0, count: 6))
    #expect(project.labels != nil && !project.isModified && project.notes.isEmpty)
  }

  @Test("spots have the centroids and moments of their labels")
  func moments() throws {
    let graph = try Project.open(golden + "/01_GT").lineage
    let wanted = try #require(expected()["spots"] as? [[String: Any]])
    #expect(wanted.count == graph.spotCount)
    for (spot, want) in zip(graph.spots, wanted) {
      #expect(graph.timepoint(spot) == want["t"] as? Int)
      #expect(graph.feature(CTCFolder.trackFeature, spot) == want["label"] as? Double)
      let center = want["center"] as! [Double]
      let covariance = want["covariance"] as! [[Double]]
      let (p, c) = (graph.position(spot), graph.covariance(spot))
      for (axis, value) in zip(Axis.allCases, center) { #expect(abs(p[axis] - value) < 1e-12) }
      // The solid ellipsoid with these moments; every voxel has an extent of its own.
      #expect(abs(c.xx - 5 * (covariance[0][0] + 1.0 / 12)) < 1e-9)
      #expect(abs(c.yy - 5 * (covariance[1][1] + 1.0 / 12)) < 1e-9)
      #expect(abs(c.xy - 5 * covariance[0][1]) < 1e-9 && abs(c.xz - 5 * covariance[0][2]) < 1e-9)
    }
  }

  @Test("a result opens with the images beside it; an only child goes on after a gap")
  func result() throws {
    let graph = try Project.open(golden + "/01_RES").lineage
    #expect(graph.spotCount == 9 && graph.linkCount == 7)
    let last = try #require(graph.spots(at: 3).first { graph.feature("Track", $0) == 8 })
    let parent = graph.source(try #require(graph.incoming(last).first))
    #expect(graph.timepoint(parent) == 1 && graph.feature("Track", parent) == 7)
  }

  @Test("a project that was changed is no longer its label images")
  func changed() throws {
    let project = try Project.open(golden + "/01_RES")
    let folder = Fuzz.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try project.lineage.edit("remove") { try project.lineage.remove(SpotID(0)) }
    #expect(project.labels == nil)
    try project.save(to: folder + "/x.mastodon")
    #expect(project.labels == nil)
    // The images are found again from the saved project.
    #expect(try Project.open(folder + "/x.mastodon").images?.timepoints == 4)
  }

  @Test("a track that is absent for a while keeps its label; a note counts the gaps")
  func gap() throws {
    let copy = try Copy()
    let frame = copy.folder + "/01_GT/TRA/man_track002.tif"
    let labels = try CTCFolder(copy.folder + "/01_GT").labels(at: 2)
    try TIFFFile.write(
      Volume(uint16s: labels.values().map { $0 == 9 ? 0 : UInt16($0) }, size: labels.size),
      to: frame)
    let project = try Project.open(copy.folder + "/01_GT")
    #expect(project.lineage.spotCount == 9 && project.lineage.linkCount == 7)
    #expect(project.notes.count == 1 && project.notes[0].contains("1 time"))
  }

  @Test("tables: tabs, CRLF, empty lines, no last line end")
  func tables() throws {
    let copy = try Copy()
    try copy.write(
      "3\t0\t1\t0\r\n\r\n4 2 3 3\n  6 2  3 3\n7 0 1 0\n8 3 3 7", "01_RES/res_track.txt")
    #expect(copy.problem() == "")
  }

  @Test(
    "rules of the table: errors name file and line",
    arguments: [
      ("3 0 1 0\n4 2 3\n", "line 2: is \"4 2 3\""),
      ("3 0 1 0\n4 2 3 x\n", "line 2: is \"4 2 3 x\""),
      ("3 0 1 0\n4 2 3 9\n", "line 2: label 4 comes from label 9, which is not in the table"),
      (
        "3 0 1 0\n4 1 3 3\n",
        "line 2: label 4 begins in frame 1, but its parent 3 ends only in frame 1"
      ),
      ("3 0 1 0\n3 2 3 0\n", "line 2: label 3 is given twice, first in line 1"),
      ("3 1 0 0\n", "line 1: label 3 ends in frame 0, before it begins in frame 1"),
      ("0 0 1 0\n", "line 1: label 0 is out of range"),
      ("-2 0 1 0\n", "line 1: label -2 is out of range"),
      ("3 -1 1 0\n", "line 1: label 3 has frames -1 to 1"),
      ("3 0 1 -1\n", "line 1: label 3 has parent -1"),
      ("3 0 9 0\n", "label 3: goes on to frame 9, but the last label image is mask003.tif"),
    ])
  func rules(_ text: String, _ message: String) throws {
    let copy = try Copy()
    try copy.write(text, "01_RES/res_track.txt")
    let problem = copy.problem()
    #expect(problem.contains("01_RES/res_track.txt: \(message)"), "\(problem)")
  }

  @Test(
    "images and table must agree: errors name file, frame and label",
    arguments: [
      (
        "3 0 1 0\n4 2 3 3\n7 0 1 0\n8 3 3 7\n",
        "mask002.tif: frame 2, label 6: is in the image, but not"
      ),
      (
        "3 0 1 0\n4 2 3 3\n6 2 3 3\n7 0 0 0\n8 3 3 7\n",
        "mask001.tif: frame 1, label 7: is in the image, but res_track.txt has it in frames 0 to 0"
      ),
      (
        "3 0 1 0\n4 2 3 3\n6 2 3 3\n7 0 2 0\n8 3 3 7\n",
        "mask002.tif: frame 2, label 7: is not in the image, but res_track.txt has it in frames 0 to 2"
      ),
    ])
  func agreement(_ text: String, _ message: String) throws {
    let copy = try Copy()
    try copy.write(text, "01_RES/res_track.txt")
    let problem = copy.problem()
    #expect(problem.contains(message), "\(problem)")
  }

  @Test("missing, doubled, truncated and wrong files are named")
  func files() throws {
    do {
      let copy = try Copy()
      try copy.remove("01_RES/mask001.tif")
      #expect(copy.problem().contains("01_RES: frame 1: mask001.tif is missing"))
    }
    do {
      let copy = try Copy()
      try copy.remove("01/t002.tif")
      #expect(copy.problem().contains("01: frame 2: t002.tif is missing"))
    }
    do {
      let copy = try Copy()
      try FileManager.default.copyItem(
        atPath: copy.folder + "/01_RES/mask001.tif", toPath: copy.folder + "/01_RES/mask0001.tif")
      #expect(copy.problem().contains("frame 1: is there twice, as mask0001.tif and mask001.tif"))
    }
    do {
      let copy = try Copy()
      let bytes = try Data(contentsOf: URL(fileURLWithPath: copy.folder + "/01_RES/mask002.tif"))
      try bytes.prefix(300).write(to: URL(fileURLWithPath: copy.folder + "/01_RES/mask002.tif"))
      #expect(copy.problem().contains("01_RES/mask002.tif"))
    }
    do {
      let copy = try Copy()
      try TIFFFile.write(
        Volume(zeroed: Size3(x: 5, y: 5, z: 4), type: .uint16),
        to: copy.folder + "/01_RES/mask003.tif")
      #expect(
        copy.problem().contains("mask003.tif: has 5 x 5 x 4 voxels, the first label image 16"))
    }
    do {
      let copy = try Copy()
      try copy.remove("01_RES/res_track.txt")
      #expect(copy.problem().contains("is of no format that Howdah knows"))
    }
  }

  @Test("broken folders are refused or read, never fatal")
  func fuzz() async throws {
    await #expect(processExitsWith: .success) {
      for name in ["01_RES/res_track.txt", "01_RES/mask001.tif", "01_GT/SEG/man_seg_002_002.tif"] {
        let copy = try Copy()
        let url = URL(fileURLWithPath: copy.folder + "/" + name)
        let bytes = [UInt8](try Data(contentsOf: url))
        var judge = FuzzJudge(fileSize: bytes.count)
        func feed(_ bytes: [UInt8], _ what: String) {
          try? Data(bytes).write(to: url)
          judge.run(what) {
            _ = try Project.open(copy.folder + "/01_RES")
            let truth = try CTCFolder(copy.folder + "/01_GT")
            for s in truth.segmentations { _ = try truth.labels(s) }
          }
        }
        for cut in Fuzz.truncations(of: bytes, step: 8, atMost: 30) {
          feed(cut, "\(name) cut at \(cut.count)")
        }
        let count = Fuzz.count(normally: 60)
        for (k, changed) in Fuzz.mutations(of: bytes, count: count, seed: 5).enumerated() {
          feed(changed, "\(name) change \(k)")
        }
        for complaint in judge.complaints { print(complaint) }
        if !judge.complaints.isEmpty { exit(1) }
      }
    }
  }
}

@Suite struct CTCWriteTests {
  /// A project over empty images.
  private func project(
    _ size: Size3 = Size3(x: 40, y: 30, z: 6), timepoints: Int = 5,
    _ build: (LineageGraph) throws -> Void
  ) throws -> Project {
    let volume = try Volume(zeroed: size, voxelSize: VoxelSize(x: 0.5, y: 0.5, z: 2), type: .uint8)
    let images = try MemoryImageSource(Array(repeating: [volume], count: timepoints))
    let graph = LineageGraph()
    try graph.edit("build") { try build(graph) }
    return Project(images: images, lineage: graph)
  }

  private func add(_ graph: LineageGraph, _ t: Int, _ x: Double, _ parent: SpotID? = nil) throws
    -> SpotID
  {
    let spot = try graph.addSpot(
      t: t, position: WorldPoint(x: x, y: 7, z: 6), covariance: .sphere(radius: 2.5))
    if let parent { _ = try graph.addLink(parent, spot) }
    return spot
  }

  private func temporary(_ body: (String) throws -> Void) throws {
    let folder = Fuzz.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try body(folder)
  }

  @Test("what is written opens with the same spots, links and divisions")
  func roundTrip() throws {
    let p = try project { g in
      let a = try add(g, 0, 10)
      let b = try add(g, 1, 10.5, a)
      _ = try add(g, 2, 7, b)
      let c = try add(g, 2, 14, b)
      // Absent in frame 3.
      _ = try add(g, 4, 14.5, c)
    }
    try temporary { folder in
      let written = try CTCWriter.write(p, to: folder + "/01_RES")
      #expect(written.tracks == 4 && written.spots == 5 && written.frames == 5)
      let text = try String(contentsOfFile: folder + "/01_RES/res_track.txt", encoding: .utf8)
      #expect(text == "1 0 1 0\n2 2 2 1\n3 2 2 1\n4 4 4 3\n")
      let map = try String(contentsOfFile: folder + "/01_RES/id_map.csv", encoding: .utf8)
      #expect(map == "Original ID,ID\n0,1\n1,1\n2,2\n3,3\n4,4\n")
      let again = try Project.open(folder + "/01_RES")
      #expect(again.lineage.spotCount == 5 && again.lineage.linkCount == 4)
      #expect(again.lineage.dividing() == [SpotID(1)])
      #expect(again.imagesDescription?.voxelSize == VoxelSize(x: 0.5, y: 0.5, z: 2))
      for (a, b) in zip(p.lineage.spots, again.lineage.spots) {
        #expect(p.lineage.position(a).distance(to: again.lineage.position(b)) < 0.2)
      }
      // Empty frames are there, and images are compressed 16-bit stacks.
      let frames = try (0..<5).map {
        try TIFFFile.read(folder + "/01_RES/mask00\($0).tif").volumes[0][0]
      }
      #expect(frames.allSatisfy { $0.type == .uint16 && $0.size.z == 6 })
      #expect(frames[3].values().allSatisfy { $0 == 0 })
    }
  }

  @Test("as a truth, by the folder's name")
  func truth() throws {
    let p = try project { g in _ = try add(g, 0, 10) }
    try temporary { folder in
      try CTCWriter.write(p, to: folder + "/02_GT/")
      #expect(FileManager.default.fileExists(atPath: folder + "/02_GT/TRA/man_track004.tif"))
      #expect(try CTCFolder(folder + "/02_GT").table.tracks.count == 1)
      #expect(try FormatRegistry.format(writing: folder + "/03_RES").name == "ctc")
    }
  }

  @Test("cut to timepoints and to what descends from some roots")
  func parts() throws {
    let p = try project { g in
      let a = try add(g, 0, 5)
      let b = try add(g, 1, 5, a)
      _ = try add(g, 2, 4, b)
      _ = try add(g, 2, 8, b)
      _ = try add(g, 1, 15)
    }
    try temporary { folder in
      var options = CTCWriter.Options()
      options.timepoints = 1...2
      try CTCWriter.write(p, to: folder + "/a", options: options)
      #expect(
        try CTCTrackTable.read(folder + "/a/res_track.txt").text
          == "1 1 1 0\n2 2 2 1\n3 2 2 1\n4 1 1 0\n")
      options.roots = [SpotID(0)]
      options.timepoints = 2...4
      try CTCWriter.write(p, to: folder + "/b", options: options)
      #expect(try CTCTrackTable.read(folder + "/b/res_track.txt").text == "1 2 2 0\n2 2 2 0\n")
      #expect(try CTCFolder(folder + "/b").frames.count == 5)
    }
  }

  @Test("merges keep their first parent; links that are doubled or go back are left out")
  func merges() throws {
    let p = try project { g in
      let a = try add(g, 0, 5)
      let b = try add(g, 0, 10)
      let c = try add(g, 1, 7, a)
      _ = try g.addLink(b, c)
      _ = try g.addLink(a, c)
      _ = try g.addLink(c, b)
      _ = try g.addLink(c, c)
    }
    let numbering = try CTCNumbering(p.lineage)
    #expect(numbering.merges == 1 && numbering.droppedLinks == 3)
    #expect(numbering.tracks.map(\.end) == [1, 0] && numbering.labels == [1, 2, 1])
  }

  @Test("long tracks are numbered without recursion")
  func long() throws {
    let graph = LineageGraph()
    var (spots, links) = (SpotTable(), LinkTable())
    for t in 0..<100_000 {
      spots.append(t: Int32(t), position: .zero, covariance: .sphere(radius: 1))
      if t > 0 {
        links.sources.append(UInt32(t - 1))
        links.targets.append(UInt32(t))
      }
    }
    try graph.load(spots: spots, links: links)
    #expect(
      try CTCNumbering(graph).tracks == [CTCTrack(label: 1, begin: 0, end: 99_999, parent: 0)])
  }

  @Test("more than 65535 tracks, no spots, a file in the way: nothing is made")
  func refusals() throws {
    try temporary { folder in
      let graph = LineageGraph()
      var spots = SpotTable()
      for i in 0..<65_536 {
        spots.append(
          t: 0, position: WorldPoint(x: Double(i % 40), y: 0, z: 0), covariance: .sphere(radius: 1))
      }
      try graph.load(spots: spots)
      let volume = try Volume(zeroed: Size3(x: 300, y: 300, z: 1), type: .uint8)
      let many = Project(images: try MemoryImageSource([[volume]]), lineage: graph)
      let error = #expect(throws: HowdahError.self) { try CTCWriter.write(many, to: folder + "/a") }
      #expect(error?.kind == .limit && error?.message.contains("65536 tracks") == true)
      let empty = try project { _ in }
      #expect(throws: HowdahError.self) { try CTCWriter.write(empty, to: folder + "/a") }
      let one = try project { g in _ = try add(g, 0, 5) }
      try "x".write(toFile: folder + "/file", atomically: true, encoding: .utf8)
      #expect(throws: HowdahError.self) { try CTCWriter.write(one, to: folder + "/file") }
      #expect(throws: HowdahError.self) {
        try CTCWriter.write(Project(images: nil, lineage: one.lineage), to: folder + "/a")
      }
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["file"])
    }
  }

  @Test("a cancelled export leaves an older one whole; a new one replaces it and keeps other files")
  func atomic() throws {
    let p = try project { g in _ = try add(g, 0, 5) }
    let q = try project(timepoints: 3) { g in _ = try add(g, 1, 5) }
    try temporary { folder in
      let path = folder + "/01_RES"
      try CTCWriter.write(p, to: path)
      try "mine".write(toFile: path + "/notes.txt", atomically: true, encoding: .utf8)
      // Stopped while the frames are written.
      let frames = Atomic<Int>(0)
      let progress = Core.Progress(
        stopRequested: { frames.load(ordering: .relaxed) > 1 },
        listener: { frames.store($0.done, ordering: .relaxed) })
      let error = #expect(throws: HowdahError.self) {
        try CTCWriter.write(q, to: path, progress: progress)
      }
      #expect(error?.kind == .interrupted)
      #expect(try CTCTrackTable.read(path + "/res_track.txt").text == "1 0 0 0\n")
      try CTCWriter.write(q, to: path)
      #expect(try CTCTrackTable.read(path + "/res_track.txt").text == "1 1 1 0\n")
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: path).sorted() == [
          "id_map.csv", "mask000.tif", "mask001.tif", "mask002.tif", "notes.txt", "res_track.txt",
        ])
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["01_RES"])
    }
  }
}

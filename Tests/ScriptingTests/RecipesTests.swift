// The worked examples of ELEPHANT's specification, each run by the real recipe file through the real runner.

import Core
import Formats
import Foundation
import Lineage
import Scripting
import Testing

/// Runs the recipes of the repository.
enum Recipes {
  static let folder =
    URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().path + "/recipes"

  @discardableResult
  static func run(_ name: String, _ project: Project, _ params: LuaValue = [:]) throws -> LuaValue {
    let registry = Registry()
    HostFunctions.register(registry)
    Objects.register(registry)
    var library = RecipeLibrary(executable: nil)
    library.folders = [folder]
    return try RecipeRunner(registry: registry, library: library)
      .run(name, project: project, params: params)
  }

  static func text(_ path: String) throws -> String {
    try String(contentsOfFile: path, encoding: .utf8)
  }
}

@Suite struct RemovingRecipesTests {
  @Test("RS-1: remove_short_tracks with 3 links")
  func removeShortTracks() throws {
    let project = try Fixture.project(
      """
      1(t0) 2(t1) 3(t2) 4(t0) 5(t1) 6(t2) 7(t3) 8(t0) 9(t3) 10(t0) 11(t1) 12(t0) 13(t1)
      14(t0) 15(t1) 16(t2) 17(t4) 18(t2)
      1>2 2>3 4>5 5>6 6>7 8>9 10>11 12>13 14>15 14>16 16>17
      """)
    try Fixture.tag(project, 11, "Tracking", "Approved")
    try Fixture.tag(project, 12, "Detection", "tp")
    try Fixture.tag(project, 18, "Tracking", nil)
    let result = try Recipes.run("remove_short_tracks", project, ["min_links": 3])
    #expect(Fixture.ids(project) == [4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 15, 16, 17, 18])
    #expect(result["removed"] == 4)
  }

  @Test("RS-1: 0 links removes nothing; the limit is at most the last timepoint")
  func removeShortTracksLimits() throws {
    let project = try Fixture.project("0(t0) 1(t0) 2(t1) 3(t2) 1>2 2>3", timepoints: 3)
    try Recipes.run("remove_short_tracks", project, ["min_links": 0])
    #expect(project.lineage.spotCount == 4)
    try Recipes.run("remove_short_tracks", project)
    #expect(Fixture.ids(project) == [1, 2, 3])
  }

  @Test("Q17: a short root that merges into a long track")
  func mergesInRemoveShortTracks() throws {
    // 0>1>2>3 is long; root 4 reaches 3 only.
    let text = "0(t0) 1(t1) 2(t2) 3(t3) 4(t2) 0>1 1>2 2>3 4>3"
    let clean = try Fixture.project(text)
    try Recipes.run("remove_short_tracks", clean, ["min_links": 3])
    #expect(Fixture.ids(clean) == [0, 1, 2, 3])
    let elephant = try Fixture.project(text)
    try Recipes.run("remove_short_tracks", elephant, ["min_links": 3, "compat": "elephant"])
    #expect(Fixture.ids(elephant) == [0, 1, 2])
  }

  @Test("Remove Spots by Tag, Detection/\"\"")
  func removeUntaggedSpots() throws {
    let project = try Fixture.project("1(t0) 2(t0) 3(t0)")
    try Fixture.tag(project, 1, "Detection", "tp")
    try Fixture.tag(project, 2, "Detection", nil)
    try Recipes.run("remove_spots_by_tag", project, ["tag_set": "Detection", "tag": ""])
    #expect(Fixture.ids(project) == [1, 3])
    try Recipes.run("remove_spots_by_tag", project, ["tag_set": "Detection", "tag": "tp"])
    #expect(Fixture.ids(project) == [3])
  }

  @Test("Remove Links by Tag, Tracking/unlabeled")
  func removeLinksByTag() throws {
    let project = try Fixture.project("1(t0) 2(t1) 3(t2) 4(t3) 1>2 2>3 3>4")
    let links = project.lineage.links
    try Fixture.tag(project, link: links[1], "Tracking", "Approved")
    try Fixture.tag(project, link: links[2], "Tracking", nil)
    try Recipes.run("remove_links_by_tag", project, ["tag_set": "Tracking", "tag": "unlabeled"])
    #expect(project.lineage.links == [links[1], links[2]])
    try Recipes.run("remove_links_by_tag", project, ["tag_set": "Tracking", "tag": ""])
    #expect(project.lineage.links == [links[1]])
    #expect(project.lineage.spotCount == 4)
  }

  @Test("Remove Self Links: 1→1, 1→2")
  func removeSelfLinks() throws {
    let project = try Fixture.project("1(t0) 2(t1) 1>1 1>2")
    #expect(try Recipes.run("remove_self_links", project)["removed"] == 1)
    #expect(project.lineage.linkCount == 1)
    #expect(project.lineage.link(from: SpotID(1), to: SpotID(2)) != nil)
  }

  @Test("remove_all is one undo point, as every recipe is")
  func removeAll() throws {
    let project = try Fixture.project("0(t0) 1(t1) 2(t2) 0>1 1>2")
    let result = try Recipes.run("remove_all", project)
    #expect(result["spots"] == 3 && result["links"] == 2)
    #expect(project.lineage.spotCount == 0 && project.lineage.linkCount == 0)
    #expect(project.lineage.tagSets.count == 6)
    #expect(project.lineage.undoNames == ["remove_all"])
    try project.lineage.undo()
    #expect(project.lineage.spotCount == 3 && project.lineage.linkCount == 2)
  }

  @Test("random_sample keeps so many, the same ones for the same seed")
  func randomSample() throws {
    let text = (0..<40).map { "\($0)(t0)" }.joined(separator: " ")
    func kept(_ seed: Int) throws -> [Int] {
      let project = try Fixture.project(text)
      let result = try Recipes.run("random_sample", project, ["samples": 10, "seed": .int(seed)])
      #expect(result["kept"] == 10 && result["removed"] == 30)
      return Fixture.ids(project)
    }
    #expect(try kept(1) == kept(1))
    #expect(try kept(1) != kept(2))
  }
}

@Suite struct TaggingRecipesTests {
  @Test("TP-1: tag_progenitors", arguments: ["clean", "elephant"])
  func tagProgenitors(_ compat: String) throws {
    let project = try Fixture.project("3(t0) 4(t1) 8(t0) 9(t1) 5(t0) 6(t1) 3>4 8>9 5>6")
    try Fixture.tag(project, 3, "Status", "Completed")
    try Fixture.tag(project, 8, "Status", "Completed")
    try Recipes.run("tag_progenitors", project, ["compat": .string(compat)])
    let (three, eight) = compat == "clean" ? ("1", "2") : ("2", "1")
    for id in [3, 4] { #expect(Fixture.tag(project, id, "Progenitor") == three) }
    for id in [8, 9] { #expect(Fixture.tag(project, id, "Progenitor") == eight) }
    for id in [5, 6] { #expect(Fixture.tag(project, id, "Progenitor") == "unlabeled") }
    #expect(Fixture.tag(project, 3, 4, "Progenitor") == three)
    #expect(Fixture.tag(project, 8, 9, "Progenitor") == eight)
    #expect(Fixture.tag(project, 5, 6, "Progenitor") == "unlabeled")
  }

  @Test("TP-2: Completed on a spot that has a parent")
  func completedChild() throws {
    let project = try Fixture.project("3(t0) 4(t1) 3>4")
    try Fixture.tag(project, 4, "Status", "Completed")
    try Recipes.run("tag_progenitors", project)
    #expect(Fixture.tag(project, 3, "Progenitor") == "unlabeled")
    #expect(Fixture.tag(project, 4, "Progenitor") == "unlabeled")
  }

  @Test("tag_progenitors numbers 255 lineages and leaves the others")
  func manyProgenitors() throws {
    let project = try Fixture.project((0..<300).map { "\($0)(t0)" }.joined(separator: " "))
    for id in 0..<300 { try Fixture.tag(project, id, "Status", "Completed") }
    let result = try Recipes.run("tag_progenitors", project)
    #expect(result["progenitors"] == 255 && result["left_out"] == 45)
    #expect(Fixture.tag(project, 254, "Progenitor") == "255")
    #expect(Fixture.tag(project, 255, "Progenitor") == "unlabeled")
  }

  @Test(
    "PR-1 to PR-4: tag_proliferators",
    arguments: [
      ("PR-1", 50, 360, "Non-proliferator"), ("PR-2", 99, 351, "Non-proliferator"),
      ("PR-3", 0, 350, "Invisible"), ("PR-4", 100, 400, "Invisible"),
    ])
  func tagProliferators(_ name: String, _ first: Int, _ last: Int, _ tag: String) throws {
    let spots = (first...last).enumerated().map { "\($0)(t\($1))" }
    let links = (0..<(last - first)).map { "\($0)>\($0 + 1)" }
    let project = try Fixture.project(
      (spots + links).joined(separator: " "), timepoints: last + 1)
    try Recipes.run("tag_proliferators", project)
    #expect(Fixture.ids(project).allSatisfy { Fixture.tag(project, $0, "Proliferator") == tag })
    #expect(Fixture.tag(project, 0, 1, "Proliferator") == tag)
  }

  @Test("PR-5: a division makes the whole lineage Proliferator")
  func dividingLineage() throws {
    let project = try Fixture.project("0(t0) 1(t1) 2(t2) 3(t2) 0>1 1>2 1>3")
    try Recipes.run("tag_proliferators", project)
    for id in 0...3 { #expect(Fixture.tag(project, id, "Proliferator") == "Proliferator") }
    #expect(Fixture.tag(project, 0, 1, "Proliferator") == "Proliferator")
  }

  @Test("PR-6: a single spot is Invisible")
  func singleSpot() throws {
    let project = try Fixture.project("0(t5)")
    #expect(try Recipes.run("tag_proliferators", project)["invisible"] == 1)
    #expect(Fixture.tag(project, 0, "Proliferator") == "Invisible")
  }

  @Test(
    "PR: two roots that merge",
    arguments: [("clean", "Non-proliferator"), ("elephant", "Invisible")])
  func mergingLineages(_ compat: String, _ tag: String) throws {
    // Root 0 is followed from t0, root 1 only from t5; 2 and 3 belong to both.
    let project = try Fixture.project("0(t0) 1(t5) 2(t6) 3(t7) 0>2 1>2 2>3")
    try Recipes.run(
      "tag_proliferators", project,
      ["compat": .string(compat), "start_before": 5, "end_after": 6])
    let tags = (0...3).map { Fixture.tag(project, $0, "Proliferator") }
    #expect(tags == ["Non-proliferator", "Invisible", tag, tag])
    #expect(Fixture.tag(project, 2, 3, "Proliferator") == tag)
  }

  @Test("TD-1: tag_dividing_cells")
  func tagDividingCells() throws {
    let project = try Fixture.project(
      "1(t0) 2(t1) 3(t1) 4(t2) 5(t2) 6(t2) 1>2 1>3 2>4 2>5 3>6")
    try Recipes.run("tag_dividing_cells", project)
    #expect(
      (1...6).map { Fixture.tag(project, $0, "Division") } == [
        "Dividing", "Dividing", "Divided", "Divided", "Divided", "Non-dividing",
      ])
  }

  @Test(
    "TD-2: a daughter that divides", arguments: [("clean", "Dividing"), ("elephant", "Divided")])
  func dividingDaughter(_ compat: String, _ tag: String) throws {
    let project = try Fixture.project("7(t0) 2(t1) 3(t1) 4(t2) 5(t2) 7>2 7>3 2>4 2>5")
    try Recipes.run("tag_dividing_cells", project, ["compat": .string(compat)])
    #expect(Fixture.tag(project, 2, "Division") == tag)
    #expect(Fixture.tag(project, 7, "Division") == "Dividing")
  }

  @Test("TD-3: three children")
  func threeChildren() throws {
    let project = try Fixture.project("0(t0) 1(t1) 2(t1) 3(t1) 0>1 0>2 0>3")
    let result = try Recipes.run("tag_dividing_cells", project)
    #expect(Fixture.tag(project, 0, "Division") == "Dividing")
    #expect((1...3).allSatisfy { Fixture.tag(project, $0, "Division") == "Divided" })
    #expect(result["divided"] == 3)
  }

  @Test("Map tag: Detection/tp to Tracking/Approved")
  func mapTag() throws {
    let project = try Fixture.project("1(t0) 2(t0) 3(t0)")
    for (id, tag) in [(1, "tp"), (2, "fn"), (3, "tp")] {
      try Fixture.tag(project, id, "Detection", tag)
    }
    try Fixture.tag(project, 3, "Tracking", "Approved")
    let result = try Recipes.run(
      "map_spot_tag", project,
      ["from_set": "Detection", "from_tag": "tp", "to_set": "Tracking", "to_tag": "Approved"])
    #expect(
      (1...3).map { Fixture.tag(project, $0, "Tracking") } == ["Approved", "unlabeled", "Approved"])
    #expect((1...3).map { Fixture.tag(project, $0, "Detection") } == ["tp", "fn", "tp"])
    #expect(result["mapped"] == 2)
  }

  @Test("Map tag: Status/\"\" to Status/Completed, and back to none")
  func mapNoTag() throws {
    let project = try Fixture.project("0(t0) 1(t1) 0>1")
    try Recipes.run(
      "map_spot_tag", project, ["from_set": "Status", "to_set": "Status", "to_tag": "Completed"])
    #expect(Fixture.tag(project, 1, "Status") == "Completed")
    try Recipes.run(
      "map_spot_tag", project, ["from_set": "Status", "from_tag": "Completed", "to_set": "Status"])
    #expect(Fixture.tag(project, 1, "Status") == nil)
    try Recipes.run(
      "map_link_tag", project,
      ["from_set": "Tracking", "from_tag": "unlabeled", "to_set": "Tracking", "to_tag": "Approved"])
    #expect(Fixture.tag(project, 0, 1, "Tracking") == "Approved")
  }

  @Test("Change Detection colours Advanced")
  func changeDetectionColors() throws {
    let project = try Fixture.project("0(t0)")
    let graph = project.lineage
    try graph.edit("own tag") {
      _ = try graph.addTag(
        Tag(label: "mine", color: 0xFF01_0203), to: graph.tagSet(named: "Detection")!)
    }
    func colors() -> [UInt32] {
      graph.tagSetInfo(graph.tagSet(named: "Detection")!).tags.map(\.color)
    }
    let basic = colors()
    #expect(
      try Recipes.run("change_detection_colors", project, ["mode": "advanced"])["changed"] == 3)
    #expect(
      colors() == [
        0xFF00_FFFF, 0xFFFF_00FF, 0xFFFF_0000, 0xFFFF_FF00, 0xFFFF_C800, 0xFFFF_AFAF, 0xFF00_FF00,
        0xFF01_0203,
      ])
    try Recipes.run("change_detection_colors", project)
    #expect(colors() == basic)
    let bare = Project(images: nil)
    #expect { try Recipes.run("change_detection_colors", bare) } throws: {
      "\($0)".contains("Detection tag set not found.")
    }
  }
}

@Suite struct CountingRecipesTests {
  @Test("CE-1: count_divisions, entire")
  func countEntire() throws {
    let project = try Fixture.project(
      """
      1(t0) 2(t1) 3(t1) 4(t2) 5(t2) 6(t2) 7(t2) 8(t2)
      1>2 1>3 2>4 2>5 2>6 3>7 3>8
      """, timepoints: 3)
    try Fixture.tag(project, 1, "Tracking", "Approved")
    try Fixture.tag(project, 2, "Tracking", "Approved")
    let path = try Fixture.folder() + "/result.csv"
    let result = try Recipes.run("count_divisions", project, ["output": .string(path)])
    #expect(try Recipes.text(path) == "\"0\",\"1\"\n\"1\",\"0\"\n\"2\",\"0\"\n")
    #expect(result["divisions"] == 1)
  }

  @Test("CT-1: count_divisions, trackwise", arguments: ["clean", "elephant"])
  func countTrackwise(_ compat: String) throws {
    let project = try Fixture.project(
      "1(t0) 2(t1) 3(t2) 4(t2) 10(t1) 11(t2) 1>2 2>3 2>4 10>11", timepoints: 4)
    let graph = project.lineage
    try graph.edit("label") { try graph.setLabel(SpotID(1), "A") }
    try Fixture.tag(project, 1, "Status", "Completed")
    try Fixture.tag(project, 10, "Status", "Completed")
    let path = try Fixture.folder() + "/result.csv"
    let result = try Recipes.run(
      "count_divisions", project,
      ["mode": "trackwise", "output": .string(path), "compat": .string(compat)])
    // The column name 10 is no count.
    #expect(result["divisions"] == 1)
    let expected = """
      "Timepoint","A","10"
      "0","0","-1"
      "1","1","0"
      "2","0","0"
      "3","-1","-1"

      """
    #expect(try Recipes.text(path) == expected)
  }

  @Test("count_divisions, trackwise, without completed roots; skipped frames; merges")
  func trackwiseDetails() throws {
    let path = try Fixture.folder() + "/result.csv"
    // 0 divides into 1 and 2, both lead to 3, which divides; 4 comes after a skipped frame.
    let project = try Fixture.project(
      "0(t0) 1(t1) 2(t1) 3(t2) 4(t4) 5(t4) 0>1 0>2 1>3 2>3 3>4 3>5", timepoints: 5)
    func rows(_ params: LuaValue) throws -> String {
      try Recipes.run("count_divisions", project, params)
      return try Recipes.text(path)
    }
    #expect(
      try rows(["mode": "trackwise", "output": .string(path)])
        == "\"Timepoint\"\n\"0\"\n\"1\"\n\"2\"\n\"3\"\n\"4\"\n")
    try Fixture.tag(project, 0, "Status", "Completed")
    let clean = try rows(["mode": "trackwise", "output": .string(path)])
    #expect(
      clean
        == "\"Timepoint\",\"0\"\n\"0\",\"1\"\n\"1\",\"0\"\n\"2\",\"1\"\n\"3\",\"-1\"\n\"4\",\"0\"\n"
    )
    let elephant = try rows(["mode": "trackwise", "output": .string(path), "compat": "elephant"])
    #expect(elephant.contains("\"2\",\"2\"\n"))
  }

  @Test("Reading recipes work on projects without ELEPHANT's tag sets: nothing is tagged")
  func withoutTagSets() throws {
    let project = Project(images: nil)
    let graph = project.lineage
    try graph.edit("spots") {
      let spots = try (0..<3).map { i in
        try graph.addSpot(
          t: i == 0 ? 0 : 1, position: WorldPoint(x: Double(i), y: 0, z: 0),
          covariance: .sphere(radius: 1))
      }
      _ = try graph.addLink(spots[0], spots[1])
      _ = try graph.addLink(spots[0], spots[2])
    }
    let counted = try Recipes.run("tracking_statistics", project)
    #expect(counted["all"]["none"] == 3 && counted["timepoint"]["none"] == 1)
    let path = try Fixture.folder() + "/result.csv"
    let none = try Recipes.run("count_divisions", project, ["output": .string(path)])
    #expect(none["divisions"] == 0)
    let all = try Recipes.run("count_divisions", project, ["output": .string(path), "tag": ""])
    #expect(all["divisions"] == 1)
    #expect(graph.tagSetCount == 0 && graph.undoNames.count == 1)
  }

  @Test("Statistics: the text of ELEPHANT's message")
  func statistics() throws {
    let project = try Fixture.project("0(t0) 1(t0) 2(t0) 3(t1)")
    try Fixture.tag(project, 0, "Tracking", "Approved")
    try Fixture.tag(project, 1, "Tracking", "Approved")
    let result = try Recipes.run("tracking_statistics", project, ["format": "text"])
    #expect(
      result.text
        == "All timepoints:\n\tApproved: 2\n\tunlabeled: 2\nTimepoint (0): \n\tApproved: 2\n\tunlabeled: 1"
    )
    try Fixture.tag(project, 3, "Tracking", nil)
    let late = try Recipes.run("tracking_statistics", project, ["timepoint": 1])
    #expect(late["timepoint"]["none"] == 1 && late["all"]["none"] == 1)
  }
}

@Suite struct ImportRecipeTests {
  @Test("5.8: import_mastodon adds, keeps colours, appends sets and tags; twice doubles")
  func importMastodon() throws {
    let source = try Fixture.project("0(t0) 1(t1) 0>1")
    let graph = source.lineage
    try graph.edit("lineage set") {
      let set = try graph.addTagSet(
        name: "Lineage",
        tags: [Tag(label: "L1", color: 0xFF11_1111), Tag(label: "L2", color: 0xFF22_2222)])
      try graph.setTag(set, of: SpotID(1), to: 1)
      try graph.setTag(set, of: graph.links[0], to: 0)
      let detection = graph.tagSet(named: "Detection")!
      try graph.setColor(detection, 0, 0xFF12_3456)
      let extra = try graph.addTag(Tag(label: "doubtful", color: 0xFF99_9999), to: detection)
      try graph.setTag(detection, of: SpotID(0), to: extra)
      try graph.setLabel(SpotID(0), "founder")
    }
    let path = try Fixture.folder() + "/other.mastodon"
    try source.save(to: path)

    let project = try Fixture.project("0(t0) 1(t0)")
    let result = try Recipes.run("import_mastodon", project, ["file": .string(path)])
    #expect(result["spots"] == 2 && result["links"] == 1)
    let target = project.lineage
    #expect(target.spotCount == 4 && target.linkCount == 1)
    #expect(target.tagSets.last?.name == "Lineage")
    #expect(target.tagSets[0].tags[0].color == 0xFF00_FFFF)
    #expect(Fixture.tag(project, 2, "Detection") == "doubtful")
    #expect(Fixture.tag(project, 3, "Lineage") == "L2")
    #expect(Fixture.tag(project, 2, "Lineage") == nil)
    #expect(target.label(SpotID(2)) == "founder")
    #expect(target.undoNames.last == "import_mastodon")
    try Recipes.run("import_mastodon", project, ["file": .string(path)])
    #expect(target.spotCount == 6)
    try target.undo()
    #expect(target.spotCount == 4)
  }

  @Test func aBrokenFileAddsNothing() throws {
    let path = try Fixture.folder() + "/broken.mastodon"
    try AtomicFile.write("PK nonsense", to: path)
    let project = try Fixture.project("0(t0)")
    #expect(throws: (any Error).self) {
      try Recipes.run("import_mastodon", project, ["file": .string(path)])
    }
    #expect(project.lineage.spotCount == 1)
  }
}

@Suite struct QuickstartTests {
  @Test("quickstart finds, links, counts, draws and saves, and compares with the truth")
  func quickstart() throws {
    let folder = try Fixture.folder()
    let registry = Registry()
    HostFunctions.register(registry)
    Objects.register(registry)
    let host = try LuaHost(registry: registry)
    let made = try host.run(
      """
      local movie = howdah.simulate{
        nuclei = 8, timepoints = 4, size = {x = 96, y = 96, z = 12}, seed = 3, death_rate = 0}
      movie:save("\(folder)/truth.mastodon")
      movie:export("\(folder)/movie.tif")
      return #movie.spots
      """)
    let truth = try #require(made.first?.integer)
    let project = try Project.open(folder + "/movie.tif")
    let result = try Recipes.run(
      "quickstart", project,
      [
        "output": .string(folder + "/q.mastodon"), "csv": .string(folder + "/q.csv"),
        "picture": .string(folder + "/q.png"), "lineage": .string(folder + "/q.svg"),
        "truth": .string(folder + "/truth.mastodon"),
      ])
    #expect(try Project.open(folder + "/q.mastodon").lineage.spotCount == result["spots"].integer)
    #expect(try Recipes.text(folder + "/q.csv").hasPrefix("\"0\",\""))
    #expect(try PNGFile.read(folder + "/q.png").width > 50)
    #expect(try Recipes.text(folder + "/q.svg").contains("<svg"))
    #expect(project.lineage.undoNames == ["quickstart"])
    #expect(abs((result["spots"].integer ?? 0) - truth) <= truth / 4)
    #expect((result["truth"]["spot_f1"].number ?? 0) > 0.7)
  }
}

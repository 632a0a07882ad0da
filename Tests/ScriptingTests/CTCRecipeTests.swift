// Export to the Cell Tracking Challenge by recipe (client specification 5.9), and evaluation from Lua.

import Core
import Formats
import Foundation
import Lineage
import Scripting
import Testing
import Tracking

@Suite struct CTCRecipeTests {
  private func temporary(_ body: (String) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.path + "/howdah-test-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try body(folder)
  }

  @Test("CTC-1: completed roots, labels depth first, the id map")
  func ctc1() throws {
    let project = try Fixture.project(
      "1(t0) 2(t1) 3(t2) 4(t2) 5(t3) 10(t1) 11(t2) 1>2 2>3 3>5 2>4 10>11", timepoints: 8)
    try Fixture.tag(project, 1, "Status", "Completed")
    try temporary { folder in
      let result = try Recipes.run(
        "export_ctc", project,
        ["output": .string(folder + "/out"), "timepoint": 3, "time_range": 10])
      #expect(result["tracks"] == 3 && result["spots"] == 5)
      #expect(try Recipes.text(folder + "/out/res_track.txt") == "1 0 1 0\n2 2 3 1\n3 2 2 1\n")
      #expect(
        try Recipes.text(folder + "/out/id_map.csv")
          == "Original ID,ID\n1,1\n2,1\n3,2\n4,3\n5,2\n")
      let folderOfMasks = try CTCFolder(folder + "/out")
      for (t, labels) in [[1], [1], [2, 3], [2], []].enumerated() {
        #expect(try folderOfMasks.labels(at: t).labelMoments().map(\.label) == labels)
      }
    }
  }

  @Test("CTC-2: Completed on a spot that has a parent exports nothing; all tracks on demand")
  func ctc2() throws {
    let project = try Fixture.project("1(t0) 2(t1) 1>2")
    try Fixture.tag(project, 2, "Status", "Completed")
    try temporary { folder in
      let error = #expect(throws: (any Error).self) {
        try Recipes.run("export_ctc", project, ["output": .string(folder + "/out")])
      }
      #expect("\(error!)".contains("--tracks all"))
      #expect(!FileManager.default.fileExists(atPath: folder + "/out"))
      try Recipes.run(
        "export_ctc", project,
        ["output": .string(folder + "/out"), "tracks": "all", "names": "truth"])
      #expect(try Recipes.text(folder + "/out/TRA/man_track.txt") == "1 0 1 0\n")
    }
  }

  @Test("as ELEPHANT draws it, and with the images beside it")
  func compatible() throws {
    var options = Simulator.Preset.small.options
    options.nuclei = 6
    options.timepoints = 3
    options.size = Size3(x: 48, y: 40, z: 8)
    let project = try Simulator.run(options)
    try temporary { folder in
      let result = try Recipes.run(
        "export_ctc", project,
        [
          "output": .string(folder + "/01_RES"), "tracks": "all", "compat": "elephant",
          "images": .string(folder + "/01"), "timepoint": 0,
        ])
      // Tracks are not cut.
      #expect(result["spots"].integer == project.lineage.spots.count)
      let opened = try Project.open(folder + "/01")
      let (images, wanted) = (try opened.requireImages(), try project.requireImages())
      #expect(images.timepoints == 3 && images.size(setup: 0, level: 0) == options.size)
      #expect(try images.volume(t: 2).values() == wanted.volume(t: 2).values())
      // Whoever opens the images finds the result beside them.
      #expect(opened.lineage.spots.count == project.lineage.spots.count)
      let masks = try CTCFolder(folder + "/01_RES")
      let canvas = try LabelCanvas(
        project, CTCNumbering(project.lineage, roots: nil, timepoints: nil), compatible: true)
      for t in 0..<3 {
        #expect(try masks.labels(at: t).values() == canvas.volume(t).values())
      }
    }
  }

  @Test("evaluate takes projects and paths in any combination")
  func evaluate() throws {
    try temporary { folder in
      let registry = Registry()
      HostFunctions.register(registry)
      Objects.register(registry)
      let host = try LuaHost(registry: registry)
      let values = try host.run(
        """
        local folder = ...
        local p = howdah.simulate{nuclei = 5, timepoints = 3, size = {x = 48, y = 48, z = 10}, seed = 2}
        p:export(folder .. "/01_RES")
        p:export(folder .. "/01_GT")
        p:save(folder .. "/p.mastodon")
        local all = {}
        for _, a in ipairs{p, folder .. "/01_RES"} do
          for _, b in ipairs{p, folder .. "/01_GT", howdah.open(folder .. "/01_GT")} do
            local s = howdah.evaluate(a, b)
            all[#all + 1] = ("%g %g %g %g %g %d"):format(s.det, s.tra, s.lnk, s.spot_f1, s.link_f1, s.counts.fn)
          end
        end
        local markers = howdah.evaluate(folder .. "/01_RES", p, {marker_radius = 0})
        local own = howdah.evaluate(p, p)
        local quick = howdah.evaluate(p, p, {measures = "spots"})
        local ctc = howdah.evaluate(p, p, {measures = "ctc", sparse = true})
        return table.concat(all, "\\n"), markers.seg == nil, markers.notes[1], own.seg, quick.det == nil,
          ctc.spot_f1 == nil, #ctc.notes
        """, name: "=test", [.string(folder)])
      #expect(values[0].text == Array(repeating: "1 1 1 1 1 0", count: 6).joined(separator: "\n"))
      #expect(values[1] == true && values[2].text?.hasPrefix("no SEG") == true)
      #expect(values[3].number == 1 && values[4] == true && values[5] == true)
    }
  }
}

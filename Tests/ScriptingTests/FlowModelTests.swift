// Flow models from Lua: what their numbers mean, labels, training, resets, linking and tracking back, and the recipes
// for them, on the small movie of the examples with a tiny network.

import Core
import Formats
import Foundation
import Learning
import Lineage
import Scripting
import Testing

@Suite("Flow models")
struct FlowModelTests {
  /// The example's movie with all links approved.
  private static func project() throws -> Project {
    let project = try ObjectsExamplesTests.project()
    let graph = project.lineage
    let set = graph.tagSet(named: "Tracking")!
    try graph.edit("approve") {
      try graph.setTag(
        set, ofLinks: Array(graph.links), to: graph.tag(named: "Approved", in: set))
    }
    try graph.clearHistory()
    return project
  }

  private let size: LuaValue = ["x": 16, "y": 16, "z": 4]
  private let crop = "training_crop_size = {x = 16, y = 16, z = 4}"
  private let fresh = #"local m = howdah.flow("default", {widths = {4, 8}, seed = 1})"# + "\n"

  /// A tiny model, and one that says that everything moved by 3 voxels along x since the timepoint before.
  private func folder() throws -> (path: String, model: String, moving: String) {
    let folder = try Fixture.folder()
    let prompt = try Prompt(Self.project())
    try prompt.run(fresh + "m:save('\(folder)/tiny.pth', {versions = 0})")
    var model = try Model(.flowResNet(widths: [2, 2]))
    try model.set("out_conv.bias", to: [Float(atanh(-0.5)), 0, 0])
    try ModelFile(models: [model], settings: ["max_displacement": 6])
      .save(to: folder + "/moving.pth")
    return (folder, folder + "/tiny.pth", folder + "/moving.pth")
  }

  @Test("what a flow means is told once and kept in the file")
  func meaning() throws {
    let prompt = try Prompt(Self.project())
    let (path, _, moving) = try folder()
    defer { try? FileManager.default.removeItem(atPath: path) }
    let code = """
      local m = howdah.flow("\(moving)")
      local wide = howdah.flow("\(moving)", {max_displacement = 20, nucleus_radius = 4})
      wide:save("\(path)/wide.pth", {half = true})
      local s = p.spots:at(1):first()
      local d = m:displacement(s)
      local field = m:flow(p, {t = 2})
      return m.settings.max_displacement, howdah.flow("\(path)/wide.pth").settings.max_displacement,
        wide.settings.nucleus_radius, math.abs(d.x - 3) < 1e-3, math.abs(d.y) < 1e-6,
        math.abs(field.x:mean() + 3) < 1e-3, howdah.flow("default").settings.max_displacement == nil
      """
    #expect(try prompt.all(code) == [.double(6), .double(20), .double(4), true, true, true, true])
    #expect(
      prompt.problem("howdah.flow('\(moving)'):displacement(p.spots:at(0):first())")
        .contains("before 0"))
  }

  @Test("labels say where approved links lead back")
  func labels() throws {
    let prompt = try Prompt(Self.project())
    let code =
      fresh + """
        local l = m:labels(p, {t = 1, max_displacement = 1})
        return l.mask:max(), l.mask:min(), l.x:min(), l.y:max(), l.x.size.x
        """
    let seen = try prompt.all(code)
    #expect(seen.compactMap(\.number).count == 5 && seen[0].number == 1 && seen[1].number == 0)
    #expect(seen[3].number == 0 && seen[4] == 24)
    #expect(abs((seen[2].number ?? 0) + 0.3) < 1e-6)
    #expect(prompt.problem(fresh + "m:labels(p)").contains("t = 1 or more"))
    #expect(
      prompt.problem(fresh + "m:labels(p, {t = 1, center_ratio = 0.5})")
        .contains("for detection models"))
  }

  @Test("training learns from approved links, calls back, and says what is missing")
  func training() throws {
    let prompt = try Prompt(Self.project())
    let code =
      fresh + """
        local n = 0
        local r = m:train(p, {num_epochs = 3, num_crops = 1, \(crop), seed = 1, flow_weights = {1, 1, 4},
          max_displacement = 8, on_epoch = function(e) n = n + 1 assert(e.instance_loss) end})
        return r.steps, n, #m.history, m.settings.max_displacement
        """
    #expect(try prompt.all(code) == [12, 3, 12, .double(8)])
    // A list of three and more timepoints, which are not a range.
    let some =
      fresh
      + "return m:train(p, {timepoints = {1, 3, 4}, num_epochs = 1, num_crops = 1, \(crop)}).steps"
    #expect(try prompt.all(some) == [3])
    #expect(prompt.problem(fresh + "m:train(p, {false_weight = 3})").contains("detection models"))
    #expect(
      prompt.problem(
        #"howdah.detection("default", {widths = {4, 8}}):train(p, {flow_weights = {1, 1, 1}})"#
      ).contains("flow models"))
    let unapproved = try Prompt(ObjectsExamplesTests.project())
    try unapproved.run("p.links:tag('Tracking', 'unlabeled')")
    #expect(unapproved.problem(fresh + "m:train(p)").contains("approve some links"))
    #expect(prompt.problem(fresh + "m:live(p)").contains("for detection models"))
  }

  @Test("linkers take a flow model; approved links stay")
  func linking() throws {
    let (path, _, moving) = try folder()
    defer { try? FileManager.default.removeItem(atPath: path) }
    let code = """
      local m = howdah.flow("\(moving)")
      local function targets()
        local t = {}
        for link in p.links:each() do t[#t + 1] = link.source.id .. ">" .. link.target.id end
        return table.concat(t, " ")
      end
      -- One nucleus that has gone so far that only the flow finds its parent.
      p.links:remove()
      p.spots:tag("Detection", "unlabeled")
      p.spots:at({2, 4}):remove()
      p.spots:at(1):first():remove()
      local spot = p.spots:at(1):first()
      spot:move{x = 14, y = 9, z = 3}
      howdah.link.nearest(p, {threshold = 2})
      local without = #p.links
      howdah.link.nearest(p, {threshold = 2, flow = m})
      local with = targets()
      howdah.link.lap(p, {threshold = 2, flow = m})
      local lap = #p.links
      howdah.link.global(p, {threshold = 2, flow = m, intensity = false})
      return without, with, lap, spot.x
      """
    let prompt = try Prompt(Self.project())
    let seen = try prompt.all(code)
    #expect(seen[0] == 0 && seen[1] == "1>3" && seen[2] == 1)
    #expect(
      prompt.problem(
        #"howdah.link.nearest(p, {flow = howdah.detection("default", {widths = {4, 8}})})"#
      ).contains("howdah.flow"))
  }

  @Test("a fresh start keeps the shape and forgets what flows meant")
  func reset() throws {
    let prompt = try Prompt(Self.project())
    let (path, tiny, moving) = try folder()
    defer { try? FileManager.default.removeItem(atPath: path) }
    let code = """
      local m = howdah.flow("\(moving)")
      m:reset("default", {seed = 3})
      local widths, meaning = #m.widths, m.settings.max_displacement
      m:reset("\(tiny)")
      return widths, meaning == nil, m.widths[2]
      """
    #expect(try prompt.all(code) == [2, true, 8])
  }

  @Test("train_flow and reset_flow_model")
  func trainRecipe() throws {
    let (path, tiny, _) = try folder()
    defer { try? FileManager.default.removeItem(atPath: path) }
    let output = path + "/out.pth"
    let result = try Recipes.run(
      "train_flow", try Self.project(),
      [
        "model": .string(tiny), "output": .string(output), "training_crop_size": size,
        "num_epochs": 2, "num_crops": 1, "seed": 1,
      ])
    #expect(result["steps"] == 8 && result["output"] == .string(output))
    #expect(try ModelFile.open(output).models != ModelFile.open(tiny).models)
    let reset = try Recipes.run(
      "reset_flow_model", try Self.project(),
      [
        "source": "default", "output": .string(output), "widths": [4, 8], "max_displacement": 30,
      ])
    #expect(reset["source"] == "default")
    #expect(try ModelFile.open(output).settings == ["max_displacement": 30])
  }

  @Test("update_flow_labels and reset_flow_labels")
  func labelRecipes() throws {
    let (path, _, _) = try folder()
    defer { try? FileManager.default.removeItem(atPath: path) }
    let project = try Self.project()
    let counted = try Recipes.run(
      "update_flow_labels", project, ["timepoint": 3, "mask": .string(path + "/mask.tif")])
    #expect(counted["links"] == 3 && counted["voxels"].integer! > 20)
    #expect(FileManager.default.fileExists(atPath: path + "/mask.tif"))
    #expect(try Recipes.run("reset_flow_labels", project, ["timepoints": [2, 3]])["reset"] == 5)
    #expect(try Recipes.run("update_flow_labels", project, ["timepoint": 3])["links"] == 0)
    #expect(try Recipes.run("reset_flow_labels", project, ["to": "none"])["reset"] == 5)
    try project.lineage.undo()
    try project.lineage.undo()
    #expect(try Recipes.run("update_flow_labels", project, ["timepoint": 3])["links"] == 3)
  }

  @Test("compare_flow: without flow, with registration, with a model, trained or not")
  func compareRecipe() throws {
    let (path, _, moving) = try folder()
    defer { try? FileManager.default.removeItem(atPath: path) }
    let rows = try #require(
      try Recipes.run(
        "compare_flow", try Self.project(),
        [
          "model": .string(moving), "preset": "small", "nuclei": 8, "timepoints": 4, "learn": 3,
          "size": ["x": 64, "y": 64, "z": 8], "epochs": 1, "fresh": true, "num_crops": 1,
          "speed": 1,
          "trained": .string(path + "/trained.pth"), "output": .string(path + "/table.csv"),
        ]
      ).elements)
    #expect(
      rows.map { $0["flow"] } == [
        "none", "registration", "model", "trained model", "trained fresh",
      ])
    let counts = rows.map { $0["links_right"].integer! + $0["links_missed"].integer! }
    #expect(Set(counts).count == 1 && counts[0] > 0)
    #expect(try Recipes.text(path + "/table.csv").split(separator: "\n").count == 6)
    #expect(try ModelFile.open(path + "/trained.pth").history.count == 1)
  }

  @Test("a fresh model of train_flow sees small nuclei and local contrast")
  func freshRecipe() throws {
    let (path, _, _) = try folder()
    defer { try? FileManager.default.removeItem(atPath: path) }
    let output = path + "/fresh.pth"
    let result = try Recipes.run(
      "train_flow", try Self.project(),
      ["output": .string(output), "num_epochs": 1, "num_crops": 1, "seed": 1, "timepoints": 1])
    #expect(result["steps"] == 1)
    #expect(
      try ModelFile.open(output).settings == [
        "max_displacement": 10, "nucleus_radius": 2.4, "local_contrast": 4, "passes": 3,
      ])
  }

  @Test("nearest_neighbor_linking with flow, and back_track")
  func linkRecipes() throws {
    let (path, _, moving) = try folder()
    defer { try? FileManager.default.removeItem(atPath: path) }
    func unlinked() throws -> Project {
      let project = try Self.project()
      let graph = project.lineage
      let set = graph.tagSet(named: "Detection")!
      try graph.edit("unlink") {
        try graph.remove(Array(graph.links))
        try graph.setTag(
          set, ofSpots: graph.spots, to: graph.tag(named: "unlabeled", in: set))
      }
      return project
    }
    // Everything is expected 3 further left than its parent is: nothing is near enough.
    let movie = try unlinked()
    let none = try Recipes.run(
      "nearest_neighbor_linking", movie, ["threshold": 1, "flow": .string(moving)])
    #expect(none["links"] == 0)
    #expect(try Recipes.run("nearest_neighbor_linking", movie, ["threshold": 1])["links"] == 9)
    let registered = try Recipes.run(
      "nearest_neighbor_linking", movie, ["threshold": 1, "flow": "registration"])
    #expect(registered["links"] == 9)
    let way = try unlinked()
    let last = way.lineage.spots(at: 4)[0]
    let result = try Recipes.run(
      "back_track", way, ["spot": .int(Int(last.index)), "threshold": 1])
    #expect(result["links"] == 4 && result["last"] == 0 && result["reason"] == "beginning")
    let error = #expect(throws: (any Error).self) {
      try Recipes.run("back_track", way, ["spot": 900])
    }
    #expect("\(error!)".contains("no spot 900"))
  }
}

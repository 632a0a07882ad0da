// Learning from Lua: labels, training with callbacks, live training at the prompt, resets, and the recipes for them,
// on the small movie of the examples with a tiny network.

import Core
import Formats
import Foundation
import Learning
import Lineage
import Scripting
import Testing

@Suite("Detection models learn")
struct DetectionLearningTests {
  /// A project whose spots of timepoint 0 are judged: two nuclei.
  private static func project() throws -> Project {
    let project = try ObjectsExamplesTests.project()
    for id in 0..<2 { try Fixture.tag(project, id, "Detection", "fn") }
    try project.lineage.clearHistory()
    return project
  }

  private let size = "{x = 16, y = 16, z = 4}"
  private let fresh = #"local m = howdah.detection("default", {widths = {4, 8}, seed = 1})"# + "\n"

  @Test("labels are a volume that is drawn in colours")
  func labels() throws {
    let prompt = try Prompt(Self.project())
    let folder = try Fixture.folder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let code =
      fresh + """
        local l = m:labels(p, {t = 0})
        local n = l:histogram(7, {min = 0, max = 7}).counts
        show(l:slice{z = 3}, {path = "\(folder)/l.png"})
        local none = m:labels(p, {t = 1})
        local dark = m:labels(p, {t = 1, auto_bg_threshold = 0.1, auto_bg_smoothing = 0})
        return l.dtype, n[6] > 0, n[7] >= 18, n[2] + n[3] + n[4] + n[5], none:max(), dark:min(),
          dark:max()
        """
    #expect(try prompt.all(code) == ["uint8", true, true, .double(0), 0, 0, 1])
    let png = try PNGFile.read(folder + "/l.png")
    func color(_ x: Int, _ y: Int) -> [UInt8] {
      Array(png.pixels[((y * png.width + x) * png.channels)...].prefix(3))
    }
    // Nuclei of radius 2 at (5, 9) and (11, 9): dark blue centre, dark green border, black around.
    #expect(color(5, 9) == [0, 0, 127] && color(3, 9) == [0, 127, 0] && color(1, 1) == [0, 0, 0])
  }

  @Test("training calls back, grows the curve, and false stops it")
  func callbacks() throws {
    let prompt = try Prompt(Self.project())
    let code =
      fresh + """
        local epochs, batches = {}, 0
        local r = m:train(p, {num_epochs = 50, num_crops = 2, training_crop_size = \(size), seed = 1,
          on_epoch = function(e) epochs[#epochs + 1] = e.train_loss return #epochs < 3 end,
          on_batch = function(b) batches = batches + 1 assert(b.nll_loss and b.step) end})
        local s = m:train(p, {num_epochs = 9, num_crops = 2, training_crop_size = \(size),
          on_batch = function(b) return b.epoch < 1 end})
        return r.reason, r.epochs, r.steps, #epochs, batches, #m.history, s.reason, s.steps
        """
    #expect(try prompt.all(code) == ["stopped", 3, 6, 3, 6, 9, "stopped", 3])
  }

  @Test("an error in a callback keeps the last finished epoch")
  func errorInCallback() throws {
    let prompt = try Prompt(Self.project())
    let code =
      fresh + """
        local ok, e = pcall(m.train, m, p, {num_epochs = 9, num_crops = 2, training_crop_size = \(size),
          on_batch = function(b) if b.epoch == 2 then error("enough") end end})
        return ok, tostring(e):find("enough") ~= nil, #m.history
        """
    #expect(try prompt.all(code) == [false, true, 4])
  }

  @Test("what cannot be learned is explained")
  func problems() throws {
    let prompt = try Prompt(try ObjectsExamplesTests.project())
    #expect(prompt.problem(fresh + "m:train(p)").contains("tag some spots"))
    #expect(prompt.problem(fresh + "m:train(p, {num_epoch = 3})").contains("num_epochs"))
    #expect(prompt.problem(fresh + "m:train(p, {timepoints = {3, 1}})").contains("backwards"))
    #expect(prompt.problem(fresh + "m:reset('default')").contains("project = p"))
    #expect(
      prompt.problem("howdah.flow('default', {widths = {4, 8}}):live(p)").contains("flow model"))
  }

  @Test("live training takes up what is tagged at the prompt")
  func live() throws {
    let prompt = try Prompt(Self.project())
    func input(_ text: String) throws -> String {
      guard case .done(let shown) = try prompt.host.evaluate(text) else { return "incomplete" }
      return shown
    }
    _ = try input("m = howdah.detection('default', {widths = {4, 8}, seed = 1})")
    _ = try input("live = m:live(p, {training_crop_size = \(size), num_crops = 2})")
    #expect(try input("live.spots").contains("2"))
    #expect(try input("live:wait{epochs = 1, seconds = 20} >= 1").contains("true"))
    #expect(prompt.problem("m:train(p)").contains("live training"))
    #expect(prompt.problem("m:live(p)").contains("live training"))
    // A pure Lua loop over spots ends with the input, and the labels are handed over then.
    _ = try input("for s in p.spots:at(1):each() do s.tags.Detection = 'tp' end")
    #expect(try input("live.spots").contains("4"))
    #expect(try input("live:pause() live:resume() return live.running").contains("true"))
    #expect(try input("live:wait{epochs = 1} > 1").contains("true"))
    #expect(try input("live:stop() return live.phase").contains("stopped"))
    #expect(
      try input(
        "#m.history > 0 and m:train(p, {num_epochs = 1, training_crop_size = \(size)}).steps"
      )
      .contains("10"))
    #expect(try input("live").contains("stopped"))
  }

  @Test("closing the project, or forgetting everything, ends live training")
  func liveEnds() throws {
    let prompt = try Prompt(Self.project())
    let start = fresh + "local live = m:live(p, {training_crop_size = \(size)})\n"
    #expect(try prompt.run(start + "p:close() return live.running") == false)
    // The host goes with a training at work.
    let other = try Prompt(Self.project())
    try other.run(start + "live:wait{epochs = 1}")
  }

  @Test("reset: default by the images, a file, and an address only when it is allowed")
  func reset() throws {
    let prompt = try Prompt(Self.project())
    let folder = try Fixture.folder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let code =
      fresh + """
        m:save("\(folder)/first.pth")
        m:train(p, {num_epochs = 1, training_crop_size = \(size)})
        local trained = #m.history
        m:reset("default", {project = p, num_crops = 2, training_crop_size = \(size), seed = 2})
        local reset = #m.history
        local v = p.images:volume{t = 0}
        local center = m:forward(v).center
        m:reset("\(folder)/first.pth")
        local d = m:forward(v).center - howdah.detection("\(folder)/first.pth"):forward(v).center
        return trained, reset, d:max(), d:min(), center.size.x
        """
    #expect(try prompt.all(code) == [5, 0, .double(0), .double(0), 24])
    #expect(
      prompt.problem("howdah.detection('http://127.0.0.1:1/model.pth')").contains("127.0.0.1:1"))
  }
}

@Suite("Recipes around detection models")
struct DetectionRecipesTests {
  private func project() throws -> Project {
    let project = try ObjectsExamplesTests.project()
    try Fixture.tag(project, 0, "Detection", "tp")
    try Fixture.tag(project, 1, "Detection", "fn")
    try Fixture.tag(project, 2, "Detection", "fp")
    return project
  }

  private func folder() throws -> (path: String, model: String) {
    let path = try Fixture.folder()
    try ModelFile(models: [Model(.unet(widths: [4, 8]), seed: 1)]).save(to: path + "/start.pth")
    return (path, path + "/start.pth")
  }

  private let size: LuaValue = ["x": 16, "y": 16, "z": 4]

  @Test("train_detection")
  func train() throws {
    let (path, model) = try folder()
    defer { try? FileManager.default.removeItem(atPath: path) }
    let output = path + "/out.pth"
    let result = try Recipes.run(
      "train_detection", try project(),
      [
        "model": .string(model), "output": .string(output), "training_crop_size": size,
        "num_epochs": 3, "num_crops": 2, "timepoints": 0, "seed": 4, "aug_rotation_angle": 30,
        "log_folder": .string(path + "/log"),
      ])
    #expect(result["steps"] == 6 && result["epochs"] == 3 && result["reason"] == "finished")
    let file = try ModelFile.open(output)
    #expect(file.history.count == 6 && file.optimisers[0].step == 6)
    #expect(file.history.last?.losses["train_loss"] != nil)
    #expect(try FileManager.default.contentsOfDirectory(atPath: path + "/log").count == 1)
    // Going on from there keeps the last run beside the new one.
    try Recipes.run(
      "train_detection", try project(),
      [
        "model": .string(output), "output": .string(output), "training_crop_size": size,
        "num_epochs": 2,
      ])
    #expect(try ModelFile.open(output + ".1").models == file.models)
    #expect(!FileManager.default.fileExists(atPath: output + ".2"))
  }

  @Test("stopped at any moment, the project is at its last undo point and the model file is whole")
  func stopped() throws {
    let (path, model) = try folder()
    defer { try? FileManager.default.removeItem(atPath: path) }
    let project = try project()
    let registry = ObjectsExamplesTests.registry()
    var library = RecipeLibrary(executable: nil)
    library.folders = [Recipes.folder]
    for seconds in [0.02, 0.1, 0.3] {
      let (changes, undo) = (project.lineage.revision, project.lineage.undoNames.count)
      let output = path + "/\(seconds).pth"
      var runner = RecipeRunner(registry: registry, library: library)
      runner.context.notes = { _ in }
      runner.limits.seconds = seconds
      runner.limits.exitStatus = nil
      let error = #expect(throws: HowdahError.self) {
        try runner.run(
          "train_detection", project: project,
          params: [
            "model": .string(model), "output": .string(output), "training_crop_size": size,
            "num_epochs": 1_000_000,
          ])
      }
      #expect(error?.kind == .limit)
      #expect(project.lineage.revision == changes && !project.lineage.isEditing)
      #expect(project.lineage.undoNames.count == undo)
      if FileManager.default.fileExists(atPath: output) {
        let file = try ModelFile.open(output)
        // Saved at the end of an epoch of 5 samples.
        #expect(file.optimisers[0].step % 5 == 0 && file.history.count == file.optimisers[0].step)
      }
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: path).allSatisfy {
          $0.hasSuffix(".pth") || $0.hasSuffix(".pth.1")
        })
    }
  }

  @Test("reset_detection_model and download_model")
  func models() throws {
    let (path, model) = try folder()
    defer { try? FileManager.default.removeItem(atPath: path) }
    let made = try Recipes.run(
      "reset_detection_model", try project(),
      [
        "source": "default", "widths": [4, 8], "training_crop_size": size, "num_crops": 2,
        "output": .string(path + "/prior.pth"),
      ])
    #expect(made["source"] == "default")
    #expect(try ModelFile.open(path + "/prior.pth").models[0].architecture.widths == [4, 8])
    try Recipes.run(
      "reset_detection_model", try project(),
      ["source": .string(model), "output": .string(path + "/again.pth")])
    #expect(try ModelFile.open(path + "/again.pth").models == ModelFile.open(model).models)
    let copy = try Recipes.run(
      "download_model", try project(),
      ["source": .string(model), "output": .string(path + "/copy.pth")])
    #expect(copy["kind"] == "detection" && copy["networks"] == 1)
    let error = #expect(throws: (any Error).self) {
      try Recipes.run(
        "download_model", try project(),
        ["source": "https://127.0.0.1/m.pth", "output": .string(path + "/net.pth")])
    }
    #expect("\(error!)".contains("--allow-net"))
    #expect(!FileManager.default.fileExists(atPath: path + "/net.pth"))
  }

  @Test("update_detection_labels")
  func updateLabels() throws {
    let (path, _) = try folder()
    defer { try? FileManager.default.removeItem(atPath: path) }
    let result = try Recipes.run(
      "update_detection_labels", try project(),
      ["output": .string(path + "/l.tif"), "picture": .string(path + "/l.png")])
    #expect(result["spots"]["tp"] == 1 && result["spots"]["fn"] == 1 && result["spots"]["fp"] == 0)
    #expect(result["voxels"]["center"].number! >= 18 && result["voxels"]["background"].number == 0)
    #expect(try TIFFImageSource(path + "/l.tif").volume(t: 0).maximum() == 6)
    #expect(FileManager.default.fileExists(atPath: path + "/l.png"))
  }

  @Test("reset_detection_labels")
  func resetLabels() throws {
    let first = try project()
    #expect(try Recipes.run("reset_detection_labels", first)["reset"] == 3)
    #expect(Fixture.tag(first, 0, "Detection") == nil)
    #expect(Fixture.tag(first, 5, "Detection") == "unlabeled")
    try first.lineage.undo()
    #expect(Fixture.tag(first, 1, "Detection") == "fn")
    let second = try project()
    let result = try Recipes.run(
      "reset_detection_labels", second, ["timepoints": 0, "to": "unlabeled"])
    #expect(result["reset"] == 2)
    #expect(Fixture.tag(second, 0, "Detection") == "unlabeled")
    #expect(Fixture.tag(second, 2, "Detection") == "fp")
  }

  @Test("live_training")
  func live() throws {
    let (path, model) = try folder()
    defer { try? FileManager.default.removeItem(atPath: path) }
    let output = path + "/out.pth"
    let params: LuaValue = [
      "model": .string(model), "output": .string(output), "training_crop_size": size,
      "num_epochs": 2, "num_crops": 2, "seconds": 20,
    ]
    let result = try Recipes.run("live_training", try project(), params)
    #expect(result["epochs"].integer! >= 2 && result["train_loss"].number != nil)
    #expect(try ModelFile.open(output).models != ModelFile.open(model).models)
    let error = #expect(throws: (any Error).self) {
      try Recipes.run("live_training", try ObjectsExamplesTests.project(), params)
    }
    #expect("\(error!)".contains("no judged spots"))
  }
}

// Models as Lua objects: opening, describing, saving, and looking at what they see.

import Foundation
import Learning
import Scripting
import Testing

@Suite struct ModelTests {
  private let tiny = #"{widths = {4, 8}, seed = 3}"#

  @Test func aFreshModelDescribesItself() throws {
    let prompt = try Prompt(ObjectsExamplesTests.project())
    let code = """
      local m = howdah.detection("default", {seed = 1})
      local f = howdah.flow("default", {dimensions = 2, networks = 2})
      local sum = 0
      for _, layer in ipairs(m.layers) do sum = sum + layer.parameters end
      return m.kind, m.parameters, sum, m.layers[1].name, m.layers[1].kind, m.layers[1].shape[1],
        #m.history, m.path == nil, f.kind, f.dimensions, f.networks, #f.widths
      """
    #expect(
      try prompt.all(code) == [
        "detection", 5_887_011, 5_887_011, "encoder.0.0", "convolution", 16, 0, true, "flow", 2, 2,
        5,
      ])
    let text = try prompt.run("return tostring(howdah.detection('default', \(tiny)))").text ?? ""
    #expect(text.contains("UNet 3D") && text.contains("4-8"))
  }

  @Test func theSeedDecidesAndFilesKeepAll() throws {
    let prompt = try Prompt(ObjectsExamplesTests.project())
    let folder = try Fixture.folder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let code = """
      local function center(m) return m:forward(p.images:volume{t = 0}).center end
      local a, b = howdah.detection("default", \(tiny)), howdah.detection("default", \(tiny))
      local c = howdah.detection("default", {widths = {4, 8}, seed = 4})
      a:save("\(folder)/a.pth")
      a:save("\(folder)/a.safetensors")
      local d, e = howdah.detection("\(folder)/a.pth"), howdah.detection("\(folder)/a.safetensors")
      local function difference(x) local v = center(a) - center(x) return math.max(v:max(), -v:min()) end
      return difference(b), difference(d), difference(e), difference(c) > 0.001, d.path, a.path
      """
    #expect(
      try prompt.all(code) == [
        .double(0), .double(0), .double(0), true, .string("\(folder)/a.pth"),
        .string("\(folder)/a.safetensors"),
      ])
  }

  @Test func probabilitiesAddUpToOne() throws {
    let prompt = try Prompt(ObjectsExamplesTests.project())
    let code = """
      local m = howdah.detection("default", \(tiny))
      local v = p.images:volume{t = 0}
      local seen = m:forward(v, {patch_size = {x = 16, y = 16, z = 4}, keep_axials = 1})
      local sum = seen.background + seen.border + seen.center
      local f = howdah.flow("default", \(tiny)):forward(v, {later = p.images:volume{t = 1}})
      return math.abs(sum:min() - 1) < 1e-5, math.abs(sum:max() - 1) < 1e-5, seen.center.size.x,
        f.x:max() <= 1, f.z:min() >= -1
      """
    #expect(try prompt.all(code) == [true, true, 24, true, true])
  }

  @Test func mistakesAreExplained() throws {
    let prompt = try Prompt(ObjectsExamplesTests.project())
    let folder = try Fixture.folder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try prompt.run("howdah.flow('default', \(tiny)):save('\(folder)/f.pth')")
    #expect(prompt.problem("howdah.detection('\(folder)/f.pth')").contains("howdah.flow"))
    #expect(
      prompt.problem("howdah.flow('\(folder)/f.pth', {dimensions = 2})").contains("3D network"))
    #expect(prompt.problem("howdah.flow('\(folder)/f.pth', {seed = 1})").contains("default"))
    #expect(prompt.problem("howdah.detection('\(folder)/no.pth')").contains("no.pth"))
    #expect(prompt.problem("howdah.detection('default', {widths = {40}})").contains("widths"))
    #expect(
      prompt.problem("howdah.detection('default', {dimensions = 4})").contains("2 or 3"))
    #expect(
      prompt.problem("howdah.flow('default', \(tiny)):forward(p.images:volume{t = 0})")
        .contains("two volumes"))
    #expect(
      prompt.problem("howdah.detection('default', \(tiny)):save('\(folder)/m.onnx')")
        .contains(".pth"))
    #expect(
      prompt.problem("howdah.detection('default', \(tiny)):save()").contains("give a path"))
  }

  /// A network made by hand that takes bright voxels for centres.
  private func brightnessModel(_ path: String) throws {
    var model = try Model(.unet(widths: [1, 1]))
    for name in ["encoder.0.0", "encoder.0.3", "decoder.0.0", "decoder.0.3"] {
      var kernel = try model[name + ".weight"]
      kernel[13] = 1
      try model.set(name + ".weight", to: kernel)
    }
    try model.set("out_conv.weight", to: [-4, 0, 4])
    try model.set("out_conv.bias", to: [6, -4, -6])
    try ModelFile(models: [model]).save(to: path)
  }

  @Test func predictionMakesSpotsInOneUndoPoint() throws {
    let prompt = try Prompt(ObjectsExamplesTests.project())
    let folder = try Fixture.folder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try brightnessModel(folder + "/b.pth")
    let code = """
      p.spots:remove()
      local m = howdah.detection("\(folder)/b.pth")
      local options = {timepoints = {0, 1}, min_radius = 0, center_ratio = 1, pad = false,
        keep_probabilities = "\(folder)/seen.zarr"}
      local counts = m:predict(p, options)
      local found = #p.spots:at(0)
      local s = p.spots:nearest{x = 5, y = 9, z = 3, t = 0}:first()
      local tag = s.tags.Detection
      p:undo()
      local undone = #p.spots
      options.keep_probabilities = nil
      options.around, options.patch_size = {x = 5, y = 9, z = 3}, {x = 9, y = 20, z = 6}
      options.timepoints = 0
      local near = m:predict(p, options)
      options.compat = "elephant"
      local again = m:predict(p, options)
      return counts.spots, #counts.timepoints, found, tag, undone, near.spots,
        again.removed
      """
    let seen = try prompt.all(code)
    #expect(seen == [4, 2, 2, "unlabeled", 0, 1, 1])
    #expect(FileManager.default.fileExists(atPath: folder + "/seen.zarr/1.3.0.0.2"))
    #expect(
      prompt.problem("howdah.flow('default', \(tiny)):predict(p)").contains("finds no spots"))
    #expect(
      prompt.problem("howdah.detection('\(folder)/b.pth'):predict(p, {threshold = 0.3})")
        .contains("prob_threshold"))
    #expect(
      prompt.problem(
        "howdah.detection('\(folder)/b.pth'):predict(p, {around = {1, 2, 3}, "
          + "box = {minimum = {x = 0, y = 0, z = 0}, maximum = {x = 1, y = 1, z = 1}}})"
      ).contains("not both"))
  }

  @Test func theRecipePredictsWithWhatItsCommandLineNames() throws {
    let folder = try Fixture.folder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try brightnessModel(folder + "/b.pth")
    let project = try ObjectsExamplesTests.project()
    let result = try Recipes.run(
      "predict_spots", project,
      [
        "model": .string(folder + "/b.pth"), "timepoints": [0, 1], "min_radius": 0,
        "center_ratio": 1, "pad": false, "keep_probabilities": .string(folder + "/seen.zarr"),
      ])
    #expect(result["found"] == 4)
    #expect(FileManager.default.fileExists(atPath: folder + "/seen.zarr/.zattrs"))
  }
}

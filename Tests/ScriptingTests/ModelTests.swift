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
      local seen = m:forward(v, {patch = {x = 16, y = 16, z = 4}, keep_axials = 1})
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
}

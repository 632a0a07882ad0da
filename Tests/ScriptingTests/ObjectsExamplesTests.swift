// Every example in the registry runs, on a small project with a movie; and every name has a sentence.

import Core
import Formats
import Foundation
import Imaging
import Lineage
import Scripting
import Testing

@Suite struct ObjectsExamplesTests {
  /// Two lineages with a division over a movie with blobs where the spots are.
  static func project() throws -> Project {
    let size = Size3(x: 24, y: 20, z: 6)
    let graph = LineageGraph()
    try graph.edit("example") {
      try graph.ensureElephantTagSets()
      var last: [SpotID] = []
      for t in 0..<5 {
        var now: [SpotID] = []
        for i in 0..<(t < 3 ? 2 : 3) {
          let spot = try graph.addSpot(
            t: t, position: WorldPoint(x: 5 + 6 * Double(i) + 0.3 * Double(t), y: 9, z: 3),
            covariance: .axisAligned(x: 2, y: 2, z: 1))
          now.append(spot)
          if !last.isEmpty { try graph.addLink(last[min(i, last.count - 1)], spot) }
        }
        last = now
      }
      let (detection, tracking) = (
        graph.tagSet(named: "Detection")!, graph.tagSet(named: "Tracking")!
      )
      try graph.setTag(detection, ofSpots: graph.spots, to: 6)
      try graph.setTag(tracking, ofSpots: graph.spots, to: 1)
      try graph.setTag(tracking, ofLinks: graph.links, to: 1)
    }
    try graph.clearHistory()
    let volumes = try (0..<5).map { t in
      var voxels = [UInt16](repeating: 100, count: size.count)
      for spot in graph.spots(at: t) {
        let p = graph.position(spot)
        for z in 2...4 {
          for y in 7...11 {
            for x in Int(p.x) - 2...Int(p.x) + 2 { voxels[(z * size.y + y) * size.x + x] = 1000 }
          }
        }
      }
      return [try Volume(uint16s: voxels, size: size)]
    }
    return Project(images: try MemoryImageSource(volumes), lineage: graph)
  }

  static func registry() -> Registry {
    let registry = Registry()
    HostFunctions.register(registry)
    Objects.register(registry)
    return registry
  }

  /// Every entry that belongs to the objects, with its example.
  static func examples() -> [(name: String, code: String)] {
    let registry = registry()
    let modules = registry.modules
      .flatMap { module in module.functions.map { registry.entry($0.entry) } }
    let methods = registry.types.flatMap { type in type.methods.map { registry.entry($0.entry) } }
    return (modules + methods).filter { !["help", "howdah.run"].contains($0.fullName) }
      .map { ($0.fullName, $0.example) }
  }

  @Test func everyExampleRuns() throws {
    for (name, code) in Self.examples() {
      #expect(!code.isEmpty, "\(name) has no example")
      let folder = try Fixture.folder()
      defer { try? FileManager.default.removeItem(atPath: folder) }
      // Examples name files as a person in a project's folder would.
      let placed = code.replacing(/"([a-z]+(\.[a-z]+)?)"/) { match in
        let word = String(match.output.1)
        return word.contains(".") || word == "pictures" ? "\"\(folder)/\(word)\"" : "\"\(word)\""
      }
      do {
        let registry = Self.registry()
        let project = try Self.project()
        registry.module("").function("fixture", "The project.") { try $0.push(project) }
        var context = HostContext()
        context.output = { _ in }
        context.notes = { _ in }
        let host = try LuaHost(registry: registry, context: context)
        // print must show values as text without touching standard output.
        try host.run(
          "p = fixture() print = function(...) for i = 1, select('#', ...) do tostring((select(i, ...))) end end"
        )
        if code.contains("howdah.open(\"embryo.mastodon\")") {
          try host.run("p:save('\(folder)/embryo.mastodon')")
        }
        try host.run(placed)
      } catch {
        Issue.record("\(name): \(placed)\n\(error)")
      }
    }
  }

  @Test func everyNameHasASentence() {
    let registry = Self.registry()
    for type in registry.types where type.name != "function object" {
      #expect(type.doc.hasSuffix("."), "type \(type.name)")
      for (_, entry) in type.methods {
        let entry = registry.entry(entry)
        #expect(entry.doc.hasSuffix("."), "\(entry.fullName)")
        for param in entry.params + entry.options where param.options == nil {
          #expect(
            !param.doc.isEmpty || param.name.count <= 1 || param.isVariadic,
            "\(entry.fullName) \(param.name)")
        }
      }
      for property in type.properties {
        #expect(property.doc.count > 5, "\(type.name).\(property.name)")
      }
    }
  }

  @Test func imagesAndVolumes() throws {
    let prompt = try Prompt(Self.project())
    let code = """
      local v = p.images:volume{t = 1}
      local slice = v:slice{z = 3}
      local part = p.images:volume{t = 1, box = {x = {2, 9}, z = {3, 3}}}
      local labels, n = v:threshold(500):label()
      return v.size.x, v:max(), v:at(5, 9, 3), slice.size.z, part.size.x, part.size.z, n,
        (v + 1):max(), (2 * v):min(), (v / v):mean(), v:crop{x = {0, 3}}.size.x, v.dtype,
        v:histogram(10).counts:sum(), v:project{how = "min"}:max(), #p.spots:at(0):mean_intensity()
      """
    #expect(
      try prompt.all(code) == [
        24, 1000, 1000, 1, 8, 1, 2, .double(1001), .double(200), .double(1), 4, "uint16", 2880, 100,
        2,
      ])
    #expect(prompt.problem("p.images:volume{t = 9}").contains("timepoint 9"))
    #expect(prompt.problem("p.images:volume{t = 0}:at(24, 0, 0)").contains("outside"))
    #expect(prompt.problem("p.images:volume{t = 0}:crop{x = {5, 24}}").contains("23"))
    #expect(prompt.problem("p.images:volume{tt = 0}").contains("\"t\""))
    #expect(prompt.problem("return p.images:volume{t = 0} + p").contains("number only"))
    let inside = try prompt.run("return p.spots:first():mean_intensity()").number ?? 0
    #expect(inside == 1000)
  }

  @Test func filesOfVolumes() throws {
    let prompt = try Prompt(Self.project())
    let folder = try Fixture.folder()
    try prompt.run(
      """
      local v = p.images:volume{t = 0}
      v:save("\(folder)/v.tif")
      v:slice{z = 2}:save("\(folder)/s.png")
      v:gaussian{sigma = 1}:slice{y = 9}:save("\(folder)/f.png")
      """)
    let stack = try Project.open(folder + "/v.tif")
    #expect(stack.images?.size == Size3(x: 24, y: 20, z: 6))
    #expect(try PNGFile.read(folder + "/s.png").width == 24)
    #expect(try PNGFile.read(folder + "/f.png").height == 6)
    #expect(prompt.problem("p.images:volume{t = 0}:save('\(folder)/v.png')").contains("slice"))
  }
}

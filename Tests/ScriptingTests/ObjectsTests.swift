// The Lua objects as a script sees them: collections, handles, tags, edits, undo and error messages.

import Core
import Formats
import Foundation
import Lineage
import Scripting
import Testing

/// A Lua state with a project `p`.
struct Prompt {
  let host: LuaHost
  let project: Project

  init(_ project: Project) throws {
    self.project = project
    let registry = Registry()
    HostFunctions.register(registry)
    Objects.register(registry)
    registry.module("").function("fixture", "The project of this test.") { try $0.push(project) }
    host = try LuaHost(registry: registry)
    try host.run("p = fixture()")
  }

  init(_ lineage: String, timepoints: Int = 10) throws {
    try self.init(try Fixture.project(lineage, timepoints: timepoints))
  }

  /// The first result of a piece of Lua.
  @discardableResult
  func run(_ code: String) throws -> LuaValue { try host.run(code).first ?? .nil }

  /// All results of a piece of Lua.
  func all(_ code: String) throws -> [LuaValue] { try host.run(code) }

  /// The message of the error that a piece of Lua raises; empty when it raises none.
  func problem(_ code: String) -> String {
    do {
      try host.run(code)
      return ""
    } catch let error as LuaRaised {
      return error.message
    } catch {
      return "\(error)"
    }
  }
}

@Suite struct ObjectsTests {
  static let tree = "0(t0) 1(t1) 2(t2) 3(t2) 4(t0) 5(t1) 0>1 1>2 1>3 4>5"

  @Test func collectionsCountAndIterateInAscendingOrder() throws {
    let prompt = try Prompt(Self.tree)
    #expect(try prompt.run("return #p.spots") == 6)
    #expect(try prompt.run("return p.links:count()") == 4)
    #expect(try prompt.run("return #p.spots:at(1), #p.spots:at{1, 2}") == 2)
    #expect(
      try prompt.all("return #p.spots:at{1, 2}, #p.spots:roots(), #p.spots:leaves()") == [4, 2, 3])
    let ids = """
      local ids = {}
      for spot in p.spots:where(function(s) return s.t > 0 end):each() do ids[#ids + 1] = spot.id end
      return table.concat(ids, " ")
      """
    #expect(try prompt.run(ids) == "1 2 3 5")
    #expect(try prompt.run("return p.spots:dividing():first().id") == 1)
    #expect(try prompt.run("return p.spots:at(7):first()") == .nil)
  }

  @Test func collectionsAreDescriptionsThatFollowTheLineage() throws {
    let prompt = try Prompt(Self.tree)
    let code = """
      local late = p.spots:at(2)
      local before = #late
      p.spots:add{t = 2, x = 0, y = 0, z = 0}
      return before, #late
      """
    #expect(try prompt.all(code) == [2, 3])
  }

  @Test func collectionsAddSubtractAndIntersect() throws {
    let prompt = try Prompt(Self.tree)
    #expect(try prompt.run("return #(p.spots - p.spots:at(0))") == 4)
    #expect(try prompt.run("return #(p.spots:at(0) + p.spots:roots())") == 2)
    #expect(try prompt.run("return #(p.spots:at(0) + p.spots:at(1))") == 4)
    #expect(try prompt.run("return #(p.spots:leaves() * p.spots:at(2))") == 2)
    #expect(prompt.problem("return p.spots - p.links").contains("spots only"))
  }

  @Test func relativesOfSpots() throws {
    let prompt = try Prompt(Self.tree)
    let code = """
      local a = p.spots:first()
      return #a:descendants(), #a:children(), a:children():first():children():last().id,
        p.spots:at(2):first():root().id, #p.spots:at(2):parents(), #a:descendants():outgoing()
      """
    #expect(try prompt.all(code) == [4, 1, 3, 0, 1, 3])
  }

  @Test func tracksKnowTheirExtent() throws {
    let prompt = try Prompt(Self.tree)
    let code = """
      local track = p.spots:last():track()
      local big = p.tracks:first()
      return #p.tracks, track.id, track.duration, big.divisions, #big.spots, #big.links, #big.leaves,
        #p.tracks:where(function(t) return t.divisions > 0 end), p.tracks:column("spots"):sum()
      """
    #expect(try prompt.all(code) == [2, 4, 1, 1, 4, 3, 2, 1, 6])
  }

  @Test func removingWhileIterating() throws {
    let prompt = try Prompt(Self.tree)
    let code = """
      local seen = 0
      for spot in p.spots:each() do
        seen = seen + 1
        spot:descendants():remove()
      end
      return seen, #p.spots
      """
    #expect(try prompt.all(code) == [2, 0])
  }

  @Test func aRemovedSpotIsStaleAndNeverAnotherOne() throws {
    let prompt = try Prompt(Self.tree)
    let code = """
      local spot = p.spots:last()
      spot:remove()
      local new = p.spots:add{t = 5, x = 1, y = 2, z = 3}
      local ok, problem = pcall(function() return spot.x end)
      return ok, problem.kind, new.id, spot == new
      """
    #expect(try prompt.all(code) == [false, "stale", 5, false])
    #expect(
      prompt.problem("local s = p.spots:first(); s:remove(); s:move{1, 2, 3}").contains("removed"))
    #expect(
      prompt.problem("local s = p.spots:first(); s:remove(); return s.tags.Detection").contains(
        "removed"))
  }

  @Test func tagsAreReadWrittenAndCleared() throws {
    let prompt = try Prompt(Self.tree)
    let code = """
      local spot = p.spots:first()
      local before = spot.tags.Detection
      spot.tags.Detection = "fn"
      local after = spot.tags.Detection
      spot.tags.Detection = nil
      return before, after, spot.tags.Detection, #p.spots:untagged("Detection")
      """
    #expect(try prompt.all(code) == ["unlabeled", "fn", .nil, 1])
    #expect(try prompt.run("return #p.spots:tagged('Detection')") == 5)
  }

  @Test func unknownNamesAreAnsweredWithTheNearestOnes() throws {
    let prompt = try Prompt(Self.tree)
    #expect(
      prompt.problem(#"p.spots:tag("Detecton", "fn")"#).contains(#"did you mean "Detection"?"#))
    #expect(prompt.problem(#"p.spots:tagged("Tracking", "aproved")"#).contains(#""Approved""#))
    #expect(prompt.problem("return p.spots:first().radus").contains(#""radius""#))
    #expect(prompt.problem("p.spots:dividing{child = 2}").contains(#""children""#))
    #expect(prompt.problem("return p.tags.Detectio").contains(#""Detection""#))
    #expect(
      prompt.problem("return p.tags.Nothing").contains(
        #"there is no "Nothing" in the tag sets; there are "Detection""#))
    #expect(prompt.problem("return p.tags.Detection.x").contains(#"; there are "tp", "fp""#))
    #expect(prompt.problem(#"return p.spots:column("qality")"#).contains(#""quality""#))
    #expect(prompt.problem("p.spots.roots()").contains("colon"))
    #expect(prompt.problem("return p.spots.x").contains(#"or spots:column("x") for numbers"#))
    #expect(prompt.problem("return p.tracks.root").contains("for track in tracks:each()"))
    #expect(
      prompt.problem(#"p:save("embryo.mastodn")"#).contains(#"did you mean "embryo.mastodon"?"#))
    #expect(prompt.problem(#"p:save("/no/such/e.mastodon")"#).contains("no folder /no/such"))
    #expect(prompt.problem("p.images:volume(0)").contains("{t = ...}, got number"))
    #expect(prompt.problem(#"p.spots:at("all")"#).contains(#"got "all""#))
    let bad = "p.spots:add{t = %, x = 0, y = 0, z = 0, radius = 1}"
    for t in ["-1", "1.5"] {
      #expect(prompt.problem(bad.replacingOccurrences(of: "%", with: t)).hasSuffix("got \(t)"))
    }
  }

  @Test func elephantTagSetsAppearWhenTheyAreFirstUsed() throws {
    let graph = LineageGraph()
    try graph.edit("one") {
      _ = try graph.addSpot(t: 0, position: .zero, covariance: .sphere(radius: 1))
    }
    let prompt = try Prompt(Project(images: nil, lineage: graph))
    #expect(
      try prompt.all(#"return #p.spots:tagged("Status", "Completed"), #p.tags:names()"#) == [0, 0])
    #expect(try prompt.run(#"p.spots:tag("Status", "Completed") return #p.tags:names()"#) == 6)
    #expect(try prompt.run(#"return p.spots:first().tags.Status"#) == "Completed")
  }

  @Test func manualWorkIsTaggedAsSuch() throws {
    let prompt = try Prompt(Self.tree)
    let code = """
      local a = p.spots:add{t = 3, x = 1, y = 1, z = 1, radius = 2}
      local b = p.spots:add{t = 4, x = 1, y = 1, z = 1, tags = {Detection = "tp"}}
      local c = p.spots:add{t = 5, x = 1, y = 1, z = 1, manual = false}
      local link = p.links:add(b, a)
      return a.tags.Detection, a.tags.Tracking, b.tags.Detection, b.tags.Tracking, c.tags.Detection,
        link.tags.Tracking, link.source.t, a.radius
      """
    #expect(
      try prompt.all(code) == ["fn", "Approved", "tp", .nil, .nil, "Approved", 3, .double(2)])
  }

  @Test func eachChangeAtThePromptIsItsOwnUndoPoint() throws {
    let prompt = try Prompt(Self.tree)
    let code = """
      local spot = p.spots:first()
      spot.x = 7
      spot.tags.Detection = "tp"
      p:undo()
      local tag, x = spot.tags.Detection, spot.x
      p:undo()
      return tag, x, spot.x
      """
    #expect(try prompt.all(code) == ["unlabeled", .double(7), .double(0)])
  }

  @Test func anEditIsOneUndoPointAndRollsBackOnError() throws {
    let prompt = try Prompt(Self.tree)
    let code = """
      local before = #p:history().undo
      local result = p:edit("both", function()
        p.spots:at(0):remove()
        p.spots:first().x = 9
        return "done"
      end)
      local steps = #p:history().undo - before
      p:undo()
      local ok = pcall(p.edit, p, "fails", function()
        p.spots:remove()
        error("no")
      end)
      return result, steps, #p.spots, ok
      """
    #expect(try prompt.all(code) == ["done", 1, 6, false])
  }

  @Test func numbersComeAsColumns() throws {
    let prompt = try Prompt(Self.tree)
    let code = """
      local x = p.spots:column("x")
      return #x, x[1], x[6], x[7], x:sum(), x:mean(), x:percentile(50), p.spots:column("t"):max()
      """
    #expect(
      try prompt.all(code) == [
        6, .double(0), .double(5), .nil, .double(15), .double(2.5), .double(2.5), 2,
      ])
    #expect(try prompt.run(#"return p.links:column("length"):to_table()"#).elements?.count == 4)
  }

  @Test func placesAreFound() throws {
    let prompt = try Prompt(Self.tree)
    let code = """
      return p.spots:nearest{3.2, 0, 0, count = 2}:last().id, p.spots:nearest{0, 0, 0, 1}:first().id,
        #p.spots:within{center = {0, 0, 0}, radius = 2},
        #p.spots:within{center = p.spots:first(), radius = 4, t = 0},
        #p.spots:inside{minimum = {1, -1, -1}, maximum = {4, 1, 1}}
      """
    #expect(try prompt.all(code) == [4, 1, 3, 2, 3])
  }

  @Test func wrongBoxesAreNamed() throws {
    let prompt = try Prompt(Self.tree)
    for (box, words) in [
      ("{minimum = {x = 1}, maximum = {1, 1, 1}}", "howdah.link.nearest: box.minimum: a position"),
      ("{minimum = {1, 1, 1}}", "howdah.link.nearest: box.maximum: a position"),
      ("3", "howdah.link.nearest: box: a box is {minimum"),
    ] {
      #expect(prompt.problem("howdah.link.nearest(p, {box = \(box)})").contains(words))
    }
  }

  @Test func shapesAreChanged() throws {
    let prompt = try Prompt(Self.tree)
    let code = """
      local s = p.spots:first()
      s:resize{axis = "x", factor = 2}
      s.label = "AB"
      s:move{x = 1, y = 2, z = 3}
      return s.covariance.xx, s.radii[3], s.name, p.spots:last().name, s.position.z, s:distance(s)
      """
    #expect(
      try prompt.all(code) == [.double(4), .double(2), "AB", "5", .double(3), .double(0)])
  }

  /// Text up to 64 bytes takes the quick way into Lua, longer text the general one.
  @Test func labelsOfEveryLengthComeBack() throws {
    let prompt = try Prompt(Self.tree)
    let code = """
      local s, kept = p.spots:first(), {}
      for _, label in ipairs{"", "AB", "ä", "a\\0b", ("x"):rep(15), ("é"):rep(32),
          ("x"):rep(64), ("x"):rep(65), ("é"):rep(500)} do
        s.label = label
        kept[#kept + 1] = s.label == label and s.name == label
      end
      s.label = nil
      return s.label == nil, s.name == tostring(s.id), table.unpack(kept)
      """
    #expect(try prompt.all(code) == Array(repeating: true, count: 11))
  }

  @Test func tagColoursAndSets() throws {
    let prompt = try Prompt(Self.tree)
    let code = """
      p.tags.Detection.tp.color = "#102030"
      p.tags:add{name = "Fate", tags = {{name = "neuron", color = "#FF880080"}, {name = "glia"}}}
      p.spots:first().tags.Fate = "glia"
      return p.tags.Detection.tp.color, p.tags.Fate.neuron.color, p.spots:tagged("Fate", "glia"):count(),
        p.tags.Progenitor.unlabeled.color
      """
    #expect(try prompt.all(code) == ["#102030", "#FF880080", 1, "#01010100"])
    #expect(prompt.problem(#"p.tags.Detection.tp.color = "reddish""#).contains("#RRGGBB"))
  }

  @Test func aSampleIsTheSameForTheSameSeed() throws {
    let prompt = try Prompt(Self.tree)
    let code = """
      local function ids(c) return table.concat(c:column("id"):to_table(), " ") end
      local a, b = ids(p.spots:sample(3, {seed = 5})), ids(p.spots:sample(3, {seed = 5}))
      return a == b, #p.spots:sample(99)
      """
    #expect(try prompt.all(code) == [true, 6])
  }

  @Test func aProjectIsSavedWhenTheEditHasEnded() throws {
    let prompt = try Prompt(Self.tree)
    let path = try Fixture.folder() + "/saved.mastodon"
    let code = """
      local exists = howdah.try(howdah.open, "\(path)")
      p:edit("mark", function() p.spots:first():remove() p:save("\(path)") end)
      return exists, #howdah.open("\(path)").spots, p.modified
      """
    #expect(try prompt.all(code) == [false, 5, false])
    let failed =
      #"pcall(p.edit, p, "no", function() p.spots:remove() p:save("\#(path)") error("x") end)"#
    #expect(try prompt.run(failed + #" return #howdah.open("\#(path)").spots"#) == 5)
  }

  @Test func aClosedProjectLeavesStaleHandles() throws {
    let prompt = try Prompt(Self.tree)
    let code = "s = p.spots:first(); c = p.spots; p:close(); return s.x"
    #expect(prompt.problem(code).contains("removed"))
    #expect(prompt.problem("return c:first().x").contains("removed"))
  }

  @Test func errorsCaughtByTryHaveKindAndMessage() throws {
    let prompt = try Prompt(Self.tree)
    let code = """
      local ok, problem = howdah.try(howdah.open, "/nowhere/x.mastodon")
      local fine, a, b = howdah.try(function(x) return x, p end, 4)
      return ok, problem.kind, fine, a, b == p
      """
    #expect(try prompt.all(code) == [false, "file", true, 4, true])
  }

  @Test func csvGoesOutAndComesBack() throws {
    let prompt = try Prompt(Self.tree)
    let path = try Fixture.folder() + "/t.csv"
    let code = """
      howdah.csv.write("\(path)", {{name = 'a "b"', n = 1}, {name = "c,d", n = 2.5}})
      local rows = howdah.csv.read("\(path)")
      return #rows, rows[1].name, rows[2].n, rows[2].name
      """
    #expect(try prompt.all(code) == [2, #"a "b""#, .double(2.5), "c,d"])
  }
}

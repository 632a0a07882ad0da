// The linking recipes, and what Lua says about links that a linker has made.

import Core
import Formats
import Foundation
import Lineage
import Scripting
import Testing

@Suite struct LinkingRecipesTests {
  /// Three rows of nuclei that drift, without links; one nucleus is missing at t 2.
  private func project() throws -> Project {
    let graph = LineageGraph()
    try graph.edit("spots") {
      try graph.ensureElephantTagSets()
      let set = graph.tagSet(named: "Detection")!
      for t in 0..<5 {
        for i in 0..<9 where t != 2 || i != 4 {
          let p = WorldPoint(
            x: Double(i % 3) * 10 + Double(t), y: Double(i / 3) * 10, z: Double((i + t) % 2) * 0.2)
          let spot = try graph.addSpot(t: t, position: p, covariance: .sphere(radius: 2))
          try graph.setTag(set, of: spot, to: graph.tag(named: "unlabeled", in: set))
        }
      }
    }
    try graph.clearHistory()
    return Project(images: nil, lineage: graph)
  }

  @Test("nearest_neighbor_linking: what interpolation fills")
  func nearest() throws {
    let none = try project()
    let plain = try Recipes.run("nearest_neighbor_linking", none)
    #expect(plain["links"] == 34 && plain["unlinked"] == 1)
    let every = try project()
    let filled = try Recipes.run(
      "nearest_neighbor_linking", every, ["depth": 2, "interpolation": "every"])
    #expect(filled["interpolated"] == 1 && every.lineage.spotCount == 45)
    #expect(every.lineage.undoNames == ["nearest_neighbor_linking"])
    let few = try project()
    let around = try Recipes.run(
      "nearest_neighbor_linking", few,
      ["around": .record([("x", 0), ("y", 0), ("z", 0)]), "size": 12])
    #expect(around["links"] == 4)
  }

  @Test("link_lap and link_global close the gap")
  func others() throws {
    let lap = try Recipes.run("link_lap", try project(), ["radius_weight": 1])
    #expect(lap["links"] == 35 && lap["gaps"] == 1)
    let movie = try project()
    let story = try Recipes.run("link_global", movie, ["fill_gaps": true])
    #expect(story["interpolated"] == 1 && story["optimal"] == true)
    #expect(movie.lineage.linkCount == 36)
  }

  @Test("review_links lists doubtful links and writes them as CSV")
  func review() throws {
    let movie = try project()
    try Recipes.run("link_lap", movie)
    let folder = try Fixture.folder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let path = folder + "/doubtful.csv"
    let result = try Recipes.run("review_links", movie, ["count": 5, "output": .string(path)])
    #expect(result["links"] == 5)
    let lines = try Recipes.text(path).split(separator: "\n")
    #expect(lines.count == 6 && lines[0].hasPrefix("margin,t,source,target,instead,reason"))
  }

  @Test("compare_linking links anew with each method; approved links go only with forget")
  func compare() throws {
    let movie = try project()
    try Recipes.run("link_global", movie)
    let folder = try Fixture.folder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let path = folder + "/truth.mastodon"
    try movie.save(to: path)
    let again = try Project.open(path)
    let rows = try #require(
      try Recipes.run("compare_linking", again, ["truth": .string(path), "forget": true]).elements)
    #expect(rows.map { $0["linker"] } == ["nearest", "lap", "global"])
    #expect(rows[0]["links_right"] == 34)
    #expect(rows[2]["links_wrong"] == 0 && rows[2]["links_missed"] == 0)
    let tracking = try #require(again.lineage.tagSet(named: "Tracking"))
    try again.lineage.edit("approve") {
      try again.lineage.remove(again.lineage.links)
      let (a, b) = (again.lineage.spots(at: 0)[0], again.lineage.spots(at: 1)[8])
      let link = try again.lineage.addLink(a, b)
      try again.lineage.setTag(
        tracking, of: link, to: again.lineage.tag(named: "Approved", in: tracking))
    }
    let kept = try Recipes.run("compare_linking", again, ["truth": .string(path)]).elements
    #expect(kept?.allSatisfy { $0["links_wrong"] != 0 } == true)
  }
}

// A process that is killed while it saves leaves the old project or the new one, whole.

import Core
import Formats
import Foundation
import Glibc
import Lineage
import Testing

/// A project whose spots all say which version it is, so that a mixture would show.
private func version(_ number: Int, spots: Int) throws -> LineageGraph {
  let graph = LineageGraph()
  var table = SpotTable()
  for k in 0..<spots {
    table.append(
      t: Int32(k % 50), position: WorldPoint(x: Double(number), y: Double(k), z: 0),
      covariance: .sphere(radius: 3))
  }
  let tags = [TagTable(info: TagSetInfo(name: "version \(number)", tags: []))]
  try graph.load(spots: table, tags: tags)
  return graph
}

/// The version of a project file; nil when it is a mixture.
private func version(of path: String, spots: Int) throws -> Int? {
  let graph = try Project.open(path).lineage
  guard graph.spotCount == spots, let first = graph.spots.first else { return nil }
  let number = Int(graph.position(first).x)
  let isWhole =
    graph.spots.allSatisfy { graph.position($0).x == Double(number) }
    && graph.tagSets.map(\.name) == ["version \(number)"]
  return isWhole ? number : nil
}

@Suite struct ProjectKillTests {
  static let spots = 20_000

  @Test(
    "killed at any moment of saving, a project is the old or the new one", arguments: [false, true])
  func kill(asFolder: Bool) async throws {
    let folder = Fuzz.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let path = folder + "/p.mastodon"
    if asFolder {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }
    try Project(images: nil, lineage: version(0, spots: Self.spots)).save(to: path)
    var random = SeededRandom(seed: asFolder ? 2 : 1)
    var versions: [Int] = []
    for round in 1...(Fuzz.requested.map { min($0, 2000) } ?? 25) {
      // Time for the process to save a few times; saving takes a few milliseconds.
      let delay = 1000 + random.below(60_000)
      await #expect(processExitsWith: .signal(SIGKILL)) {
        [path = path as String, round = round as Int, delay = delay as Int] in
        let projects = try (0..<2).map {
          Project(images: nil, lineage: try version(1000 * round + $0, spots: Self.spots))
        }
        DispatchQueue.global().asyncAfter(deadline: .now() + .microseconds(delay)) {
          Glibc.kill(getpid(), SIGKILL)
        }
        while true { for project in projects { try project.save(to: path) } }
      }
      let number = try #require(
        try version(of: path, spots: Self.spots), "round \(round) left a mixture")
      versions.append(number)
    }
    // The saves did happen, and what they left did not hinder the next ones.
    #expect(Set(versions).count > 3)
    let names = try FileManager.default.contentsOfDirectory(atPath: folder)
    #expect(names.contains("p.mastodon"))
  }
}

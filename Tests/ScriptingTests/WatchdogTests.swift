// A recipe that ignores its time limit: the watchdog ends the process, and the project's file is as it was.

import Core
import Formats
import Foundation
import Lineage
import Scripting
import Testing

@Suite struct WatchdogTests {
  /// Nothing of Howdah's own works for so long without looking at the clock, so the tests bring a function
  /// that does. It gives up after a while, in case that the watchdog does not act.
  private static func registry() -> Registry {
    let registry = Registry()
    HostFunctions.register(registry)
    Objects.register(registry)
    let test = registry.module("test", "Things to test with.")
    test.function("ignore_the_clock", "Swift work that never asks whether to stop.") { _ in
      for _ in 0..<1000 { usleep(10_000) }
      exit(99)
    }
    return registry
  }

  @Test func limitsOfTheCommandEndTheProcess() {
    #expect(RecipeLimits().grace == 2 && RecipeLimits().exitStatus == 1)
  }

  @Test(
    "a recipe that does not stop is ended, the project untouched",
    arguments: [
      "project.spots:remove() project:save(params.copy) test.ignore_the_clock()",
      "pcall(project.edit, project, 'all', function() project.spots:remove() test.ignore_the_clock() end)",
      "coroutine.wrap(test.ignore_the_clock)()",
    ])
  func endsTheProcess(_ body: String) async throws {
    let folder = TemporaryFolder()
    let projectPath = folder.path + "/embryo.mastodon"
    let graph = LineageGraph()
    try graph.edit("spots") {
      for t in 0..<3 {
        _ = try graph.addSpot(t: t, position: .zero, covariance: .sphere(radius: 1))
      }
    }
    try Project(images: nil, lineage: graph).save(to: projectPath)
    let before = try Data(contentsOf: URL(fileURLWithPath: projectPath))
    let recipe = folder.write(
      "deaf.lua",
      """
      return { name = "deaf", params = { copy = { type = "output", default = "\(projectPath)" } },
        run = function(project, params) \(body) end }
      """)
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()

    let end = await #expect(
      processExitsWith: .exitCode(7), observing: [\.standardErrorContent]
    ) { [projectPath = projectPath as String, recipe = recipe as String] in
      var runner = RecipeRunner(
        registry: Self.registry(), library: RecipeLibrary(executable: nil))
      runner.limits.seconds = 0.2
      runner.limits.grace = 0.2
      runner.limits.exitStatus = 7
      let project = try Project.open(projectPath)
      _ = try runner.run(recipe, project: project, params: .nil)
    }
    let message = String(decoding: end?.standardErrorContent ?? [], as: UTF8.self)
    #expect(
      message.contains("did not stop at its time limit of 0.2 s; ended, nothing was saved"),
      "\(message)")
    #expect(try Data(contentsOf: URL(fileURLWithPath: projectPath)) == before)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == files)
  }
}

// The command line: forms, streams, exit statuses.

import Foundation
import Testing

@Suite struct CommandTests {
  private let folder = Folder()

  @Test func scriptsRunAsInLua() throws {
    let script = folder.write(
      "s.lua", "#!/usr/bin/env howdah\nprint(arg[0] == '\(folder.path)/s.lua', arg[1], ...)")
    #expect(try howdah([script, "a", "b"]).output == "true\ta\ta\tb\n")
    #expect(try howdah(["-e", "print(1)", "-e", "print(2)"]).output == "1\n2\n")
    #expect(try howdah([], input: "print('in')\nprint('two')").output == "in\ntwo\n")
    #expect(try howdah(["-", "x"], input: "print(...)").output == "x\n")
    #expect(try howdah(["-l", "string", "-e", "print(string ~= nil)"]).output == "true\n")
    #expect(try howdah(["-v"]).output.hasPrefix("Howdah "))
  }

  @Test func exitStatusTellsWhatHappened() throws {
    let missing = folder.path + "/missing.mastodon"
    let broken = folder.write("broken.mastodon", "not a zip")
    let out = folder.write(
      "out.lua", "return {name = 'out', run = function() io.open('/etc/passwd') end}")
    let slow = folder.write(
      "slow.lua", "return {name = 'slow', run = function() while true do end end}")
    for (arguments, status, fragment) in [
      (["-e", "print(1)"], Int32(0), ""),
      (["-e", "error('bad')"], 1, "bad"),
      (["-e", "x ="], 1, "<eof>"),
      (["--nosuch"], 2, "unknown option --nosuch"),
      (["rnu"], 2, "did you mean \"run\""),
      (["run"], 2, "usage"),
      (["run", "nosuch_recipe"], 2, "there is no recipe"),
      (["run", out], 3, "--allow-read=/etc"),
      (["run", out, "--nosuch=1"], 2, "unknown option --nosuch"),
      (["info", missing], 4, "missing.mastodon"),
      (["info", broken], 4, "broken.mastodon"),
      (["run", slow, "--max-time", "0.3"], 1, "time limit"),
      (["help", "nosuchname"], 2, "no help for"),
    ] {
      let run = try howdah(arguments)
      #expect(run.status == status, "\(arguments): \(run.errors)")
      #expect(fragment.isEmpty || run.errors.contains(fragment), "\(arguments): \(run.errors)")
      if status != 0 { #expect(run.output.isEmpty) }
    }
  }

  @Test func recipesShowHelpAndPrintResults() throws {
    let recipe = folder.write(
      "add.lua",
      """
      return {
        name = "add", summary = "Add numbers", params = {
          first_number = { type = "number", required = true, help = "the first" },
          second = { type = "number", default = 2 }, loud = { type = "boolean", default = false },
        },
        run = function(_, p) print("note") return { sum = p.first_number + p.second, loud = p.loud } end,
      }
      """)
    let help = try howdah(["run", recipe, "--help"])
    #expect(help.status == 0 && help.output.contains("--first-number NUMBER"))
    let run = try howdah(["run", recipe, "--first-number", "40", "--loud"])
    #expect(run.output == "note\nloud  true\nsum   42\n")
    let json = try howdah(["run", recipe, "--first_number=1", "--json"])
    #expect(json.output == "{\"loud\": false, \"sum\": 3}\n")
    #expect(json.errors == "note\n")
    #expect(try howdah(["run", recipe]).status == 2)
    #expect(try howdah(["run", recipe, "--first-number", "x"]).status == 2)
  }

  @Test func watchdogEndsWhatDoesNotStop() throws {
    // Nothing in a sandbox should need it; a limit that strikes in the middle of work is enough here.
    let recipe = folder.write(
      "sort.lua",
      "return {name = 'sort', run = function() local t = {} for i = 1, 3e6 do t[i] = -i end table.sort(t) while true do end end}"
    )
    let start = Date()
    let run = try howdah(["run", recipe, "--max-time", "0.5"])
    #expect(run.status == 1)
    #expect(Date().timeIntervalSince(start) < 10)
  }

  @Test func stubsInTheRepositoryAreCurrent() throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    let kept = try String(
      contentsOf: root.appendingPathComponent("lua/stubs/howdah.lua"), encoding: .utf8)
    #expect(try howdah(["help", "--stubs"]).output == kept, "run `make stubs`")
  }

  @Test func doctorFindsTheProgramWell() throws {
    let run = try howdah(["doctor"])
    #expect(run.status == 0, "\(run.output)")
    #expect(run.output.contains("ok   recipes"))
  }
}

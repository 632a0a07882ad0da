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
    let plain = folder.write("plain.lua", "print(arg[0]) os.exit(0)")
    let table = folder.write("spots.csv", "id,timepoint,x,y,z\n0,0,1,2,3\n")
    let cut = folder.write("cut.mastodon", "PK\u{3}\u{4} and no more")
    let images = folder.write(
      "images.xml", "<SpimData version=\"0.2\"><SequenceDescription/></SpimData>")
    for (arguments, status, fragment) in [
      (["-e", "print(1)"], Int32(0), ""),
      (["doctor", "x"], 2, "usage"),
      ([cut], 4, "is cut off"),
      (["run", plain], 2, "as a script: howdah \(plain)"),
      (["-e", "howdah.open('\(table)').images:volume{t = 0}"], 4, "images"),
      (["info", cut], 4, "is cut off"),
      (["info", images], 4, "images.xml"),
      (["-e", "error{code = 3}"], 1, "{code = 3}"),
      (["-e", "howdah.open('\(missing)')"], 4, "does not exist"),
      (["evaluate", table], 2, "usage"),
      (["convert", table], 2, "usage"),
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

  /// A table of two spots, opened by every command as a project.
  private func project() -> String {
    folder.write("spots.csv", "id,timepoint,x,y,z,radius,parent_id\n0,0,1,2,3,1,\n1,1,2,2,3,1,0\n")
  }

  @Test func infoIsReadableOrOneObject() throws {
    let text = try howdah(["info", project()])
    #expect(text.output.contains("table of spots") && text.errors.isEmpty)
    #expect(text.output.contains("2 in timepoints 0 to 1"))
    let json = try howdah(["info", "--json", project()]).output
    #expect(json.split(separator: "\n").count == 1)
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
    #expect(object["spots"] as? Int == 2 && object["last_timepoint"] as? Int == 1)
    #expect(object["divisions"] as? Int == 0 && object["images"] is NSNull)
  }

  @Test func evaluatePrintsATableOrOneObject() throws {
    let text = try howdah(["evaluate", project(), project(), "--max-distance", "1"])
    #expect(text.output.contains("spots") && text.output.contains("1.000"), "\(text.errors)")
    let json = try howdah(["evaluate", project(), project(), "--json"]).output
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
    #expect(object["spot_f1"] as? Double == 1 && object["link_f1"] as? Double == 1)
    let wrong = try howdah(["evaluate", project(), project(), "--max-distanc=1"])
    #expect(wrong.status == 2 && wrong.errors.contains("did you mean \"--max-distance\""))
    #expect(try howdah(["evaluate", project(), project(), "--max-distance=x"]).status == 2)
  }

  @Test func foldersOfTheCellTrackingChallengeAreReadWrittenAndMeasured() throws {
    let script = folder.write(
      "make.lua",
      """
      local p = howdah.simulate{nuclei = 4, timepoints = 3, size = {x = 40, y = 40, z = 8}, seed = 4}
      p:export(arg[1] .. "/01_GT")
      p.spots:at(2):first():remove()
      p:save(arg[1] .. "/result.mastodon")
      """)
    #expect(try howdah([script, folder.path]).status == 0)
    let (truth, result) = (folder.path + "/01_GT", folder.path + "/01_RES")
    // The simulated images are in memory only, so the saved project has none and their size is not known.
    #expect(try howdah(["convert", folder.path + "/result.mastodon", result]).status != 0)
    #expect(try howdah(["convert", truth, result]).status == 0)
    let info = try howdah(["info", result])
    #expect(info.output.contains("Cell Tracking Challenge folder"), "\(info.errors)")
    let table = try howdah(["evaluate", result, truth])
    #expect(table.output.contains("AOGM") && table.output.contains("CHOTA"), "\(table.errors)")
    #expect(table.output.contains("note: no SEG"))
    let json = try howdah([
      "evaluate", folder.path + "/result.mastodon", truth, "--json", "--measures=ctc", "--sparse",
    ])
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any])
    let counts = try #require(object["counts"] as? [String: Any])
    #expect(counts["fn"] as? Int == 1 && object["seg"] == nil && object["spot_f1"] == nil)
    _ = folder.write("01_RES/res_track.txt", "1 0 nonsense\n")
    let broken = try howdah(["evaluate", result, truth])
    #expect(
      broken.status == 4 && broken.errors.contains("res_track.txt: line 1"), "\(broken.errors)")
  }

  @Test func whatCannotBeSavedIsRefusedBeforeTheWork() throws {
    let marker = folder.path + "/ran"
    let recipe = folder.write(
      "mark.lua",
      """
      return { name = "mark", params = { out = { type = "output", default = "\(marker)" } },
        run = function(project, params) project.spots:remove() io.open(params.out, "w"):close() end }
      """)
    for (output, status) in [(folder.path + "/no/x.mastodon", Int32(4)), ("x.csv", 2)] {
      #expect(try howdah(["run", recipe, project(), "-o", output]).status == status)
      #expect(!FileManager.default.fileExists(atPath: marker))
    }
    let run = try howdah(["run", recipe, project(), "-o", folder.path + "/x.mastodon"])
    #expect(run.status == 0 && FileManager.default.fileExists(atPath: marker), "\(run.errors)")
    let inPlace = try howdah(["run", recipe, project(), "--in-place"])
    #expect(inPlace.status == 2 && inPlace.errors.contains("is a table of spots"))
    let lacking = try howdah(["run", recipe])
    #expect(lacking.status == 2 && lacking.errors.contains("no project was given"))
  }

  @Test func scriptsEndWithTheirReader() throws {
    let shell = Process()
    shell.executableURL = URL(fileURLWithPath: "/bin/sh")
    shell.arguments = ["-c", "'\(programPath)' -e 'while true do print(1) end' | head -1"]
    shell.standardOutput = Pipe()
    try shell.run()
    shell.waitUntilExit()
    #expect(shell.terminationStatus == 0)
  }

  @Test func convertSaysWhatItLeavesOut() throws {
    let wrong = try howdah(["convert", project(), folder.path + "/x.xyz"])
    #expect(wrong.status == 2 && wrong.errors.contains("names no format"))
    let run = try howdah(["convert", project(), folder.path + "/x.mastodon"])
    #expect(run.status == 0 && run.output.isEmpty && run.errors.isEmpty, "\(run.errors)")
    #expect(try howdah(["info", folder.path + "/x.mastodon"]).output.contains("2 in timepoints"))
  }

  @Test func brokenFilesCannotTalkToTheTerminal() throws {
    let path = folder.write("strange.csv", "a\u{1B}[31m,b\n1,2\n")
    let run = try howdah(["info", path])
    #expect(run.status == 4 && run.errors.contains("no column is called"))
    #expect(!run.errors.contains("\u{1B}"))
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

  @Test func timeLimitStrikesInTheMiddleOfWork() throws {
    // What does not stop at its limit is in WatchdogTests.
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

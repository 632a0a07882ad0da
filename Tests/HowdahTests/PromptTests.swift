// The prompt at a pseudo-terminal.

import Foundation
import Testing

@Suite(.serialized) struct PromptTests {
  private let home = Folder()

  private func start(_ arguments: [String] = []) throws -> Terminal {
    let terminal = try Terminal(arguments, home: home.path)
    terminal.wait(for: "> ")
    return terminal
  }

  @Test func expressionsPrintAndSemicolonSilences() throws {
    let t = try start()
    #expect(t.enter("1 + 1").contains("\r\n2\r\n"))
    #expect(t.enter("_ * 10").contains("\r\n20\r\n"))
    #expect(!t.enter("6 * 7;").contains("42\r\n"))
    #expect(t.enter("_").contains("\r\n42\r\n"))
    #expect(t.enter("{1, 2, 'b'}").contains("{1, 2, \"b\"}"))
    t.type("\u{4}")
    #expect(t.status() == 0)
  }

  @Test func helpFindsWhatPeopleType() throws {
    let t = try start()
    #expect(t.enter("?p.spots.at").contains("spots:at("))
    #expect(t.enter("?p.spots").contains(":dividing("))
    #expect(t.enter("?count_divisions").contains("--mode entire|trackwise"))
    #expect(t.enter("help(print)").contains("by name"))
    #expect(t.enter("?nosuchname").contains("no help for \"nosuchname\""))
  }

  @Test func leavingWithUnsavedChangesAsksOnce() throws {
    let t = try start()
    let table = home.write("spots.csv", "timepoint,x,y,z,radius\n0,1,2,3,1\n")
    _ = t.enter("p = howdah.open('\(table)')")
    _ = t.enter("p.spots:remove()")
    t.type("\u{4}")
    t.wait(for: "p is changed and not saved")
    t.wait(for: "> ")
    #expect(t.enter("#p.spots").contains("\r\n0\r\n"))
    t.type("\u{4}")
    t.wait(for: "p is changed")
    t.type("\u{4}")
    #expect(t.status() == 0)
  }

  @Test func unfinishedInputContinues() throws {
    let t = try start()
    t.type("for i = 1, 2 do\n")
    t.wait(for: ">> ")
    #expect(t.enter("print('line', i) end").contains("line\t2"))
    t.type("x = [[\n")
    t.wait(for: ">> ")
    _ = t.enter("long]]")
    #expect(t.enter("#x").contains("\r\n4\r\n"))
  }

  @Test func interruptStopsALoopAndTheSessionSurvives() throws {
    let t = try start()
    _ = t.enter("kept = 5")
    for loop in [
      "while true do end", "while true do pcall(function() while true do end end) end",
      "(('a'):rep(1e5)):find(('.-'):rep(30) .. 'b')",
    ] {
      t.type(loop + "\n")
      t.wait(for: "\r\n")
      usleep(200_000)
      t.type("\u{3}")
      #expect(t.wait(for: "\r\n> ").contains("interrupted"))
    }
    #expect(t.enter("kept").contains("\r\n5\r\n"))
  }

  @Test func interruptStopsSwiftWorkAndRollsTheEditBack() throws {
    let t = try start()
    _ = t.enter("p = howdah.simulate{nuclei = 4, timepoints = 2, seed = 1} n = #p.spots")
    t.type("howdah.simulate{nuclei = 500, timepoints = 500, seed = 1};\n")
    t.wait(for: "\r\n")
    usleep(300_000)
    t.type("\u{3}")
    #expect(t.wait(for: "\r\n> ").contains("interrupted"))
    t.type("p:edit('gone', function() p.spots:remove() while true do end end)\n")
    t.wait(for: "\r\n")
    usleep(300_000)
    t.type("\u{3}")
    #expect(t.wait(for: "\r\n> ").contains("interrupted"))
    #expect(t.enter("#p.spots == n and n > 0").contains("\r\ntrue\r\n"))
  }

  @Test func interruptClearsTheLine() throws {
    let t = try start()
    t.type("this is not")
    t.type("\u{3}")
    t.wait(for: "> ")
    t.type("function f(\n")
    t.wait(for: ">> ")
    t.type("\u{3}")
    t.wait(for: "\r\n> ")
    #expect(t.enter("7").contains("\r\n7\r\n"))
  }

  @Test func tabCompletes() throws {
    let t = try start()
    t.type("string.for\t'%d', 42)\n")
    #expect(t.wait(for: "\r\n> ").contains("\r\n42\r\n"))
    t.type("howdah.vers\t\n")
    #expect(t.wait(for: "\r\n> ").contains("howdah.version\r\n0."))
  }

  @Test func oneInputIsOneUndoPoint() throws {
    let t = try start()
    _ = t.enter("p = howdah.simulate{nuclei = 6, timepoints = 2, seed = 1} n = #p.spots")
    _ = t.enter("for s in p.spots:at(0):each() do s:remove() end")
    #expect(t.enter("#p.spots < n").contains("\r\ntrue\r\n"))
    _ = t.enter("p:undo()")
    #expect(t.enter("#p.spots == n").contains("\r\ntrue\r\n"))
  }

  @Test func tabCompletesOverSeveralLines() throws {
    let t = try start()
    _ = t.enter("p = howdah.simulate{nuclei = 4, timepoints = 2, seed = 1};")
    t.type("p.spots:add{\n")
    t.wait(for: ">> ")
    t.type("t = 0, x = 1, y = 1, z = 1, radius\t3}.t + 40\n")
    #expect(t.wait(for: "\r\n> ").contains("\r\n40\r\n"))
  }

  @Test func historyLasts() throws {
    do {
      let t = try start()
      _ = t.enter("'remember' .. 1")
      t.type("\u{4}")
      #expect(t.status() == 0)
    }
    let t = try start()
    t.type("\u{10}\n")  // Ctrl-P: the line before
    #expect(t.wait(for: "\r\n> ").contains("\r\nremember1\r\n"))
  }

  @Test func errorsShowTheLineAndTheRightName() throws {
    let t = try start()
    let shown = t.enter("howdah.opn('x')")
    #expect(shown.contains("did you mean \"open\"?"))
    #expect(t.enter("?howdah.open").contains("howdah.open(path) -> project"))
  }

  @Test func thirdInterruptEndsTheProcess() throws {
    let t = try start()
    // C code that no hook reaches.
    t.type("table.move({}, 1, 10000000000, 1, {})\n")
    t.wait(for: "\r\n")
    for _ in 0..<3 {
      usleep(150_000)
      t.type("\u{3}")
    }
    #expect(t.status() == 130)
  }
}

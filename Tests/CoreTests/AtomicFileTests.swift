// Files are replaced whole or not at all.

import Core
import Foundation
import Testing

@Suite struct AtomicFileTests {
  /// A folder of its own for each test, gone afterwards.
  private func inFolder(_ body: (String) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "howdah-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try body(folder.path)
  }

  private func names(_ folder: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
  }

  @Test func aFileIsMadeAndReplaced() throws {
    try inFolder { folder in
      let path = folder + "/a.txt"
      try AtomicFile.write("one", to: path)
      try AtomicFile.write("two", to: path)
      #expect(try String(contentsOfFile: path, encoding: .utf8) == "two")
      try AtomicFile.write([UInt8](), to: path)
      #expect(try Data(contentsOf: URL(fileURLWithPath: path)).isEmpty)
      #expect(try names(folder) == ["a.txt"])
    }
  }

  @Test func anErrorLeavesTheOldFileAndNothingElse() throws {
    struct Failure: Error {}
    try inFolder { folder in
      let path = folder + "/a.txt"
      try AtomicFile.write("old", to: path)
      #expect(throws: Failure.self) {
        try AtomicFile.write(to: path) { temporary in
          try "half".write(toFile: temporary, atomically: false, encoding: .utf8)
          throw Failure()
        }
      }
      #expect(try String(contentsOfFile: path, encoding: .utf8) == "old")
      #expect(try names(folder) == ["a.txt"])
    }
  }

  @Test func whatAKilledWriterLeftIsRemovedByTheNextOne() throws {
    try inFolder { folder in
      let path = folder + "/a.txt"
      var temporary = ""
      try AtomicFile.write(to: path) {
        temporary = String($0.dropFirst(folder.count + 1))
        try "one".write(toFile: $0, atomically: false, encoding: .utf8)
      }
      // The parts of the name: a.txt.tmp, place, process, random number.
      let parts = temporary.split(separator: "-")
      #expect(parts.count == 4 && parts[2] == "\(getpid())")
      let child = Process()
      child.executableURL = URL(fileURLWithPath: "/bin/true")
      try child.run()
      child.waitUntilExit()
      let dead = "\(child.processIdentifier)"
      let gone = "a.txt.tmp-\(parts[1])-\(dead)-x"
      let kept = [
        "a.txt.tmp-\(parts[1])-\(getpid())-x", "a.txt.tmp-elsewhere-\(dead)-x", "a.txt.tmp-notes",
        "b.txt.tmp-\(parts[1])-\(dead)-x",
      ]
      for name in kept + [gone] {
        try "half".write(toFile: folder + "/" + name, atomically: false, encoding: .utf8)
      }
      try AtomicFile.write("two", to: path)
      #expect(try names(folder) == (kept + ["a.txt"]).sorted())
    }
  }

  @Test func aWriterThatWritesNothingIsAnError() throws {
    try inFolder { folder in
      #expect(throws: HowdahError.self) { try AtomicFile.write(to: folder + "/a") { _ in } }
      let left = try names(folder)
      #expect(left.isEmpty)
    }
  }

  @Test func aMissingFolderIsNamed() throws {
    try inFolder { folder in
      let path = folder + "/missing/a.txt"
      do {
        try AtomicFile.write("x", to: path)
        Issue.record("no error")
      } catch let error as HowdahError {
        #expect(error.kind == .file && error.message.hasPrefix(path))
      }
    }
  }

  @Test func aFolderIsNotReplacedByAFile() throws {
    try inFolder { folder in
      let path = folder + "/sub"
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
      #expect(throws: HowdahError.self) { try AtomicFile.write("x", to: path) }
      #expect(try names(folder) == ["sub"])
    }
  }
}

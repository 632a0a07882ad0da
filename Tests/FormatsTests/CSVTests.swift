// CSV, PNG and SVG: small formats, checked by examples.

import Core
import Formats
import Foundation
import Testing

@Suite struct CSVTests {
  private func table(_ text: String, header: Bool = true) throws -> CSVTable {
    try CSVFile.parse(Array(text.utf8), path: "t.csv", hasHeader: header)
  }

  @Test("separators are found out", arguments: [",", ";", "\t"])
  func sniffing(separator: String) throws {
    let t = try table(
      ["a", "b", "c"].joined(separator: separator)
        + "\n1\(separator)\"2\(separator)3\"\(separator)4\n")
    #expect(t.header == ["a", "b", "c"])
    #expect(t.row(0) == ["1", "2\(separator)3", "4"])
    #expect(t.separator == Character(separator))
  }

  @Test("RFC 4180: quotes, doubled quotes, line ends inside, CRLF, no line end at the end")
  func quotes() throws {
    let t = try table("\u{FEFF}a,b\r\n\"x \"\"y\"\"\",\"two\r\nlines\"\r\n,\"\"\r\n1,2")
    #expect(t.header == ["a", "b"])
    #expect(t.rowCount == 3)
    #expect(t.row(0) == ["x \"y\"", "two\r\nlines"])
    #expect(t.row(1) == ["", ""])
    #expect(t.row(2) == ["1", "2"])
    #expect(t.line(ofRow: 1) == 4)
  }

  @Test("blanks, blank lines, short rows, numbers")
  func tolerance() throws {
    let t = try table("a; b ;c\n\n1.5 ; -2e3;\n\n7\n")
    #expect(t.header == ["a", "b", "c"] && t.column(named: "B") == 1)
    #expect(t.number(0, 0) == 1.5 && t.number(0, 1) == -2000 && t.number(0, 2) == nil)
    #expect(t.columnCount(ofRow: 1) == 1 && t[1, 2] == "" && t.text(0, 1) == "-2e3")
    #expect(t.line(ofRow: 1) == 5)
    #expect(try table("").rowCount == 0)
    #expect(try table("\n\n").header.isEmpty)
    #expect(try table("1,2\n", header: false).row(0) == ["1", "2"])
    #expect(try table("a\rb\r").row(0) == ["b"])
  }

  @Test("a quoted cell that never ends is an error with its line")
  func unterminated() {
    #expect {
      try table("a,b\n1,2\n3,\"4\n5,6\n")
    } throws: { "\($0)".hasPrefix("t.csv: line 3: a quoted cell") }
  }

  @Test("ELEPHANT's tables: every cell quoted, LF, with or without header")
  func elephant() {
    let rows = [["0", "1"], ["1", "12"]]
    #expect(CSVFile.text(header: [], rows: rows, style: .elephant) == "\"0\",\"1\"\n\"1\",\"12\"\n")
    #expect(CSVFile.text(header: ["t", "n"], rows: [], style: .elephant) == "\"t\",\"n\"\n")
  }

  @Test("only what needs quotes gets them, and reads back")
  func writing() throws {
    let rows = [["a,b", "c\"d", "e\nf", "", "g"], [""], ["ä 🧬"]]
    let text = CSVFile.text(header: [], rows: rows)
    #expect(text.hasPrefix("\"a,b\",\"c\"\"d\",\"e\nf\",,g\n\"\"\n"))
    let t = try table(text, header: false)
    #expect((0..<t.rowCount).map { t.row($0) } == rows)
  }

  @Test("numbers: shortest text that reads back, never a locale's comma")
  func numbers() {
    #expect(
      CSVFile.text(3.0) == "3" && CSVFile.text(-0.1) == "-0.1" && CSVFile.text(1e300) == "1e+300")
    #expect(CSVFile.text(0.1 + 0.2) == "0.30000000000000004")
  }

  @Test("broken tables are read or refused")
  func broken() async {
    let child = await #expect(
      processExitsWith: .success, observing: [\.standardOutputContent]
    ) {
      let bytes = Array(
        String(repeating: "id;x;\"q\"\"r\";\n1; 2.5;\"a\nb\";\r\n;;;;;;;;;\n", count: 40).utf8)
      var judge = FuzzJudge(fileSize: bytes.count, overhead: 8 << 20)
      func feed(_ copy: [UInt8]) {
        judge.run("csv") {
          let t = try CSVFile.parse(copy, path: "t.csv")
          for row in 0..<t.rowCount { _ = t.row(row) }
        }
      }
      for cut in Fuzz.truncations(of: bytes) { feed(cut) }
      for copy in Fuzz.mutations(of: bytes, count: Fuzz.count(normally: 1000), seed: 4) {
        feed(copy)
      }
      print("CSV: \(judge.summary)")
      #expect(judge.complaints == [])
    }
    Fuzz.show(child)
  }
}

@Suite struct PNGTests {
  @Test(
    "pictures read back as they were written",
    arguments: [(1, 8), (1, 16), (3, 8), (4, 8), (3, 16)])
  func roundTrip(channels: Int, bits: Int) throws {
    let folder = Fuzz.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    var random = SeededRandom(seed: 1)
    let count = 13 * 7 * channels * bits / 8
    let image = PNGImage(
      width: 13, height: 7, channels: channels, bits: bits,
      pixels: (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) })
    try PNGFile.write(image, to: folder + "/p.png")
    #expect(try PNGFile.read(folder + "/p.png") == image)
    let head = try Data(contentsOf: URL(fileURLWithPath: folder + "/p.png")).prefix(8)
    #expect(Array(head) == [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A])
  }

  @Test("sizes that do not fit the pixels, and files that are no pictures, are refused")
  func refusals() throws {
    let folder = Fuzz.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let path = folder + "/p.png"
    #expect(throws: HowdahError.self) {
      try PNGFile.write([1, 2, 3], width: 1, height: 1, to: path)
    }
    #expect(throws: HowdahError.self) {
      try PNGFile.write(gray: [UInt8](), width: 0, height: 0, to: path)
    }
    try PNGFile.write(gray: [UInt16](repeating: 40000, count: 64), width: 8, height: 8, to: path)
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    for cut in stride(from: 0, to: bytes.count - 12, by: 5) {
      _ = FileManager.default.createFile(atPath: path, contents: Data(bytes.prefix(cut)))
      #expect(throws: HowdahError.self) { try PNGFile.read(path) }
    }
    #expect(throws: HowdahError.self) { try PNGFile.read(folder) }
  }
}

@Suite struct SVGTests {
  @Test("everything is escaped, colours keep their opacity, groups are closed")
  func document() throws {
    var svg = SVGWriter(width: 20, height: 10.5)
    svg.beginGroup(dx: 1, dy: 2)
    svg.text("a < b & \"c\" \u{1}", x: 1, y: .nan)
    svg.line(x1: 0, y1: 0, x2: 1.0 / 3, y2: 1, color: 0x80FF_8000)
    svg.circle(x: 1, y: 1, radius: 2, fill: 0xFF00_00FF, title: "<spot>")
    svg.rectangle(x: 0, y: 0, width: 1, height: 1, outline: 0xFF01_0203)
    svg.polyline([(0, 0), (1, 2)])
    let text = svg.document
    let root = try XMLDocument(parsing: Array(text.utf8), path: "x.svg").root
    #expect(root.name == "svg" && root[attribute: "viewBox"] == "0 0 20 10.5")
    let group = try #require(root.child("g"))
    #expect(group.children.map(\.name) == ["text", "line", "circle", "rect", "polyline"])
    #expect(group.childText("text") == "a < b & \"c\" \u{FFFD}")
    #expect(group.children[1][attribute: "x2"] == "0.33")
    #expect(group.children[1][attribute: "stroke"] == "#ff8000")
    #expect(group.children[1][attribute: "stroke-opacity"] == "0.5")
    #expect(group.child("circle")?.childText("title") == "<spot>")
  }
}

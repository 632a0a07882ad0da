// The XML tree: what it keeps, what it refuses, how it writes, and how it takes broken files.

import Core
import Formats
import Testing

@Suite struct XMLTests {
  private func parse(_ text: String, limits: XMLDocument.Limits = .init()) throws -> XMLElement {
    try XMLDocument(parsing: Array(text.utf8), path: "t.xml", limits: limits).root
  }

  private func failure(_ text: String, limits: XMLDocument.Limits = .init()) -> HowdahError? {
    do {
      _ = try parse(text, limits: limits)
      return nil
    } catch {
      return error as? HowdahError
    }
  }

  @Test func keepsNamesAttributesTextAndOrder() throws {
    let root = try parse(
      """
      <?xml version="1.0"?><!-- licence -->
      <A b="1" a="x &lt; y &#233;"><!-- c -->
        <C> one<!-- c --> two </C>
        <D/> <C><![CDATA[a<b]]></C>
      </A>
      """)
    #expect(root.name == "A")
    #expect(root.attributes.map(\.name) == ["b", "a"])
    #expect(root[attribute: "a"] == "x < y é")
    #expect(root[attribute: "zz"] == nil)
    #expect(root.children.map(\.name) == ["C", "D", "C"])
    #expect(root.children[0].text == " one two ")
    #expect(root.childText("C") == "one two")
    #expect(root.children("C")[1].text == "a<b")
    #expect(root.text == "")
    #expect(root.children[0].line == 3)
  }

  @Test func errorsNameLineAndColumn() throws {
    let error = try #require(failure("<a>\n  <b></c>\n</a>"))
    #expect(error.kind == .format)
    #expect(error.message.hasPrefix("t.xml: line 2, column 8: "), "\(error.message)")
    #expect(failure("")?.kind == .format)
    #expect(failure("<a>")?.kind == .format)
    #expect(failure("<a/><b/>")?.kind == .format)
    #expect(failure("<a>\u{1}</a>")?.kind == .format)
  }

  @Test func refusesEntities() throws {
    let laughs = """
      <!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><l>&b;</l>
      """
    #expect(failure(laughs)?.message.contains("entity declarations") == true)
    let outside = "<!DOCTYPE l [<!ENTITY a SYSTEM \"/etc/passwd\">]><l>&a;</l>"
    #expect(failure(outside)?.message.contains("entity declarations") == true)
    // A document type without entities is harmless, and is not fetched.
    #expect(try parse("<!DOCTYPE l SYSTEM \"http://x.invalid/l.dtd\"><l>1</l>").text == "1")
  }

  @Test func limitsDepthAndNodes() throws {
    let deep = String(repeating: "<a>", count: 100_000)
    #expect(failure(deep)?.kind == .limit)
    var limits = XMLDocument.Limits()
    limits.nodes = 10
    #expect(
      failure("<a>" + String(repeating: "<b/>", count: 10) + "</a>", limits: limits)?.kind == .limit
    )
    #expect(failure("<a>" + String(repeating: "<b/>", count: 9) + "</a>", limits: limits) == nil)
    limits.bytes = 3
    #expect(failure("<a/>", limits: limits)?.kind == .limit)
  }

  @Test func writesWhatItReadsBack() throws {
    var root = XMLElement("Root", attributes: ["k": "a\"<&>\n\t'", "u": "µm"])
    root.children = [
      XMLElement("empty"),
      XMLElement("text", text: " a < b & c > d\r\n µ "),
      XMLElement("mixed", text: "t", children: [XMLElement("x", children: [XMLElement("y")])]),
      XMLElement("nest", children: [XMLElement("n", text: "1")]),
    ]
    root[attribute: "late"] = "1"
    root[attribute: "k2"] = nil
    let bytes = XMLDocument(root: root).encoded()
    let back = try XMLDocument(parsing: bytes, path: "t.xml").root
    #expect(back.attributes == root.attributes)
    #expect(back.children.map(\.name) == root.children.map(\.name))
    #expect(back.children.map(\.text) == root.children.map(\.text))
    #expect(back.children[2].children[0].children[0].name == "y")
    #expect(XMLDocument(root: back).encoded() == bytes)
    let text = String(decoding: bytes, as: UTF8.self)
    #expect(text.contains("\n  <empty />\n"))
    #expect(text.contains("\n  <nest>\n    <n>1</n>\n  </nest>\n"))
    #expect(text.hasSuffix("</Root>\n"))
  }

  @Test func readsOtherEncodings() throws {
    let latin: [UInt8] =
      Array("<?xml version='1.0' encoding='ISO-8859-1'?><a>".utf8) + [0xB5] + Array("m</a>".utf8)
    #expect(try XMLDocument(parsing: latin, path: "l").root.text == "µm")
    var utf16: [UInt8] = [0xFF, 0xFE]
    for unit in "<a>µ</a>".utf16 { utf16 += [UInt8(unit & 255), UInt8(unit >> 8)] }
    #expect(try XMLDocument(parsing: utf16, path: "u").root.text == "µ")
  }

  @Test func missingFileIsAFileError() {
    #expect(throws: HowdahError.self) { try XMLDocument(contentsOf: "/nowhere/at/all.xml") }
    #expect(throws: HowdahError.self) { try XMLDocument(contentsOf: "/") }
  }

  @Test func survivesBrokenFiles() async {
    let child = await #expect(
      processExitsWith: .success, observing: [\.standardOutputContent]
    ) {
      let sample = Array(
        """
        <?xml version="1.0" encoding="UTF-8"?>
        <SpimData version="0.2"><BasePath type="relative">.</BasePath><!-- c -->
        <S><![CDATA[x]]><size a="1" b='2'>256 256 8 &lt; &#956;</size></S></SpimData>
        """.utf8)
      var judge = FuzzJudge(fileSize: sample.count)
      for bytes in Fuzz.truncations(of: sample, step: 1) {
        judge.run("cut at \(bytes.count)") { _ = try XMLDocument(parsing: bytes, path: "x") }
      }
      let count = Fuzz.count(normally: 10_000)
      for (index, bytes) in Fuzz.mutations(of: sample, count: count, seed: 1).enumerated() {
        judge.run("mutation \(index)") { _ = try XMLDocument(parsing: bytes, path: "x") }
      }
      print("XML:", judge.summary)
      #expect(judge.complaints.isEmpty)
    }
    Fuzz.show(child)
  }
}

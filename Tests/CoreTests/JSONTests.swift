// JSON of file formats: what comes back from text, and that hostile text is refused with its place.

import Core
import Testing

@Suite struct JSONTests {
  private func parsed(_ text: String) throws -> JSON {
    try JSON(parsing: text.utf8, path: "file.json")
  }

  @Test func `values of every kind are read, and members keep their order`() throws {
    let json = try parsed(#" {"b": [1, -2.5e1, true, null], "a": {"text": "\u00e9 \"x\"\n\\"}} "#)
    #expect(json.members?.map(\.name) == ["b", "a"])
    #expect(json["b"]?.array == [.number(1), .number(-25), .bool(true), .null])
    #expect(json["a"]?["text"]?.text == "é \"x\"\n\\")
    #expect(json["b"]?.array?[0].integer == 1 && json["b"]?.array?[1].text == nil)
    #expect(json["c"] == nil && json.number == nil)
  }

  @Test func `what is written is read back`() throws {
    let json = JSON.record([
      ("sizes", .integers([1, 2, 3])), ("names", .strings(["a\u{1}", "ü\"", "tab\t"])),
      ("nested", .array([.record([("x", .number(0.125))]), .record([])])),
    ])
    #expect(try parsed(json.written()) == json)
  }

  @Test(
    "what is no JSON is refused at its byte",
    arguments: [
      ("", "byte 0"), ("[1, 2", "byte 5"), ("{\"a\" 1}", "byte 5"), ("[1] 2", "byte 4"),
      ("\"open", "byte 5"), ("[-]", "byte 2"), ("\"\\u12\"", "byte 3"), ("nul", "byte 0"),
    ])
  func broken(_ text: String, _ place: String) throws {
    let error = try #require(throws: HowdahError.self) { try parsed(text) }
    #expect(error.kind == .format && "\(error)".contains("file.json"))
    #expect("\(error)".contains(place), "\(error)")
  }

  @Test func `a tower of brackets ends in an error, not in the stack`() throws {
    #expect(throws: HowdahError.self) { try parsed(String(repeating: "[", count: 1_000_000)) }
  }
}

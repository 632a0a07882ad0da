// What Tab offers, at the end of a line.

import Scripting
import Testing

@Suite struct CompletionTests {
  /// The candidates for the word at the end of `line`, as readline asks for them.
  private func candidates(_ line: String) throws -> [String] {
    let prompt = try Prompt("1(t0) 2(t1) 1>2")
    let breaks = " \t\n\"'`><=;+-*/%^~#|&{}()[],"
    let word = line.reversed().prefix { !breaks.contains($0) }.count
    let end = line.utf8.count
    return Completion(prompt.host).candidates(line, end - word, end)
  }

  @Test(
    "what must be offered, and what must not",
    arguments: [
      ("p.spots:add{", ["t=", "radius=", "tags="], ["print("]),
      ("p.spots:add{t = 0, ", ["x=", "radius="], ["t=", "print(", "p"]),
      ("p.spots:add{t = 0, ra", ["radius="], ["rawget("]),
      ("p.spots:add{t = 0,\n  ra", ["radius="], ["rawget("]),
      ("p.spots:add{t = p.spots:fi", ["p.spots:first("], []),
      ("p.spots:add{t = ma", ["math"], ["manual="]),
      ("p.spots:add{t = 0, tags = {", ["Detection=", "Tracking="], ["t=", "print("]),
      ("p.spots:add{tags = {Detection = \"f", ["fn", "fp", "fb"], ["tp"]),
      (
        "howdah.link.nearest(p, {timepoints = {0, 1}, ", ["threshold="],
        ["timepoints=", "x=", "print("]
      ),
      ("howdah.link.nearest(p, {compat = ", ["\"elephant\""], ["print("]),
      ("howdah.link.nearest(p, {compat = \"e", ["elephant"], []),
      ("local x = {", ["print(", "p"], []),
      ("p.spots:tagged(\"", ["Detection", "Status"], []),
      ("p.spots:tagged(\"Detection\", \"t", ["tp", "tn", "tb"], ["fn"]),
      ("if s.tags.Detection == \"f", ["fn"], ["tp"]),
      ("s.tags.Status = \"", ["Completed"], ["tp"]),
      ("p.", ["p.spots", "p.tracks"], []),
      ("p:sa", ["p:save("], []),
      ("p.spots:at", ["p.spots:at("], []),
      ("?spot:dis", ["?spot:distance"], []),
    ])
  func offers(_ line: String, _ wanted: [String], _ unwanted: [String]) throws {
    let found = try candidates(line)
    for word in wanted { #expect(found.contains(word), "\(line): \(word) in \(found.prefix(20))") }
    for word in unwanted { #expect(!found.contains(word), "\(line): \(word)") }
  }
}

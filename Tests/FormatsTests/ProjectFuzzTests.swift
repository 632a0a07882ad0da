// Broken project files: whole zips and the members inside, cut and changed.

import Core
import Formats
import Foundation
import Lineage
import Testing

/// Small projects that use all parts of the format, and the real ones that are small.
private func samples(_ folder: String) throws -> [String] {
  let path = folder + "/made.mastodon"
  try Project(images: nil, lineage: randomLineage(seed: 7)).save(to: path)
  let real = ["lineagetree/test.mastodon", "python-importer-demo/demo.mastodon"]
  return [path] + (RealData.exists ? real.map(RealData.path) : [])
}

@Suite struct ProjectFuzzTests {
  @Test("broken zip files are refused or read, never fatal")
  func zips() async {
    let child = await #expect(
      processExitsWith: .success, observing: [\.standardOutputContent]
    ) {
      let folder = Fuzz.temporaryFolder()
      defer { try? FileManager.default.removeItem(atPath: folder) }
      for sample in try samples(folder) {
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: sample)))
        var judge = FuzzJudge(fileSize: bytes.count)
        let path = folder + "/broken.mastodon"
        func feed(_ copy: [UInt8], _ what: String) {
          _ = FileManager.default.createFile(atPath: path, contents: Data(copy))
          judge.run(what) { _ = try Project.open(path) }
        }
        for cut in Fuzz.truncations(of: bytes, atMost: 150) { feed(cut, "cut at \(cut.count)") }
        for copy in Fuzz.mutations(of: bytes, count: Fuzz.count(normally: 1000), seed: 1) {
          feed(copy, "changed \(sample)")
        }
        print("\(sample): \(judge.summary)")
        #expect(judge.complaints == [])
      }
    }
    Fuzz.show(child)
  }

  @Test("broken members, with checksums that are right, are refused or read, never fatal")
  func members() async {
    let child = await #expect(
      processExitsWith: .success, observing: [\.standardOutputContent]
    ) {
      let folder = Fuzz.temporaryFolder()
      defer { try? FileManager.default.removeItem(atPath: folder) }
      for sample in try samples(folder) {
        let whole = try ZipArchive.read(sample)
        var judge = FuzzJudge(fileSize: whole.reduce(0) { $0 + $1.bytes.count })
        let path = folder + "/broken.mastodon"
        func feed(_ index: Int, _ copy: [UInt8]) {
          var broken = whole
          broken[index].bytes = copy
          try? ZipArchive.write(broken, to: path, as: path)
          judge.run("\(whole[index].name) of \(sample)") {
            let project = try Project.open(path)
            // What was accepted can be written, and then reads back the same.
            let copy = folder + "/again.mastodon"
            try project.save(to: copy)
            let again = try Project.open(copy)
            if let difference = firstDifference(project.lineage, again.lineage) {
              throw Difference(text: difference)
            }
          }
        }
        for index in whole.indices {
          let bytes = whole[index].bytes
          for cut in Fuzz.truncations(of: bytes, atMost: 20) { feed(index, cut) }
          let normally = ["model.raw", "tags.raw"].contains(whole[index].name) ? 200 : 10
          for copy in Fuzz.mutations(of: bytes, count: Fuzz.count(normally: normally), seed: 2) {
            feed(index, copy)
          }
        }
        print("members of \(sample): \(judge.summary)")
        #expect(judge.complaints == [])
      }
    }
    Fuzz.show(child)
  }

  private struct Difference: Error, CustomStringConvertible {
    var text: String
    var description: String { "saved and opened again, this differs: \(text)" }
  }

  @Test("a member that declares far more than the file can hold is refused before memory is taken")
  func bomb() throws {
    let folder = Fuzz.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let path = folder + "/bomb.mastodon"
    try ZipArchive.write(
      [ArchiveMember(name: "model.raw", bytes: [UInt8](repeating: 0, count: 100))], to: path,
      as: path)
    var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    // The uncompressed size in the central directory (offset 24 behind its signature).
    let signature = [0x50, 0x4B, 1, 2].map(UInt8.init)
    let entry = try #require((0..<bytes.count - 4).first { Array(bytes[$0..<$0 + 4]) == signature })
    bytes.replaceSubrange(entry + 24..<entry + 28, with: [0, 0, 0, 0x70])
    _ = FileManager.default.createFile(atPath: path, contents: Data(bytes))
    do {
      _ = try ZipArchive.read(path)
      Issue.record("was read")
    } catch let error as HowdahError {
      #expect(error.message.contains("bomb.mastodon"))
      #expect(error.kind == .limit || error.kind == .format)
    }
  }

  @Test("crafted tags take little memory: many small combinations, many tag sets over many spots")
  func craftedTags() async {
    await #expect(processExitsWith: .success) {
      let folder = Fuzz.temporaryFolder()
      defer { try? FileManager.default.removeItem(atPath: folder) }
      let path = folder + "/crafted.mastodon"
      let graph = LineageGraph()
      try graph.edit("spots") {
        for t in 0..<20_000 {
          try graph.addSpot(t: t, position: .zero, covariance: .sphere(radius: 1))
        }
      }
      try Project(images: nil, lineage: graph).save(to: path)
      let whole = try ZipArchive.read(path)
      let tags = try #require(whole.firstIndex { $0.name == "tags.raw" })
      func feed(_ ints: [Int32]) -> FuzzJudge {
        var broken = whole
        let data = ints.flatMap { withUnsafeBytes(of: $0.bigEndian) { Array($0) } }
        var bytes: [UInt8] = [0xAC, 0xED, 0, 5]
        for start in stride(from: 0, to: data.count, by: 1024) {
          let block = data[start..<min(start + 1024, data.count)]
          bytes += [0x7A] + withUnsafeBytes(of: Int32(block.count).bigEndian) { Array($0) } + block
        }
        broken[tags].bytes = bytes
        var judge = FuzzJudge(
          fileSize: broken.reduce(0) { $0 + $1.bytes.count }, overhead: 8 << 20)
        try? ZipArchive.write(broken, to: path, as: path)
        judge.run("\(ints.count) ints") { _ = try Project.open(path) }
        return judge
      }
      // No tag set; a million combinations of one tag that no set has.
      let many = feed([0, 1_000_000] + (0..<1_000_000).flatMap { [1, $0 as Int32] } + [0, 0, 0])
      #expect(many.complaints == [] && many.accepted == 1)
      // 4,000 tag sets of one tag; each is on one spot, and would be a column of 20,000. Names and labels
      // are two bytes, so that each set is six ints: id, (2, "ab"), count, tag id, (2, "ab"), colour.
      let text: Int32 = 2 << 16 | 0x6162
      var sets: [Int32] = [4000]
      for k in 0..<4000 as Range<Int32> { sets += [k, text, 1, k, text, -1] }
      sets += [4001, 0] + (0..<4000 as Range<Int32>).flatMap { [1, $0] }
      sets += [4000] + (0..<4000 as Range<Int32>).flatMap { [$0, $0 + 1] } + [0, 0]
      let wide = feed(sets)
      #expect(wide.complaints == [] && wide.accepted == 0)
    }
  }

  @Test("errors name file, member and place")
  func places() throws {
    let folder = Fuzz.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let path = folder + "/p.mastodon"
    let graph = try randomLineage(seed: 9)
    try Project(images: nil, lineage: graph).save(to: path)
    let whole = try ZipArchive.read(path)
    func message(_ member: String, _ change: (inout [UInt8]) -> Void) throws -> String {
      var broken = whole
      let index = try #require(whole.firstIndex { $0.name == member })
      change(&broken[index].bytes)
      try ZipArchive.write(broken, to: path, as: path)
      do {
        _ = try Project.open(path)
        return ""
      } catch { return "\(error)" }
    }
    #expect(
      try message("model.raw") { $0[0] = 0 }
        == "\(path): model.raw, byte 0: is no Java object stream")
    #expect(
      try message("model.raw") { $0[9] = 0x7F }.hasPrefix(
        "\(path): model.raw, byte 0 of the data: declares"))
    #expect(try message("model.raw") { $0.removeLast(30) }.hasPrefix("\(path): model.raw, byte"))
    #expect(try message("tags.raw") { $0.removeLast(5) }.hasPrefix("\(path): tags.raw, byte"))
    #expect(
      try message("project.xml") { $0 = Array("<a></b>".utf8) }.contains("project.xml: line 1"))
    #expect(try message("project.xml") { $0 = Array("<a/>".utf8) }.contains("not <MamutProject>"))
    // A position that is no number: x of spot 0 begins behind the stream's head, block head and count.
    let text = try message("model.raw") { $0.replaceSubrange(19..<21, with: [0xF0, 0x7F]) }
    #expect(text.hasPrefix("\(path): model.raw: spot 0"))
  }
}

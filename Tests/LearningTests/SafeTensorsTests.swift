// safetensors files: round trips, the layout that other programs read, and broken tables.

import Core
import Foundation
import Learning
import Testing

@Suite struct SafeTensorsTests {
  private func inFolder(_ body: (String) throws -> Void) throws {
    let folder = try GoldenFiles.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try body(folder + "/model.safetensors")
  }

  private func file(_ header: String, _ data: [UInt8]) -> [UInt8] {
    withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Array($0) } + Array(header.utf8)
      + data
  }

  @Test func `a model is read as it was written`() throws {
    try inFolder { path in
      let model = try Model(.flowResNet(widths: [3, 5]), seed: 8)
      try SafeTensorsFile.write(model.table, to: path)
      #expect(try Model(table: SafeTensorsFile.read(path), path: path) == model)
    }
  }

  @Test func `metadata, spaces, half precision and any order are read`() throws {
    try inFolder { path in
      let header = """
        { "__metadata__" : {"format":"pt"},
          "b": {"dtype":"F16","shape":[2],"data_offsets":[4,8]},
          "a": {"shape":[],"dtype":"F32","data_offsets":[0,4]} }
        """
      let one: [UInt8] = [0, 0, 0x80, 0x3f]
      try AtomicFile.write(file(header, one + [0x00, 0x3c, 0x00, 0xc0]), to: path)
      let table = try SafeTensorsFile.read(path)
      #expect(table.map(\.name) == ["a", "b"])
      #expect(table.map(\.values) == [[1], [1, -2]])
      #expect(table.map(\.shape) == [[], [2]])
    }
  }

  @Test(
    "broken tables are refused with the place",
    arguments: [
      (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#, "fit its shape"),
      (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, "outside of the file"),
      (#"{"a":{"dtype":"I64","shape":[],"data_offsets":[0,4]}}"#, "I64"),
      (
        #"{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,4]}}"#, "impossible"
      ),
      (#"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}"#, "impossible"),
      (#"{"a":{"other":1}}"#, "lacks dtype"),
      (#"{"a":{"dtype":"F32\"#, "does not end"),
      ("[]", "no JSON object"),
    ])
  func broken(_ header: String, _ reason: String) throws {
    try inFolder { path in
      try AtomicFile.write(file(header, [0, 0, 0, 0]), to: path)
      let error = try #require(throws: HowdahError.self) { try SafeTensorsFile.read(path) }
      #expect(error.message.contains(reason), "\(error)")
    }
  }

  @Test func `a length beyond the file is refused before memory is taken`() throws {
    try inFolder { path in
      try AtomicFile.write([UInt8](repeating: 0xff, count: 20), to: path)
      #expect(throws: HowdahError.self) { try SafeTensorsFile.read(path) }
    }
  }
}

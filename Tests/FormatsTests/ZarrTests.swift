// Zarr arrays: as zarr-python writes them, as we write them, and damaged ones.

import Core
import Formats
import Foundation
import Imaging
import Testing

@Suite("Zarr arrays")
struct ZarrTests {
  private static let golden =
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/Golden/zarr"

  private func temporary() throws -> String {
    let folder = FileManager.default.temporaryDirectory.path + "/howdah-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    return folder
  }

  @Test("What zarr-python wrote is read", arguments: ["zlib_f2", "gzip_u2", "none_u1", "part_f4"])
  func golden(_ name: String) throws {
    let volume = try ZarrArray.open(Self.golden + "/" + name).volume(leading: [])
    #expect(volume.size == Size3(x: 7, y: 6, z: 5))
    for z in 0..<5 {
      for y in 0..<6 {
        for x in 0..<7 {
          let value = Double(100 * z + 10 * y + x)
          let expected: Double =
            switch name {
            case "zlib_f2": value / 8
            case "none_u1": value.truncatingRemainder(dividingBy: 256)
            case "part_f4": z < 2 && y < 3 && x < 4 ? value : -1.5
            default: value
            }
          #expect(volume.value(x: x, y: y, z: z) == expected, "\(name) \(x) \(y) \(z)")
        }
      }
    }
  }

  @Test("Planes are written chunk by chunk, and parts of them beside each other")
  func planes() throws {
    let folder = try temporary()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let path = folder + "/a.zarr"
    let array = try ZarrArray.create(
      path, shape: [2, 3, 5, 9, 2], chunks: [1, 1, 4, 4, 1], type: .float16,
      axes: [.init("t", "time"), .init("z", "space", "micrometer", 2)], labels: ["a", "b"])
    func write(_ x: Range<Int>, _ y: Range<Int>, _ value: (Int, Int) -> Float) throws {
      let values = y.flatMap { y in x.map { value($0, y) } }
      try values.withUnsafeBufferPointer {
        try array.writePlane(leading: [1, 2], trailing: [1], x: x, y: y, values: $0)
      }
    }
    try write(0..<9, 0..<5) { Float($0) + Float($1) / 8 }
    try write(2..<6, 1..<5) { _, _ in -1 }
    let again = try ZarrArray.open(path)
    #expect(again.shape == [2, 3, 5, 9, 2] && again.isWritable)
    let volume = try again.volume(leading: [1], trailing: [1])
    for y in 0..<5 {
      for x in 0..<9 {
        let inside = (2..<6).contains(x) && (1..<5).contains(y)
        #expect(volume.value(x: x, y: y, z: 2) == (inside ? -1 : Double(x) + Double(y) / 8))
      }
    }
    #expect(volume.value(x: 0, y: 0, z: 1) == 0)
    #expect(try again.volume(leading: [1], trailing: [0]).maximum() == 0)
    let attributes = try String(contentsOfFile: path + "/.zattrs", encoding: .utf8)
    #expect(attributes.contains("_ARRAY_DIMENSIONS") && attributes.contains("micrometer"))
    #expect(throws: HowdahError.self) {
      try ZarrArray.create(path, shape: [1], chunks: [1], type: .uint8)
    }
  }

  @Test("Halves are rounded as numpy rounds them")
  func halves() throws {
    let folder = try temporary()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    // Value and numpy.float16 of it.
    let pairs: [(Float, Float)] = [
      (0.1, 0.0999755859375), (1 / 3, 0.333251953125), (0.99995, 1), (2049, 2048), (2051, 2052),
      (6e-8, 5.9604645e-08), (2e-8, 0), (1e-5, 1.001358e-05), (70000, .infinity),
      (-0.7, -0.7001953125),
    ]
    let array = try ZarrArray.create(
      folder + "/h", shape: [1, 1, pairs.count], chunks: [1, 1, 16], type: .float16)
    try pairs.map(\.0).withUnsafeBufferPointer {
      try array.writePlane(leading: [0], trailing: [], x: 0..<pairs.count, y: 0..<1, values: $0)
    }
    let back = try array.volume(leading: []).values()
    for (value, pair) in zip(back, pairs) { #expect(Float(value) == pair.1, "\(pair.0)") }
  }

  @Test("Damaged arrays are refused with file and reason")
  func hostile() throws {
    let good = #"""
      {"zarr_format": 2, "shape": [4, 4, 4], "chunks": [4, 4, 4], "dtype": "|u1", "compressor": null,
       "fill_value": 0, "order": "C", "filters": null}
      """#
    let changes: [(String, String, String)] = [
      (#""zarr_format": 2"#, #""zarr_format": 3"#, "version 2"),
      (#"[4, 4, 4], "chunks""#, #"[4, -4, 4], "chunks""#, "shape"),
      (#""chunks": [4, 4, 4]"#, #""chunks": [4, 4]"#, "chunks"),
      (#""chunks": [4, 4, 4]"#, #""chunks": [4, 4000000000, 4000000000]"#, "MiB"),
      (#""|u1""#, #""|O""#, "dtype"), (#""compressor": null"#, #""compressor": {"id": "x"}"#, "x"),
      (#""C""#, #""F""#, "order"), (#""filters": null"#, #""filters": [1]"#, "filters"),
      ("null}", "null", "JSON"), ("{", String(repeating: "[", count: 100), "nested"),
    ]
    for (old, new, word) in changes {
      let folder = try temporary()
      defer { try? FileManager.default.removeItem(atPath: folder) }
      let text = good.replacingOccurrences(of: old, with: new)
      try text.write(toFile: folder + "/.zarray", atomically: true, encoding: .utf8)
      let error = try #require(throws: HowdahError.self) { try ZarrArray.open(folder) }
      #expect(error.message.contains(word), "\(error.message)")
      #expect(error.message.contains(".zarray"))
    }
    let folder = try temporary()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try good.write(toFile: folder + "/.zarray", atomically: true, encoding: .utf8)
    try "abc".write(toFile: folder + "/0.0.0", atomically: true, encoding: .utf8)
    #expect(throws: HowdahError.self) { try ZarrArray.open(folder).volume(leading: []) }
    let zlib = good.replacingOccurrences(
      of: #""compressor": null"#, with: #""compressor": {"id": "zlib", "level": 1}"#)
    try zlib.write(toFile: folder + "/.zarray", atomically: true, encoding: .utf8)
    let error = try #require(throws: HowdahError.self) {
      try ZarrArray.open(folder).volume(leading: [])
    }
    #expect(error.message.contains("0.0.0"))
    #expect(throws: HowdahError.self) { try ZarrArray.open(folder).volume(leading: [0]) }
  }
}

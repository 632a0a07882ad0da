// What the BigDataViewer tests share: golden files, the expectations that independent readers wrote down, and
// checksums.

import Core
import Formats
import Foundation
import Imaging

enum BDVGolden {
  /// The folder of the golden data sets.
  static let folder = Bundle.module.resourcePath! + "/Golden/bdv"

  /// The folder of real data sets, if this machine has it.
  static let real = ProcessInfo.processInfo.environment["HOWDAH_DATA"]

  /// One view as Python saw it; see make_bdv_golden.py.
  struct View: Decodable, Sendable {
    var t, setup, level: Int
    var size: [Int]
    var type: String
    var crc: UInt32
    var sum, first, last: Double
    var affine: [Double]?
  }

  static func expectations(_ file: String) throws -> [String: [View]] {
    let data = try Data(contentsOf: URL(fileURLWithPath: folder + "/" + file))
    return try JSONDecoder().decode([String: [View]].self, from: data)
  }

  /// Copies the golden data sets to a fresh folder, for tests that damage them.
  static func copy() throws -> String {
    let target = Fuzz.temporaryFolder() + "/bdv"
    try FileManager.default.copyItem(atPath: folder, toPath: target)
    return target
  }
}

/// Differences between a volume and its expectation, as text; empty when it is as expected.
func differences(_ volume: Volume, _ view: BDVGolden.View) -> [String] {
  var found: [String] = []
  func compare<T: Equatable>(_ what: String, _ a: T, _ b: T) {
    if a != b { found.append("t\(view.t) s\(view.setup) l\(view.level): \(what) \(a), not \(b)") }
  }
  compare("size", [volume.size.x, volume.size.y, volume.size.z], view.size)
  compare("type", volume.type.rawValue, view.type)
  compare("crc", volume.withBytes(crc32), view.crc)
  if view.type != "float32" { compare("sum", volume.values().reduce(0, +), view.sum) }
  compare("first", volume[x: 0, y: 0, z: 0], view.first)
  let last = volume.size
  compare("last", volume[x: last.x - 1, y: last.y - 1, z: last.z - 1], view.last)
  return found
}

/// The twelve numbers of an affine map, row by row.
func rowMajor(_ a: Affine3) -> [Double] {
  let t = [a.translation.x, a.translation.y, a.translation.z]
  return (0..<3).flatMap { r in (0..<3).map { a.linear[r, $0] } + [t[r]] }
}

/// CRC-32 as in zip and PNG.
func crc32(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
  let table = (0..<256).map { n in
    (0..<8).reduce(UInt32(n)) { (c: UInt32, _) in
      let shifted: UInt32 = c >> 1
      return c & 1 == 1 ? 0xEDB8_8320 ^ shifted : shifted
    }
  }
  var crc = ~UInt32(0)
  for byte in bytes { crc = table[Int(UInt8(truncatingIfNeeded: crc) ^ byte)] ^ (crc >> 8) }
  return ~crc
}

// Golden values made by numpy and scipy (Golden/make.py), and small helpers that the tests share.

import Core
import Foundation
import Imaging
import Testing

/// The arrays of Golden/golden.json by name.
struct Golden {
  struct Entry: Decodable {
    var shape: [Int]
    var values: [Double]
  }

  private let entries: [String: Entry]

  init() throws {
    let url = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Golden/golden.json")
    entries = try JSONDecoder().decode([String: Entry].self, from: Data(contentsOf: url))
  }

  func values(_ name: String) throws -> [Double] { try #require(entries[name], "\(name)").values }

  func rows(_ name: String) throws -> [[Double]] {
    let entry = try #require(entries[name], "\(name)")
    return stride(from: 0, to: entry.values.count, by: entry.shape[1]).map {
      Array(entry.values[$0..<$0 + entry.shape[1]])
    }
  }

  /// A three-dimensional array (z, y, x) as a volume.
  func volume(_ name: String, _ type: VoxelType = .float32) throws -> Volume {
    let entry = try #require(entries[name], "\(name)")
    let size = Size3(x: entry.shape[2], y: entry.shape[1], z: entry.shape[0])
    return try Volume(floats: entry.values.map { Float($0) }, size: size).converted(to: type)
  }
}

/// The largest difference between two lists of numbers; infinite when their lengths differ.
func largestDifference(_ a: [Double], _ b: [Double]) -> Double {
  guard a.count == b.count else { return .infinity }
  return zip(a, b).map { abs($0 - $1) }.max() ?? 0
}

/// A volume of random values, the same for a seed every time.
func randomVolume(_ size: Size3, _ type: VoxelType = .float32, seed: UInt64 = 1) throws -> Volume {
  var random = SeededRandom(seed: seed)
  let top = type == .uint8 ? 255.0 : 4000.0
  return try Volume(
    floats: (0..<size.count).map { _ in Float(random.uniform(0, top)) }, size: size
  ).converted(to: type)
}

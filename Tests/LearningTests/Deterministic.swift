// The deterministic parameters and inputs of the golden vectors (elephant-server.md, appendix B.1).

import Core
import Foundation
import Learning
import Testing

enum Deterministic {
  /// Parameters filled by the integer hash of appendix B.1.
  static func model(_ architecture: Architecture) throws -> Model {
    var model = try Model(architecture)
    for (k, spec) in model.specs.enumerated() {
      let perOutput = spec.count / spec.shape[0]
      try model.set(
        spec.name,
        to: (0..<spec.count).map { j in
          let u = hash(j, k)
          if spec.shape.count > 1 { return Float(u * (6 / Double(perOutput)).squareRoot()) }
          return spec.name.hasSuffix("bias") ? Float(0.1 * u) : Float(1 + 0.2 * u)
        })
    }
    return model
  }

  private static func hash(_ j: Int, _ k: Int) -> Double {
    var h = UInt32(truncatingIfNeeded: j + 1_000_003 * k) &* 2_654_435_761
    h ^= h >> 15
    h = h &* 2_246_822_519
    h ^= h >> 13
    return 2 * Double(h) / 4_294_967_296 - 1
  }

  /// The input of appendix B.1; depth 1 stands for 2D.
  static func input(channels: Int, size: Size3) -> Tensor {
    Tensor(TensorShape(channels: channels, size: size)) { _, c, z, y, x in
      let dz = size.z == 1 ? 0 : 0.9 * Double(z)
      return Float(
        0.5 + 0.5 * sin(dz + 0.31 * Double(y) + 0.17 * Double(x) + 1.3 * Double(c)))
    }
  }
}

/// A row of appendix B.1: means of the channels, and the channels at five points.
struct GoldenOutput: Sendable, CustomTestStringConvertible {
  var name: String
  var architecture: Architecture
  var size: Size3
  var keep: [Bool]
  var pad: Bool
  var means: [Double]
  /// Channel values at `points`.
  var values: [[Double]]

  var testDescription: String { name }

  /// The points of the table, (z, y, x).
  static let points = [(0, 0, 0), (1, 5, 7), (3, 20, 11), (4, 9, 30), (2, 15, 16)]

  /// The largest difference of a tensor from the row.
  func difference(_ t: Tensor) -> Double {
    var worst = 0.0
    for c in means.indices {
      let start = c * t.shape.voxels
      let mean =
        t.values[start..<(start + t.shape.voxels)].reduce(0.0) { $0 + Double($1) }
        / Double(t.shape.voxels)
      worst = max(worst, abs(mean - means[c]))
      for (i, p) in Self.points.enumerated() {
        let z = size.z == 1 ? 0 : p.0
        worst = max(worst, abs(Double(t[n: 0, c: c, z: z, y: p.1, x: p.2]) - values[i][c]))
      }
    }
    return worst
  }
}

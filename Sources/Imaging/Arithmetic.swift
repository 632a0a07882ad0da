// Sums, differences, products and quotients of volumes and numbers, voxel by voxel, and thresholds.
// Results are float32 whatever the operands are, so that differences keep their sign.

import Core
import Kernels

extension Volume {
  /// Voxel-wise sum, float32. Throws `.argument` when the sizes differ; so do the other operators.
  public static func + (a: Volume, b: Volume) throws -> Volume { try combine(a, b, "+", hk_add) }

  /// Voxel-wise difference, float32.
  public static func - (a: Volume, b: Volume) throws -> Volume {
    try combine(a, b, "-", hk_subtract)
  }

  /// Voxel-wise product, float32.
  public static func * (a: Volume, b: Volume) throws -> Volume {
    try combine(a, b, "*", hk_multiply)
  }

  /// Voxel-wise quotient, float32; x / 0 is infinite and 0 / 0 is NaN.
  public static func / (a: Volume, b: Volume) throws -> Volume { try combine(a, b, "/", hk_divide) }

  /// Add a number to every voxel.
  public static func + (a: Volume, b: Double) throws -> Volume { try a.scaled(by: 1, plus: b) }

  /// Add a number to every voxel.
  public static func + (a: Double, b: Volume) throws -> Volume { try b.scaled(by: 1, plus: a) }

  /// Subtract a number from every voxel.
  public static func - (a: Volume, b: Double) throws -> Volume { try a.scaled(by: 1, plus: -b) }

  /// Subtract every voxel from a number.
  public static func - (a: Double, b: Volume) throws -> Volume { try b.scaled(by: -1, plus: a) }

  /// Multiply every voxel by a number.
  public static func * (a: Volume, b: Double) throws -> Volume { try a.scaled(by: b, plus: 0) }

  /// Multiply every voxel by a number.
  public static func * (a: Double, b: Volume) throws -> Volume { try b.scaled(by: a, plus: 0) }

  /// Divide every voxel by a number.
  public static func / (a: Volume, b: Double) throws -> Volume { try a.mapFloats { $0 / Float(b) } }

  /// Divide a number by every voxel.
  public static func / (a: Double, b: Volume) throws -> Volume { try b.mapFloats { Float(a) / $0 } }

  /// Every voxel times `factor` plus `offset`, float32.
  public func scaled(by factor: Double, plus offset: Double, progress: Progress = .none) throws
    -> Volume
  {
    try makeFloats(progress: progress) { values, out, n in
      hk_scale(values, Float(factor), Float(offset), out, n)
    }
  }

  /// A float32 volume whose voxels are `body` of this volume's voxels. `body` runs on several
  /// threads.
  public func mapFloats(progress: Progress = .none, _ body: @Sendable (Float) -> Float) throws
    -> Volume
  {
    try makeFloats(progress: progress) { values, out, n in
      for i in 0..<n { out[i] = body(values[i]) }
    }
  }

  /// 1 where a voxel is greater than `value`, else 0 (NaN gives 0); uint8. The comparison is made
  /// in float32.
  public func threshold(_ value: Double, progress: Progress = .none) throws -> Volume {
    try Volume.make(size: size, voxelSize: voxelSize, of: UInt8.self) { out in
      nonisolated(unsafe) let out = out.baseAddress!
      try forFloatPieces(progress: progress) { range, values in
        hk_threshold(values, Float(value), out + range.lowerBound, range.count)
      }
    }
  }

  private func makeFloats(
    progress: Progress,
    _ body: @Sendable (UnsafePointer<Float>, UnsafeMutablePointer<Float>, Int) -> Void
  ) throws -> Volume {
    try Volume.make(size: size, voxelSize: voxelSize, of: Float.self) { out in
      nonisolated(unsafe) let out = out.baseAddress!
      try forFloatPieces(progress: progress) { range, values in
        body(values, out + range.lowerBound, range.count)
      }
    }
  }

  private typealias Operation =
    @Sendable (
      UnsafePointer<Float>?, UnsafePointer<Float>?, UnsafeMutablePointer<Float>?, Int
    ) -> Void

  private static func combine(
    _ a: Volume, _ b: Volume, _ name: String, _ operation: Operation
  ) throws -> Volume {
    guard a.size == b.size else {
      throw HowdahError(
        .argument,
        "volume \(name) volume: sizes \(a.size) and \(b.size) differ; crop or resample one of them")
    }
    return try a.makeCombined(with: b, operation)
  }

  private func makeCombined(with other: Volume, _ operation: Operation) throws -> Volume {
    try Volume.make(size: size, voxelSize: voxelSize, of: Float.self) { out in
      nonisolated(unsafe) let out = out.baseAddress!
      try forFloatPieces(progress: .none) { range, values in
        let target = out + range.lowerBound
        let second = other.floats(from: range.lowerBound, count: range.count, scratch: target)
        operation(values, second, target, range.count)
      }
    }
  }
}

// Passes over the voxels of a loss on several threads. Voxels are cut into pieces by their number alone, and partial
// sums are added in the order of the pieces: the result is the same for any number of threads.

import Core

extension Team {
  private static let piece = 8192

  /// Run `body` for ranges that together are 0 ..< count.
  func ranges(_ count: Int, _ body: @Sendable (Range<Int>) -> Void) throws {
    let pieces = (count + Self.piece - 1) / Self.piece
    try run(pieces, .none) { item, _ in
      body((item * Self.piece)..<min(count, (item + 1) * Self.piece))
    }
  }

  /// The sums of the two vectors that `body` gives for ranges that together are 0 ..< count.
  func sums(
    _ count: Int, _ body: @Sendable (Range<Int>) -> (SIMD8<Double>, SIMD8<Double>)
  ) throws -> (SIMD8<Double>, SIMD8<Double>) {
    typealias Pair = (SIMD8<Double>, SIMD8<Double>)
    let parts = PieceResults<Pair>(count: (count + Self.piece - 1) / Self.piece)
    try ranges(count) { parts.set($0.lowerBound / Self.piece, body($0)) }
    return parts.all.reduce((.zero, .zero)) { ($0.0 + $1.0, $0.1 + $1.1) }
  }
}

extension Tensor {
  /// Write the elements through a pointer that threads may share.
  mutating func write(_ body: (Shared<Float>) throws -> Void) rethrows {
    try values.withUnsafeMutableBufferPointer { try body(Shared($0)) }
  }

  /// Read the elements through a pointer that threads may share.
  func read<R>(_ body: (Constant) throws -> R) rethrows -> R {
    try values.withUnsafeBufferPointer { try body(Constant($0)) }
  }
}

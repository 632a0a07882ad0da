// How loops over voxels are split over threads. The pieces depend on the size of the work alone,
// never on the number of cores, so results are the same on every machine.

import Core

/// Run `body` on consecutive ranges that cover 0 ..< total, in parallel. A range has about `grain`
/// items, more when that would make over 256 ranges. Progress is checked before each range.
func parallelRanges(
  _ total: Int, grain: Int, progress: Progress, _ body: @Sendable (Range<Int>) throws -> Void
) throws {
  let pieces = pieceCount(total, grain: grain)
  try parallelFor(pieces) { piece in
    try progress.check()
    try body(pieceRange(piece, of: pieces, total: total))
  }
}

/// The number of ranges that `parallelRanges` makes.
func pieceCount(_ total: Int, grain: Int) -> Int {
  min(256, max(1, total / max(1, grain)))
}

/// Range number `piece` of `pieces` nearly equal ones over 0 ..< total.
func pieceRange(_ piece: Int, of pieces: Int, total: Int) -> Range<Int> {
  let (share, rest) = total.quotientAndRemainder(dividingBy: pieces)
  let start = piece * share + min(piece, rest)
  return start..<start + share + (piece < rest ? 1 : 0)
}

/// Voxels of one piece where the work per voxel is small.
let voxelGrain = 1 << 18

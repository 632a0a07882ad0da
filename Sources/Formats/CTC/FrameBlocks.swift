// Frames one after the other, several at a time: as many as there are cores, and as few as memory asks for.

import Core
import Glibc

/// Runs work on frames in parallel and hands the results over in order.
public enum FrameBlocks {
  /// Frames in work together take at most this many bytes, unless one alone takes more.
  static let memory = 1 << 30

  /// How many frames are worked on together.
  public static func width(bytesPerFrame: Int) -> Int {
    let cores = max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
    return max(1, min(cores, memory / max(1, bytesPerFrame)))
  }

  /// Work on frames 0 ..< count, each reported to `progress` as one unit.
  ///
  /// - Parameters:
  ///   - bytesPerFrame: what the work on one frame keeps in memory.
  ///   - work: runs on any thread; its second argument says that it is the only one running and may use all
  ///     cores itself.
  ///   - collect: gets the results in the order of the frames, on the caller's thread.
  public static func run<Result: Sendable>(
    _ count: Int, bytesPerFrame: Int, _ progress: Progress,
    _ work: @Sendable (_ t: Int, _ isAlone: Bool) throws -> Result,
    collect: (_ t: Int, Result) throws -> Void
  ) throws {
    let width = min(width(bytesPerFrame: bytesPerFrame), count)
    for start in stride(from: 0, to: count, by: max(1, width)) {
      try progress.check()
      let frames = start..<min(count, start + width)
      if frames.count == 1 {
        try collect(start, try work(start, true))
        progress.advance()
        continue
      }
      let results = PieceResults<Result>(count: frames.count)
      try parallelFor(frames.count) { i in
        results.set(i, try work(start + i, false))
        progress.advance()
      }
      for (i, result) in results.all.enumerated() { try collect(start + i, result) }
    }
  }
}

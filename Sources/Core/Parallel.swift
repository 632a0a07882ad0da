// The one way in which rooms use more than one core.

import Dispatch
import Synchronization

/// Run `body` for 0 ..< count on all cores and wait for all. Of the errors thrown, that of the first block is rethrown,
/// whichever came first; blocks behind one that failed are skipped if they have not begun.
///
/// A block should take about 0.1 ms or more: 16 to 64 blocks are right for most loops. The result
/// must not depend on the order in which blocks run. Do not nest.
public func parallelFor(_ count: Int, _ body: @Sendable (Int) throws -> Void) throws {
  if count <= 1 {
    if count == 1 { try body(0) }
    return
  }
  let failure = Mutex<(any Error)?>(nil)
  let firstFailed = Atomic<Int>(count)
  withoutActuallyEscaping(body) { body in
    DispatchQueue.concurrentPerform(iterations: count) { index in
      if index > firstFailed.load(ordering: .relaxed) { return }
      do {
        try body(index)
      } catch {
        failure.withLock {
          if firstFailed.min(index, ordering: .relaxed).oldValue > index { $0 = error }
        }
      }
    }
  }
  if let error = failure.withLock({ $0 }) { throw error }
}

/// Results of the blocks of a `parallelFor`, each written by its own block only.
public final class PieceResults<Value>: @unchecked Sendable {
  private let slots: UnsafeMutableBufferPointer<Value?>

  /// Room for the results of `count` blocks, none of which is there yet.
  public init(count: Int) {
    slots = .allocate(capacity: count)
    slots.initialize(repeating: nil)
  }

  deinit {
    slots.deinitialize()
    slots.deallocate()
  }

  /// Store the result of a block; each block does so once.
  public func set(_ piece: Int, _ value: Value) { slots[piece] = value }

  /// The results that are there, in the order of the blocks.
  public var all: [Value] { slots.compactMap { $0 } }
}

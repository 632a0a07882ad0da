// Work on many frames at once, with the results in order.

import Core
import Synchronization

/// The results of `body` for 0 ..< count, worked out on all cores. What holds for `parallelFor` holds here.
func parallelMap<T: Sendable>(_ count: Int, _ body: @Sendable (Int) throws -> T) throws -> [T] {
  let results = Mutex<[T?]>(Array(repeating: nil, count: count))
  try parallelFor(count) { i in
    let result = try body(i)
    results.withLock { $0[i] = result }
  }
  return results.withLock { $0.map { $0! } }
}

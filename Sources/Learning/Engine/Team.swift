// How the engine uses more than one core: workers take the items of a layer one after another.

import Core
import Dispatch
import Glibc
import Kernels
import Synchronization

/// A fixed number of workers. Results never depend on that number, or on which worker does which item.
struct Team: Sendable {
  let workers: Int

  /// - Parameter workers: 0 for one a core.
  init(workers: Int) {
    self.workers = workers > 0 ? workers : max(1, Self.cores())
  }

  /// Run `body` for every item and wait. Stops within one item when the work is cancelled, and then throws.
  ///
  /// An item should take 20 microseconds to 20 milliseconds.
  func run(
    _ items: Int, _ progress: Progress, _ body: @Sendable (_ item: Int, _ worker: Int) -> Void
  )
    throws
  {
    try progress.check()
    let next = Atomic<Int>(0)
    @Sendable func work(_ worker: Int) {
      while true {
        let item = next.add(1, ordering: .relaxed).oldValue
        if item >= items || progress.isCancelled { return }
        body(item, worker)
      }
    }
    let count = min(workers, items)
    if count <= 1 {
      work(0)
    } else if !WorkerPool.shared.run(count, work) {
      DispatchQueue.concurrentPerform(iterations: count) { work($0) }
    }
    try progress.check()
  }

  private static func cores() -> Int { sysconf(Int32(_SC_NPROCESSORS_ONLN)) }
}

// The kernels are functions without state.
extension nk_kernels: @retroactive @unchecked Sendable {}

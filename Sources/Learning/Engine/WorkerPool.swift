// Threads that stay awake between the layers of a pass. A network has some fifty parallel steps of a few milliseconds
// each; threads that sleep in between are woken late, on this project's machines by up to 4 ms, because Linux likes
// to wake a thread on the core of the one that wakes it. With these, two threads are 1.9 times one on a small
// volume; with Dispatch's they were 1.6 times.

import Dispatch
import Glibc
import Kernels
import Synchronization

/// The process's helpers for the steps of networks. They belong to one step at a time.
final class WorkerPool: Sendable {
  static let shared = WorkerPool()

  private let isTaken = Atomic<Bool>(false)
  private let helpers = Mutex<[Helper]>([])

  /// Run `body` for 0 ..< count at once, 0 on the calling thread, and wait for all. Returns false, having done nothing,
  /// when the helpers are with another step or the system gives no thread.
  func run(_ count: Int, _ body: @Sendable (Int) -> Void) -> Bool {
    if isTaken.exchange(true, ordering: .acquiring) { return false }
    defer { isTaken.store(false, ordering: .releasing) }
    let team = helpers.withLock { all in
      while all.count < count - 1, let helper = Helper(all.count + 1) { all.append(helper) }
      return Array(all.prefix(count - 1))
    }
    guard team.count == count - 1 else { return false }
    withoutActuallyEscaping(body) { body in
      for helper in team { helper.start(body) }
      body(0)
      for helper in team { helper.wait() }
    }
    return true
  }
}

/// One thread, which lives as long as the process.
private final class Helper: @unchecked Sendable {
  private let number: Int
  // Written by the caller before `begin` opens and after `end` has, so never while the thread reads it.
  private var body: (@Sendable (Int) -> Void)?
  private let begin = Gate()
  private let end = Gate()

  /// Nil when the system gives no thread.
  init?(_ number: Int) {
    self.number = number
    var thread = pthread_t()
    let me = Unmanaged.passRetained(self)
    let status = pthread_create(
      &thread, nil,
      { pointer in
        Unmanaged<Helper>.fromOpaque(pointer!).takeUnretainedValue().live()
        return nil
      }, me.toOpaque())
    if status != 0 {
      me.release()
      return nil
    }
    pthread_detach(thread)
  }

  func start(_ body: @escaping @Sendable (Int) -> Void) {
    self.body = body
    begin.open()
  }

  func wait() {
    end.pass()
    body = nil
  }

  private func live() {
    while true {
      begin.pass()
      body?(number)
      end.open()
    }
  }
}

/// A door that one thread opens and another passes, in turns. Who comes to a closed door looks at it for a while
/// before it sleeps.
private final class Gate: Sendable {
  private let isOpen = Atomic<Bool>(false)
  private let isWaitedFor = Atomic<Bool>(false)
  private let semaphore = DispatchSemaphore(value: 0)
  // About a millisecond.
  private static let looks = 30_000

  func open() {
    isOpen.store(true, ordering: .sequentiallyConsistent)
    if isWaitedFor.exchange(false, ordering: .sequentiallyConsistent) { semaphore.signal() }
  }

  /// Wait until the door is open, and close it.
  func pass() {
    for _ in 0..<Self.looks {
      if isOpen.load(ordering: .acquiring) {
        isOpen.store(false, ordering: .relaxed)
        return
      }
      nk_pause()
    }
    isWaitedFor.store(true, ordering: .sequentiallyConsistent)
    // Whoever takes the flag back says whether there will be a signal.
    let openedMeanwhile =
      isOpen.load(ordering: .sequentiallyConsistent)
      && isWaitedFor.exchange(false, ordering: .sequentiallyConsistent)
    if !openedMeanwhile { semaphore.wait() }
    isOpen.store(false, ordering: .relaxed)
  }
}

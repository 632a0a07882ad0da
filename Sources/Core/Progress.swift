// Every compute entry point takes a `Progress`: it hears how far the work is and says when to stop.

import Glibc
import Synchronization

/// How long work reports and how it is stopped. One instance follows one piece of work; it may be
/// used from several threads.
///
/// A worker calls `check()` at least every 50 ms and `advance` whenever a unit is done:
///
///     progress.begin(total: planes, "smoothing")
///     for plane in 0..<planes {
///       try progress.check()
///       ...
///       progress.advance()
///     }
public final class Progress: Sendable {
  /// What a listener hears: the label of the current step and how much of it is done.
  public struct Report: Sendable {
    /// What is being done.
    public var label: String
    /// Units that are done.
    public var done: Int
    /// Units of the whole step.
    public var total: Int
    /// How long the rest of the step will take if it goes on as it has done, in seconds; nil before the first
    /// unit.
    public var secondsLeft: Double?
  }

  private let cancelled = Atomic<Bool>(false)
  private let done = Atomic<Int>(0)
  private let step = Mutex<(label: String, total: Int, begun: Double)>(("", 0, 0))
  private let listener: (@Sendable (Report) -> Void)?
  private let stopRequested: (@Sendable () -> Bool)?

  /// - Parameters:
  ///   - stopRequested: asked by every `check`; cheap (an atomic load) because it is asked often.
  ///     It lets a host's own interrupt flag stop the work without a second mechanism.
  ///   - listener: called after `begin` and every `advance`, on the worker's thread. It should
  ///     return at once.
  public init(
    stopRequested: (@Sendable () -> Bool)? = nil, listener: (@Sendable (Report) -> Void)? = nil
  ) {
    self.stopRequested = stopRequested
    self.listener = listener
  }

  /// A progress that nobody listens to and nobody cancels. Each use is a fresh instance.
  public static var none: Progress { Progress() }

  /// Start a step of `total` units.
  public func begin(total: Int, _ label: String) {
    done.store(0, ordering: .relaxed)
    step.withLock { $0 = (label, total, listener == nil ? 0 : Self.seconds()) }
    notify(0)
  }

  /// Report that `units` more are done.
  public func advance(by units: Int = 1) {
    notify(done.add(units, ordering: .relaxed).newValue)
  }

  /// A progress for a piece of this work that counts in its own way: when all of the piece is done, `units` units
  /// are done here. Cancelling this one stops the piece. With 0 units the piece only hears of that.
  public func part(of units: Int) -> Progress {
    guard units > 0, listener != nil else { return Progress(stopRequested: { self.isCancelled }) }
    let given = Mutex(0)
    return Progress(
      stopRequested: { self.isCancelled },
      listener: { report in
        guard report.total > 0 else { return }
        let now = units * min(report.done, report.total) / report.total
        let more = given.withLock { old in
          defer { old = max(old, now) }
          return now - old
        }
        if more > 0 { self.advance(by: more) }
      })
  }

  /// Ask the work to stop; it ends with an error of kind `interrupted` at its next `check`.
  public func cancel() { cancelled.store(true, ordering: .relaxed) }

  /// Whether the work was asked to stop. One relaxed load, and the host's flag if it has one.
  public var isCancelled: Bool { cancelled.load(ordering: .relaxed) || (stopRequested?() ?? false) }

  /// Throws `HowdahError(.interrupted)` when the work was asked to stop.
  public func check() throws {
    if isCancelled { throw HowdahError(.interrupted, "interrupted") }
  }

  private func notify(_ now: Int) {
    guard let listener else { return }
    let (label, total, begun) = step.withLock { $0 }
    let rate = (Self.seconds() - begun) / Double(max(1, now))
    let left = now > 0 ? rate * Double(max(0, total - now)) : nil
    listener(Report(label: label, done: now, total: total, secondsLeft: left))
  }

  private static func seconds() -> Double {
    var t = timespec()
    clock_gettime(CLOCK_MONOTONIC, &t)
    return Double(t.tv_sec) + Double(t.tv_nsec) * 1e-9
  }
}

// The bar on standard error for work that takes more than half a second: part done, rate, time left.

import CTerm
import Core
import Glibc
import Scripting
import Synchronization

/// A progress bar on the terminal.
enum ProgressBar {
  private struct State {
    var label = ""
    var begun = 0.0
    var drawn = 0.0
    var isShown = false
  }
  private static let state = Mutex(State())

  /// Hears of progress; draws at most ten times a second, after the first half second.
  static func listener() -> @Sendable (Progress.Report) -> Void {
    { report in
      let text = state.withLock { s in draw(report, &s) }
      if let text { writeAll(2, text) }
    }
  }

  private static func draw(_ report: Progress.Report, _ s: inout State) -> String? {
    let now = seconds()
    if report.done == 0 || report.label != s.label {
      s.label = report.label
      s.begun = now
      s.drawn = now
      return nil
    }
    let elapsed = now - s.begun
    guard elapsed > 0.5, now - s.drawn > 0.1 || report.done >= report.total else { return nil }
    s.drawn = now
    s.isShown = true
    return "\r\u{1B}[K" + line(report, elapsed)
  }

  /// `label [=====     ]  50 %  120/s  3 s left`
  static func line(_ report: Progress.Report, _ elapsed: Double) -> String {
    let part = report.total > 0 ? min(1, Double(report.done) / Double(report.total)) : 0
    let full = Int(part * 24)
    let bar = String(repeating: "=", count: full) + String(repeating: " ", count: 24 - full)
    let rate = Double(report.done) / max(elapsed, 1e-9)
    return "\(report.label) [\(bar)] \(Int(part * 100)) %  "
      + "\(ValueText.significant(rate, digits: 3))/s  \(time(report.secondsLeft ?? 0)) left"
  }

  private static func time(_ s: Double) -> String {
    s < 90 ? "\(Int(s.rounded())) s" : s < 5400 ? "\(Int(s / 60)) min" : "\(Int(s / 3600)) h"
  }

  /// Take the bar away.
  static func clear() {
    let shown = state.withLock { s in
      defer { s = State() }
      return s.isShown
    }
    if shown { writeAll(2, "\r\u{1B}[K") }
  }

  private static func seconds() -> Double {
    var t = timespec()
    clock_gettime(CLOCK_MONOTONIC, &t)
    return Double(t.tv_sec) + Double(t.tv_nsec) * 1e-9
  }
}

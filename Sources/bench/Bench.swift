// The benchmark table: every row is a figure of ours beside a peer's, measured in the same run.
//
// A room's benchmark lives in a file of its own here and returns rows; `BenchMain` runs them in order and
// prints one table. Peers are small Python scripts in `peers/` that print lines `name value`; they run in
// the virtual environment that `make bench` makes.

import Core
import Glibc

/// One line of the table.
struct BenchRow {
  /// What was measured.
  var name: String
  /// Our figure.
  var ours: Double
  /// Unit of both figures.
  var unit: String
  /// The program or library beside us, empty when there is none.
  var peer: String = ""
  /// The peer's figure, nil when it could not be measured here.
  var peerValue: Double?
  /// What the project wants, in words ("<= 15 ms", ">= 1 M/s"), and whether it was reached.
  var target: String = ""
  var reached: Bool?
}

/// Seconds on the monotonic clock.
func now() -> Double {
  var t = timespec()
  clock_gettime(CLOCK_MONOTONIC, &t)
  return Double(t.tv_sec) + Double(t.tv_nsec) * 1e-9
}

/// The median of the wall times, in seconds, of `repeats` runs after one that warms up.
func medianTime(_ repeats: Int = 5, _ body: () throws -> Void) rethrows -> Double {
  try body()
  var times: [Double] = []
  for _ in 0..<repeats {
    let start = now()
    try body()
    times.append(now() - start)
  }
  return median(times)
}

/// From the wish to stop until the call has ended: the longest of several, in seconds, at moments spread over `span`
/// seconds.
func longestStop(within span: Double, moments: Int, _ body: (Progress) throws -> Void) throws
  -> Double
{
  var longest = 0.0
  for n in 0..<moments {
    let (begin, moment) = (now(), span * (Double(n) + 0.5) / Double(moments))
    // The first look after that moment says stop.
    let progress = Progress(stopRequested: { now() - begin > moment })
    do {
      try body(progress)
    } catch let error as HowdahError where error.kind == .interrupted {
      longest = max(longest, now() - begin - moment)
    }
  }
  return longest
}

func median(_ values: [Double]) -> Double {
  let sorted = values.sorted()
  return sorted.isEmpty ? .nan : sorted[sorted.count / 2]
}

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

/// Run a peer script of `Sources/bench/peers` and read the figures it prints, one `name value` a line.
///
/// Returns nothing when Python or a package is missing: the table then shows a dash for the peer.
func runPeer(_ script: String, _ arguments: [String] = []) -> [String: Double] {
  let python = getenv("HOWDAH_BENCH_PYTHON").map { String(cString: $0) } ?? "python3"
  let quoted = ([python, "Sources/bench/peers/\(script)"] + arguments).map {
    "'" + $0.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''")
      + "'"
  }
  guard let pipe = popen(quoted.joined(separator: " "), "r") else { return [:] }
  defer { pclose(pipe) }
  var figures: [String: Double] = [:]
  while let line = readLine(from: pipe) {
    let words = line.split(separator: " ")
    if words.count == 2, let value = Double(words[1]) { figures[String(words[0])] = value }
  }
  return figures
}

private func readLine(from file: UnsafeMutablePointer<FILE>) -> String? {
  var buffer = [CChar](repeating: 0, count: 4096)
  guard fgets(&buffer, Int32(buffer.count), file) != nil else { return nil }
  let bytes = buffer.prefix { $0 != 0 && $0 != 10 }.map { UInt8(bitPattern: $0) }
  return String(decoding: bytes, as: UTF8.self)
}

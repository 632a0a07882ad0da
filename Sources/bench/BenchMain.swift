// `make bench`: run the rooms' benchmarks (all, or those whose name contains an argument) and print the table.

import Glibc

/// One benchmark: its rows of the table.
struct Benchmark: Sendable {
  let name: String
  let run: @Sendable () throws -> [BenchRow]

  init(_ name: String, _ run: @escaping @Sendable () throws -> [BenchRow]) {
    (self.name, self.run) = (name, run)
  }
}

@main
enum BenchMain {
  /// Every benchmark, in the order of the table. A room adds its own here.
  static let benchmarks =
    [
      Benchmark("project", projectBench), Benchmark("link", linkBench),
      Benchmark("linking lap", assignmentBench), Benchmark("linking global", globalBench),
      Benchmark("bdv", benchBDV), Benchmark("ctc", benchCTC), Benchmark("lua", luaBench),
    ] + networkBenchmarks + [
      Benchmark("predict", predictionBench), Benchmark("learning", learningBench),
    ]

  static func main() {
    let wanted = CommandLine.arguments.dropFirst()
    var rows: [BenchRow] = []
    var failed = false
    for benchmark in benchmarks
    where wanted.isEmpty || wanted.contains(where: { benchmark.name.contains($0) }) {
      note("measuring \(benchmark.name) ...")
      do {
        rows += try benchmark.run()
      } catch {
        note("\(benchmark.name): \(error)")
        failed = true
      }
    }
    printTable(rows)
    exit(failed ? 1 : 0)
  }

  private static func note(_ text: String) {
    let line = Array((text + "\n").utf8)
    write(2, line, line.count)
  }

  private static func printTable(_ rows: [BenchRow]) {
    let header = ["what", "howdah", "peer", "ratio", "target", ""]
    let lines = rows.map { row -> [String] in
      let peer =
        row.peerValue.map { "\(figure($0)) \(row.unit) \(row.peer)" }
        ?? (row.peer.isEmpty ? "" : "- \(row.peer)")
      let isRate = row.unit.hasSuffix("/s")
      let ratio = row.peerValue.map { figure(isRate ? row.ours / $0 : $0 / row.ours) } ?? ""
      let verdict = row.reached.map { $0 ? "reached" : "MISSED" } ?? ""
      return [row.name, "\(figure(row.ours)) \(row.unit)", peer, ratio, row.target, verdict]
    }
    let widths = header.indices.map { column in
      ([header] + lines).map { $0[column].count }.max() ?? 0
    }
    for line in [header, widths.map { String(repeating: "-", count: $0) }] + lines {
      let cells = zip(line, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }
      var text = cells.joined(separator: "  ")
      while text.hasSuffix(" ") { text.removeLast() }
      print(text)
    }
  }

  /// Three significant digits.
  private static func figure(_ value: Double) -> String {
    guard value.isFinite else { return "-" }
    var buffer = [CChar](repeating: 0, count: 32)
    withVaList([value]) {
      _ = vsnprintf(&buffer, buffer.count, value.magnitude >= 1000 ? "%.0f" : "%.3g", $0)
    }
    return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}

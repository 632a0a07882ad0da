// Random numbers: known values, streams, and the shape of the distributions.

import Core
import Testing

@Suite struct RandomTests {
  @Test func theNumbersOfASeedNeverChange() {
    // xoshiro256** seeded with SplitMix64(42), computed with an independent Python transcription.
    var random = SeededRandom(seed: 42)
    #expect(
      (0..<3).map { _ in random.next() } == [
        1_546_998_764_402_558_742, 6_990_951_692_964_543_102, 12_544_586_762_248_559_009,
      ])
  }

  @Test func streamsAreReproducibleAndDiffer() {
    func numbers(_ seed: UInt64, _ stream: UInt64) -> [UInt64] {
      var random = SeededRandom(seed: seed, stream: stream)
      return (0..<4).map { _ in random.next() }
    }
    #expect(numbers(7, 3) == numbers(7, 3))
    var seen: Set<[UInt64]> = []
    for seed in 0..<10 {
      for stream in 0..<100 { seen.insert(numbers(UInt64(seed), UInt64(stream))) }
    }
    #expect(seen.count == 1000)
  }

  @Test func momentsOfTheDistributions() {
    var random = SeededRandom(seed: 1)
    let n = 200_000
    let uniform = (0..<n).map { _ in random.uniform(2, 4) }
    #expect(uniform.allSatisfy { $0 >= 2 && $0 < 4 })
    #expect(abs(uniform.reduce(0, +) / Double(n) - 3) < 0.01)
    let normal = (0..<n).map { _ in random.normal() }
    let mean = normal.reduce(0, +) / Double(n)
    let variance = normal.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(n)
    let fourth = normal.reduce(0) { $0 + $1 * $1 * $1 * $1 } / Double(n)
    #expect(abs(mean) < 0.01 && abs(variance - 1) < 0.02 && abs(fourth - 3) < 0.15)
  }

  @Test func integersBelowABoundAreEvenlySpread() {
    var random = SeededRandom(seed: 3)
    var counts = [Int](repeating: 0, count: 7)
    for _ in 0..<70_000 { counts[random.below(7)] += 1 }
    #expect(counts.allSatisfy { abs($0 - 10_000) < 400 })
    #expect((0..<10).allSatisfy { _ in random.below(1) == 0 })
  }
}

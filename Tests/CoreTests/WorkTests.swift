// Parallel loops, progress and errors.

import Core
import Glibc
import Synchronization
import Testing

@Suite struct WorkTests {
  struct Failure: Error {}

  @Test func everyBlockRunsOnce() throws {
    for count in [0, 1, 2, 17, 1000] {
      let seen = Mutex([Int](repeating: 0, count: count))
      try parallelFor(count) { index in seen.withLock { $0[index] += 1 } }
      #expect(seen.withLock { $0.allSatisfy { $0 == 1 } })
    }
  }

  @Test func anErrorIsPassedOnAndStopsTheRest() {
    let ran = Atomic<Int>(0)
    #expect(throws: Failure.self) {
      try parallelFor(100_000) { index in
        if index == 0 { throw Failure() }
        ran.add(1, ordering: .relaxed)
      }
    }
    #expect(ran.load(ordering: .relaxed) < 100_000)
    #expect(throws: Failure.self) { try parallelFor(1) { _ in throw Failure() } as Void }
  }

  @Test func theErrorOfTheFirstBlockCountsAlthoughOthersFailSooner() {
    struct Numbered: Error, Equatable { let block: Int }
    for _ in 0..<20 {
      #expect(throws: Numbered(block: 0)) {
        try parallelFor(8) { index in
          if index == 0 { usleep(2000) }
          throw Numbered(block: index)
        }
      }
    }
  }

  @Test func progressReportsStepsAndUnits() {
    let heard = Mutex<[String]>([])
    let progress = Progress(listener: { report in
      heard.withLock { $0.append("\(report.label) \(report.done)/\(report.total)") }
    })
    progress.begin(total: 3, "smoothing")
    progress.advance()
    progress.advance(by: 2)
    progress.begin(total: 1, "saving")
    #expect(
      heard.withLock { $0 } == ["smoothing 0/3", "smoothing 1/3", "smoothing 3/3", "saving 0/1"])
  }

  @Test func progressOfAPieceShowsAsItsShare() throws {
    let heard = Mutex<[Int]>([])
    let progress = Progress(listener: { report in heard.withLock { $0.append(report.done) } })
    progress.begin(total: 20, "tiles")
    let part = progress.part(of: 10)
    part.begin(total: 400, "network")
    for _ in 0..<4 { part.advance(by: 100) }
    progress.advance(by: 10)
    #expect(heard.withLock { $0 } == [0, 2, 5, 7, 10, 20])
    let silent = progress.part(of: 0)
    silent.begin(total: 1, "saving")
    silent.advance()
    #expect(heard.withLock { $0.count } == 6)
    progress.cancel()
    #expect(part.isCancelled && silent.isCancelled)
  }

  @Test func progressEstimatesTheTimeLeft() throws {
    let heard = Mutex<[Double?]>([])
    let progress = Progress(listener: { report in
      heard.withLock { $0.append(report.secondsLeft) }
    })
    progress.begin(total: 4, "work")
    progress.advance()
    progress.advance(by: 3)
    let left = heard.withLock { $0 }
    #expect(left[0] == nil && left[2] == 0)
    #expect(try #require(left[1]) >= 0)
  }

  @Test func cancelledWorkEndsAtItsNextCheck() throws {
    let progress = Progress()
    try progress.check()
    progress.cancel()
    #expect(progress.isCancelled)
    do {
      try progress.check()
      Issue.record("not interrupted")
    } catch let error as HowdahError { #expect(error.kind == .interrupted) }
  }

  @Test func theHostsFlagStopsTheWork() throws {
    final class Flag: Sendable { let value = Atomic<Bool>(false) }
    let flag = Flag()
    let progress = Progress(stopRequested: { flag.value.load(ordering: .relaxed) })
    try progress.check()
    flag.value.store(true, ordering: .relaxed)
    #expect(throws: HowdahError.self) { try progress.check() }
  }

  @Test func cancellingOneProgressDoesNotTouchAnother() throws {
    Progress.none.cancel()
    try Progress.none.check()
  }

  @Test func errorsNameFileAndPlace() {
    let error = HowdahError.format("a.tif", at: "page 3", "it is cut off")
    #expect(error.kind == .format && "\(error)" == "a.tif: page 3: it is cut off")
    #expect(HowdahError.format("a.tif", at: "", "empty").message == "a.tif: empty")
    #expect(HowdahError.file("b", "no such file").message == "b: no such file")
    #expect(HowdahError.Kind.internal.rawValue == "internal")
  }
}

// Every entry point reports, estimates the time left, and looks often whether it shall stop. What is counted is
// looks and work, never time.

import Core
import Foundation
import Imaging
import Learning
import Synchronization
import Testing

/// Counts how often it is asked, says stop from some time on, and hears the reports.
private final class Listener: Sendable {
  private let asked = Atomic<Int>(0)
  private let stop: Int
  /// Work that was reported with the number of times that it was asked by then.
  let reports = Mutex<[(done: Int, total: Int, asked: Int, left: Double?)]>([])

  init(stoppingAt stop: Int = .max) { self.stop = stop }

  var count: Int { asked.load(ordering: .relaxed) }

  func progress() -> Core.Progress {
    Core.Progress(
      stopRequested: { self.asked.add(1, ordering: .relaxed).newValue >= self.stop },
      listener: { report in
        let asked = self.count
        self.reports.withLock {
          $0.append((report.done, report.total, asked, report.secondsLeft))
        }
      })
  }
}

@Suite struct ProgressTests {
  private static let keep = KeepAxials(first: 4, of: 4)

  private func expectWhole(_ listener: Listener) {
    let reports = listener.reports.withLock { $0 }
    #expect(reports.count > 2)
    #expect(reports.last?.done == reports.last?.total)
    #expect(reports.dropFirst().allSatisfy { $0.left != nil } && reports.last?.left == 0)
  }

  /// 50 ms are 2.5 G multiplications for the slowest kernels (portable, one core); a unit is 7 M by the plain
  /// definition and at most 1.2 M in the transformed domain.
  private func expectChecks(_ listener: Listener, unitsPerCheck: Int) {
    let reports = listener.reports.withLock { $0 }
    for (before, after) in zip(reports, reports.dropFirst()) {
      let (work, checks) = (after.done - before.done, after.asked - before.asked)
      #expect(work <= unitsPerCheck * checks, "\(work) units with \(checks) looks")
    }
  }

  @Test("a pass looks within its layers whether it shall stop", arguments: [1, 2])
  func withinLayers(_ threads: Int) throws {
    let model = try Model(.unet(), seed: 1)
    let input = Tensor(TensorShape(channels: 1, depth: 16, height: 128, width: 128))
    let listener = Listener()
    _ = try Engine(model, threads: threads).forward(
      input, keepAxials: Self.keep, progress: listener.progress())
    expectWhole(listener)
    expectChecks(listener, unitsPerCheck: 600)
  }

  @Test func `large tiles and training look as often`() throws {
    // A large tile of a narrow network, and a small crop of the whole one.
    let narrow = try Model(.unet(widths: [4, 8, 16, 32, 64]), seed: 1)
    let large = Tensor(TensorShape(channels: 1, depth: 32, height: 256, width: 256))
    let forward = Listener()
    _ = try Engine(narrow).forward(large, keepAxials: Self.keep, progress: forward.progress())
    expectWhole(forward)
    expectChecks(forward, unitsPerCheck: 600)
    let model = try Model(.unet(), seed: 1)
    let crop = Tensor(TensorShape(channels: 1, depth: 8, height: 32, width: 32))
    let backward = Listener()
    _ = try Engine(model).gradients(
      [crop, crop], keepAxials: Self.keep, progress: backward.progress()
    ) { try PriorLoss.evaluate($0, image: .batch([crop, crop])) }
    expectWhole(backward)
    expectChecks(backward, unitsPerCheck: 600)
  }

  @Test func `whenever it is told to stop, it stops at the next look`() throws {
    let model = try Model(.unet(widths: [4, 8]), seed: 1)
    let volume = try Volume.make(
      size: Size3(x: 21, y: 18, z: 3), of: Float.self
    ) { out in for i in out.indices { out[i] = Float(i % 7) } }
    var options = Predictor.Options(keepAxials: KeepAxials([true]), pad: true)
    options.patch = Size3(x: 16, y: 16, z: 3)
    let all = Listener()
    let predictor = try Predictor([model], threads: 2)
    // The first pass measures the layers, too.
    _ = try predictor.predict([volume], options)
    _ = try predictor.predict([volume], options, progress: all.progress())
    expectWhole(all)
    for stop in stride(from: 1, to: all.count, by: 7) {
      let listener = Listener(stoppingAt: stop)
      let error = try #require(throws: HowdahError.self) {
        _ = try predictor.predict([volume], options, progress: listener.progress())
      }
      #expect(error.kind == .interrupted && listener.count <= stop + 4)
    }
  }

  @Test func `a model file that is cancelled while it is written stays what it was`() throws {
    let folder = try GoldenFiles.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let path = folder + "/m.pth"
    func file(_ seed: UInt64) throws -> ModelFile {
      let model = try Model(.unet(widths: [32, 64, 128]), seed: seed)
      return ModelFile(models: [model], optimisers: [Adam(for: model)])
    }
    let (old, new) = (try file(1), try file(2))
    try old.save(to: path)
    let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    let all = Listener()
    try new.save(to: folder + "/other.pth", progress: all.progress())
    expectWhole(all)
    // A look for every megabyte, once for its checksum and once for writing it.
    #expect(all.count > 2 * bytes.count >> 20)
    for stop in stride(from: 1, through: all.count, by: 11) {
      #expect(throws: HowdahError.self) {
        try new.save(to: path, progress: Listener(stoppingAt: stop).progress())
      }
    }
    #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == bytes)
    let names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
    #expect(names == ["m.pth", "other.pth"])
    let reading = Listener()
    _ = try ModelFile.open(path, progress: reading.progress())
    expectWhole(reading)
    #expect(reading.count > bytes.count >> 20)
    #expect(throws: HowdahError.self) {
      try ModelFile.open(path, progress: Listener(stoppingAt: reading.count / 2).progress())
    }
  }
}

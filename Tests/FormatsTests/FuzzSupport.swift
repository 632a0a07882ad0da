// Broken input for every reader: cut files, changed bytes, and a judge of how the reader took them.
//
// Run a fuzz loop in a child process (`#expect(processExitsWith: .success) { ... }`), so that a crash fails
// one test, and so that the memory measured is the reader's own. HOWDAH_FUZZ=N runs N mutations instead of
// the usual number, and all truncations instead of a sample:
//
//     HOWDAH_FUZZ=10000 swift test -c release --skip-build --filter 'roken'
//
// takes about half an hour on two cores and prints a line for each reader. Broken files are then put into
// memory (/dev/shm): saving syncs, and a disk would take a hundred times as long.

import Core
import Foundation
import Glibc
import Testing

enum Fuzz {
  /// The iterations asked for by HOWDAH_FUZZ, or nil in a normal run.
  static var requested: Int? {
    ProcessInfo.processInfo.environment["HOWDAH_FUZZ"].flatMap { Int($0) }
  }

  /// How many mutations to run: HOWDAH_FUZZ, or the normal number.
  static func count(normally: Int) -> Int { requested ?? normally }

  /// The file cut at every `step`-th byte, shortest first. With `atMost`, an evenly spaced sample of the
  /// cuts (all of them when HOWDAH_FUZZ is set).
  static func truncations(of bytes: [UInt8], step: Int = 64, atMost: Int = .max)
    -> some Sequence<[UInt8]>
  {
    let cuts = Array(stride(from: 0, to: bytes.count, by: step))
    let wanted = requested == nil ? min(atMost, cuts.count) : cuts.count
    return (0..<wanted).lazy.map { Array(bytes.prefix(cuts[$0 * cuts.count / max(1, wanted)])) }
  }

  /// `count` copies of the file, each with one byte changed to another random value. The same seed gives
  /// the same copies.
  static func mutations(of bytes: [UInt8], count: Int, seed: UInt64) -> some Sequence<[UInt8]> {
    (0..<(bytes.isEmpty ? 0 : count)).lazy.map { index in
      var random = SeededRandom(seed: seed, stream: UInt64(index))
      var copy = bytes
      copy[random.below(bytes.count)] ^= UInt8(1 + random.below(255))
      return copy
    }
  }

  /// Print what a child process reported: the summaries of its judges.
  static func show(_ child: ExitTest.Result?) {
    let text = String(decoding: child?.standardOutputContent ?? [], as: UTF8.self)
    for line in text.split(separator: "\n") where line.contains(" inputs, ") { print(line) }
  }

  /// A fresh empty folder for one test. The caller removes it.
  static func temporaryFolder() -> String {
    let memory = requested != nil && access("/dev/shm", W_OK) == 0
    let parent = memory ? "/dev/shm" : FileManager.default.temporaryDirectory.path
    let path = parent + "/howdah-test-" + UUID().uuidString
    try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    return path
  }
}

/// Judges one reader over many broken inputs: it may only return or throw a `HowdahError`, within
/// `seconds`, and without the process growing by more than `bytes`.
struct FuzzJudge {
  var seconds = 2.0
  /// Allowed growth of the resident memory during one call. Ten times the file plus what the libraries
  /// need for themselves.
  var bytes: Int
  private(set) var runs = 0
  private(set) var accepted = 0
  private(set) var slowest = 0.0
  private(set) var largest = 0
  private(set) var complaints: [String] = []

  init(fileSize: Int, overhead: Int = 48 << 20) { bytes = 10 * fileSize + overhead }

  /// Run the reader once. `what` names the input in a complaint.
  mutating func run(_ what: @autoclosure () -> String, _ body: () throws -> Void) {
    runs += 1
    var time = once(what, body)
    // A busy machine can stall any call; only a call that is slow twice is slow.
    if time > seconds { time = once(what, body) }
    slowest = max(slowest, time)
    if time > seconds { complain("\(what()): took \(time) s") }
  }

  private mutating func once(_ what: () -> String, _ body: () throws -> Void) -> Double {
    resetPeakMemory()
    let before = memory("VmRSS:")
    let start = DispatchTime.now().uptimeNanoseconds
    do {
      try body()
      accepted += 1
    } catch let error as HowdahError {
      if error.message.isEmpty { complain("\(what()): an error without a message") }
      if error.kind == .internal { complain("\(what()): internal error \(error.message)") }
    } catch {
      complain("\(what()): threw \(error), which is no HowdahError")
    }
    let time = Double(DispatchTime.now().uptimeNanoseconds - start) * 1e-9
    let growth = memory("VmHWM:") - before
    largest = max(largest, growth)
    if growth > bytes { complain("\(what()): memory grew by \(growth) bytes") }
    return time
  }

  private mutating func complain(_ text: String) {
    if complaints.count < 20 { complaints.append(text) }
  }

  /// One line for the log.
  var summary: String {
    "\(runs) inputs, \(accepted) accepted, slowest \(Int(slowest * 1000)) ms, "
      + "largest growth \(largest >> 10) KiB"
  }

  /// Linux sets the high-water mark back to the present size when 5 is written here.
  private func resetPeakMemory() {
    let fd = open("/proc/self/clear_refs", O_WRONLY)
    if fd >= 0 {
      _ = write(fd, "5", 1)
      close(fd)
    }
  }

  private func memory(_ key: String) -> Int {
    var buffer = [UInt8](repeating: 0, count: 4096)
    let fd = open("/proc/self/status", O_RDONLY)
    guard fd >= 0 else { return 0 }
    let n = read(fd, &buffer, buffer.count)
    close(fd)
    let text = String(decoding: buffer.prefix(max(0, n)), as: UTF8.self)
    guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix(key) }) else {
      return 0
    }
    return (Int(line.filter(\.isNumber)) ?? 0) << 10
  }
}

// Memory for the tensors of a forward or backward pass: one reserved region that is handed out in pieces,
// short-lived ones from its begin, long-lived ones from its end. Pages cost nothing until they are written, and a
// piece that is given back is used again, so the peak is what is alive at once, and no pass after the first one
// waits for the kernel to clear pages.

import Core
import Glibc
import Synchronization

/// A region of floats with a first-fit list of free ranges.
final class FloatArena: @unchecked Sendable {
  private let base: UnsafeMutablePointer<Float>
  let capacity: Int
  // Free ranges in ascending order; neighbours are merged. Guarded: blocks may be released on any thread.
  private let free: Mutex<[Range<Int>]>
  // How far the region was ever used from its begin, and from its end.
  private let fromBegin = Atomic<Int>(0)
  private let fromEnd = Atomic<Int>(0)
  private let team: Team
  /// The pass that takes blocks now; cancelling it ends waiting for memory.
  var progress = Progress.none

  /// Reserve address space for this many floats; throws `.limit` when the system refuses.
  init(capacity: Int, _ team: Team) throws {
    self.team = team
    let bytes = capacity.multipliedReportingOverflow(by: 4)
    let region =
      bytes.overflow
      ? MAP_FAILED
      : mmap(
        nil, max(4096, bytes.partialValue), PROT_READ | PROT_WRITE,
        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    guard let region, region != MAP_FAILED else {
      throw HowdahError(
        .limit, "no memory for tensors of \(capacity) numbers; use a smaller patch")
    }
    madvise(region, max(4096, bytes.partialValue), MADV_HUGEPAGE)
    base = region.assumingMemoryBound(to: Float.self)
    self.capacity = capacity / 16 * 16
    free = Mutex([0..<(capacity / 16 * 16)])
  }

  deinit { munmap(base, max(4096, capacity * 4)) }

  /// The part of the region that was ever used, in bytes.
  var peakBytes: Int {
    (fromBegin.load(ordering: .relaxed) + fromEnd.load(ordering: .relaxed)) * 4
  }

  /// A block of at least `count` floats, 64-byte aligned, with whatever was in it before.
  ///
  /// What was never used before is got from the system at once, on all threads, with looks at `progress` in between.
  ///
  /// - Parameter lasting: whether it will outlive the blocks taken after it.
  func take(_ count: Int, lasting: Bool = false) throws -> FloatBlock {
    let size = (max(count, 1) + 15) / 16 * 16
    let start = free.withLock { ranges -> Int? in
      let fits = { (range: Range<Int>) in range.count >= size }
      guard let i = lasting ? ranges.lastIndex(where: fits) : ranges.firstIndex(where: fits) else {
        return nil
      }
      let range = ranges[i]
      let start = lasting ? range.upperBound - size : range.lowerBound
      let rest = lasting ? range.lowerBound..<start : (start + size)..<range.upperBound
      if rest.isEmpty { ranges.remove(at: i) } else { ranges[i] = rest }
      return start
    }
    guard let start else {
      throw HowdahError(
        .limit, "the tensors need more memory than was planned (\(capacity * 4) bytes)")
    }
    let block = FloatBlock(base + start, count: count, size: size, arena: self)
    if lasting {
      let used = capacity - fromEnd.max(capacity - start, ordering: .relaxed).oldValue
      try block.touch(team, progress, part: 0..<min(size, max(0, used - start)))
    } else {
      let used = fromBegin.max(start + size, ordering: .relaxed).oldValue
      try block.touch(team, progress, part: min(size, max(0, used - start))..<size)
    }
    return block
  }

  fileprivate func give(back pointer: UnsafeMutablePointer<Float>, _ size: Int) {
    let start = pointer - base
    free.withLock { ranges in
      var i = ranges.firstIndex { $0.lowerBound > start } ?? ranges.count
      ranges.insert(start..<(start + size), at: i)
      if i + 1 < ranges.count, ranges[i].upperBound == ranges[i + 1].lowerBound {
        ranges[i] = ranges[i].lowerBound..<ranges[i + 1].upperBound
        ranges.remove(at: i + 1)
      }
      if i > 0, ranges[i - 1].upperBound == ranges[i].lowerBound {
        ranges[i - 1] = ranges[i - 1].lowerBound..<ranges[i].upperBound
        ranges.remove(at: i)
        i -= 1
      }
    }
  }
}

/// A piece of an arena; it goes back when the last reference does. Threads write to disjoint parts of it.
final class FloatBlock: @unchecked Sendable {
  let pointer: UnsafeMutablePointer<Float>
  let count: Int
  private let size: Int
  private let arena: FloatArena?

  fileprivate init(_ pointer: UnsafeMutablePointer<Float>, count: Int, size: Int, arena: FloatArena)
  {
    self.pointer = pointer
    self.count = count
    self.size = size
    self.arena = arena
  }

  /// A block of its own outside of any arena, with anything in it, 64-byte aligned. Large ones lie in large pages:
  /// kernels walk through them in long strides.
  init(uninitialized count: Int) {
    let bytes = (max(count, 1) + 15) / 16 * 64
    let isLarge = bytes >= 1 << 20
    let raw = UnsafeMutableRawPointer.allocate(
      byteCount: bytes, alignment: isLarge ? 1 << 21 : 64)
    if isLarge { madvise(raw, bytes, MADV_HUGEPAGE) }
    pointer = raw.bindMemory(to: Float.self, capacity: bytes / 4)
    self.count = count
    size = bytes / 4
    arena = nil
  }

  /// The same filled with zeros.
  convenience init(zeros count: Int) {
    self.init(uninitialized: count)
    pointer.initialize(repeating: 0, count: size)
  }

  deinit {
    if let arena {
      arena.give(back: pointer, size)
    } else {
      UnsafeMutableRawPointer(pointer).deallocate()
    }
  }

  /// Set everything to zero.
  func clear() { pointer.update(repeating: 0, count: count) }

  /// The same on all threads, for large blocks.
  func clear(_ team: Team, _ progress: Progress) throws {
    try forPieces(0..<count, team, progress) { $0.update(repeating: 0, count: $1) }
  }

  /// Write to each page of a fresh block or a part of it, so that the system hands them over on all threads and a
  /// few at a time: work that writes with long strides would wait for all of them at its first step.
  func touch(_ team: Team, _ progress: Progress, part: Range<Int>? = nil) throws {
    try forPieces(part ?? 0..<count, team, progress) { piece, count in
      for i in stride(from: 0, to: count, by: 1024) { piece[i] = 0 }
    }
  }

  private func forPieces(
    _ part: Range<Int>, _ team: Team, _ progress: Progress,
    _ body: @Sendable (_ piece: UnsafeMutablePointer<Float>, _ count: Int) -> Void
  ) throws {
    let length = 1 << 19
    try team.run((part.count + length - 1) / length, progress) { item, _ in
      let start = part.lowerBound + item * length
      body(self.pointer + start, min(length, part.upperBound - start))
    }
  }
}

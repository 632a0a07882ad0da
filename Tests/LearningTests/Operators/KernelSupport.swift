// Grids as the kernels' blocked tensors, and what it takes to call a kernel from a test.

import Core
import Dispatch
import Kernels
import Synchronization
import Testing

/// Aligned floats.
final class Floats: @unchecked Sendable {
  let pointer: UnsafeMutablePointer<Float>
  let count: Int

  /// Not a number wherever nothing is written, so that reading it shows.
  init(_ count: Int, _ value: Float = .nan) {
    let raw = UnsafeMutableRawPointer.allocate(byteCount: max(1, count) * 4, alignment: 64)
    pointer = raw.bindMemory(to: Float.self, capacity: max(1, count))
    pointer.initialize(repeating: value, count: max(1, count))
    self.count = count
  }

  convenience init(_ values: [Double]) {
    self.init(values.count)
    for (i, v) in values.enumerated() { pointer[i] = Float(v) }
  }

  deinit { UnsafeMutableRawPointer(pointer).deallocate() }

  var values: [Float] { (0..<count).map { pointer[$0] } }

  static func blocks(_ channels: Int) -> Int { (channels + 15) / 16 }

  /// A grid in blocks of 16 channels, padded with zeros.
  convenience init(blocked g: Grid) {
    self.init(Self.blocks(g.channels) * 16 * g.size.count, 0)
    for c in 0..<g.channels {
      for v in 0..<g.size.count {
        pointer[((c / 16) * g.size.count + v) * 16 + c % 16] = Float(g.values[c * g.size.count + v])
      }
    }
  }

  /// Blocked values as a grid.
  func grid(_ channels: Int, _ size: Size3) -> Grid {
    var result = Grid(channels, size)
    for c in 0..<channels {
      for v in 0..<size.count {
        result.values[c * size.count + v] =
          Double(pointer[((c / 16) * size.count + v) * 16 + c % 16])
      }
    }
    return result
  }

  /// One number a channel, padded with zeros.
  convenience init(channels values: [Double]) {
    self.init(Self.blocks(values.count) * 16, 0)
    for (i, v) in values.enumerated() { pointer[i] = Float(v) }
  }
}

/// One way to run kernels: an instruction set and a number of threads.
struct KernelCase: Sendable, CustomTestStringConvertible {
  var level: Int32
  var threads: Int

  var testDescription: String {
    "\(["portable", "AVX2", "AVX-512"][Int(level)]), \(threads) threads"
  }

  /// All that this machine has.
  static let all = (0..<3).filter { nk_kernels_for($0) != nil }.flatMap { level in
    [1, 2].map { KernelCase(level: level, threads: $0) }
  }

  var kernels: nk_kernels { nk_kernels_for(level)!.pointee }

  /// Every item once, in no particular order when there are several threads.
  func run(_ items: Int, _ body: @escaping @Sendable (_ item: Int, _ worker: Int) -> Void) {
    let next = Atomic<Int>(0)
    DispatchQueue.concurrentPerform(iterations: threads) { worker in
      while true {
        let item = next.add(1, ordering: .relaxed).oldValue
        if item >= items { return }
        body(threads > 1 ? items - 1 - item : item, worker)
      }
    }
  }
}

/// A source of a convolution: a grid, its scale and shift, and whether it is upsampled.
struct KernelSource {
  var grid: Grid
  var scale, shift: [Double]
  var twice = false
  var zFactor = 1
  let data, scales, shifts: Floats

  init(_ grid: Grid, twice: Bool = false, zFactor: Int = 1, _ random: inout SeededRandom) {
    self.grid = grid
    self.twice = twice
    self.zFactor = zFactor
    var r = random
    scale = (0..<grid.channels).map { _ in Double(Float(r.uniform(-1, 1))) }
    shift = (0..<grid.channels).map { _ in Double(Float(r.uniform(-1, 1))) }
    random = r
    data = Floats(blocked: grid)
    scales = Floats(channels: scale)
    shifts = Floats(channels: shift)
  }

  /// What a layer sees.
  var seen: Grid {
    let affine = Grid(grid.channels, grid.size) { c, z, y, x in
      grid[c, z, y, x] * scale[c] + shift[c]
    }
    guard twice else { return affine }
    return Reference.upsample(affine, zFactor)
  }

  var source: nk_source {
    nk_source(
      data: data.pointer, scale: scales.pointer, shift: shifts.pointer,
      blocks: Int32(Floats.blocks(grid.channels)), depth: Int32(grid.size.z),
      height: Int32(grid.size.y), width: Int32(grid.size.x), up_yx: twice ? 1 : 0,
      up_z: zFactor == 2 ? 1 : 0)
  }

  /// The padded channel of each channel of several sources.
  static func places(_ sources: [KernelSource]) -> [Int] {
    var (start, result) = (0, [Int]())
    for s in sources {
      result += start..<(start + s.grid.channels)
      start += Floats.blocks(s.grid.channels) * 16
    }
    return result
  }
}

/// A pointer to something that outlives the call.
struct Outliving<T>: @unchecked Sendable {
  let pointer: UnsafePointer<T>
}

func expectClose(
  _ a: Grid, _ b: Grid, _ tolerance: Double, _ what: @autoclosure () -> String
) -> String? {
  let scale = max(1e-3, b.values.map(abs).max() ?? 0)
  let worst = zip(a.values, b.values).map { abs($0 - $1) }.max() ?? 0
  return worst <= tolerance * scale ? nil : "\(what()): off by \(worst) of \(scale)"
}

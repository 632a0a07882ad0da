// Reading a box of a data set: only the chunks that the box touches, neighbours in the file with one read,
// decoded on all cores.

import Core
import Glibc
import Imaging

/// A box of elements, slowest axis first.
struct HDF5Box: Sendable {
  var origin: [Int]
  var extent: [Int]

  var count: Int { extent[0] * extent[1] * extent[2] }
}

/// Memory that several threads write to, each its own part.
private struct SharedOutput: @unchecked Sendable {
  var bytes: UnsafeMutableRawBufferPointer
}

extension HDF5Dataset {
  /// Fill `output` with the box's elements in row-major order as voxels of the target's type.
  ///
  /// The box must lie inside. Elements never written get the fill value. Throws `HDF5Unsupported` for
  /// filters that only the library knows.
  func read(
    _ box: HDF5Box, as target: HDF5Target, into output: UnsafeMutableRawBufferPointer,
    cache: HDF5ChunkCache? = nil, progress: Progress
  ) throws {
    try progress.check()
    switch layout {
    case .compact(let data):
      try data.withUnsafeBytes { data in
        try readRows(box, as: target, into: output, progress: progress) { start, buffer in
          memcpy(buffer.baseAddress!, data.baseAddress! + start, buffer.count)
        }
      }
    case .contiguous(let address?):
      let place = address + file.base
      try readRows(box, as: target, into: output, progress: progress) { start, buffer in
        try file.bytes.read(at: place + UInt64(start), into: buffer, path)
      }
    case .contiguous(nil): fillOutput(output, as: target)
    case .chunked(let shape, let chunks):
      try readChunks(
        box, shape, chunks, as: target, into: output, cache: cache, progress: progress)
    }
  }

  /// All elements of a small data set as doubles. Throws `.format` when there are more than `limit`.
  func readSmall(limit: Int) throws -> [Double] {
    guard elementCount <= limit else {
      throw HowdahError.format(file.path, at: path, "has \(elementCount) values, not a few")
    }
    // Floats are exact for everything these tables hold: factors and block sizes.
    var values = [Float](repeating: 0, count: elementCount)
    try values.withUnsafeMutableBytes {
      try read(
        HDF5Box(origin: [0, 0, 0], extent: shape),
        as: HDF5Target(type: .float32, ignoresSign: false), into: $0, progress: .none)
    }
    return values.map { Double($0) }
  }

  private func fillOutput(_ output: UnsafeMutableRawBufferPointer, as target: HDF5Target) {
    if fill.isEmpty {
      memset(output.baseAddress!, 0, output.count)
      return
    }
    let width = target.type.byteCount
    fill.withUnsafeBytes { fill in
      target.convert(
        fill, type, count: 1, into: UnsafeMutableRawBufferPointer(rebasing: output[..<width]))
    }
    for i in stride(from: width, to: output.count, by: width) {
      memcpy(output.baseAddress! + i, output.baseAddress!, width)
    }
  }

  // MARK: Contiguous data

  /// Read in the longest pieces that are contiguous on both sides.
  private func readRows(
    _ box: HDF5Box, as target: HDF5Target, into output: UnsafeMutableRawBufferPointer,
    progress: Progress, fetch: (Int, UnsafeMutableRawBufferPointer) throws -> Void
  ) throws {
    let (o, e) = (box.origin, box.extent)
    let fullRows = e[2] == shape[2]
    let fullPlanes = fullRows && e[1] == shape[1]
    let rowsAtOnce = fullPlanes ? e[0] * e[1] : fullRows ? e[1] : 1
    let width = target.type.byteCount
    let identity = target.isIdentity(type)
    let piece = max(1, (2 << 20) / type.size)
    var scratch = [UInt8](repeating: 0, count: identity ? 0 : piece * type.size)
    for row in stride(from: 0, to: e[0] * e[1], by: rowsAtOnce) {
      let (z, y) = (o[0] + row / e[1], o[1] + row % e[1])
      let start = (z * shape[1] + y) * shape[2] + o[2]
      let run = rowsAtOnce * e[2]
      for done in stride(from: 0, to: run, by: piece) {
        try progress.check()
        let count = min(piece, run - done)
        let at = (row * e[2] + done) * width
        let out = UnsafeMutableRawBufferPointer(rebasing: output[at..<at + count * width])
        if identity {
          try fetch((start + done) * type.size, out)
        } else {
          try scratch.withUnsafeMutableBytes { scratch in
            let part = UnsafeMutableRawBufferPointer(rebasing: scratch[..<(count * type.size)])
            try fetch((start + done) * type.size, part)
            target.convert(UnsafeRawBufferPointer(part), type, count: count, into: out)
          }
        }
      }
    }
  }

  // MARK: Chunks

  private func readChunks(
    _ box: HDF5Box, _ chunkShape: [Int], _ chunks: [HDF5Chunk], as target: HDF5Target,
    into output: UnsafeMutableRawBufferPointer, cache: HDF5ChunkCache?, progress: Progress
  ) throws {
    let chunkBytes = chunkShape[0] * chunkShape[1] * chunkShape[2] * type.size
    guard chunkBytes <= max(64 << 20, 4 * elementCount * type.size) else {
      throw HowdahError(
        .limit, "\(file.path): \(path): chunks of \(chunkBytes) bytes are far larger than the data")
    }
    let plan = ChunkPlan(box: box, shape: shape, chunkShape: chunkShape)
    let needed = plan.select(chunks)
    for chunk in needed
    where !HDF5ChunkDecoder.canHold(chunkBytes, stored: Int(chunk.size), filters: filters) {
      throw file.bytes.broken(
        chunk.place, "\(path): \(chunk.size) bytes cannot hold a chunk of \(chunkBytes)")
    }
    if needed.count < plan.cellCount { fillOutput(output, as: target) }
    let isWhole = box.extent == shape
    // Stored chunks without filters are in the system's cache already.
    let useCache =
      cache != nil && !isWhole && !filters.isEmpty && needed.count * chunkBytes <= 32 << 20
    let copier = ChunkCopier(plan: plan, stored: type, target: target, output: output)
    var missing: [HDF5Chunk] = []
    if useCache, let cache {
      for chunk in needed {
        try progress.check()
        if let known = cache[.init(dataset: ObjectIdentifier(self), position: chunk.position)] {
          var scratch = copier.makeScratch()
          known.withUnsafeBytes { copier.copy($0, chunk.position, &scratch) }
        } else {
          missing.append(chunk)
        }
      }
    } else {
      missing = needed
    }
    // Little work is done sooner by one thread than handed out to several.
    let isSmall = missing.count * chunkBytes <= (filters.isEmpty ? 4 << 20 : 128 << 10)
    let blocks = Self.blocks(of: missing, asOne: isSmall)
    try parallelFor(blocks.count) { index in
      let decoder = try HDF5ChunkDecoder(dataset: self, chunkBytes: chunkBytes)
      defer { withExtendedLifetime(decoder) {} }
      var scratch = copier.makeScratch()
      let longest = blocks[index].map(Self.storedLength).max() ?? 0
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: longest, alignment: 64)
      defer { buffer.deallocate() }
      for run in blocks[index] {
        let place = run[run.startIndex].place
        let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<Self.storedLength(run)])
        try file.bytes.read(at: place, into: part, path)
        for chunk in run {
          try progress.check()
          let start = Int(chunk.place - place)
          let stored = UnsafeRawBufferPointer(rebasing: part[start..<start + Int(chunk.size)])
          let decoded = try decoder.decode(stored, chunk: chunk)
          copier.copy(decoded, chunk.position, &scratch)
          if useCache {
            cache?.insert(
              Array(decoded),
              for: .init(dataset: ObjectIdentifier(self), position: chunk.position))
          }
        }
      }
    }
  }

  private static func storedLength(_ run: ArraySlice<HDF5Chunk>) -> Int {
    run.reduce(0) { $0 + Int($1.size) }
  }

  /// Runs of chunks that follow each other in the file, dealt out to blocks of work of about equal size.
  private static func blocks(of chunks: [HDF5Chunk], asOne: Bool) -> [[ArraySlice<HDF5Chunk>]] {
    let sorted = chunks.sorted { $0.place < $1.place }
    let total = sorted.reduce(0) { $0 + Int($1.size) }
    // Small enough to stay in a core's own cache until it is decoded.
    let runLimit = 128 << 10
    let blockLimit = asOne ? Int.max : max(runLimit, total / 48)
    var blocks: [[ArraySlice<HDF5Chunk>]] = []
    var block: [ArraySlice<HDF5Chunk>] = []
    var blockSize = 0
    var start = 0
    while start < sorted.count {
      var end = start + 1
      var size = Int(sorted[start].size)
      while end < sorted.count, size < runLimit,
        sorted[end].place == sorted[end - 1].place + UInt64(sorted[end - 1].size)
      {
        size += Int(sorted[end].size)
        end += 1
      }
      block.append(sorted[start..<end])
      blockSize += size
      if blockSize >= blockLimit {
        blocks.append(block)
        block = []
        blockSize = 0
      }
      start = end
    }
    if !block.isEmpty { blocks.append(block) }
    return blocks
  }
}

/// Which chunks a box touches.
private struct ChunkPlan: Sendable {
  let box: HDF5Box
  let chunkShape: [Int]
  let grid: [Int]
  /// First and one past the last cell of the grid along each axis.
  let first: [Int]
  let end: [Int]

  init(box: HDF5Box, shape: [Int], chunkShape: [Int]) {
    self.box = box
    self.chunkShape = chunkShape
    grid = (0..<3).map { (shape[$0] + chunkShape[$0] - 1) / chunkShape[$0] }
    first = (0..<3).map { box.origin[$0] / chunkShape[$0] }
    end = (0..<3).map { (box.origin[$0] + box.extent[$0] - 1) / chunkShape[$0] + 1 }
  }

  var cellCount: Int { (0..<3).reduce(1) { $0 * (end[$1] - first[$1]) } }

  func cell(_ position: Int) -> (z: Int, y: Int, x: Int) {
    (position / (grid[1] * grid[2]), position / grid[2] % grid[1], position % grid[2])
  }

  /// The chunks, of those sorted by position, that the box touches.
  func select(_ chunks: [HDF5Chunk]) -> [HDF5Chunk] {
    if cellCount == grid[0] * grid[1] * grid[2] { return chunks }
    var found: [HDF5Chunk] = []
    // Each row of cells is a range of positions.
    for z in first[0]..<end[0] {
      for y in first[1]..<end[1] {
        let row = (z * grid[1] + y) * grid[2]
        var index = lowerBound(chunks, row + first[2])
        while index < chunks.count, chunks[index].position < row + end[2] {
          found.append(chunks[index])
          index += 1
        }
      }
    }
    return found
  }

  private func lowerBound(_ chunks: [HDF5Chunk], _ position: Int) -> Int {
    var (low, high) = (0, chunks.count)
    while low < high {
      let middle = (low + high) / 2
      if chunks[middle].position < position { low = middle + 1 } else { high = middle }
    }
    return low
  }
}

/// Copies the part of a decoded chunk that lies in the box to its place in the output.
private struct ChunkCopier: Sendable {
  let plan: ChunkPlan
  let stored: HDF5ElementType
  let target: HDF5Target
  private let output: SharedOutput
  private let identity: Bool
  private let chunkCount: Int

  init(
    plan: ChunkPlan, stored: HDF5ElementType, target: HDF5Target,
    output: UnsafeMutableRawBufferPointer
  ) {
    self.plan = plan
    self.stored = stored
    self.target = target
    self.output = SharedOutput(bytes: output)
    identity = target.isIdentity(stored)
    chunkCount = plan.chunkShape.reduce(1, *)
  }

  /// Space for a converted chunk, when conversion is needed.
  func makeScratch() -> [UInt8] {
    identity ? [] : [UInt8](repeating: 0, count: chunkCount * target.type.byteCount)
  }

  func copy(_ decoded: UnsafeRawBufferPointer, _ position: Int, _ scratch: inout [UInt8]) {
    if identity {
      copyRows(decoded, position)
    } else {
      scratch.withUnsafeMutableBytes {
        target.convert(decoded, stored, count: chunkCount, into: $0)
        copyRows(UnsafeRawBufferPointer($0), position)
      }
    }
  }

  private func copyRows(_ source: UnsafeRawBufferPointer, _ position: Int) {
    let (cz, cy, cx) = plan.cell(position)
    let (s, o, e) = (plan.chunkShape, plan.box.origin, plan.box.extent)
    let width = target.type.byteCount
    // The overlap in coordinates of the data set.
    let (z0, z1) = (max(cz * s[0], o[0]), min((cz + 1) * s[0], o[0] + e[0]))
    let (y0, y1) = (max(cy * s[1], o[1]), min((cy + 1) * s[1], o[1] + e[1]))
    let (x0, x1) = (max(cx * s[2], o[2]), min((cx + 1) * s[2], o[2] + e[2]))
    let length = (x1 - x0) * width
    let (sx, tx) = (x0 - cx * s[2], x0 - o[2])
    let from = source.baseAddress!
    let to = output.bytes.baseAddress!
    for z in z0..<z1 {
      var a = (((z - cz * s[0]) * s[1] + (y0 - cy * s[1])) * s[2] + sx) * width
      var b = (((z - o[0]) * e[1] + (y0 - o[1])) * e[2] + tx) * width
      for _ in y0..<y1 {
        memcpy(to + b, from + a, length)
        a += s[2] * width
        b += e[2] * width
      }
    }
  }
}

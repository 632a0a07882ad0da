// Where a data set's chunks are: B-trees of version 1 (all ordinary files) and, for files written with the
// newest format, single chunks, implicit indexes and fixed arrays.

import Core

/// One chunk that was written.
struct HDF5Chunk: Sendable {
  /// Row-major position in the grid of chunks.
  var position: Int
  /// Address in the file, base included.
  var place: UInt64
  /// Bytes as stored.
  var size: UInt32
  /// Bit i set: filter i was left out for this chunk.
  var mask: UInt32
}

/// Reads the chunk index of one data set.
struct HDF5ChunkIndex {
  let file: HDF5File
  let rank: Int
  let shape: [Int]
  let elementSize: Int
  let isFiltered: Bool

  /// Layout message version 3: a B-tree of version 1.
  func version3(_ c: inout HDF5Cursor) throws -> ([Int], [HDF5Chunk]) {
    guard try c.u8() == rank + 1 else { throw c.broken("chunks with other axes than the data") }
    let tree = try c.number(file.addressWidth)
    let chunk = try chunkShape((0..<rank).map { _ in try c.u32() }, at: c)
    if file.isUndefined(tree) { return (chunk, []) }
    return (chunk, try finish(readTree(tree, chunk: chunk)))
  }

  /// Layout message version 4.
  func version4(_ c: inout HDF5Cursor) throws -> ([Int], [HDF5Chunk]) {
    let flags = try c.u8()
    guard try c.u8() == rank + 1 else { throw c.broken("chunks with other axes than the data") }
    let width = try c.u8()
    guard (1...8).contains(width) else { throw c.broken("chunk extents of \(width) bytes") }
    let chunk = try chunkShape(
      (0..<rank).map { _ in Int(clamping: try c.number(width)) }, at: c)
    _ = try c.number(width)
    let grid = gridShape(chunk)
    let count = grid[0] * grid[1] * grid[2]
    let bytes = UInt64(chunk[0] * chunk[1] * chunk[2] * elementSize)
    switch try c.u8() {
    case 1:
      var size = bytes
      var mask: UInt32 = 0
      if flags & 2 != 0 {
        size = try c.number(file.lengthWidth)
        mask = UInt32(try c.u32())
      }
      let address = try c.number(file.addressWidth)
      if file.isUndefined(address) { return (chunk, []) }
      return (chunk, [try stored(0, address, size, mask)])
    case 2:
      let address = try c.number(file.addressWidth)
      if file.isUndefined(address) { return (chunk, []) }
      guard UInt64(count) <= file.bytes.size else { throw c.broken("more chunks than bytes") }
      return (
        chunk,
        try (0..<count).map { try stored($0, address &+ UInt64($0) &* bytes, bytes, 0) }
      )
    case 3:
      try c.skip(1)
      let address = try c.number(file.addressWidth)
      if file.isUndefined(address) { return (chunk, []) }
      return (chunk, try readFixedArray(address, count: count, bytes: bytes))
    default: throw HDF5Unsupported(feature: "chunk indexes that grow")
    }
  }

  private func chunkShape(_ extents: [Int], at c: HDF5Cursor) throws -> [Int] {
    let chunk = Array(repeating: 1, count: 3 - rank) + extents
    guard chunk.allSatisfy({ $0 >= 1 && $0 < 1 << 32 }),
      let count = Size3(x: chunk[2], y: chunk[1], z: chunk[0]).checkedCount, count < 1 << 32
    else { throw c.broken("chunks of \(chunk) elements") }
    return chunk
  }

  private func gridShape(_ chunk: [Int]) -> [Int] {
    (0..<3).map { (shape[$0] + chunk[$0] - 1) / chunk[$0] }
  }

  private func stored(_ position: Int, _ address: UInt64, _ size: UInt64, _ mask: UInt32) throws
    -> HDF5Chunk
  {
    guard size < 1 << 32 else { throw file.bytes.broken(address, "a chunk of \(size) bytes") }
    try file.checkStored(address, size, "a chunk")
    return HDF5Chunk(
      position: position, place: address + file.base, size: UInt32(size), mask: mask)
  }

  /// Ascending by position, each position once.
  private func finish(_ chunks: [HDF5Chunk]) -> [HDF5Chunk] {
    var sorted = chunks.sorted { $0.position < $1.position }
    var kept = 0
    for i in sorted.indices where i == 0 || sorted[i].position != sorted[i - 1].position {
      sorted[kept] = sorted[i]
      kept += 1
    }
    sorted.removeSubrange(kept...)
    return sorted
  }

  private func readTree(_ root: UInt64, chunk: [Int]) throws -> [HDF5Chunk] {
    let a = file.addressWidth
    let keySize = 8 + 8 * (rank + 1)
    let grid = gridShape(chunk)
    var chunks: [HDF5Chunk] = []
    var pending = [(root, Int.max)]
    // A tree's nodes do not overlap, so together they are no larger than the file.
    var budget = Int(file.bytes.size)
    while let (address, level) = pending.popLast() {
      var head = try file.read(address, 8 + 2 * a, "chunk tree")
      try head.expect("TREE")
      guard try head.u8() == 1 else { throw head.broken("a chunk tree is no chunk tree") }
      let here = try head.u8()
      guard level == Int.max || here == level else { throw head.broken("tree level \(here)") }
      let entries = try head.u16()
      let size = entries * (keySize + a)
      budget -= head.bytes.count + size
      guard budget >= 0 else { throw head.broken("chunk tree larger than the file") }
      var c = try file.read(address + UInt64(head.bytes.count), size, "chunk tree")
      for _ in 0..<entries {
        let stored = try c.number(4)
        let mask = UInt32(try c.number(4))
        var position = 0
        var isInside = true
        for axis in (3 - rank)..<3 {
          let offset = try c.u64()
          let index = offset / UInt64(chunk[axis])
          guard index * UInt64(chunk[axis]) == offset else {
            throw c.broken("a chunk between chunks")
          }
          // Chunks outside remain when a data set was made smaller.
          if index >= UInt64(grid[axis]) { isInside = false }
          position = position &* grid[axis] &+ Int(truncatingIfNeeded: index)
        }
        try c.skip(8)
        let child = try c.number(a)
        if here > 0 {
          pending.append((child, here - 1))
        } else if isInside {
          chunks.append(try self.stored(position, child, stored, mask))
        }
      }
    }
    return chunks
  }

  private func readFixedArray(_ address: UInt64, count: Int, bytes: UInt64) throws -> [HDF5Chunk] {
    let a = file.addressWidth
    var head = try file.read(address, 8 + file.lengthWidth + a, "chunk array")
    try head.expect("FAHD")
    try head.skip(1)
    let hasSizes = try head.u8() == 1
    let entry = try head.u8()
    let pageBits = try head.u8()
    let total = try head.number(file.lengthWidth)
    let block = try head.number(a)
    guard total == UInt64(count) else { throw HDF5Unsupported(feature: "arrays that can grow") }
    guard hasSizes == isFiltered, entry >= a, !hasSizes || (a + 5...a + 12).contains(entry),
      pageBits <= 30
    else { throw head.broken("a chunk array of impossible shape") }
    if file.isUndefined(block) { return [] }
    let prefix = 6 + a
    let perPage = 1 << pageBits
    var chunks: [HDF5Chunk] = []
    func readEntries(_ start: UInt64, _ range: Range<Int>) throws {
      var c = try file.read(start, range.count * entry, "chunk array")
      for position in range {
        var part = try c.part(entry)
        let place = try part.number(a)
        let size = hasSizes ? try part.number(entry - a - 4) : bytes
        let mask = hasSizes ? UInt32(try part.number(4)) : 0
        if !file.isUndefined(place) { chunks.append(try stored(position, place, size, mask)) }
      }
    }
    guard count <= Int(file.bytes.size) else { throw head.broken("more chunks than bytes") }
    if count <= perPage {
      var check = try file.read(block, 4, "chunk array")
      try check.expect("FADB")
      try readEntries(block + UInt64(prefix), 0..<count)
      return chunks
    }
    let pages = (count + perPage - 1) / perPage
    let map = try file.read(block, prefix + (pages + 7) / 8, "chunk array").bytes
    let first = block + UInt64(map.count + 4)
    for page in 0..<pages where map[prefix + page / 8] & (0x80 >> UInt8(page % 8)) != 0 {
      let start = first + UInt64(page * (perPage * entry + 4))
      try readEntries(start, page * perPage..<min(count, (page + 1) * perPage))
    }
    return chunks
  }
}

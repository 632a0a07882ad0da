// The fractal heap that holds the links of large groups in newer files: a doubling table of blocks, in which
// an object is found by its offset in the heap's own address space.

import Core

/// The managed objects of a fractal heap.
struct HDF5FractalHeap {
  private let file: HDF5File
  private let offsetWidth, lengthWidth: Int
  private let tableWidth: Int
  private let startSize, maxDirect: UInt64
  private let root: UInt64
  private let rootRows: Int
  private let maxHeapBits: Int

  init(file: HDF5File, address: UInt64) throws {
    let (a, l) = (file.addressWidth, file.lengthWidth)
    var c = try file.read(address, 4 + 1 + 2 + 2 + 1 + 4 + 12 * l + 3 * a + 2 + 2 + 2 + 2, "heap")
    try c.expect("FRHP")
    try c.skip(1 + 2)
    guard try c.u16() == 0 else { throw HDF5Unsupported(feature: "filtered heaps") }
    try c.skip(1)
    let maxManaged = try c.u32()
    try c.skip(l + a + l + a + 8 * l)
    tableWidth = try c.u16()
    startSize = try c.number(l)
    maxDirect = try c.number(l)
    maxHeapBits = try c.u16()
    try c.skip(2)
    root = try c.number(a)
    rootRows = try c.u16()
    guard tableWidth > 0, startSize > 0, startSize & (startSize - 1) == 0,
      maxDirect & (maxDirect &- 1) == 0, maxDirect >= startSize, maxDirect <= 1 << 32,
      maxHeapBits <= 64, rootRows <= 64
    else { throw c.broken("a heap of impossible shape") }
    offsetWidth = (maxHeapBits + 7) / 8
    let direct = (64 - maxDirect.leadingZeroBitCount + 6) / 8
    let managed = (64 - UInt64(max(1, maxManaged)).leadingZeroBitCount + 7) / 8
    lengthWidth = min(max(1, direct), managed)
    self.file = file
  }

  /// The bytes of the object with this id.
  func object(_ id: [UInt8]) throws -> HDF5Cursor {
    var c = HDF5Cursor(bytes: id, file: file.bytes, offset: root)
    let flags = try c.u8()
    guard flags & 0xF0 == 0 else { throw HDF5Unsupported(feature: "huge or tiny heap objects") }
    let offset = try c.number(offsetWidth)
    let length = Int(try c.number(lengthWidth))
    if rootRows == 0 { return try file.read(root &+ offset, length, "heap object") }
    return try find(offset, length, block: root, start: 0, rows: rootRows, depth: 0)
  }

  /// Rows 0 and 1 have blocks of the starting size; each further row doubles it.
  private func rowSize(_ row: Int) -> UInt64 { startSize << UInt64(max(0, row - 1)) }

  private func find(
    _ offset: UInt64, _ length: Int, block: UInt64, start: UInt64, rows: Int, depth: Int
  ) throws -> HDF5Cursor {
    guard depth < 16 else { throw file.bytes.broken(block, "a heap in a circle") }
    let headSize = 5 + file.addressWidth + offsetWidth
    let entries = rows * tableWidth
    var c = try file.read(block, headSize + entries * file.addressWidth, "heap block")
    try c.expect("FHIB")
    try c.skip(headSize - 4)
    var begin = start
    for row in 0..<rows {
      // Blocks beyond 2^48 bytes do not exist; the limit keeps the arithmetic below from overflowing.
      guard max(0, row - 1) + 63 - startSize.leadingZeroBitCount <= 48 else { break }
      let size = rowSize(row)
      for _ in 0..<tableWidth {
        let child = try c.number(file.addressWidth)
        let inside = offset &- begin
        if offset >= begin && inside < size {
          if size <= maxDirect { return try file.read(child &+ inside, length, "heap object") }
          // An indirect child covers as many rows as add up to its size.
          var covered = 0
          while (startSize << UInt64(covered)) * UInt64(tableWidth) < size {
            covered += 1
          }
          return try find(
            offset, length, block: child, start: begin, rows: covered + 1, depth: depth + 1)
        }
        begin = begin &+ size
      }
    }
    throw file.bytes.broken(block, "a heap object outside the heap")
  }
}

// One data set: its shape, element type, layout and filters, as the messages of its object header say.

import Core

/// The element type of a data set as stored.
struct HDF5ElementType: Equatable, Sendable {
  var isFloat: Bool
  var size: Int
  var isSigned: Bool
  var isBigEndian: Bool
}

/// A data set of rank 1 to 3. Shapes have three axes, slowest first; missing leading axes have extent 1.
final class HDF5Dataset: Sendable {
  /// Where the elements are.
  enum Layout: Sendable {
    /// Inside the object header.
    case compact([UInt8])
    /// In one piece. A nil address means that nothing was ever written.
    case contiguous(UInt64?)
    /// In chunks of this shape; the index lists those that were written.
    case chunked(shape: [Int], chunks: [HDF5Chunk])
  }

  let file: HDF5File
  let path: String
  let shape: [Int]
  let type: HDF5ElementType
  let layout: Layout
  let filters: [HDF5Filter]
  /// The value of elements that were never written; empty means zeros.
  let fill: [UInt8]

  /// Read the description of the data set whose object header is at this address.
  init(file: HDF5File, address: UInt64, path: String) throws {
    var space: [Int]?
    var type: HDF5ElementType?
    var layoutBody: HDF5Cursor?
    var filters: [HDF5Filter] = []
    var fill: [UInt8] = []
    for message in try file.messages(at: address) {
      switch message.kind {
      case .dataspace:
        guard !message.isShared else { throw HDF5Unsupported(feature: "shared dataspaces") }
        space = try file.readDataspace(message.body)
      case .datatype: type = try file.readElementType(message)
      case .fillValue where !message.isShared: fill = try file.readFillValue(message.body)
      case .layout: layoutBody = message.body
      case .filters:
        guard !message.isShared else { throw HDF5Unsupported(feature: "shared filters") }
        filters = try file.readFilters(message.body)
      case .externalFiles: throw HDF5Unsupported(feature: "external data files")
      default: break
      }
    }
    guard let space, let type, let layoutBody else {
      throw file.bytes.broken(address, "\(path) is no data set")
    }
    let shape = try Self.checkedShape(space, file, path)
    self.file = file
    self.path = path
    self.shape = shape
    self.type = type
    self.filters = filters
    self.fill = fill.count == type.size && fill.contains { $0 != 0 } ? fill : []
    layout = try file.readLayout(
      layoutBody, rank: space.count, shape: shape, elementSize: type.size, filters: filters)
  }

  /// Shape and element type only, without the work of reading the layout.
  static func describe(file: HDF5File, address: UInt64, path: String) throws
    -> (shape: [Int], type: HDF5ElementType)
  {
    var space: [Int]?
    var type: HDF5ElementType?
    for message in try file.messages(at: address) {
      if message.kind == .dataspace, !message.isShared {
        space = try file.readDataspace(message.body)
      }
      if message.kind == .datatype { type = try file.readElementType(message) }
    }
    guard let space, let type else { throw file.bytes.broken(address, "\(path) is no data set") }
    return (try checkedShape(space, file, path), type)
  }

  /// Three axes. Beyond 2^40 elements nothing is real, and below it no product of sizes overflows.
  private static func checkedShape(_ space: [Int], _ file: HDF5File, _ path: String) throws -> [Int]
  {
    guard (1...3).contains(space.count) else {
      throw HowdahError.format(file.path, at: path, "has \(space.count) axes, not 3")
    }
    let shape = Array(repeating: 1, count: 3 - space.count) + space
    let count = Size3(x: shape[2], y: shape[1], z: shape[0]).checkedCount
    guard let count, count < 1 << 40 else {
      throw HowdahError.format(file.path, at: path, "has an impossible size of \(shape)")
    }
    return shape
  }

  var elementCount: Int { shape[0] * shape[1] * shape[2] }

  /// How much of the caches this data set's index takes.
  var indexCount: Int {
    if case .chunked(_, let chunks) = layout { return chunks.count }
    return 0
  }
}

extension HDF5File {
  fileprivate func readDataspace(_ body: HDF5Cursor) throws -> [Int] {
    var c = body
    let version = try c.u8()
    let rank = try c.u8()
    let flags = try c.u8()
    switch version {
    case 1: try c.skip(5)
    case 2: try c.skip(1)
    default: throw c.broken("dataspace version \(version) is unknown")
    }
    guard rank <= 32 else { throw c.broken("\(rank) axes") }
    func extents() throws -> [UInt64] { try (0..<rank).map { _ in try c.number(lengthWidth) } }
    let now = try extents()
    if flags & 1 != 0 { _ = try extents() }
    return try now.map { extent in
      guard extent >= 1, extent <= 1 << 40 else { throw c.broken("an axis of \(extent)") }
      return Int(extent)
    }
  }

  /// The datatype message, or the committed type that a shared message points to.
  fileprivate func readElementType(_ message: HDF5Message, hops: Int = 0) throws -> HDF5ElementType
  {
    var c = message.body
    if message.isShared {
      let version = try c.u8()
      let type = try c.u8()
      if version == 1 { try c.skip(6) }
      guard version < 3 || type == 2, hops < 4 else {
        throw HDF5Unsupported(feature: "shared message tables")
      }
      let target = try messages(at: try c.number(addressWidth)).first { $0.kind == .datatype }
      guard let target else { throw c.broken("a committed type is missing") }
      return try readElementType(target, hops: hops + 1)
    }
    let head = try c.u8()
    let bits = try c.u8()
    try c.skip(2)
    let size = try c.u32()
    let isBigEndian = bits & 1 != 0
    switch head & 15 {
    case 0 where [1, 2, 4, 8].contains(size):
      return HDF5ElementType(
        isFloat: false, size: size, isSigned: bits & 8 != 0, isBigEndian: isBigEndian)
    case 1 where size == 4 || size == 8:
      guard bits & 0x40 == 0 else { throw HDF5Unsupported(feature: "VAX floats") }
      return HDF5ElementType(isFloat: true, size: size, isSigned: true, isBigEndian: isBigEndian)
    default: throw HDF5Unsupported(feature: "elements of type class \(head & 15)")
    }
  }

  fileprivate func readFillValue(_ body: HDF5Cursor) throws -> [UInt8] {
    var c = body
    let version = try c.u8()
    switch version {
    case 1, 2:
      try c.skip(2)
      guard try c.u8() == 1 || version == 1 else { return [] }
    case 3:
      guard try c.u8() & 0x20 != 0 else { return [] }
    default: throw c.broken("fill value version \(version) is unknown")
    }
    return try c.take(try c.u32())
  }

  fileprivate func readFilters(_ body: HDF5Cursor) throws -> [HDF5Filter] {
    var c = body
    let version = try c.u8()
    guard version == 1 || version == 2 else { throw c.broken("filters of version \(version)") }
    let count = try c.u8()
    guard count <= 32 else { throw c.broken("\(count) filters") }
    if version == 1 { try c.skip(6) }
    return try (0..<count).map { _ in
      let id = try c.u16()
      let nameLength = version == 1 || id >= 256 ? try c.u16() : 0
      try c.skip(2)
      let valueCount = try c.u16()
      try c.skip(version == 1 ? (nameLength + 7) & ~7 : nameLength)
      let values = try (0..<valueCount).map { _ in UInt32(try c.u32()) }
      if version == 1 && valueCount % 2 == 1 { try c.skip(4) }
      return HDF5Filter(id: id, values: values)
    }
  }

  fileprivate func readLayout(
    _ body: HDF5Cursor, rank: Int, shape: [Int], elementSize: Int, filters: [HDF5Filter]
  ) throws -> HDF5Dataset.Layout {
    var c = body
    let version = try c.u8()
    guard version == 3 || version == 4 else {
      throw HDF5Unsupported(feature: "layout version \(version)")
    }
    let byteCount = shape[0] * shape[1] * shape[2] * elementSize
    switch try c.u8() {
    case 0:
      let data = try c.take(try c.u16())
      guard data.count >= byteCount else { throw c.broken("compact data are cut off") }
      return .compact(data)
    case 1:
      let address = try c.number(addressWidth)
      if isUndefined(address) { return .contiguous(nil) }
      try checkStored(address, UInt64(byteCount), "contiguous data")
      return .contiguous(address)
    case 2:
      let index = HDF5ChunkIndex(
        file: self, rank: rank, shape: shape, elementSize: elementSize, isFiltered: !filters.isEmpty
      )
      let (chunkShape, chunks) = try version == 3 ? index.version3(&c) : index.version4(&c)
      try checkChunkShape(chunkShape, elementSize: elementSize, filters: filters, at: c)
      return .chunked(shape: chunkShape, chunks: chunks)
    default: throw HDF5Unsupported(feature: "virtual data sets")
    }
  }

  /// Throws unless stored data lie inside the file.
  func checkStored(_ address: UInt64, _ count: UInt64, _ what: String) throws {
    let (place, overflow) = address.addingReportingOverflow(base)
    guard !overflow else { throw bytes.broken(address, "\(what) beyond the end") }
    try bytes.check(place, count, what)
  }

  /// HDF5 itself limits a chunk to 4 GiB. A scaleoffset filter repeats the number of elements, so it can be
  /// checked; the memory that a chunk takes is checked when it is read.
  private func checkChunkShape(
    _ shape: [Int], elementSize: Int, filters: [HDF5Filter], at c: HDF5Cursor
  ) throws {
    let count = shape[0] * shape[1] * shape[2]
    guard count * elementSize < 1 << 32 else { throw c.broken("chunks of \(shape) elements") }
    for filter in filters where filter.id == HDF5Filter.scaleOffset {
      guard filter.values.count >= 8, Int(filter.values[2]) == count else {
        throw c.broken("chunks of \(shape) elements that their filter does not know")
      }
    }
  }
}

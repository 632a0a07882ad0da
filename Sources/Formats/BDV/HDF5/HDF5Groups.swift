// The links of a group in HDF5's three forms: symbol table (B-tree version 1 and local heap), link messages
// in the header, and "dense" (B-tree version 2 and fractal heap). All links are read at once; the sums of
// what is read are bounded by the file's size, so that trees with shared or circular nodes end.

import Core

extension HDF5File {
  /// All links of the group whose object header is at this address.
  func readLinks(ofGroup address: UInt64) throws -> [String: HDF5Link] {
    var links: [String: HDF5Link] = [:]
    for message in try messages(at: address) {
      switch message.kind {
      case .symbolTable:
        var c = message.body
        let tree = try c.number(addressWidth)
        let heap = try c.number(addressWidth)
        try readSymbolTable(tree: tree, heap: heap, into: &links)
      case .link:
        var c = message.body
        let (name, link) = try readLink(&c)
        links[name] = link
      case .linkInfo:
        var c = message.body
        try c.skip(1)
        let flags = try c.u8()
        if flags & 1 != 0 { try c.skip(8) }
        let heap = try c.number(addressWidth)
        let names = try c.number(addressWidth)
        if !isUndefined(heap) && !isUndefined(names) {
          let fractal = try HDF5FractalHeap(file: self, address: heap)
          for id in try recordsOfTree2(names, type: 5, bytes: 4..<11) {
            var c = try fractal.object(id)
            let (name, link) = try readLink(&c)
            links[name] = link
          }
        }
      default: break
      }
    }
    return links
  }

  private func readSymbolTable(
    tree: UInt64, heap: UInt64, into links: inout [String: HDF5Link]
  ) throws {
    var c = try read(heap, 8 + 2 * lengthWidth + addressWidth, "local heap")
    try c.expect("HEAP")
    try c.skip(4)
    let size = try c.number(lengthWidth)
    try c.skip(lengthWidth)
    let data = try c.number(addressWidth)
    guard size <= bytes.size else { throw c.broken("local heap larger than the file") }
    let names = try read(data, Int(size), "local heap")

    // Nodes to visit with the level they must have; -1 is a symbol node.
    var pending: [(UInt64, Int)] = [(tree, Int.max)]
    var budget = Int(bytes.size)
    while let (address, level) = pending.popLast() {
      if level == -1 {
        try readSymbolNode(address, names: names, budget: &budget, into: &links)
        continue
      }
      var node = try read(address, 8 + 2 * addressWidth, "group tree")
      try node.expect("TREE")
      guard try node.u8() == 0 else { throw node.broken("a group's tree is no group tree") }
      let here = try node.u8()
      guard level == Int.max || here == level else { throw node.broken("tree level \(here)") }
      let entries = try node.u16()
      let pair = lengthWidth + addressWidth
      budget -= node.bytes.count + entries * pair
      guard budget >= 0 else { throw node.broken("group tree larger than the file") }
      var body = try read(
        address + UInt64(node.bytes.count), entries * pair + lengthWidth, "group tree")
      for _ in 0..<entries {
        try body.skip(lengthWidth)
        pending.append((try body.number(addressWidth), here - 1))
      }
    }
  }

  private func readSymbolNode(
    _ address: UInt64, names: HDF5Cursor, budget: inout Int, into links: inout [String: HDF5Link]
  ) throws {
    var head = try read(address, 8, "symbol node")
    try head.expect("SNOD")
    try head.skip(2)
    let count = try head.u16()
    let entry = 2 * addressWidth + 24
    budget -= 8 + count * entry
    guard budget >= 0 else { throw head.broken("group tree larger than the file") }
    var c = try read(address + 8, count * entry, "symbol node")
    for _ in 0..<count {
      let nameOffset = try c.number(addressWidth)
      let header = try c.number(addressWidth)
      let cacheType = try c.u32()
      try c.skip(4)
      var scratch = try c.part(16)
      var text = names
      guard nameOffset <= UInt64(names.bytes.count) else { throw c.broken("a name is missing") }
      text.position = Int(nameOffset)
      let name = try text.zeroTerminated()
      if cacheType == 2 {
        let targetOffset = try scratch.u32()
        guard targetOffset <= names.bytes.count else { throw c.broken("a soft link is broken") }
        text.position = targetOffset
        links[name] = .soft(try text.zeroTerminated())
      } else {
        links[name] = .hard(header)
      }
    }
  }

  /// A link message, from a header or from a fractal heap.
  private func readLink(_ c: inout HDF5Cursor) throws -> (String, HDF5Link) {
    let version = try c.u8()
    guard version == 1 else { throw c.broken("link version \(version) is unknown") }
    let flags = try c.u8()
    let type = flags & 8 != 0 ? try c.u8() : 0
    if flags & 4 != 0 { try c.skip(8) }
    if flags & 16 != 0 { try c.skip(1) }
    let length = try c.number(1 << (flags & 3))
    guard length <= UInt64(c.remaining) else { throw c.broken("a link name is cut off") }
    let name = String(decoding: try c.take(Int(length)), as: UTF8.self)
    switch type {
    case 0: return (name, .hard(try c.number(addressWidth)))
    case 1:
      let count = try c.u16()
      return (name, .soft(String(decoding: try c.take(count), as: UTF8.self)))
    case 64:
      var value = try c.part(try c.u16())
      try value.skip(1)
      let file = try value.zeroTerminated()
      return (name, .external(file: file, path: try value.zeroTerminated()))
    default: throw HDF5Unsupported(feature: "links of type \(type)")
    }
  }

  /// All records of a B-tree of version 2, of each the given bytes.
  func recordsOfTree2(_ address: UInt64, type: Int, bytes part: Range<Int>) throws -> [[UInt8]] {
    var c = try read(address, 4 + 1 + 1 + 4 + 2 + 2 + 2 + addressWidth + 2 + lengthWidth, "index")
    try c.expect("BTHD")
    try c.skip(1)
    guard try c.u8() == type else { throw c.broken("an index of another kind") }
    let nodeSize = try c.u32()
    let recordSize = try c.u16()
    let depth = try c.u16()
    try c.skip(2)
    let root = try c.number(addressWidth)
    let rootCount = try c.u16()
    guard recordSize >= part.upperBound, nodeSize >= 16, nodeSize <= 1 << 24, depth <= 8 else {
      throw c.broken("an index of impossible shape")
    }
    // Widths of the record counts stored beside child addresses, as the library derives them.
    func width(_ count: Int) -> Int { (64 - max(1, count).leadingZeroBitCount + 7) / 8 }
    var maxRecords = [(nodeSize - 10) / recordSize]
    var totals = [maxRecords[0]]
    let countWidth = width(maxRecords[0])
    for level in stride(from: 1, through: depth, by: 1) {
      let pointer = addressWidth + countWidth + (level > 1 ? width(totals[level - 1]) : 0)
      let most = max(0, (nodeSize - 10 - pointer) / (recordSize + pointer))
      maxRecords.append(most)
      let below = totals[level - 1].multipliedReportingOverflow(by: most + 1)
      guard !below.overflow, below.partialValue < 1 << 48 else {
        throw c.broken("an index of impossible shape")
      }
      totals.append(below.partialValue + most)
    }
    var records: [[UInt8]] = []
    var budget = Int(bytes.size)
    var pending = isUndefined(root) || rootCount == 0 ? [] : [(root, rootCount, depth)]
    while let (node, count, level) = pending.popLast() {
      budget -= max(1, count * recordSize)
      guard budget >= 0, count <= maxRecords[level] else {
        throw c.broken("an index larger than its space")
      }
      let pointer =
        level == 0 ? 0 : addressWidth + countWidth + (level > 1 ? width(totals[level - 1]) : 0)
      var n = try read(
        node, 6 + count * recordSize + (level > 0 ? count + 1 : 0) * pointer, "index")
      try n.expect(level == 0 ? "BTLF" : "BTIN")
      try n.skip(2)
      for _ in 0..<count { records.append(Array(try n.take(recordSize)[part])) }
      if level > 0 {
        for _ in 0...count {
          let child = try n.number(addressWidth)
          let childCount = Int(try n.number(countWidth))
          if level > 1 { try n.skip(width(totals[level - 1])) }
          pending.append((child, childCount, level - 1))
        }
      }
    }
    return records
  }
}

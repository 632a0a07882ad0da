// Text attributes of an object, in the header or in "dense" storage, of fixed or variable length.

import Core

extension HDF5File {
  /// The text of an attribute, or nil when the object has none of this name, or it is no text.
  func textAttribute(_ wanted: String, of address: UInt64) throws -> String? {
    for message in try messages(at: address) {
      if message.kind == .attribute, !message.isShared,
        let text = try text(ofAttribute: message.body, named: wanted)
      {
        return text
      }
      if message.kind == .attributeInfo {
        var c = message.body
        try c.skip(1)
        if try c.u8() & 1 != 0 { try c.skip(2) }
        let heap = try c.number(addressWidth)
        let names = try c.number(addressWidth)
        if isUndefined(heap) || isUndefined(names) { continue }
        let fractal = try HDF5FractalHeap(file: self, address: heap)
        for id in try recordsOfTree2(names, type: 8, bytes: 0..<8) {
          if let text = try text(ofAttribute: fractal.object(id), named: wanted) { return text }
        }
      }
    }
    return nil
  }

  private func text(ofAttribute body: HDF5Cursor, named wanted: String) throws -> String? {
    var c = body
    let version = try c.u8()
    guard (1...3).contains(version) else { throw c.broken("attribute version \(version)") }
    let flags = try c.u8()
    let sizes = [try c.u16(), try c.u16(), try c.u16()]
    if version == 3 { try c.skip(1) }
    func field(_ size: Int) throws -> HDF5Cursor {
      let part = try c.part(size)
      if version == 1 { try c.skip(min(c.remaining, (8 - size % 8) % 8)) }
      return part
    }
    var name = try field(sizes[0])
    guard try name.zeroTerminated() == wanted, version == 1 || flags & 3 == 0 else { return nil }
    var type = try field(sizes[1])
    _ = try field(sizes[2])
    let head = try type.u8()
    let bits = try type.u8()
    try type.skip(2)
    let size = try type.u32()
    switch head & 15 {
    case 3:
      let data = try c.take(min(size, c.remaining))
      let text = String(decoding: data.prefix { $0 != 0 }, as: UTF8.self)
      return trimmedASCIIWhitespace(text)
    case 9 where bits & 15 == 1:
      let length = try c.u32()
      let heap = try c.number(addressWidth)
      let data = try globalHeapObject(heap, index: try c.u32())
      let used = data.prefix(length).prefix { $0 != 0 }
      return trimmedASCIIWhitespace(String(decoding: used, as: UTF8.self))
    default: return nil
    }
  }

  private func globalHeapObject(_ address: UInt64, index wanted: Int) throws -> [UInt8] {
    var head = try read(address, 8 + lengthWidth, "global heap")
    try head.expect("GCOL")
    try head.skip(4)
    let size = try head.number(lengthWidth)
    guard size >= UInt64(head.bytes.count), size <= bytes.size else {
      throw head.broken("a global heap of \(size) bytes")
    }
    var c = try read(address, Int(size), "global heap")
    try c.skip(head.bytes.count)
    while c.remaining >= 8 + lengthWidth {
      let index = try c.u16()
      try c.skip(6)
      let count = try c.number(lengthWidth)
      guard index != 0, count <= UInt64(c.remaining) else { break }
      let data = try c.take(Int(count))
      if index == wanted { return data }
      try c.skip(min(c.remaining, (8 - Int(count) % 8) % 8))
    }
    throw head.broken("a text in the global heap is missing")
  }
}

// Object headers, versions 1 and 2: the list of messages that describe a group or a data set.

import Core

/// One message of an object header.
struct HDF5Message {
  enum Kind: Int {
    case dataspace = 0x01
    case linkInfo = 0x02
    case datatype = 0x03
    case fillValue = 0x05
    case link = 0x06
    case externalFiles = 0x07
    case layout = 0x08
    case filters = 0x0B
    case attribute = 0x0C
    case symbolTable = 0x11
    case attributeInfo = 0x15
  }

  var kind: Kind
  /// The message's content is elsewhere in the file (a committed data type, for example).
  var isShared: Bool
  var body: HDF5Cursor
}

extension HDF5File {
  /// The messages of the object header at this address that the reader has a use for.
  func messages(at address: UInt64) throws -> [HDF5Message] {
    var c = try read(address, 12, "object header")
    if c.bytes[0] == UInt8(ascii: "O") { return try messagesOfVersion2(at: address) }
    let version = try c.u8()
    guard version == 1 else { throw c.broken("object header version \(version) is unknown") }
    try c.skip(1)
    var announced = try c.u16()
    try c.skip(4)
    let size = try c.u32()
    var found: [HDF5Message] = []
    // Blocks still to read: the first, then continuations. Their sizes together cannot pass the file's.
    var blocks = [(address + 16, size)]
    var budget = bytes.size
    while let (start, length) = blocks.popLast() {
      guard UInt64(length) <= budget else { throw c.broken("object header larger than the file") }
      budget -= UInt64(length)
      var block = try read(start, length, "object header")
      while block.remaining >= 8 && announced > 0 {
        announced -= 1
        let type = try block.u16()
        let count = try block.u16()
        let flags = try block.u8()
        try block.skip(3)
        let body = try block.part(count)
        try note(type, flags: flags, body, into: &found, blocks: &blocks)
      }
    }
    return found
  }

  private func messagesOfVersion2(at address: UInt64) throws -> [HDF5Message] {
    let available = bytes.size - min(bytes.size, address &+ base)
    var c = try read(address, Int(min(64, available)), "object header")
    try c.expect("OHDR")
    let version = try c.u8()
    guard version == 2 else { throw c.broken("object header version \(version) is unknown") }
    let flags = try c.u8()
    if flags & 0x20 != 0 { try c.skip(16) }
    if flags & 0x10 != 0 { try c.skip(4) }
    let size = try c.number(1 << (flags & 3))
    guard size <= bytes.size else { throw c.broken("object header larger than the file") }
    var found: [HDF5Message] = []
    var blocks = [(address + UInt64(c.position), Int(size))]
    var budget = bytes.size
    var isFirst = true
    while let (start, length) = blocks.popLast() {
      guard UInt64(length) <= budget else { throw c.broken("object header larger than the file") }
      budget -= UInt64(length)
      var block = try read(start, length, "object header")
      if !isFirst { try block.expect("OCHK") }
      // A continuation block's length includes its checksum, the first block's does not.
      let end = length - (isFirst ? 0 : 4)
      isFirst = false
      let head = flags & 4 != 0 ? 6 : 4
      while end - block.position >= head {
        let type = try block.u8()
        let count = try block.u16()
        let messageFlags = try block.u8()
        if head == 6 { try block.skip(2) }
        let body = try block.part(count)
        try note(type, flags: messageFlags, body, into: &found, blocks: &blocks)
      }
    }
    return found
  }

  private func note(
    _ type: Int, flags: Int, _ body: HDF5Cursor, into found: inout [HDF5Message],
    blocks: inout [(UInt64, Int)]
  ) throws {
    if type == 0x10 {
      var c = body
      let start = try c.number(addressWidth)
      let length = try c.number(lengthWidth)
      guard length <= bytes.size else { throw c.broken("object header larger than the file") }
      blocks.append((start, Int(length)))
    } else if let kind = HDF5Message.Kind(rawValue: type) {
      found.append(HDF5Message(kind: kind, isShared: flags & 2 != 0, body: body))
    }
  }
}

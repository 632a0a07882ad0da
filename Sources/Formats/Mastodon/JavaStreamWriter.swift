// Writes object streams with the same bytes as Java's ObjectOutputStream: block data through a buffer of
// 1024 bytes, class descriptions written once and then referred to.

import Core

/// The bytes of one object stream, written item by item.
struct JavaStreamWriter {
  private(set) var bytes: [UInt8] = [0xAC, 0xED, 0, 5]
  private var handles: [String: Int32] = [:]
  private var nextHandle: Int32 = 0x7E0000

  /// Bytes of block data in one full block.
  private static let block = 1024

  /// - Parameter capacity: expected size of the file.
  init(capacity: Int = 0) { bytes.reserveCapacity(capacity) }

  /// A whole run of block data: everything up to the next object or the end of the file. An empty run
  /// writes nothing.
  mutating func data(_ run: UnsafeRawBufferPointer) {
    // Grow geometrically: several runs must not copy the whole file each time.
    let wanted = bytes.count + run.count + (run.count / Self.block + 1) * 5
    if bytes.capacity < wanted { bytes.reserveCapacity(max(wanted, bytes.capacity * 2)) }
    var offset = 0
    while run.count - offset >= Self.block {
      bytes.append(0x7A)
      integer(Int32(Self.block))
      bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: run[offset..<offset + Self.block]))
      offset += Self.block
    }
    let rest = run.count - offset
    if rest == 0 { return }
    if rest <= 255 {
      bytes.append(0x77)
      bytes.append(UInt8(rest))
    } else {
      bytes.append(0x7A)
      integer(Int32(rest))
    }
    bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: run[offset...]))
  }

  /// A whole run of block data.
  mutating func data(_ run: DataRun) { run.bytes.withUnsafeBytes { data($0) } }

  /// A String[].
  mutating func strings(_ texts: [String]) {
    array("[Ljava.lang.String;", serial: 0xADD2_56E7_E91D_7B47, count: texts.count)
    for text in texts { string(text) }
  }

  /// An int[] of values given in the byte order of this machine.
  mutating func ints(_ values: [Int32]) {
    array("[I", serial: 0x4DBA_6026_76EA_B2A5, count: values.count)
    for value in values { integer(value) }
  }

  /// A byte[].
  mutating func byteArray(_ content: [UInt8]) {
    array("[B", serial: 0xACF3_17F8_0608_54E0, count: content.count)
    bytes.append(contentsOf: content)
  }

  /// An enum constant.
  mutating func constant(type: String, name: String) {
    bytes.append(0x7E)
    if !reference("class " + type) {
      description(type, serial: 0, flags: 0x12)
      if !reference("class java.lang.Enum") {
        description("java.lang.Enum", serial: 0, flags: 0x12)
        bytes.append(0x70)
      }
    }
    nextHandle += 1
    string(name)
  }

  private mutating func string(_ text: String) {
    if reference("text " + text) { return }
    bytes.append(0x74)
    let count = ModifiedUTF8.length(text)
    precondition(count <= 65535, "a text of an object stream is too long")
    bytes.append(UInt8(count >> 8))
    bytes.append(UInt8(count & 0xFF))
    ModifiedUTF8.append(text, to: &bytes)
    assign("text " + text)
  }

  private mutating func array(_ type: String, serial: UInt64, count: Int) {
    bytes.append(0x75)
    if !reference("class " + type) {
      description(type, serial: serial, flags: 0x02)
      bytes.append(0x70)
    }
    nextHandle += 1
    integer(Int32(count))
  }

  /// A class description up to its super class, which the caller writes.
  private mutating func description(_ type: String, serial: UInt64, flags: UInt8) {
    bytes.append(0x72)
    bytes.append(0)
    bytes.append(UInt8(type.utf8.count))
    bytes.append(contentsOf: type.utf8)
    for shift in stride(from: 56, through: 0, by: -8) {
      bytes.append(UInt8(truncatingIfNeeded: serial >> UInt64(shift)))
    }
    bytes.append(contentsOf: [flags, 0, 0, 0x78])
    assign("class " + type)
  }

  private mutating func assign(_ key: String) {
    handles[key] = nextHandle
    nextHandle += 1
  }

  private mutating func reference(_ key: String) -> Bool {
    guard let handle = handles[key] else { return false }
    bytes.append(0x71)
    integer(handle)
    return true
  }

  private mutating func integer(_ value: Int32) {
    withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
  }
}

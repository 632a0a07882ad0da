// Loss curves as TensorBoard reads them: an append-only file of records (length, checksum, data, checksum), each a
// protocol buffer `Event` with a time, a step and scalars.

import Core
import Glibc

/// An event file of TensorBoard that grows as training goes on. For use by one thread at a time.
public final class EventFile {
  /// Where the file is.
  public let path: String
  private let descriptor: Int32

  /// Begin a new file in a folder, which must exist. Throws `.file`.
  public init(folder: String) throws {
    let seconds = Self.now()
    var host = [CChar](repeating: 0, count: 256)
    gethostname(&host, host.count - 1)
    let name = host.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    path =
      folder + "/events.out.tfevents.\(Int(seconds)).\(String(decoding: name, as: UTF8.self))"
      + ".\(getpid()).\(UInt32.random(in: 0 ... .max))"
    descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else {
      throw HowdahError.file(path, "cannot be written: \(lastSystemError())")
    }
    var event = ProtocolBuffer()
    event.double(1, seconds)
    event.bytes(3, Array("brain.Event:2".utf8))
    try append(event.data)
  }

  deinit { close(descriptor) }

  /// Add scalars of one step, e.g. `train_loss`. They are in the file when this returns.
  public func add(_ scalars: [(name: String, value: Double)], step: Int) throws {
    var summary = ProtocolBuffer()
    for scalar in scalars {
      var value = ProtocolBuffer()
      value.bytes(1, Array(scalar.name.utf8))
      value.float(2, Float(scalar.value))
      summary.bytes(1, value.data)
    }
    var event = ProtocolBuffer()
    event.double(1, Self.now())
    event.integer(2, UInt64(bitPattern: Int64(step)))
    event.bytes(5, summary.data)
    try append(event.data)
  }

  private func append(_ data: [UInt8]) throws {
    let length = littleEndian(UInt64(data.count))
    let record =
      length + littleEndian(CRC32C.masked(length)) + data + littleEndian(CRC32C.masked(data))
    var done = 0
    while done < record.count {
      let n = record.withUnsafeBytes {
        write(descriptor, $0.baseAddress! + done, record.count - done)
      }
      if n < 0 && errno == EINTR { continue }
      guard n >= 0 else { throw HowdahError.file(path, "cannot be written: \(lastSystemError())") }
      done += n
    }
  }

  private static func now() -> Double {
    var t = timespec()
    clock_gettime(CLOCK_REALTIME, &t)
    return Double(t.tv_sec) + Double(t.tv_nsec) * 1e-9
  }
}

private func littleEndian<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
  withUnsafeBytes(of: value.littleEndian) { Array($0) }
}

/// Fields of a protocol buffer.
private struct ProtocolBuffer {
  var data: [UInt8] = []

  mutating func integer(_ field: UInt8, _ value: UInt64) {
    data.append(field << 3)
    varint(value)
  }

  mutating func double(_ field: UInt8, _ value: Double) {
    data.append(field << 3 | 1)
    data += littleEndian(value.bitPattern)
  }

  mutating func float(_ field: UInt8, _ value: Float) {
    data.append(field << 3 | 5)
    data += littleEndian(value.bitPattern)
  }

  mutating func bytes(_ field: UInt8, _ value: [UInt8]) {
    data.append(field << 3 | 2)
    varint(UInt64(value.count))
    data += value
  }

  private mutating func varint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      data.append(UInt8(rest & 0x7f) | 0x80)
      rest >>= 7
    }
    data.append(UInt8(rest))
  }
}

/// The Castagnoli checksum, masked as TensorFlow's record files store it.
private enum CRC32C {
  private static let table: [UInt32] = (0..<256).map { i in
    (0..<8).reduce(UInt32(i)) { c, _ in c & 1 == 1 ? 0x82F6_3B78 ^ (c >> 1) : c >> 1 }
  }

  static func masked(_ bytes: [UInt8]) -> UInt32 {
    var c: UInt32 = 0xFFFF_FFFF
    for byte in bytes { c = table[Int((c ^ UInt32(byte)) & 255)] ^ (c >> 8) }
    c = ~c
    return (c >> 15 | c << 17) &+ 0xA282_EAD8
  }
}

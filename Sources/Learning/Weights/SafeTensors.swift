// safetensors files: a length, a JSON table of names, types, shapes and places, and the bytes. One file holds one
// model. Everything in the table is checked against the file before it is used.

import Core
import Glibc

/// Reads and writes weights as safetensors.
public enum SafeTensorsFile {
  /// The longest table that is read, in bytes.
  static let headerLimit = 16 << 20

  /// Write a table of float32 tensors, replacing the file at once or not at all.
  public static func write(_ table: WeightTable, to path: String, progress: Progress = .none) throws
  {
    var entries: [String] = []
    var offset = 0
    for tensor in table {
      guard tensor.name.utf8.allSatisfy({ $0 >= 32 && $0 != 34 && $0 != 92 }) else {
        throw HowdahError(.argument, "'\(tensor.name)' is not a plain name for a tensor")
      }
      let end = offset + tensor.values.count * 4
      let shape = tensor.shape.map(String.init).joined(separator: ",")
      entries.append(
        "\"\(tensor.name)\":{\"dtype\":\"F32\",\"shape\":[\(shape)],\"data_offsets\":[\(offset),\(end)]}"
      )
      offset = end
    }
    var header = Array(("{" + entries.joined(separator: ",") + "}").utf8)
    while header.count % 8 != 0 { header.append(32) }
    var bytes = withUnsafeBytes(of: UInt64(header.count).littleEndian) { Array($0) }
    bytes += header
    bytes.reserveCapacity(bytes.count + offset)
    progress.begin(total: table.count + 1, "writing weights")
    for tensor in table {
      try progress.check()
      tensor.values.withUnsafeBytes { bytes += $0 }
      progress.advance()
    }
    try AtomicFile.write(bytes, to: path)
  }

  /// Read all tensors, by ascending place in the file; F32, F16, BF16 and F64 become float32. Throws `.file` or
  /// `.format`.
  public static func read(_ path: String, progress: Progress = .none) throws -> WeightTable {
    let bytes = try wholeFile(path, progress)
    guard bytes.count >= 8 else { throw HowdahError.format(path, at: "", "is too short") }
    let length = bytes[..<8].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    guard length <= UInt64(min(headerLimit, bytes.count - 8)) else {
      throw HowdahError.format(path, at: "byte 0", "announces a table of \(length) bytes")
    }
    let start = 8 + Int(length)
    let table = try JSON(parsing: bytes[8..<start], path: path, place: "table, ")
    guard let members = table.members else {
      throw HowdahError.format(path, at: "table", "is no JSON object")
    }
    let entries = try members.filter { $0.name != "__metadata__" }.map {
      try HeaderEntry($0, path)
    }
    progress.begin(total: max(1, entries.count), "reading weights")
    return try entries.sorted { $0.begin < $1.begin }.map { entry in
      try progress.check()
      defer { progress.advance() }
      let width = ["F32": 4, "F16": 2, "BF16": 2, "F64": 8][entry.type]
      var count = 1
      for axis in entry.shape {
        let (next, overflow) = count.multipliedReportingOverflow(by: axis)
        guard !overflow, axis >= 0 else { throw entry.failure(path, "has an impossible shape") }
        count = next
      }
      guard let width else {
        throw entry.failure(path, "has type \(entry.type), which is no weight")
      }
      guard entry.begin >= 0, entry.end >= entry.begin, entry.end <= bytes.count - start,
        (entry.end - entry.begin) % width == 0, (entry.end - entry.begin) / width == count
      else { throw entry.failure(path, "lies outside of the file or does not fit its shape") }
      let values = bytes[(start + entry.begin)..<(start + entry.end)].withUnsafeBytes { raw in
        (0..<count).map { i -> Float in
          switch entry.type {
          case "F32": raw.loadUnaligned(fromByteOffset: 4 * i, as: Float.self)
          case "F64": Float(raw.loadUnaligned(fromByteOffset: 8 * i, as: Double.self))
          case "F16": halfToFloat(raw.loadUnaligned(fromByteOffset: 2 * i, as: UInt16.self))
          default:
            Float(
              bitPattern: UInt32(raw.loadUnaligned(fromByteOffset: 2 * i, as: UInt16.self)) << 16)
          }
        }
      }
      return NamedTensor(name: entry.name, shape: entry.shape, values: values)
    }
  }

  private static func wholeFile(_ path: String, _ progress: Progress) throws -> [UInt8] {
    let fd = open(path, O_RDONLY | O_CLOEXEC)
    guard fd >= 0 else { throw HowdahError.file(path, "cannot be opened: \(lastSystemError())") }
    defer { close(fd) }
    var status = stat()
    guard fstat(fd, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw HowdahError.file(path, "is not a regular file")
    }
    let size = Int(status.st_size)
    return try [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
      count = 0
      while count < size {
        try progress.check()
        let n = Glibc.read(fd, buffer.baseAddress! + count, min(1 << 20, size - count))
        if n < 0 { throw HowdahError.file(path, "cannot be read: \(lastSystemError())") }
        if n == 0 { break }
        count += n
      }
    }
  }
}

/// One line of the table.
private struct HeaderEntry {
  let name, type: String
  let shape: [Int]
  let begin, end: Int

  init(_ member: JSON.Member, _ path: String) throws {
    func integers(_ key: String) -> [Int]? {
      member.value[key]?.array.flatMap { list in
        let values = list.compactMap(\.integer)
        return values.count == list.count ? values : nil
      }
    }
    guard let type = member.value["dtype"]?.text, let shape = integers("shape"),
      let places = integers("data_offsets"), places.count == 2
    else {
      throw HowdahError.format(path, at: member.name, "lacks dtype, shape or two data_offsets")
    }
    (name, self.type, self.shape) = (member.name, type, shape)
    (begin, end) = (places[0], places[1])
  }

  func failure(_ path: String, _ reason: String) -> HowdahError {
    HowdahError.format(path, at: name, reason)
  }
}

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
    var scanner = HeaderScanner(bytes: bytes[8..<start], path: path)
    let entries = try scanner.entries()
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
  var name = ""
  var type = ""
  var shape: [Int] = []
  var begin = 0
  var end = 0

  func failure(_ path: String, _ reason: String) -> HowdahError {
    HowdahError.format(path, at: name, reason)
  }
}

/// Reads the JSON that a table consists of: objects of texts, integers and lists of integers.
private struct HeaderScanner {
  private let bytes: ArraySlice<UInt8>
  private let path: String
  private var at: Int

  init(bytes: ArraySlice<UInt8>, path: String) {
    self.bytes = bytes
    self.path = path
    at = bytes.startIndex
  }

  mutating func entries() throws -> [HeaderEntry] {
    var result: [HeaderEntry] = []
    try object { scanner, name in
      if name == "__metadata__" {
        try scanner.object { scanner, _ in _ = try scanner.text() }
        return
      }
      var entry = HeaderEntry(name: name)
      try scanner.object { scanner, key in
        switch key {
        case "dtype": entry.type = try scanner.text()
        case "shape": entry.shape = try scanner.integers()
        case "data_offsets":
          let places = try scanner.integers()
          guard places.count == 2 else { throw scanner.failure("two offsets are needed") }
          (entry.begin, entry.end) = (places[0], places[1])
        default: throw scanner.failure("unknown key '\(key)'")
        }
      }
      result.append(entry)
    }
    return result
  }

  private func failure(_ reason: String) -> HowdahError {
    HowdahError.format(path, at: "table, byte \(at)", reason)
  }

  private mutating func skipSpace() {
    while at < bytes.endIndex, bytes[at] <= 32 { at += 1 }
  }

  private mutating func accept(_ c: Character) -> Bool {
    skipSpace()
    guard at < bytes.endIndex, bytes[at] == c.asciiValue else { return false }
    at += 1
    return true
  }

  private mutating func expect(_ c: Character) throws {
    guard accept(c) else { throw failure("'\(c)' is missing") }
  }

  private mutating func object(_ item: (inout HeaderScanner, String) throws -> Void) throws {
    try expect("{")
    if accept("}") { return }
    repeat {
      let key = try text()
      try expect(":")
      try item(&self, key)
    } while accept(",")
    try expect("}")
  }

  private mutating func text() throws -> String {
    try expect("\"")
    let start = at
    while at < bytes.endIndex, bytes[at] != 34 {
      // A quote behind a backslash does not end the text; names with escapes are not weights' names.
      at += bytes[at] == 92 ? 2 : 1
    }
    guard at < bytes.endIndex, let text = String(validating: bytes[start..<at], as: UTF8.self)
    else {
      throw failure("a text does not end")
    }
    at += 1
    return text
  }

  private mutating func integers() throws -> [Int] {
    try expect("[")
    var result: [Int] = []
    if accept("]") { return result }
    repeat {
      skipSpace()
      let start = at
      while at < bytes.endIndex, (48...57).contains(bytes[at]), at - start < 19 { at += 1 }
      guard let value = Int(String(decoding: bytes[start..<at], as: UTF8.self)) else {
        throw failure("a number is missing")
      }
      result.append(value)
    } while accept(",")
    try expect("]")
    return result
  }
}

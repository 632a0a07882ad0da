// Arrays in Zarr version 2: a folder with `.zarray`, optional `.zattrs`, and one file a chunk. Chunks are written
// one by one, each atomically, so an array can grow for hours and be read meanwhile.

import CDeflate
import Core
import Glibc

/// The types of elements that are read and written, little endian.
public enum ZarrType: String, Sendable, CaseIterable {
  case uint8 = "|u1"
  case uint16 = "<u2"
  case float16 = "<f2"
  case float32 = "<f4"

  /// Bytes of one element.
  public var byteCount: Int {
    switch self {
    case .uint8: 1
    case .uint16, .float16: 2
    case .float32: 4
    }
  }
}

/// An axis as OME-Zarr describes it.
public struct ZarrAxis: Sendable {
  var name, type: String
  var unit: String?
  var scale: Double

  /// An axis of this name and type ("time", "space", "channel"), with the extent of one step.
  public init(_ name: String, _ type: String, _ unit: String? = nil, _ scale: Double = 1) {
    (self.name, self.type, self.unit, self.scale) = (name, type, unit, scale)
  }
}

/// An array of a Zarr store.
///
/// Written are chunks compressed by zlib, which every Zarr library reads. Read are chunks without compression,
/// with zlib or with gzip.
public struct ZarrArray: Sendable {
  /// How chunks are compressed.
  enum Compression: Sendable { case none, zlib, gzip }

  /// Its folder.
  public let path: String
  /// Extents, slowest axis first.
  public let shape: [Int]
  /// Extents of a chunk.
  public let chunks: [Int]
  /// The type of its elements.
  public let type: ZarrType
  let compression: Compression
  let separator: String
  let fill: Double

  /// The largest chunk, in bytes, that is accepted.
  static let largestChunk = 1 << 30

  /// Make an array in a folder that must not exist or be empty; absent chunks are 0.
  ///
  /// - Parameters:
  ///   - axes: what `.zattrs` says about the axes, in the words of OME-Zarr and of xarray.
  ///   - labels: names of the channels.
  public static func create(
    _ path: String, shape: [Int], chunks: [Int], type: ZarrType, axes: [ZarrAxis] = [],
    labels: [String] = []
  ) throws -> ZarrArray {
    let array = ZarrArray(
      path: path, shape: shape, chunks: chunks, type: type, compression: .zlib, separator: ".",
      fill: 0)
    try array.check()
    switch FileBytes.kind(of: path) {
    case .missing:
      guard mkdir(path, 0o777) == 0 else {
        throw HowdahError.file(path, "cannot be made: \(lastSystemError())")
      }
    case .folder where try FileBytes.entries(of: path).isEmpty: break
    default:
      throw HowdahError.file(path, "is there already; remove it or choose another name")
    }
    let metadata = JSON.record([
      ("chunks", .integers(chunks)),
      (
        "compressor", .record([("id", .string("zlib")), ("level", .number(1))])
      ),
      ("dtype", .string(type.rawValue)), ("fill_value", .number(0)), ("filters", .null),
      ("order", .string("C")), ("shape", .integers(shape)), ("zarr_format", .number(2)),
    ])
    if !axes.isEmpty {
      try AtomicFile.write(attributes(axes, labels).written(), to: path + "/.zattrs")
    }
    try AtomicFile.write(metadata.written(), to: path + "/.zarray")
    return array
  }

  private static func attributes(_ axes: [ZarrAxis], _ labels: [String]) -> JSON {
    .record([
      ("_ARRAY_DIMENSIONS", .strings(axes.map(\.name))),
      (
        "axes",
        .array(
          axes.map { axis in
            .record(
              [("name", .string(axis.name)), ("type", .string(axis.type))]
                + (axis.unit.map { [("unit", JSON.string($0))] } ?? []))
          })
      ),
      (
        "coordinateTransformations",
        .array([
          .record([
            ("type", .string("scale")), ("scale", .array(axes.map { .number($0.scale) })),
          ])
        ])
      ),
      ("channels", .strings(labels)),
    ])
  }

  /// Open an array.
  public static func open(_ path: String) throws -> ZarrArray {
    let file = path + "/.zarray"
    let json = try JSON(parsing: readWholeFile(file, limit: 1 << 20), path: file)
    func broken(_ place: String, _ reason: String) -> HowdahError {
      .format(file, at: place, reason)
    }
    func sizes(_ name: String) throws -> [Int] {
      guard let values = json[name]?.array?.map(\.integer), values.allSatisfy({ $0 != nil }),
        (1...16).contains(values.count)
      else { throw broken(name, "must be a list of 1 to 16 whole numbers") }
      return values.compactMap { $0 }
    }
    guard json["zarr_format"]?.integer == 2 else {
      throw broken("zarr_format", "only version 2 is read")
    }
    guard json["order"]?.text ?? "C" == "C" else {
      throw broken("order", "only C order is read")
    }
    guard json["filters"] ?? .null == .null else { throw broken("filters", "none are known") }
    guard let name = json["dtype"]?.text, let type = ZarrType(rawValue: name) else {
      throw broken(
        "dtype",
        "must be one of \(ZarrType.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    let compression: Compression
    switch json["compressor"]?["id"]?.text {
    case nil where json["compressor"] ?? .null == .null: compression = .none
    case "zlib": compression = .zlib
    case "gzip": compression = .gzip
    case let other:
      throw broken("compressor", "\(other ?? "it") is not known; zlib, gzip and null are")
    }
    let separator = json["dimension_separator"]?.text ?? "."
    guard separator == "." || separator == "/" else {
      throw broken("dimension_separator", "must be \".\" or \"/\"")
    }
    let array = ZarrArray(
      path: path, shape: try sizes("shape"), chunks: try sizes("chunks"), type: type,
      compression: compression, separator: separator,
      fill: json["fill_value"]?.number ?? 0)
    try array.check()
    return array
  }

  private func check() throws {
    func bad(_ reason: String) -> HowdahError { .format(path, at: ".zarray", reason) }
    guard shape.count == chunks.count, shape.allSatisfy({ $0 >= 0 && $0 < 1 << 40 }),
      chunks.allSatisfy({ $0 >= 1 })
    else { throw bad("shape \(shape) and chunks \(chunks) do not make an array") }
    var bytes = type.byteCount
    for extent in chunks {
      let (product, overflow) = bytes.multipliedReportingOverflow(by: extent)
      guard !overflow, product <= Self.largestChunk else {
        throw bad("a chunk of \(chunks) takes more than \(Self.largestChunk >> 20) MiB")
      }
      bytes = product
    }
  }

  /// Whether chunks can be added.
  public var isWritable: Bool { compression == .zlib && separator == "." }

  /// Bytes of one chunk before compression.
  public var chunkBytes: Int { chunks.reduce(type.byteCount, *) }

  private func file(_ index: [Int]) -> String {
    path + "/" + index.map(String.init).joined(separator: separator)
  }

  /// The elements of a chunk in C order, as bytes; chunks at the end are whole, too. An absent chunk is nil.
  public func readChunk(_ index: [Int]) throws -> [UInt8]? {
    try checkIndex(index)
    let file = file(index)
    if FileBytes.kind(of: file) == .missing { return nil }
    let stored = try readWholeFile(file, limit: chunkBytes + chunkBytes / 64 + 4096)
    if compression == .none {
      guard stored.count == chunkBytes else {
        throw HowdahError.format(
          file, at: "", "has \(stored.count) bytes, but a chunk has \(chunkBytes)")
      }
      return stored
    }
    guard let inflater = libdeflate_alloc_decompressor() else {
      throw HowdahError(.limit, "no memory to decompress \(file)")
    }
    defer { libdeflate_free_decompressor(inflater) }
    var got = 0
    let result = try [UInt8](unsafeUninitializedCapacity: chunkBytes) { buffer, count in
      let status =
        compression == .zlib
        ? libdeflate_zlib_decompress(
          inflater, stored, stored.count, buffer.baseAddress, buffer.count, &got)
        : libdeflate_gzip_decompress(
          inflater, stored, stored.count, buffer.baseAddress, buffer.count, &got)
      guard status == LIBDEFLATE_SUCCESS, got == chunkBytes else {
        throw HowdahError.format(file, at: "", "its compressed data are damaged")
      }
      count = got
    }
    return result
  }

  /// Write a whole chunk.
  public func writeChunk(_ index: [Int], _ bytes: UnsafeRawBufferPointer) throws {
    try checkIndex(index)
    guard bytes.count == chunkBytes, isWritable else {
      throw HowdahError(
        .argument, "\(path): only whole chunks of arrays made here can be written")
    }
    guard let deflater = libdeflate_alloc_compressor(1) else {
      throw HowdahError(.limit, "no memory to compress \(path)")
    }
    defer { libdeflate_free_compressor(deflater) }
    let bound = libdeflate_zlib_compress_bound(deflater, bytes.count)
    let packed = [UInt8](unsafeUninitializedCapacity: bound) { buffer, count in
      count = libdeflate_zlib_compress(
        deflater, bytes.baseAddress, bytes.count, buffer.baseAddress, buffer.count)
    }
    // A crash may lose chunks, as it loses what was not predicted yet; syncing each would take longer than the rest.
    try packed.withUnsafeBytes { try AtomicFile.write($0, to: file(index), durable: false) }
  }

  private func checkIndex(_ index: [Int]) throws {
    guard index.count == shape.count,
      zip(index, zip(shape, chunks)).allSatisfy({ i, e in i >= 0 && i * e.1 < e.0 })
    else { throw HowdahError(.argument, "\(path): there is no chunk \(index)") }
  }
}

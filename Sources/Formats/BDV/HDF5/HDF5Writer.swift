// Writing HDF5 files with libhdf5: groups, small tables, texts, and volumes in chunks that are compressed on
// all cores. The files have the oldest format, which every reader knows.

import CDeflate
import CHDF5
import Core
import Glibc
import HDF5Shim
import Imaging

/// A new HDF5 file. Used by one thread at a time; `close` must be called before the file is complete.
final class HDF5Writer {
  private let path: String
  private var file: hid_t = -1

  /// Create the file. `shownPath` is the name for messages.
  init(creating temporary: String, shownPath: String) throws {
    path = shownPath
    file = HDF5Library.locked { howdah_h5_create(temporary) }
    if file < 0 { throw HowdahError.file(path, "cannot be created") }
  }

  deinit {
    let file = file
    if file >= 0 { _ = HDF5Library.locked { H5Fclose(file) } }
  }

  /// Write everything out. Throws `.file` when that fails (a full disk, for example).
  func close() throws {
    let status = HDF5Library.locked { H5Fclose(file) }
    file = -1
    try check(status)
  }

  @discardableResult
  private func check<I: SignedInteger>(_ result: I) throws -> I {
    if result < 0 {
      throw HowdahError.file(path, "cannot be written; is the disk full?")
    }
    return result
  }

  /// Create a group; its parent must exist.
  func group(_ name: String) throws {
    try HDF5Library.locked {
      let group = try check(H5Gcreate2(file, name, hid_t(0), hid_t(0), hid_t(0)))
      H5Gclose(group)
    }
  }

  /// A text attribute of a group, of fixed length.
  func attribute(_ name: String, of group: String, text: String) throws {
    try HDF5Library.locked {
      let bytes = Array(text.utf8)
      let type = try check(howdah_h5_new_text_type(bytes.count))
      defer { H5Tclose(type) }
      let space = try check(H5Screate(H5S_SCALAR))
      defer { H5Sclose(space) }
      let object = try check(H5Oopen(file, group, hid_t(0)))
      defer { H5Oclose(object) }
      let attribute = try check(H5Acreate2(object, name, type, space, hid_t(0), hid_t(0)))
      defer { H5Aclose(attribute) }
      try check(H5Awrite(attribute, type, bytes))
    }
  }

  /// A table of three columns of 64-bit floats.
  func table(_ name: String, floats rows: [[Double]]) throws {
    try table(name, howdah_h5_type_f64, rows.flatMap { $0 })
  }

  /// A table of three columns of 32-bit integers.
  func table(_ name: String, integers rows: [[Int32]]) throws {
    try table(name, howdah_h5_type_i32, rows.flatMap { $0 })
  }

  private func table<T: BitwiseCopyable>(_ name: String, _ type: () -> Int64, _ values: [T]) throws
  {
    try HDF5Library.locked {
      let shape = [hsize_t(values.count / 3), 3]
      let space = try check(H5Screate_simple(2, shape, nil))
      defer { H5Sclose(space) }
      let data = try check(H5Dcreate2(file, name, type(), space, hid_t(0), hid_t(0), hid_t(0)))
      defer { H5Dclose(data) }
      try values.withUnsafeBytes {
        _ = try check(H5Dwrite(data, type(), hid_t(0), hid_t(0), hid_t(0), $0.baseAddress))
      }
    }
  }

  /// Write a volume as a data set in chunks.
  ///
  /// - Parameters:
  ///   - compression: 0 for none, else the level of deflate (1 to 12); bytes are shuffled first.
  func volume(
    _ name: String, _ volume: Volume, chunk: Size3, compression: Int, progress: Progress
  ) throws {
    let data = try HDF5Library.locked { try create(name, volume, chunk, compression) }
    defer { _ = HDF5Library.locked { H5Dclose(data) } }
    let encoder = ChunkEncoder(volume: volume, chunk: chunk, compression: compression)
    // Few enough chunks at a time that their encoded form takes a few MB.
    let batch = min(encoder.count, max(8, (8 << 20) / max(1, encoder.chunkBytes)))
    let encoded = EncodedChunks(count: batch, bytesEach: encoder.mostBytes)
    for start in stride(from: 0, to: encoder.count, by: batch) {
      try progress.check()
      let range = start..<min(encoder.count, start + batch)
      try encoder.encode(range, into: encoded, progress)
      try HDF5Library.locked {
        for index in range {
          let origin = encoder.origin(index)
          let offset = [hsize_t(origin.z), hsize_t(origin.y), hsize_t(origin.x)]
          let bytes = encoded.bytes(index - start)
          try check(H5Dwrite_chunk(data, hid_t(0), 0, offset, bytes.count, bytes.baseAddress))
        }
      }
    }
  }

  private func create(_ name: String, _ volume: Volume, _ chunk: Size3, _ compression: Int) throws
    -> hid_t
  {
    let s = volume.size
    let space = try check(
      H5Screate_simple(3, [hsize_t(s.z), hsize_t(s.y), hsize_t(s.x)], nil))
    defer { H5Sclose(space) }
    let properties = try check(H5Pcreate(howdah_h5_plist_dataset_create()))
    defer { H5Pclose(properties) }
    let chunkShape = [hsize_t(chunk.z), hsize_t(chunk.y), hsize_t(chunk.x)]
    try check(H5Pset_chunk(properties, 3, chunkShape))
    if compression > 0 {
      if volume.type.byteCount > 1 { try check(H5Pset_shuffle(properties)) }
      try check(H5Pset_deflate(properties, UInt32(min(9, compression))))
    }
    let type =
      switch volume.type {
      case .uint8: howdah_h5_type_u8()
      case .uint16: howdah_h5_type_u16()
      case .float32: howdah_h5_type_f32()
      }
    return try check(H5Dcreate2(file, name, type, space, hid_t(0), properties, hid_t(0)))
  }
}

/// Cuts a volume into chunks and encodes them. Chunks at the border are filled up with zeros.
private struct ChunkEncoder: Sendable {
  let volume: Volume
  let chunk: Size3
  let compression: Int
  private let grid: Size3

  init(volume: Volume, chunk: Size3, compression: Int) {
    self.volume = volume
    self.chunk = chunk
    self.compression = compression
    grid = Size3(
      x: (volume.size.x + chunk.x - 1) / chunk.x, y: (volume.size.y + chunk.y - 1) / chunk.y,
      z: (volume.size.z + chunk.z - 1) / chunk.z)
  }

  var count: Int { grid.count }
  var chunkBytes: Int { chunk.count * volume.type.byteCount }

  /// The first voxel of a chunk.
  func origin(_ index: Int) -> Size3 {
    Size3(
      x: index % grid.x * chunk.x, y: index / grid.x % grid.y * chunk.y,
      z: index / (grid.x * grid.y) * chunk.z)
  }

  /// The most bytes that a chunk may take.
  var mostBytes: Int {
    compression == 0 ? chunkBytes : libdeflate_zlib_compress_bound(nil, chunkBytes)
  }

  /// Encode chunks into the first slots.
  func encode(_ range: Range<Int>, into slots: EncodedChunks, _ progress: Progress) throws {
    // A few chunks a block, so that a block takes long enough to be worth a thread.
    let perBlock = max(1, (64 << 10) / chunkBytes)
    try parallelFor((range.count + perBlock - 1) / perBlock) { block in
      let part = block * perBlock..<min(range.count, (block + 1) * perBlock)
      if compression == 0 {
        for i in part {
          try progress.check()
          slots.fill(i) { slot in
            cut(range.lowerBound + i, into: slot)
            return chunkBytes
          }
        }
        return
      }
      guard let compressor = libdeflate_alloc_compressor(Int32(compression)) else {
        throw HowdahError(.limit, "no memory for compression")
      }
      defer { libdeflate_free_compressor(compressor) }
      var raw = [UInt8](repeating: 0, count: chunkBytes)
      var shuffled = raw
      for i in part {
        try progress.check()
        raw.withUnsafeMutableBytes { cut(range.lowerBound + i, into: $0) }
        shuffle(raw, into: &shuffled)
        slots.fill(i) { slot in
          libdeflate_zlib_compress(compressor, shuffled, chunkBytes, slot.baseAddress, slot.count)
        }
      }
    }
  }

  private func cut(_ index: Int, into raw: UnsafeMutableRawBufferPointer) {
    let (o, s, width) = (origin(index), volume.size, volume.type.byteCount)
    let rows = min(chunk.y, s.y - o.y)
    let planes = min(chunk.z, s.z - o.z)
    let length = min(chunk.x, s.x - o.x) * width
    if length < chunk.x * width || rows < chunk.y || planes < chunk.z {
      memset(raw.baseAddress!, 0, chunkBytes)
    }
    volume.withBytes { bytes in
      for z in 0..<planes {
        for y in 0..<rows {
          let from = (((o.z + z) * s.y + o.y + y) * s.x + o.x) * width
          let to = (z * chunk.y + y) * chunk.x * width
          memcpy(raw.baseAddress! + to, bytes.baseAddress! + from, length)
        }
      }
    }
  }

  /// All first bytes of the elements, then all second bytes, and so on.
  private func shuffle(_ raw: [UInt8], into shuffled: inout [UInt8]) {
    let width = volume.type.byteCount
    let n = raw.count / width
    raw.withUnsafeBufferPointer { raw in
      shuffled.withUnsafeMutableBufferPointer { shuffled in
        for k in 0..<width {
          for i in 0..<n { shuffled[k * n + i] = raw[i * width + k] }
        }
      }
    }
  }
}

/// Slots that the threads of one batch fill, each its own. They are used again for the next batch: fresh
/// memory for each chunk costs more than copying it.
private final class EncodedChunks: @unchecked Sendable {
  private let memory: UnsafeMutableRawBufferPointer
  private let sizes: UnsafeMutableBufferPointer<Int>
  private let bytesEach: Int

  init(count: Int, bytesEach: Int) {
    self.bytesEach = bytesEach
    memory = .allocate(byteCount: count * bytesEach, alignment: 64)
    sizes = .allocate(capacity: count)
    sizes.initialize(repeating: 0)
  }

  deinit {
    memory.deallocate()
    sizes.deallocate()
  }

  /// Fill a slot; `body` returns how many bytes it wrote.
  func fill(_ index: Int, _ body: (UnsafeMutableRawBufferPointer) -> Int) {
    let start = index * bytesEach
    sizes[index] = body(
      UnsafeMutableRawBufferPointer(rebasing: memory[start..<start + bytesEach]))
  }

  func bytes(_ index: Int) -> UnsafeRawBufferPointer {
    let start = index * bytesEach
    return UnsafeRawBufferPointer(rebasing: memory[start..<start + sizes[index]])
  }
}

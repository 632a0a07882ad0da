// Undoing the filters of one chunk: deflate, shuffle and scaleoffset of integers, in any order. Other filters
// are left to the library.

import CDeflate
import Core
import Glibc

/// One filter of a data set's pipeline, in the order in which they were applied.
struct HDF5Filter: Sendable {
  static let deflate = 1
  static let shuffle = 2
  static let scaleOffset = 6

  var id: Int
  var values: [UInt32]
}

/// Decodes chunks of one data set on one thread; keeps its buffers from chunk to chunk.
final class HDF5ChunkDecoder {
  private let dataset: HDF5Dataset
  private let byteCount: Int
  private let elementSize: Int
  private let inflater: OpaquePointer
  private var a: UnsafeMutableRawBufferPointer
  private var b: UnsafeMutableRawBufferPointer

  /// Throws `HDF5Unsupported` when the pipeline has a filter that this decoder does not know.
  init(dataset: HDF5Dataset, chunkBytes: Int) throws {
    for filter in dataset.filters {
      switch filter.id {
      case HDF5Filter.deflate, HDF5Filter.shuffle: break
      case HDF5Filter.scaleOffset where Self.isKnown(filter, dataset.type): break
      default: throw HDF5Unsupported(feature: "filter \(filter.id)")
      }
    }
    guard let inflater = libdeflate_alloc_decompressor() else {
      throw HowdahError(.limit, "no memory to decompress \(dataset.file.path)")
    }
    self.dataset = dataset
    self.inflater = inflater
    byteCount = chunkBytes
    elementSize = dataset.type.size
    // A stage's output may exceed the chunk a little: scaleoffset has a header.
    let space = dataset.filters.isEmpty ? 0 : chunkBytes + 64
    a = .allocate(byteCount: space, alignment: 64)
    b = .allocate(byteCount: space, alignment: 64)
  }

  deinit {
    libdeflate_free_decompressor(inflater)
    a.deallocate()
    b.deallocate()
  }

  private static func isKnown(_ filter: HDF5Filter, _ type: HDF5ElementType) -> Bool {
    let v = filter.values
    return v.count >= 9 && v[0] == 2 && v[3] == 0 && Int(v[4]) == type.size && v[6] == 0
      && !type.isFloat
  }

  /// The largest chunk that so many stored bytes can legitimately hold: deflate reaches at most 1032 to 1.
  static func canHold(_ chunkBytes: Int, stored: Int, filters: [HDF5Filter]) -> Bool {
    if filters.contains(where: { $0.id == HDF5Filter.scaleOffset }) { return true }
    return chunkBytes <= stored * 1040 + 64
  }

  /// The chunk's elements as stored on disk type. The result is valid until the next call.
  func decode(_ stored: UnsafeRawBufferPointer, chunk: HDF5Chunk) throws -> UnsafeRawBufferPointer {
    var current = stored
    for (index, filter) in dataset.filters.enumerated().reversed()
    where chunk.mask & (1 << UInt32(index)) == 0 {
      let target = current.baseAddress == UnsafeRawPointer(a.baseAddress!) ? b : a
      let count: Int
      switch filter.id {
      case HDF5Filter.deflate: count = try inflate(current, to: target, chunk)
      case HDF5Filter.shuffle: count = unshuffle(current, to: target)
      default: count = try scaleOffset(current, to: target, filter, chunk)
      }
      current = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(target)[..<count])
    }
    guard current.count == byteCount else {
      throw broken(chunk, "has \(current.count) bytes after decoding, not \(byteCount)")
    }
    return current
  }

  private func broken(_ chunk: HDF5Chunk, _ reason: String) -> HowdahError {
    .format(
      dataset.file.path, at: dataset.path,
      "the chunk \(chunk.position) at offset \(chunk.place) \(reason)")
  }

  private func inflate(
    _ source: UnsafeRawBufferPointer, to target: UnsafeMutableRawBufferPointer, _ chunk: HDF5Chunk
  ) throws -> Int {
    var actual = 0
    let result = libdeflate_zlib_decompress(
      inflater, source.baseAddress, source.count, target.baseAddress, target.count, &actual)
    guard result == LIBDEFLATE_SUCCESS else {
      throw broken(chunk, "is damaged: its compressed data cannot be decoded")
    }
    return actual
  }

  /// Bring the bytes of each element together again; a remainder stays where it is.
  private func unshuffle(
    _ source: UnsafeRawBufferPointer, to target: UnsafeMutableRawBufferPointer
  ) -> Int {
    let count = min(source.count, target.count)
    let n = count / elementSize
    let s = source.baseAddress!
    let t = target.baseAddress!
    switch elementSize {
    case 1: memcpy(t, s, count)
    case 2:
      let low = s.assumingMemoryBound(to: UInt8.self)
      let high = low + n
      let out = t.assumingMemoryBound(to: UInt16.self)
      for i in 0..<n { out[i] = UInt16(low[i]) | UInt16(high[i]) << 8 }
    case 4:
      let p = s.assumingMemoryBound(to: UInt8.self)
      let (p1, p2, p3) = (p + n, p + 2 * n, p + 3 * n)
      let out = t.assumingMemoryBound(to: UInt32.self)
      for i in 0..<n {
        out[i] = UInt32(p[i]) | UInt32(p1[i]) << 8 | UInt32(p2[i]) << 16 | UInt32(p3[i]) << 24
      }
    default:
      let p = s.assumingMemoryBound(to: UInt8.self)
      let out = t.assumingMemoryBound(to: UInt8.self)
      for k in 0..<elementSize {
        for i in 0..<n { out[i * elementSize + k] = p[k * n + i] }
      }
    }
    let tail = n * elementSize
    if tail < count { memcpy(t + tail, s + tail, count - tail) }
    return count
  }

  /// HDF5's scaleoffset of integers: a header of 21 bytes (bits per value, minimum), then the values minus
  /// the minimum, packed with the most significant bit first. All ones stands for the fill value.
  private func scaleOffset(
    _ source: UnsafeRawBufferPointer, to target: UnsafeMutableRawBufferPointer,
    _ filter: HDF5Filter, _ chunk: HDF5Chunk
  ) throws -> Int {
    guard source.count >= 21 else { throw broken(chunk, "is cut off") }
    let bits = Int(source.loadUnaligned(as: UInt32.self))
    let minimum = source.loadUnaligned(fromByteOffset: 5, as: UInt64.self)
    let data = UnsafeRawBufferPointer(rebasing: source[21...])
    guard bits <= 8 * elementSize, source[4] == 8 else {
      throw broken(chunk, "is damaged: \(bits) bits a value")
    }
    if bits == 8 * elementSize {
      guard data.count >= byteCount else { throw broken(chunk, "is cut off") }
      memcpy(target.baseAddress!, data.baseAddress!, byteCount)
      return byteCount
    }
    let n = byteCount / elementSize
    guard data.count * 8 >= n * bits else { throw broken(chunk, "is cut off") }
    let hasFill = filter.values[7] == 1
    let fill = UInt64(filter.values[8])
    switch elementSize {
    case 1: unpack(data, n, bits, minimum, hasFill ? fill : nil, target, UInt8.self)
    case 2: unpack(data, n, bits, minimum, hasFill ? fill : nil, target, UInt16.self)
    case 4: unpack(data, n, bits, minimum, hasFill ? fill : nil, target, UInt32.self)
    default: throw broken(chunk, "has elements of \(elementSize) bytes in a scaleoffset filter")
    }
    return byteCount
  }

  private func unpack<T: FixedWidthInteger & UnsignedInteger>(
    _ data: UnsafeRawBufferPointer, _ n: Int, _ bits: Int, _ minimum: UInt64, _ fill: UInt64?,
    _ target: UnsafeMutableRawBufferPointer, _: T.Type
  ) {
    let out = target.baseAddress!.assumingMemoryBound(to: T.self)
    let base = T(truncatingIfNeeded: minimum)
    if bits == 0 {
      for i in 0..<n { out[i] = base }
      return
    }
    let ones = T.max >> T(T.bitWidth - bits)
    let fillValue = T(truncatingIfNeeded: fill ?? 0)
    let bytes = data.baseAddress!.assumingMemoryBound(to: UInt8.self)
    var held: UInt64 = 0
    var heldBits = 0
    var next = 0
    for i in 0..<n {
      while heldBits < bits {
        held = held << 8 | UInt64(bytes[next])
        next += 1
        heldBits += 8
      }
      heldBits -= bits
      let value = T(truncatingIfNeeded: held >> UInt64(heldBits)) & ones
      out[i] = fill != nil && value == ones ? fillValue : base &+ value
    }
  }
}

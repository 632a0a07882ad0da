// `model.raw`: spots, links and labels.
//
//     block data:  int n, n spots of 84 bytes, int m, m links of 16 bytes
//     String[] {"label"}, int[] spots that have a label, byte[] their texts (u16 length, modified UTF-8)
//
// The framing and all integers are big-endian, but a spot's record is the raw memory of a little-endian
// machine. A spot's number in the file is its position; tags and features refer to it.

import Core
import Lineage

/// The content of `model.raw` as tables for `LineageGraph.load`.
struct MastodonModel {
  var spots = SpotTable()
  var links = LinkTable()
  /// Whether encoding the loaded graph gives the file's bytes again.
  var isCanonical = true

  /// Bytes of one spot and of one link.
  static let spotBytes = 84
  static let linkBytes = 16

  /// Decode the member of a project; `path` is for error messages.
  init(_ bytes: consuming [UInt8], path: String) throws {
    let stream = try JavaStreamReader(bytes, path: path, member: "model.raw")
    isCanonical = stream.isCanonical
    try stream.bytes.withUnsafeBytes { bytes in
      guard case .data(let run)? = stream.items.first else {
        throw HowdahError.format(path, at: "model.raw, byte 4", "has no spots")
      }
      var cursor = DataCursor(
        UnsafeRawBufferPointer(rebasing: bytes[run]), path: path, place: "model.raw")
      try readSpots(&cursor)
      try readLinks(&cursor)
      try cursor.finish()
      try readLabels(stream.items.dropFirst(), bytes, path: path)
    }
  }

  private mutating func readSpots(_ cursor: inout DataCursor) throws {
    let count = try cursor.count("spots", bytesEach: Self.spotBytes)
    let raw = try cursor.raw(count * Self.spotBytes, of: "the spots")
    func column<T>(_ offset: Int, _ type: T.Type) -> [T] {
      [T](unsafeUninitializedCapacity: count) { buffer, filled in
        for i in 0..<count {
          let value = raw.loadUnaligned(fromByteOffset: i * Self.spotBytes + offset, as: T.self)
          buffer.initializeElement(at: i, to: value)
        }
        filled = count
      }
    }
    spots.x = column(0, Double.self)
    spots.y = column(8, Double.self)
    spots.z = column(16, Double.self)
    spots.timepoints = column(24, Int32.self)
    spots.covariances = column(28, Covariance.self)
    // The largest eigenvalue of a diagonal matrix needs no arithmetic, so it can be left out and will come
    // out the same; for any other matrix the last bits depend on the method and are kept.
    var radii = column(76, Double.self)
    var kept = false
    for i in 0..<count {
      let c = spots.covariances[i]
      if c.xy == 0, c.xz == 0, c.yz == 0, radii[i] == max(0, max(c.xx, max(c.yy, c.zz))) {
        radii[i] = .nan
      } else {
        kept = true
      }
    }
    if kept { spots.storedRadii = radii }
  }

  private mutating func readLinks(_ cursor: inout DataCursor) throws {
    let count = try cursor.count("links", bytesEach: Self.linkBytes)
    let start = cursor.offset
    let raw = try cursor.raw(count * Self.linkBytes, of: "the links")
    let spotCount = UInt32(spots.count)
    func column(_ offset: Int) -> [UInt32] {
      [UInt32](unsafeUninitializedCapacity: count) { buffer, filled in
        for i in 0..<count {
          let value = raw.loadUnaligned(
            fromByteOffset: i * Self.linkBytes + offset, as: UInt32.self)
          buffer.initializeElement(at: i, to: UInt32(bigEndian: value))
        }
        filled = count
      }
    }
    links.sources = column(0)
    links.targets = column(4)
    for i in 0..<count where links.sources[i] >= spotCount || links.targets[i] >= spotCount {
      throw cursor.fail(
        "link \(i) joins the spots \(Int32(bitPattern: links.sources[i])) and "
          + "\(Int32(bitPattern: links.targets[i])), but there are \(spotCount)",
        at: start + i * Self.linkBytes)
    }
    links.sourceOrder = order(column(8), of: links.sources)
    links.targetOrder = order(column(12), of: links.targets)
  }

  /// The places of links in the lists of one end, nil when they are those of appending in file order.
  private mutating func order(_ places: [UInt32], of ends: [UInt32]) -> [Int32]? {
    var lengths = [UInt32](repeating: 0, count: spots.count)
    var isAppending = true
    for i in places.indices {
      let end = Int(ends[i])
      if places[i] != lengths[end] { isAppending = false }
      lengths[end] += 1
    }
    if isAppending { return nil }
    // Real files number the links of a spot 0, 1, 2, ... in some order. Others are sorted all the same, but
    // they will be numbered properly when they are written.
    var first = [Int](repeating: 0, count: spots.count + 1)
    for i in lengths.indices { first[i + 1] = first[i] + Int(lengths[i]) }
    var taken = [Bool](repeating: false, count: places.count)
    for i in places.indices {
      let end = Int(ends[i])
      if places[i] < lengths[end], !taken[first[end] + Int(places[i])] {
        taken[first[end] + Int(places[i])] = true
      } else {
        isCanonical = false
      }
    }
    return places.map { Int32(clamping: $0) }
  }

  private mutating func readLabels(
    _ items: ArraySlice<JavaItem>, _ bytes: UnsafeRawBufferPointer, path: String
  ) throws {
    var items = items
    func fail(_ reason: String) -> HowdahError { .format(path, at: "model.raw, labels", reason) }
    guard case .strings(let keys)? = items.popFirst() else {
      throw fail("the list of properties is missing")
    }
    if keys != ["label"] { isCanonical = false }
    for key in keys {
      guard case .ints(let ids)? = items.popFirst(), case .bytes(let texts)? = items.popFirst()
      else { throw fail("the property \(key ?? "null") is not a list of spots and their texts") }
      guard key == "label" else { continue }
      try readLabels(bytes, ids: ids, texts: texts, path: path)
    }
    if !items.isEmpty { throw fail("\(items.count) unknown items follow") }
  }

  private mutating func readLabels(
    _ bytes: UnsafeRawBufferPointer, ids: Range<Int>, texts: Range<Int>, path: String
  ) throws {
    var idCursor = DataCursor(
      UnsafeRawBufferPointer(rebasing: bytes[ids]), path: path, place: "model.raw, label spots")
    var textCursor = DataCursor(
      UnsafeRawBufferPointer(rebasing: bytes[texts]), path: path, place: "model.raw, label texts")
    var seen = [Bool](repeating: false, count: ids.isEmpty ? 0 : spots.count)
    spots.labels.reserveCapacity(ids.count / 4)
    while idCursor.left > 0 {
      let id = try idCursor.int("a spot")
      guard seen.indices.contains(id) else {
        throw idCursor.fail("there is no spot \(id) to be labelled", at: idCursor.offset - 4)
      }
      let before = textCursor.offset
      let text = try textCursor.utf("a label")
      // A label that does not come out the same (half a surrogate pair), or is given twice.
      if ModifiedUTF8.length(text) != textCursor.offset - before - 2 || text.contains("\u{FFFD}")
        || seen[id]
      {
        isCanonical = false
      }
      seen[id] = true
      spots.labels.append((id, text))
    }
    try textCursor.finish()
  }
}

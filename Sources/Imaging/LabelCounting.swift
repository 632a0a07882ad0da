// Label images as other programs write them: any whole numbers, few of them used. What is counted here
// goes by runs of equal voxels along x, so that the cost is that of reading the image once.

import Core

/// Which labels two label images of the same size hold, how large they are, and where they meet.
public struct LabelOverlap: Sendable {
  /// A label and the number of its voxels.
  public struct Region: Hashable, Sendable {
    /// The label, above 0.
    public var label: UInt32
    /// Its voxels, at least 1.
    public var voxels: Int
  }

  /// A label of the first image, one of the second, and the number of voxels that have both.
  public struct Pair: Hashable, Sendable {
    /// The label in the first image.
    public var a: UInt32
    /// The label in the second image.
    public var b: UInt32
    /// Common voxels, at least 1.
    public var voxels: Int
  }

  /// The labels of the first image, ascending.
  public private(set) var a: [Region] = []
  /// The labels of the second image, ascending.
  public private(set) var b: [Region] = []
  /// The labels that meet, ascending by `a`, then `b`.
  public private(set) var pairs: [Pair] = []

  /// Compare two label images; 0 is background.
  ///
  /// - Parameter isParallel: use all cores; not inside `parallelFor`.
  /// - Throws: `.argument` when the sizes differ, `.format` for a voxel that is no whole number from 0 to
  ///   16,777,216, `.interrupted`.
  public init(_ a: Volume, _ b: Volume, isParallel: Bool = true, progress: Progress = .none) throws
  {
    guard a.size == b.size else {
      throw HowdahError(
        .argument, "label images of \(a.size) and \(b.size) voxels cannot be compared")
    }
    let planes = a.size.y * a.size.z
    let pieces = isParallel ? pieceCount(planes, grain: max(1, voxelGrain / a.size.x)) : 1
    let results = PieceResults<CountTable>(count: pieces)
    @Sendable func count(_ piece: Int) throws {
      var table = CountTable()
      let rows = pieceRange(piece, of: pieces, total: planes)
      try withLabels(of: a) { a in try withLabels(of: b) { try a.meet($0, rows, &table, progress) }
      }
      results.set(piece, table)
    }
    if pieces == 1 { try count(0) } else { try parallelFor(pieces, count) }
    collect(results.all)
  }

  /// The overlap of volumes that consist of these parts, one behind the other.
  public init(stacking parts: [LabelOverlap]) {
    var table = CountTable()
    var (a, b): ([UInt32: Int], [UInt32: Int]) = ([:], [:])
    for part in parts {
      for region in part.a { a[region.label, default: 0] += region.voxels }
      for region in part.b { b[region.label, default: 0] += region.voxels }
      for pair in part.pairs { table.add(UInt64(pair.a) << 32 | UInt64(pair.b), pair.voxels) }
    }
    // Only meetings are in the table; what is left of each label meets background.
    collect([table])
    (self.a, self.b) = (Self.regions(a), Self.regions(b))
  }

  private static func regions(_ sizes: [UInt32: Int]) -> [Region] {
    sizes.map { Region(label: $0.key, voxels: $0.value) }.sorted { $0.label < $1.label }
  }

  private mutating func collect(_ tables: [CountTable]) {
    var all = tables[0]
    for table in tables.dropFirst() { table.forEach { all.add($0, $1) } }
    var (sizesA, sizesB): ([UInt32: Int], [UInt32: Int]) = ([:], [:])
    all.forEach { key, voxels in
      let (a, b) = (UInt32(truncatingIfNeeded: key >> 32), UInt32(truncatingIfNeeded: key))
      if a > 0 { sizesA[a, default: 0] += voxels }
      if b > 0 { sizesB[b, default: 0] += voxels }
      if a > 0, b > 0 { pairs.append(Pair(a: a, b: b, voxels: voxels)) }
    }
    pairs.sort { ($0.a, $0.b) < ($1.a, $1.b) }
    (a, b) = (Self.regions(sizesA), Self.regions(sizesB))
  }
}

extension Volume {
  /// Moments of every label that occurs, ascending by label; 0 is background. For label images of files,
  /// whose labels may be any whole numbers.
  ///
  /// Throws `.format` for a voxel that is no whole number from 0 to 16,777,216, `.interrupted`.
  public func labelMoments(progress: Progress = .none) throws -> [RegionMoments] {
    var places: [UInt32: Int] = [:]
    var sums: [RegionSums] = []
    try withLabels(of: self) { labels in
      try labels.forEachRun(rows: 0..<size.y * size.z, width: size.x, progress) { label, row, x in
        let place: Int
        if let known = places[label] {
          place = known
        } else {
          place = sums.count
          places[label] = place
          sums.append(RegionSums())
        }
        let (z, y) = row.quotientAndRemainder(dividingBy: size.y)
        sums[place].add(run: x, y, z)
      }
    }
    return places.sorted { $0.key < $1.key }.map {
      sums[$0.value].moments(label: Int($0.key), weighted: false)
    }
  }
}

/// Voxels that are labels.
private protocol LabelVoxels {
  func forEachRun(
    rows: Range<Int>, width: Int, _ progress: Progress,
    _ body: (_ label: UInt32, _ row: Int, _ x: ClosedRange<Int>) -> Void) throws
  func meet(
    _ other: any LabelVoxels, _ rows: Range<Int>, _ table: inout CountTable, _ progress: Progress)
    throws
}

private func withLabels<R>(of volume: Volume, _ body: (any LabelVoxels) throws -> R) rethrows -> R {
  let width = volume.size.x
  return switch volume.type {
  case .uint8: try volume.withVoxels(as: UInt8.self) { try body(Labels($0.baseAddress!, width)) }
  case .uint16: try volume.withVoxels(as: UInt16.self) { try body(Labels($0.baseAddress!, width)) }
  case .float32: try volume.withVoxels(as: Float.self) { try body(Labels($0.baseAddress!, width)) }
  }
}

private struct Labels<Voxel: VoxelElement>: LabelVoxels {
  let base: UnsafePointer<Voxel>
  let width: Int

  init(_ base: UnsafePointer<Voxel>, _ width: Int) {
    self.base = base
    self.width = width
  }

  /// The label that a voxel stands for.
  func label(_ voxel: Voxel) throws -> UInt32 {
    let value = voxel.asDouble
    guard value >= 0, value <= 16_777_216, value == value.rounded(.down) else {
      throw HowdahError(
        .format, "a voxel holds \(value), which is no label (a whole number from 0 to 16777216)")
    }
    return UInt32(value)
  }

  /// Calls `body` for every run of a label other than 0.
  func forEachRun(
    rows: Range<Int>, width: Int, _ progress: Progress,
    _ body: (_ label: UInt32, _ row: Int, _ x: ClosedRange<Int>) -> Void
  ) throws {
    for row in rows {
      if row & 255 == 0 { try progress.check() }
      let line = base + row * width
      var x = 0
      while true {
        x = skipBackground(line, x)
        if x == width { break }
        let (voxel, start) = (line[x], x)
        repeat { x += 1 } while x < width && line[x] == voxel
        body(try label(voxel), row, start...x - 1)
      }
    }
  }

  /// The first voxel at or behind `x` that is not 0, or `width`. Eight voxels at a time are looked at as
  /// whole words: most of an image is background.
  @inline(__always)
  func skipBackground(_ line: UnsafePointer<Voxel>, _ x: Int) -> Int {
    var x = x
    while x + 8 <= width, isBackground(line + x) { x += 8 }
    while x < width, line[x] == .zero { x += 1 }
    return x
  }

  @inline(__always)
  func isBackground(_ voxels: UnsafePointer<Voxel>) -> Bool {
    let raw = UnsafeRawPointer(voxels)
    var bits: UInt64 = 0
    for word in 0..<MemoryLayout<Voxel>.stride {
      bits |= raw.loadUnaligned(fromByteOffset: 8 * word, as: UInt64.self)
    }
    return bits == 0
  }

  func meet(
    _ other: any LabelVoxels, _ rows: Range<Int>, _ table: inout CountTable, _ progress: Progress
  ) throws {
    switch other {
    case let other as Labels<UInt8>: try count(other, rows, &table, progress)
    case let other as Labels<UInt16>: try count(other, rows, &table, progress)
    case let other as Labels<Float>: try count(other, rows, &table, progress)
    default: preconditionFailure("voxels of an unknown type")
    }
  }

  /// Counts pairs of labels; where both are background is not counted.
  private func count<Other: VoxelElement>(
    _ other: Labels<Other>, _ rows: Range<Int>, _ table: inout CountTable, _ progress: Progress
  ) throws {
    for row in rows {
      if row & 255 == 0 { try progress.check() }
      let (a, b) = (base + row * width, other.base + row * width)
      var x = 0
      while x < width {
        if x + 8 <= width, isBackground(a + x), other.isBackground(b + x) {
          x += 8
          continue
        }
        let (va, vb, start) = (a[x], b[x], x)
        repeat { x += 1 } while x < width && a[x] == va && b[x] == vb
        if va == .zero, vb == .zero { continue }
        let key = UInt64(try label(va)) << 32 | UInt64(try other.label(vb))
        table.add(key, x - start)
      }
    }
  }
}

/// Counts by 64-bit keys other than 0: a hash table with linear probing, at most half full.
private struct CountTable: Sendable {
  private var keys = [UInt64](repeating: 0, count: 1 << 10)
  private var counts = [Int](repeating: 0, count: 1 << 10)
  private var used = 0

  mutating func add(_ key: UInt64, _ count: Int) {
    var slot = place(key)
    while keys[slot] != key {
      if keys[slot] == 0 {
        if used * 2 >= keys.count {
          grow()
          return add(key, count)
        }
        used += 1
        keys[slot] = key
        break
      }
      slot = (slot + 1) & (keys.count - 1)
    }
    counts[slot] += count
  }

  func forEach(_ body: (UInt64, Int) -> Void) {
    for slot in keys.indices where keys[slot] != 0 { body(keys[slot], counts[slot]) }
  }

  private func place(_ key: UInt64) -> Int {
    // Fibonacci hashing: neighbouring labels are spread over the table.
    Int(truncatingIfNeeded: (key ^ key >> 29) &* 0x9E37_79B9_7F4A_7C15 >> 20) & (keys.count - 1)
  }

  private mutating func grow() {
    let old = self
    keys = [UInt64](repeating: 0, count: 2 * old.keys.count)
    counts = [Int](repeating: 0, count: 2 * old.keys.count)
    used = 0
    old.forEach { add($0, $1) }
  }
}

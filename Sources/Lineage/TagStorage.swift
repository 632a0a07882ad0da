// Tag sets: who carries which tag, as one small-integer column for spots and one for links per set.
// A column holds 0 for "no tag" and 1 + the tag's position otherwise; it has no memory before its
// first tag, one byte an entry for sets of up to 254 tags and two for larger ones.

/// One small integer per spot or per link.
struct TagColumn {
  private(set) var base: UnsafeMutableRawPointer?
  /// Bytes an entry, 1 or 2.
  private(set) var width = 1
  private(set) var capacity = 0
  /// How many entries are not 0.
  private(set) var assigned = 0

  func value(_ index: UInt32) -> UInt16 {
    guard let base else { return 0 }
    return width == 1
      ? UInt16(base.load(fromByteOffset: Int(index), as: UInt8.self))
      : base.load(fromByteOffset: 2 * Int(index), as: UInt16.self)
  }

  /// Set an entry; there is memory for it (`reserve`) unless the value is 0 too.
  mutating func set(_ index: UInt32, _ value: UInt16) {
    guard let base else { return }
    if width == 1 {
      let p = base.assumingMemoryBound(to: UInt8.self) + Int(index)
      assigned += (value == 0 ? 0 : 1) - (p.pointee == 0 ? 0 : 1)
      p.pointee = UInt8(value)
    } else {
      let p = base.assumingMemoryBound(to: UInt16.self) + Int(index)
      assigned += (value == 0 ? 0 : 1) - (p.pointee == 0 ? 0 : 1)
      p.pointee = value
    }
  }

  /// Have memory for `slots` entries with values up to `largest`. Returns whether the address
  /// changed.
  @discardableResult
  mutating func reserve(slots: Int, largest: Int) -> Bool {
    let newWidth = largest > 255 ? 2 : width
    if base != nil, capacity >= slots, width >= newWidth { return false }
    var larger = TagColumn()
    larger.width = newWidth
    larger.capacity = max(slots, capacity)
    let memory = ZeroedMemory.allocate(bytes: larger.capacity * newWidth)
    larger.base = memory
    if let base {
      if width == newWidth {
        memory.copyMemory(from: base, byteCount: capacity * width)
      } else {
        let wide = memory.bindMemory(to: UInt16.self, capacity: larger.capacity)
        let narrow = base.assumingMemoryBound(to: UInt8.self)
        for i in 0..<capacity { wide[i] = UInt16(narrow[i]) }
      }
    }
    larger.assigned = assigned
    free()
    self = larger
    return true
  }

  /// Entries that carry `value`, ascending, among the first `slots`.
  func indices(of value: UInt16, slots: Int) -> [UInt32] {
    var found: [UInt32] = []
    guard base != nil else { return found }
    for i in 0..<UInt32(min(slots, capacity)) where self.value(i) == value { found.append(i) }
    return found
  }

  /// Make room for a tag at a position (`by` = 1) or close the gap of a removed one (`by` = -1):
  /// entries above move with their tags.
  mutating func shift(above value: UInt16, by step: Int) {
    guard base != nil else { return }
    for i in 0..<UInt32(capacity) {
      let v = self.value(i)
      if v > value { set(i, UInt16(Int(v) + step)) }
    }
  }

  func free() {
    if let base { ZeroedMemory.free(base, bytes: capacity * width) }
  }

  /// Bytes taken (the memory of slots that were never used is untouched and does not count).
  func memoryFootprint(peak: Int) -> Int { base == nil ? 0 : min(peak, capacity) * width }
}

/// A tag set with its assignments. The history may hold one that is not in the graph at the moment.
final class TagSetStore {
  var info: TagSetInfo { didSet { look() } }
  private(set) var index: [String: Int] = [:]
  /// The labels of the tags, and the name: where scripts read tags of a million spots by name.
  private(set) var labels: [String] = []
  private(set) var name = ""
  /// The columns live outside the object, so that reading an entry costs no exclusivity check.
  let spots: UnsafeMutablePointer<TagColumn>
  let links: UnsafeMutablePointer<TagColumn>

  init(_ info: TagSetInfo) {
    self.info = info
    spots = .allocate(capacity: 1)
    spots.initialize(to: TagColumn())
    links = .allocate(capacity: 1)
    links.initialize(to: TagColumn())
    look()
  }

  /// Take out of `info` what is asked for often.
  private func look() {
    index = TagSetStore.positions(info.tags)
    labels = info.tags.map(\.label)
    name = info.name
  }

  deinit {
    spots.pointee.free()
    links.pointee.free()
    spots.deallocate()
    links.deallocate()
  }

  /// The first position of each label.
  private static func positions(_ tags: [Tag]) -> [String: Int] {
    Dictionary(tags.enumerated().map { ($1.label, $0) }, uniquingKeysWith: { first, _ in first })
  }
}

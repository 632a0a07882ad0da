// What has to be done to take an edit back: a stack of records in one growing block of memory. A
// record is its fields followed by one byte that says what it is, so the stack is read from its
// end.
//
// Taking a record back makes the record that would do it again, on another log: undo and redo are
// the same operation with two stacks. A log costs memory in proportion to the changes it can take
// back.

/// What a record in the log does when it is taken from the stack.
enum ChangeKind: UInt8 {
  case killSpot, reviveSpot, killLink, reviveLink
  case position, covariance, storedRadius
  case spotTags, linkTags
  case label, spotFeature, linkFeature
  case tagSetInfo, insertTagSet, removeTagSet, shiftTags
  case insertSpotFeature, removeSpotFeature, insertLinkFeature, removeLinkFeature
}

/// Everything about a spot that its slot held.
struct SpotRecord: BitwiseCopyable {
  var x, y, z: Double
  var xx, xy, xz, yy, yz, zz: Double
  var timepoint: Int32
  var id: UInt32
  var generation: UInt32
  var isFresh: Bool
}

/// A link to be taken out, and the links it is behind in the lists of its ends (`noIndex` for the
/// first place), which are what they were when it was put in.
struct KilledLink: BitwiseCopyable {
  var id: UInt32
  var afterOut: UInt32
  var afterIn: UInt32
  var isFresh: Bool
}

/// Everything about a link that its slot held, and its place in the lists of its ends.
struct RevivedLink: BitwiseCopyable {
  var id: UInt32
  var generation: UInt32
  var source: UInt32
  var target: UInt32
  var afterOut: UInt32
  var afterIn: UInt32
  var isFresh: Bool
}

/// The earlier tag of one spot or link: 0 for none, else 1 + the tag's position.
struct TagChange: BitwiseCopyable {
  var index: UInt32
  var value: UInt16
}

/// Values of records that are not plain bytes.
enum ChangeObject {
  case label(String?)
  case tagSetInfo(TagSetInfo)
  case tagSet(TagSetStore)
  case feature(FeatureColumn)
}

/// A stack of records; see the top of the file.
final class ChangeLog {
  private var base: UnsafeMutableRawPointer
  private var capacity: Int
  private(set) var size = 0
  private(set) var objects: [ChangeObject] = []

  init() {
    capacity = 256
    base = .allocate(byteCount: capacity, alignment: 16)
  }

  deinit { base.deallocate() }

  var isEmpty: Bool { size == 0 }

  /// Bytes taken, columns of removed tag sets and features included.
  var memoryFootprint: Int { capacity + objects.capacity * MemoryLayout<ChangeObject>.stride }

  /// Make sure that this many more bytes fit.
  func reserve(_ bytes: Int) {
    guard size + bytes > capacity else { return }
    let newCapacity = max(size + bytes, capacity * 2)
    let larger = UnsafeMutableRawPointer.allocate(byteCount: newCapacity, alignment: 16)
    larger.copyMemory(from: base, byteCount: size)
    base.deallocate()
    base = larger
    capacity = newCapacity
  }

  /// Put the records of a later log on top.
  func append(_ later: ChangeLog) {
    reserve(later.size)
    (base + size).copyMemory(from: later.base, byteCount: later.size)
    size += later.size
    objects += later.objects
  }

  /// Give back memory that the finished log does not need.
  func trim() {
    guard size < capacity / 2 else { return }
    let smaller = UnsafeMutableRawPointer.allocate(byteCount: max(size, 16), alignment: 16)
    smaller.copyMemory(from: base, byteCount: size)
    base.deallocate()
    base = smaller
    capacity = max(size, 16)
  }

  @inline(__always)
  func push<T: BitwiseCopyable>(_ value: T) {
    let bytes = MemoryLayout<T>.size
    if size + bytes > capacity { reserve(bytes) }
    (base + size).storeBytes(of: value, as: T.self)
    size += bytes
  }

  func push(_ object: ChangeObject) { objects.append(object) }

  @inline(__always)
  func pop<T: BitwiseCopyable>(_ type: T.Type) -> T {
    size -= MemoryLayout<T>.size
    return (base + size).loadUnaligned(as: T.self)
  }

  func popKind() -> ChangeKind {
    guard let kind = ChangeKind(rawValue: pop(UInt8.self)) else { fatalError("damaged history") }
    return kind
  }

  func popObject() -> ChangeObject { objects.removeLast() }

  /// Write the end of a record.
  @inline(__always)
  func end(_ kind: ChangeKind) { push(kind.rawValue) }
}

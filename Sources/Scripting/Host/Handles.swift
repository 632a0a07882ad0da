// Handles: spots, links and tracks as 64 bits {4 kind, 8 space, 20 generation, 32 index} in a light
// userdata. A handle costs no memory, compares and hashes by value, and is checked against the generation
// column on every use, so that it is an error and never another spot once its spot is gone.

import Core
import LuaShim

/// What a handle points to.
public struct HandleKind: RawRepresentable, Hashable, Sendable {
  /// The bits.
  public let rawValue: UInt8

  /// A kind by number, 1 to 15.
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// A spot (storage 0).
  public static let spot = HandleKind(rawValue: 1)
  /// A link (storage 1).
  public static let link = HandleKind(rawValue: 2)
  /// A track, named by its root spot (storage 0).
  public static let track = HandleKind(rawValue: 3)
  /// `spot.tags` (storage 0).
  public static let spotTags = HandleKind(rawValue: 4)
  /// `link.tags` (storage 1).
  public static let linkTags = HandleKind(rawValue: 5)

  /// Which storage of a `HandleSpace` the index and generation belong to: 0 spots, 1 links.
  var storage: UInt8 { self == .link || self == .linkTags ? 1 : 0 }
}

/// The 64 bits of a spot, link or track in Lua.
public struct Handle: Hashable, Sendable {
  /// The bits.
  public let rawValue: UInt64

  /// The handle with these bits.
  public init(rawValue: UInt64) { self.rawValue = rawValue }

  /// The handle of slot `index` in this generation (before the space's offset).
  public init(_ kind: HandleKind, in space: HandleSpace, index: UInt32, generation: UInt32) {
    rawValue = hw_handle_make(
      UInt32(kind.rawValue), UInt32(space.number), generation &+ space.offset, index)
  }

  /// The same slot and generation as another kind of the same storage: a spot as its track or its tags.
  public func asKind(_ kind: HandleKind) -> Handle {
    Handle(rawValue: rawValue & ~(15 << 60) | UInt64(kind.rawValue) << 60)
  }

  /// What it points to.
  public var kind: HandleKind { HandleKind(rawValue: UInt8(hw_handle_kind(rawValue))) }
  /// The slot, which is the id that Lua shows.
  public var index: UInt32 { hw_handle_index(rawValue) }
  /// The number of its space in its host.
  var space: Int { Int(hw_handle_space(rawValue)) }
}

/// How a column's bytes are read; the raw value is the shim's number.
public enum ColumnType: UInt32, Sendable {
  case double = 1
  case doubleOrNil, float, floatOrNil, int32, uint32, uint16
  /// The slot index itself; needs no memory.
  case index
}

/// The data set that handles point into: base pointers of its columns for the fast path, and the Swift
/// object behind it.
///
/// Make one per project and host with `host.makeSpace(owner:watching:sync:)` and keep it as long as the project is
/// reachable from Lua (the owner usually holds it). When it goes, its handles become stale. `sync` sets the
/// storages again, because columns may have moved in memory. It is called after a call into Swift and before a
/// call back into Lua, when one of the numbers `watching` (at most four, and they must live as long as the
/// space) has changed, or always when there is none.
public final class HandleSpace {
  /// The number in the handles, 1 to 255.
  public let number: UInt8
  let offset: UInt32
  let raw: UnsafeMutablePointer<hw_space>
  /// The object that owns the space (a project). Not retained, as the owner holds the space and ends it; a
  /// weak reference would send every retain of the owner down the runtime's slow path.
  public unowned(unsafe) let owner: AnyObject?
  let sync: (HandleSpace) -> Void
  private let box: UnsafeMutablePointer<hw_box>
  private let life: HostLife

  init(
    number: UInt8, offset: UInt32, host: LuaHost, owner: AnyObject,
    watching numbers: [UnsafePointer<UInt64>], sync: @escaping (HandleSpace) -> Void
  ) {
    self.number = number
    self.offset = offset
    life = host.life
    self.owner = owner
    self.sync = sync
    box = host.box
    raw = .allocate(capacity: 1)
    raw.initialize(to: hw_space())
    raw.pointee.offset = offset
    raw.pointee.owner = Unmanaged.passUnretained(owner).toOpaque()
    for watched in numbers { hw_watch_number(raw, watched) }
    hw_set_space(box, UInt32(number), raw)
    sync(self)
  }

  deinit {
    if let host = life.host {
      hw_set_space(box, UInt32(number), nil)
      host.closeSpace(number)
    }
    raw.deallocate()
  }

  /// Call `sync` after every call, whether or not a watched number has changed.
  public var syncsAlways: Bool {
    get { raw.pointee.syncs_always }
    set { raw.pointee.syncs_always = newValue }
  }

  /// Describe storage 0 (spots) or 1 (links): the generation column (32-bit values, `stride` bytes apart, of
  /// which `mask` counts) and the number of slots. Columns of the storage are forgotten.
  public func setStorage(
    _ storage: Int, generation: UnsafeRawPointer?, stride: Int, mask: UInt32 = 0xFFFFF, count: Int
  ) {
    let s = storagePointer(storage)
    s.pointee = hw_storage()
    s.pointee.generation = generation
    s.pointee.generation_stride = UInt32(stride)
    s.pointee.generation_mask = mask
    s.pointee.count = generation == nil ? 0 : UInt32(count)
  }

  /// Give the fast path a column; `slot` (0 to 31) is the number that properties name in `column:`.
  public func setColumn(
    _ slot: Int, of storage: Int, base: UnsafeRawPointer?, stride: Int, type: ColumnType
  ) {
    precondition(slot >= 0 && slot < Int(HW_COLUMNS))
    let columns = UnsafeMutableRawPointer(storagePointer(storage))
      .advanced(by: MemoryLayout<hw_storage>.offset(of: \.columns)!)
      .assumingMemoryBound(to: hw_column.self)
    let known = base != nil || type == .index
    columns[slot] = hw_column(
      base: base, stride: UInt32(stride), type: known ? type.rawValue : 0)
  }

  @inline(__always)
  private func storagePointer(_ storage: Int) -> UnsafeMutablePointer<hw_storage> {
    precondition(storage == 0 || storage == 1)
    return UnsafeMutableRawPointer(raw).assumingMemoryBound(to: hw_storage.self) + storage
  }
}

// Names for spots, links and tags. An id is a slot of the pool, so ids are small, dense and reused;
// a reference adds the generation of the slot, so that it can tell the object it was made for from
// a later one.

import Core

/// The id of a spot: its slot in the pool, 0-based. A removed spot's id is given to the next new
/// spot, so keep a `SpotRef` where an id must outlive edits.
public struct SpotID: Hashable, Comparable, BitwiseCopyable, Sendable, CustomStringConvertible {
  /// The slot.
  public let index: UInt32

  /// The id of the spot in this slot.
  @inlinable public init(_ index: UInt32) { self.index = index }

  /// Order of slots; "ascending id" everywhere means this order.
  @inlinable public static func < (a: SpotID, b: SpotID) -> Bool { a.index < b.index }

  /// The slot as decimal text.
  public var description: String { String(index) }
}

/// The id of a link: its slot in the pool, 0-based and reused as spot ids are.
public struct LinkID: Hashable, Comparable, BitwiseCopyable, Sendable, CustomStringConvertible {
  /// The slot.
  public let index: UInt32

  /// The id of the link in this slot.
  @inlinable public init(_ index: UInt32) { self.index = index }

  /// Order of slots.
  @inlinable public static func < (a: LinkID, b: LinkID) -> Bool { a.index < b.index }

  /// The slot as decimal text.
  public var description: String { String(index) }
}

/// A spot's id with the generation of its slot: it stays valid through undo and redo, and becomes
/// stale (never another spot) when the spot is removed.
public struct SpotRef: Hashable, Sendable {
  /// The slot.
  public let id: SpotID
  /// How often the slot had been used before, modulo 2^20.
  public let generation: UInt32

  /// A reference from its parts, for hosts that pack them into a handle.
  @inlinable public init(id: SpotID, generation: UInt32) {
    self.id = id
    self.generation = generation
  }
}

/// A link's id with the generation of its slot; see `SpotRef`.
public struct LinkRef: Hashable, Sendable {
  /// The slot.
  public let id: LinkID
  /// How often the slot had been used before, modulo 2^20.
  public let generation: UInt32

  /// A reference from its parts, for hosts that pack them into a handle.
  @inlinable public init(id: LinkID, generation: UInt32) {
    self.id = id
    self.generation = generation
  }
}

/// Position of a tag set in the graph's list of tag sets.
public typealias TagSetID = Int

/// Position of a tag in its set, 0-based. "No tag" is `nil`, which differs from a tag named
/// `unlabeled`.
public typealias TagID = Int

/// A tag: what it is called and how spots and links that carry it are drawn.
public struct Tag: Hashable, Sendable {
  /// Compared exactly; may be empty in real files.
  public var label: String
  /// 0xAARRGGBB.
  public var color: UInt32

  /// A tag with this label and this colour (0xAARRGGBB).
  public init(label: String, color: UInt32) {
    self.label = label
    self.color = color
  }
}

/// Name and tags of a tag set, without what carries them.
public struct TagSetInfo: Hashable, Sendable {
  /// Compared exactly.
  public var name: String
  /// In the order in which they are listed; a `TagID` is a position in here.
  public var tags: [Tag]

  /// A tag set of this name with these tags.
  public init(name: String, tags: [Tag]) {
    self.name = name
    self.tags = tags
  }
}

/// A spot found by a search with the square of its distance in world units.
public typealias Neighbor = (id: SpotID, squaredDistance: Double)

/// The end of an intrusive list, and "no slot".
@usableFromInline let noIndex = UInt32.max

/// Set in a slot's state while the slot is free; the low 20 bits are the generation.
@usableFromInline let freeFlag: UInt32 = 0x8000_0000

/// Generations count modulo 2^20, so that hosts can pack an id and a generation into one word.
@usableFromInline let generationMask: UInt32 = 0x000F_FFFF

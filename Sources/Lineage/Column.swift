// Memory of the columns: zero-filled, grown by moving to a larger block, never shrunk.
//
// Large blocks come straight from the kernel, so pages that were never written cost address space
// but no memory; that is why a column may have much more capacity than it uses.

import Glibc

/// Zero-filled blocks of memory.
enum ZeroedMemory {
  /// From this size on a block is made of whole pages of its own.
  private static let mappedFrom = 1 << 18

  /// A zero-filled block, aligned to at least 16 bytes.
  static func allocate(bytes: Int) -> UnsafeMutableRawPointer {
    if bytes < mappedFrom {
      guard let block = calloc(max(bytes, 16), 1) else {
        fatalError("out of memory (\(bytes) bytes)")
      }
      return block
    }
    let block = mmap(
      nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    guard let block, block != MAP_FAILED else { fatalError("out of memory (\(bytes) bytes)") }
    return block
  }

  /// Give back a block that `allocate` made with this size.
  static func free(_ block: UnsafeMutableRawPointer, bytes: Int) {
    if bytes < mappedFrom { Glibc.free(block) } else { munmap(block, bytes) }
  }
}

/// A growable array of plain values outside Swift's arrays: no uniqueness checks, a base address
/// that stays the same until the capacity changes, zero bytes where nothing was written yet. Owned
/// by exactly one storage.
@usableFromInline
struct Column<Element: BitwiseCopyable> {
  @usableFromInline private(set) var base: UnsafeMutablePointer<Element>
  private(set) var capacity: Int

  init(capacity: Int = 0) {
    self.capacity = capacity
    let block = ZeroedMemory.allocate(bytes: capacity * MemoryLayout<Element>.stride)
    base = block.bindMemory(to: Element.self, capacity: capacity)
  }

  /// Make room for `newCapacity` elements; the first `used` are kept, the others are zero.
  mutating func grow(to newCapacity: Int, keeping used: Int) {
    guard newCapacity > capacity else { return }
    var larger = Column(capacity: newCapacity)
    larger.base.update(from: base, count: used)
    swap(&self, &larger)
    larger.free()
  }

  /// The owner is done with it.
  func free() {
    ZeroedMemory.free(base, bytes: capacity * MemoryLayout<Element>.stride)
  }

  @inlinable
  subscript(index: UInt32) -> Element {
    get { base[Int(index)] }
    nonmutating set { base[Int(index)] = newValue }
  }
}

/// The capacity of storages that are filled with `count` objects at once. Half as much again is
/// free until it is used, and the first edits need not move everything.
func roomyCapacity(_ count: Int) -> Int { count + count / 2 }

/// The next capacity of storages that need `needed` slots and have `capacity`.
func grownCapacity(_ capacity: Int, needed: Int) -> Int {
  max(needed, capacity + capacity / 2, 16)
}

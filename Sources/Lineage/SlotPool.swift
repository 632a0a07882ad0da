// Which slots of a pool are in use: a last-in first-out list of free slots, and a generation for
// each slot.
//
// The rule about generations: whatever is undone and made anew, two objects that ever lived in a
// slot have different generations (modulo 2^20), and an object that undo or redo brings back has
// the one it had. So the first generation that a slot never used must be known: a free slot's state
// holds it (which also makes every old handle differ in the low 20 bits, for hosts that look at
// nothing else); where an undo has brought back an older object, it is in `unused`.

/// The state of all slots of a pool of spots or links.
@usableFromInline
struct SlotPool {
  /// For a slot in use its generation, for a free one the next generation and `freeFlag`; 0 where a
  /// slot was never used.
  @usableFromInline var state = Column<UInt32>()
  /// The free slots; the last one is the next to be used.
  private var freeSlots: [UInt32] = []
  /// Slots that have been handed out, free ones included.
  @usableFromInline private(set) var slots = 0
  /// Slots in use.
  @usableFromInline private(set) var count = 0
  /// The most slots there ever were: pages beyond were never touched.
  private(set) var peak = 0
  private var unused: [UInt32: UInt32] = [:]

  /// Bytes of memory in use.
  var memoryFootprint: Int { 4 * (peak + freeSlots.capacity) + 16 * unused.capacity }

  @inlinable
  func contains(_ index: UInt32) -> Bool { Int(index) < slots && state[index] & freeFlag == 0 }

  @inlinable
  func isCurrent(_ index: UInt32, _ generation: UInt32) -> Bool {
    Int(index) < slots && state[index] == generation
  }

  /// The slot that the next object gets.
  var upcoming: (index: UInt32, isFresh: Bool) {
    if let last = freeSlots.last { (last, false) } else { (UInt32(slots), true) }
  }

  /// The generation that the next object in this free slot gets.
  func nextGeneration(of index: UInt32) -> UInt32 { state[index] & generationMask }

  /// Take the upcoming slot with this generation. The owner's columns have room for it.
  mutating func take(_ index: UInt32, generation: UInt32, isFresh: Bool) {
    if isFresh {
      slots += 1
      peak = max(peak, slots)
    } else {
      freeSlots.removeLast()
    }
    let next = nextGeneration(of: index)
    if next > generation + 1 { unused[index] = next }
    state[index] = generation
    count += 1
  }

  /// Free a slot; with `isFresh` it was the last one and is given back as if it had never been
  /// taken.
  mutating func release(_ index: UInt32, isFresh: Bool) {
    var next = (state[index] + 1) & generationMask
    if !unused.isEmpty, let first = unused.removeValue(forKey: index) { next = max(next, first) }
    state[index] = next | freeFlag
    count -= 1
    if isFresh {
      slots -= 1
    } else {
      freeSlots.append(index)
    }
  }

  /// Take the next `n` fresh slots at once. The owner's columns have room for them.
  mutating func takeFresh(_ n: Int) {
    let base = state.base
    for i in slots..<slots + n { base[i] &= generationMask }
    slots += n
    count += n
    peak = max(peak, slots)
  }

  mutating func grow(to capacity: Int) {
    state.grow(to: capacity, keeping: peak)
  }

  func free() { state.free() }
}

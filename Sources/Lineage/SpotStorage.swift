// The columns of the spots: 88 bytes a spot. A free slot keeps its last values until it is used
// again.

import Core

/// Columns of all spots, indexed by slot.
@usableFromInline
struct SpotStorage {
  @usableFromInline var pool = SlotPool()
  @usableFromInline var x = Column<Double>()
  @usableFromInline var y = Column<Double>()
  @usableFromInline var z = Column<Double>()
  @usableFromInline var covariance = Column<Covariance>()
  @usableFromInline var timepoint = Column<Int32>()
  /// The last link of each circular list, or `noIndex` when the list is empty; see `LinkStorage`.
  @usableFromInline var lastOut = Column<UInt32>()
  @usableFromInline var lastIn = Column<UInt32>()
  var capacity: Int { pool.state.capacity }

  @inlinable
  func position(_ i: UInt32) -> WorldPoint { WorldPoint(x: x[i], y: y[i], z: z[i]) }

  func setPosition(_ i: UInt32, _ p: WorldPoint) {
    x[i] = p.x
    y[i] = p.y
    z[i] = p.z
  }

  /// Fill a slot that has just been taken; it has no links.
  func fill(_ i: UInt32, t: Int32, position: WorldPoint, covariance c: Covariance) {
    setPosition(i, position)
    covariance[i] = c
    timepoint[i] = t
    lastOut[i] = noIndex
    lastIn[i] = noIndex
  }

  mutating func grow(to capacity: Int) {
    let used = pool.slots
    x.grow(to: capacity, keeping: used)
    y.grow(to: capacity, keeping: used)
    z.grow(to: capacity, keeping: used)
    covariance.grow(to: capacity, keeping: used)
    timepoint.grow(to: capacity, keeping: used)
    lastOut.grow(to: capacity, keeping: used)
    lastIn.grow(to: capacity, keeping: used)
    pool.grow(to: capacity)
  }

  func free() {
    x.free()
    y.free()
    z.free()
    covariance.free()
    timepoint.free()
    lastOut.free()
    lastIn.free()
    pool.free()
  }

  /// Bytes of memory in use (pages that were never touched do not count).
  var memoryFootprint: Int { pool.peak * (3 * 8 + 48 + 4 + 2 * 4) + pool.memoryFootprint }
}

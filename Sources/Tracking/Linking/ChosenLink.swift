// A link that a linker has chosen, before it is written. There is one for every link of a movie and all are there at
// once, so they are small: touching fresh memory costs more than finding the links.

import Core
import Lineage

/// A link that an assignment has chosen, by the places of its ends in `SpotFrames`.
struct ChosenLink: Sendable {
  private let ends: SIMD2<Int32>
  var cost, margin: Double
  private let alone: Float
  let step: LinkReason.Step
  var others = OtherParents()

  init(
    parent: Int, child: Int, step: LinkReason.Step, cost: Double, aloneCost: Double,
    margin: Double
  ) {
    ends = SIMD2(Int32(parent), Int32(child))
    self.step = step
    self.cost = cost
    self.margin = margin
    alone = Float(aloneCost)
  }

  var parent: Int { Int(ends.x) }
  var child: Int { Int(ends.y) }
  /// What it would have cost to leave the child without a parent.
  var aloneCost: Double { Double(alone) }
}

/// The cheapest parents that a child did not get, cheapest first; no more than are remembered.
struct OtherParents: Sendable, BitwiseCopyable {
  private typealias Entry = (parent: Int32, cost: Float)
  private var first: Entry = (-1, .infinity)
  private var second: Entry = (-1, .infinity)
  private var third: Entry = (-1, .infinity)

  /// Take note of one, unless enough cheaper ones are known. Of equal ones the earlier spot comes first.
  mutating func insert(_ parent: Int, _ cost: Double) {
    let new: Entry = (Int32(parent), Float(cost))
    func isBefore(_ old: Entry) -> Bool {
      new.cost < old.cost || (new.cost == old.cost && new.parent < old.parent)
    }
    if isBefore(first) {
      (first, second, third) = (new, first, second)
    } else if isBefore(second) {
      (second, third) = (new, second)
    } else if isBefore(third) {
      third = new
    }
  }

  /// The k-th of them, nil when there are fewer.
  subscript(k: Int) -> (parent: Int, cost: Double)? {
    let entry = k == 0 ? first : k == 1 ? second : third
    return entry.parent < 0 ? nil : (Int(entry.parent), Double(entry.cost))
  }
}

// Who is next: annotations of a timepoint get their turn in an order that is drawn anew each time all have been used.

import Core

/// The turns of annotations, a function of the seed alone.
struct SampleTurns: Sendable {
  let seed: UInt64

  /// The annotation that the k-th sample of frame `f`, counted over all epochs, lies around.
  func place(_ k: Int, of count: Int, frame f: Int) -> Int {
    let (round, place) = k.quotientAndRemainder(dividingBy: count)
    var random = SeededRandom(
      seed: seed ^ 0x5EED_0F0D_E2F1_77A5,
      stream: UInt64(truncatingIfNeeded: round) << 24 | UInt64(f)
    )
    var order = Array(0..<count)
    order.shuffle(by: &random)
    return order[place]
  }
}

extension Array {
  /// Put the elements in a random order (Fisher and Yates), the same for the same random numbers.
  mutating func shuffle(by random: inout SeededRandom) {
    for i in stride(from: count - 1, to: 0, by: -1) { swapAt(i, random.below(i + 1)) }
  }
}

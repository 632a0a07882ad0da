// Links that people have rejected: they stay in the lineage as a note, and the pair is never linked again.

import Core
import Lineage

/// Pairs of spots that are linked with the Tracking tag `Rejected`. ELEPHANT has no such tag; those who want it
/// add it to the tag set.
struct RejectedPairs: Sendable {
  private var pairs: Set<UInt64> = []

  init(_ lineage: LineageGraph, _ tags: ElephantTagIDs) {
    guard let rejected = tags.rejected else { return }
    for link in lineage.links(tagged: rejected, in: tags.tracking) {
      pairs.insert(RejectedPairs.key(lineage.source(link), lineage.target(link)))
    }
  }

  private static func key(_ parent: SpotID, _ child: SpotID) -> UInt64 {
    UInt64(parent.index) << 32 | UInt64(child.index)
  }

  @inline(__always)
  func contains(_ parent: SpotID, _ child: SpotID) -> Bool {
    !pairs.isEmpty && pairs.contains(RejectedPairs.key(parent, child))
  }
}

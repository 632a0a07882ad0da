// Spots for frames in which a nucleus was missed.

import Core
import Lineage

enum Interpolation {
  /// Put a spot into every frame between two spots, on the straight line, with shapes that change evenly, and
  /// link all of them. New spots carry Detection and Tracking `unlabeled`; links are left untagged. Must run
  /// inside an edit. Answers the links from the earlier to the later spot.
  static func fill(
    _ lineage: LineageGraph, from a: SpotID, to b: SpotID, _ tags: ElephantTagIDs
  ) throws -> [LinkID] {
    var (links, last) = try path(
      lineage, from: a, to: lineage.position(b), lineage.covariance(b), at: lineage.timepoint(b),
      tags)
    links.append(try lineage.addLink(last, b))
    return links
  }

  /// As `fill`, but for a mother that was not seen before she divided: she goes on towards the middle of her
  /// daughters, who are not linked yet. Answers her links and the last of her spots.
  static func mother(
    _ lineage: LineageGraph, from a: SpotID, to daughters: [SpotID], _ tags: ElephantTagIDs
  ) throws -> (links: [LinkID], last: SpotID) {
    let middle =
      daughters.reduce(.zero) { $0 + lineage.position($1) } * (1 / Double(daughters.count))
    return try path(
      lineage, from: a, to: middle, lineage.covariance(a), at: lineage.timepoint(daughters[0]), tags
    )
  }

  /// Spots on the way from a spot to a place at `end`, linked; the last of them is one frame before that.
  private static func path(
    _ lineage: LineageGraph, from a: SpotID, to place: WorldPoint, _ covariance: Covariance,
    at end: Timepoint, _ tags: ElephantTagIDs
  ) throws -> (links: [LinkID], last: SpotID) {
    let (begin, from, shape) = (lineage.timepoint(a), lineage.position(a), lineage.covariance(a))
    var links: [LinkID] = []
    var last = a
    for t in begin + 1..<max(end, begin + 1) {
      let s = Double(t - begin) / Double(end - begin)
      let spot = try lineage.addSpot(
        t: t, position: from + (place - from) * s,
        covariance: shape.mixed(with: covariance, share: s))
      try lineage.setTag(tags.detection, of: spot, to: tags.unlabeled)
      try lineage.setTag(tags.tracking, of: spot, to: tags.trackingUnlabeled)
      links.append(try lineage.addLink(last, spot))
      last = spot
    }
    return (links, last)
  }
}

extension Covariance {
  /// The weighted mean of two covariances: this one at share 0, the other at share 1.
  func mixed(with other: Covariance, share s: Double) -> Covariance {
    func mix(_ a: Double, _ b: Double) -> Double { a + (b - a) * s }
    return Covariance(
      xx: mix(xx, other.xx), xy: mix(xy, other.xy), xz: mix(xz, other.xz), yy: mix(yy, other.yy),
      yz: mix(yz, other.yz), zz: mix(zz, other.zz))
  }
}

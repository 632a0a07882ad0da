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
    let (ta, tb) = (lineage.timepoint(a), lineage.timepoint(b))
    let (pa, pb) = (lineage.position(a), lineage.position(b))
    let (ca, cb) = (lineage.covariance(a), lineage.covariance(b))
    var links: [LinkID] = []
    var last = a
    for t in ta + 1..<max(tb, ta + 1) {
      let s = Double(t - ta) / Double(tb - ta)
      let spot = try lineage.addSpot(
        t: t, position: pa + (pb - pa) * s, covariance: ca.mixed(with: cb, share: s))
      try lineage.setTag(tags.detection, of: spot, to: tags.unlabeled)
      try lineage.setTag(tags.tracking, of: spot, to: tags.trackingUnlabeled)
      links.append(try lineage.addLink(last, spot))
      last = spot
    }
    links.append(try lineage.addLink(last, b))
    return links
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

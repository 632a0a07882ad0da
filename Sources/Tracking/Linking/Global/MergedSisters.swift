// Two daughters that the detection took for one spot just after they had parted. The story then has the division a few
// frames late, and its mother is long along the line on which her daughters part. A mother before she divides is not:
// her chromosomes lie in a plate across that line.

import Core
import Lineage

/// Puts two spots in the place of a mother that was her two daughters already. Must be used inside an edit.
struct MergedSisters {
  private let lineage: LineageGraph
  private let tags: ElephantTagIDs
  private let reasons: LinkReasons?
  /// A mother is parted when she is this much longer along her daughters' line than across it, beside what her
  /// daughters are.
  private static let leastStretch = 1.3
  /// So many frames before a division are looked at.
  private static let frames = 4

  init(_ lineage: LineageGraph, _ tags: ElephantTagIDs, _ reasons: LinkReasons?) {
    self.lineage = lineage
    self.tags = tags
    self.reasons = reasons
  }

  /// Part the mothers of the divisions among these spots. Only spots and links that nobody has judged are changed.
  /// Answers how many spots were replaced.
  func part(_ mothers: [SpotID], _ progress: Progress) throws -> Int {
    var parted = 0
    for first in mothers {
      try progress.check()
      var mother = first
      for _ in 0..<MergedSisters.frames {
        guard let parent = try replace(mother) else { break }
        parted += 1
        mother = parent
      }
    }
    return parted
  }

  /// Replace a mother by two spots if she is two; answers her own mother, who divides now.
  private func replace(_ mother: SpotID) throws -> SpotID? {
    let (out, into) = (lineage.outgoing(mother), lineage.incoming(mother))
    guard out.count == 2, into.count == 1, let link = into.first,
      (Array(out) + [link]).allSatisfy({
        lineage.tag(tags.tracking, of: $0) == tags.trackingUnlabeled
      }),
      lineage.tag(tags.detection, of: mother) == tags.unlabeled
    else { return nil }
    let links = Array(out)
    let daughters = links.map { lineage.target($0) }
    let (parent, t) = (lineage.source(link), lineage.timepoint(mother))
    guard lineage.timepoint(parent) == t - 1, lineage.outgoing(parent).count == 1,
      daughters.allSatisfy({ lineage.timepoint($0) == t + 1 }),
      let halves = halves(of: mother, daughters[0], daughters[1])
    else { return nil }
    let before = reasons?.reason(for: link, in: lineage)
    let after = links.map { reasons?.reason(for: $0, in: lineage) }
    try lineage.remove(mother)
    for (n, place) in halves.places.enumerated() {
      let spot = try lineage.addSpot(t: t, position: place, covariance: halves.shape)
      try lineage.setTag(tags.detection, of: spot, to: tags.unlabeled)
      try lineage.setTag(tags.tracking, of: spot, to: tags.trackingUnlabeled)
      for (link, reason) in [
        (try lineage.addLink(parent, spot), before),
        (try lineage.addLink(spot, daughters[n]), after[n]),
      ] {
        try lineage.setTag(tags.tracking, of: link, to: tags.trackingUnlabeled)
        if let reason { reasons?.note(reason, for: lineage.ref(link)) }
      }
    }
    return parent
  }

  /// Where the two are, the first daughter's first, and their shape; nil for a mother that is one.
  ///
  /// In a space in which the daughters are balls of radius 1. Two equal balls at a distance d from their middle have
  /// the second moment of one ball, larger by d^2 along their line; a ball's is a fifth of its squared radius.
  private func halves(of mother: SpotID, _ a: SpotID, _ b: SpotID)
    -> (places: [WorldPoint], shape: Covariance)?
  {
    let usual = lineage.covariance(a).mixed(with: lineage.covariance(b), share: 0.5)
    let (values, axes) = usual.eigen()
    guard values.x > 0 else { return nil }
    func scaling(_ factor: (Double) -> Double) -> Matrix3 {
      var rows = [SIMD3<Double>](repeating: .zero, count: 3)
      for k in 0..<3 {
        for i in 0..<3 { rows[i] += axes[k] * (axes[k][i] * factor(values[k])) }
      }
      return Matrix3(rows[0], rows[1], rows[2])
    }
    let (toBalls, back) = (scaling { 1 / $0.squareRoot() }, scaling { $0.squareRoot() })
    let shape = lineage.covariance(mother).transformed(by: toBalls)
    let line = toBalls * (lineage.position(b) - lineage.position(a))
    let length = line.distance(to: .zero)
    guard length > 0 else { return nil }
    let u = line * (1 / length)
    let along = (shape.matrix * u).dot(u)
    let across = (shape.xx + shape.yy + shape.zz - along) / 2
    guard across > 0, along > MergedSisters.leastStretch * MergedSisters.leastStretch * across
    else {
      return nil
    }
    let distance = ((along - across) / 5).squareRoot()
    let half = back * (u * min(distance, length / 2))
    let p = lineage.position(mother)
    return (
      [p - half, p + half],
      Covariance(
        xx: usual.xx * across, xy: usual.xy * across, xz: usual.xz * across,
        yy: usual.yy * across, yz: usual.yz * across, zz: usual.zz * across)
    )
  }
}

extension WorldPoint {
  fileprivate func dot(_ other: WorldPoint) -> Double { x * other.x + y * other.y + z * other.z }
}

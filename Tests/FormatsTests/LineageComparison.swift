// Whether two lineages are the same, whatever ids they use.

import Core
import Lineage

/// Compares everything a project file holds, spots and links taken in ascending order of id. NaN equals NaN.
func sameLineage(_ a: LineageGraph, _ b: LineageGraph) -> Bool {
  firstDifference(a, b) == nil
}

/// The first difference between two lineages, in words.
func firstDifference(_ a: LineageGraph, _ b: LineageGraph) -> String? {
  let (spotsA, spotsB) = (a.spots, b.spots)
  let (linksA, linksB) = (a.links, b.links)
  if spotsA.count != spotsB.count { return "\(spotsA.count) and \(spotsB.count) spots" }
  if linksA.count != linksB.count { return "\(linksA.count) and \(linksB.count) links" }
  if a.tagSets != b.tagSets { return "tag sets" }
  // A feature that nothing has is not in a file.
  func used(_ graph: LineageGraph) -> [Set<String>] {
    [
      Set(
        graph.featureNames.filter { name in
          graph.spots.contains { graph.feature(name, $0) != nil }
        }),
      Set(
        graph.linkFeatureNames.filter { name in
          graph.links.contains { graph.feature(name, $0) != nil }
        }),
    ]
  }
  if used(a) != used(b) { return "features" }
  var numberA: [SpotID: Int] = [:]
  var numberB: [SpotID: Int] = [:]
  var linkA: [LinkID: Int] = [:]
  var linkB: [LinkID: Int] = [:]
  for (k, spot) in spotsA.enumerated() { numberA[spot] = k }
  for (k, spot) in spotsB.enumerated() { numberB[spot] = k }
  for (k, link) in linksA.enumerated() { linkA[link] = k }
  for (k, link) in linksB.enumerated() { linkB[link] = k }
  for (k, (p, q)) in zip(spotsA, spotsB).enumerated() {
    if a.timepoint(p) != b.timepoint(q) { return "timepoint of spot \(k)" }
    if a.position(p) != b.position(q) { return "position of spot \(k)" }
    if a.covariance(p) != b.covariance(q) { return "covariance of spot \(k)" }
    if a.label(p) != b.label(q) { return "label of spot \(k)" }
    if a.boundingSphereRadiusSquared(p) != b.boundingSphereRadiusSquared(q) {
      return "radius of spot \(k)"
    }
    if a.outgoing(p).map({ linkA[$0] }) != b.outgoing(q).map({ linkB[$0] }) {
      return "outgoing links of spot \(k)"
    }
    if a.incoming(p).map({ linkA[$0] }) != b.incoming(q).map({ linkB[$0] }) {
      return "incoming links of spot \(k)"
    }
    for set in a.tagSets.indices where a.tag(set, of: p) != b.tag(set, of: q) {
      return "tag of spot \(k)"
    }
    for name in a.featureNames where a.feature(name, p) != b.feature(name, q) {
      return "\(name) of spot \(k)"
    }
  }
  for (k, (p, q)) in zip(linksA, linksB).enumerated() {
    if numberA[a.source(p)] != numberB[b.source(q)] || numberA[a.target(p)] != numberB[b.target(q)]
    {
      return "ends of link \(k)"
    }
    for set in a.tagSets.indices where a.tag(set, of: p) != b.tag(set, of: q) {
      return "tag of link \(k)"
    }
    for name in a.linkFeatureNames where a.feature(name, p) != b.feature(name, q) {
      return "\(name) of link \(k)"
    }
  }
  return nil
}

// The acyclic oriented graph matching measure (Matula et al., PLoS ONE 2015): how many operations turn the
// graph of the result into that of the truth. DET, TRA and LNK are made from these six counts.

import Formats

/// The operations that correct a result.
public struct CTCOperations: Sendable, Hashable {
  /// Splits: a label that is matched to m labels of the truth needs m - 1.
  public var splits = 0
  /// Labels of the truth to be added.
  public var missed = 0
  /// Labels of the result to be deleted.
  public var spurious = 0
  /// Links of the result to be deleted.
  public var wrongLinks = 0
  /// Links of the truth to be added.
  public var missedLinks = 0
  /// Links that are there, but of the wrong kind: to a daughter instead of along a track or the other way.
  public var wrongKind = 0
  /// Labels of the truth.
  public var vertices = 0
  /// Links of the truth.
  public var edges = 0

  /// What the operations on labels cost: 5 a split, 10 a missed, 1 a spurious one.
  public var detectionCost: Double { 5 * Double(splits) + 10 * Double(missed) + Double(spurious) }
  /// What the operations on links cost: 1 a wrong one, 1.5 a missed one, 1 for the wrong kind.
  public var linkingCost: Double {
    Double(wrongLinks) + 1.5 * Double(missedLinks) + Double(wrongKind)
  }
  /// The whole cost, AOGM.
  public var cost: Double { detectionCost + linkingCost }
  /// What it costs to make the truth from nothing.
  public var costFromNothing: Double { 10 * Double(vertices) + 1.5 * Double(edges) }

  /// 1 - cost / cost from nothing, at least 0; nil when nothing is asked for.
  static func score(_ cost: Double, of whole: Double) -> Double? {
    whole > 0 ? 1 - min(cost, whole) / whole : nil
  }
}

extension CTCOperations {
  /// Count the operations.
  ///
  /// - Parameter isSparse: the truth has not all cells, so labels that it does not know are no errors.
  init(_ m: CTCMatching, isSparse: Bool) {
    vertices = m.truthVertices.count
    missed = m.matchOfTruth.reduce(0) { $0 + ($1 < 0 ? 1 : 0) }
    for count in m.matchCount {
      if count == 0, !isSparse { spurious += 1 }
      splits += max(0, Int(count) - 1)
    }
    countEdges(m)
  }

  /// A link by its ends in the truth.
  private struct Edge: Hashable {
    var from, to: Int32
  }

  private mutating func countEdges(_ m: CTCMatching) {
    // Links of the result between labels that are matched to one label each, carried over to the truth.
    var carried: [Edge: Bool] = [:]
    Self.forEachEdge(m.resultVertices, m.result.tracks, m.result.places) { a, b, isParental in
      guard m.matchCount[a] == 1, m.matchCount[b] == 1 else { return }
      carried[Edge(from: m.matchOfResult[a], to: m.matchOfResult[b])] = isParental
    }
    var found = 0
    Self.forEachEdge(m.truthVertices, m.truth.tracks, m.truth.places) { a, b, isParental in
      edges += 1
      guard let kind = carried[Edge(from: Int32(a), to: Int32(b))] else { return }
      found += 1
      if kind != isParental { wrongKind += 1 }
    }
    missedLinks = edges - found
    wrongLinks = carried.count - found
  }

  /// Calls `body` for every link: along a track from frame to frame, and from the last label of a parent to
  /// the first of its child.
  private static func forEachEdge(
    _ vertices: CTCVertices, _ tracks: [CTCTrack], _ places: [Int: Int],
    _ body: (_ from: Int, _ to: Int, _ isParental: Bool) -> Void
  ) {
    for t in 0..<max(0, vertices.frames - 1) {
      var b = vertices.frame(t + 1).lowerBound
      let end = vertices.frame(t + 1).upperBound
      for a in vertices.frame(t) {
        while b < end, vertices.labels[b] < vertices.labels[a] { b += 1 }
        if b < end, vertices.labels[b] == vertices.labels[a] { body(a, b, false) }
      }
    }
    for track in tracks where track.parent != 0 {
      guard let place = places[track.parent],
        let a = vertices.find(track.parent, at: tracks[place].end),
        let b = vertices.find(track.label, at: track.begin)
      else { continue }
      body(a, b, true)
    }
  }
}

// The biologically inspired measures (Ulman et al., Nature Methods 2017): complete tracks, track fractions,
// branching correctness and cell cycle accuracy, each as the challenge's own software computes it.

import Formats

/// Right, wrong and missed divisions.
public struct CTCDivisions: Sendable, Hashable {
  /// Divisions of the result that are in the truth.
  public var right = 0
  /// Divisions of the result that are not.
  public var wrong = 0
  /// Divisions of the truth that the result has not.
  public var missed = 0

  /// BC(i): the F1 score; nil when the truth has no divisions.
  public var score: Double? {
    if right + missed == 0 { return nil }
    let precision = Double(right) / Double(max(right + wrong, 1))
    let recall = Double(right) / Double(max(right + missed, 1))
    return 2 * (precision * recall) / max(precision + recall, 0.0001)
  }
}

struct CTCBiology {
  private let m: CTCMatching
  private let isSparse: Bool
  /// By place in the truth's table: the vertices of the track, by time.
  private var vertices: [[(t: Int, vertex: Int)]]
  private let isMatched: [Bool]

  init(_ matching: CTCMatching, isSparse: Bool) {
    m = matching
    self.isSparse = isSparse
    vertices = Array(repeating: [], count: matching.truth.tracks.count)
    for t in 0..<m.truthVertices.frames {
      for vertex in m.truthVertices.frame(t) {
        if let place = m.truth.places[Int(m.truthVertices.labels[vertex])] {
          vertices[place].append((t, vertex))
        }
      }
    }
    isMatched = matching.matchedTracks()
  }

  /// CT: the F1 score of tracks that are right from their first to their last frame and all the time one
  /// track of the result, which covers nothing else; nil when there are no tracks at all.
  var completeTracks: Double? {
    var complete = 0
    for (place, track) in m.truth.tracks.enumerated() {
      guard let first = vertices[place].first else { continue }
      let label = m.label(matchingOnly: first.vertex)
      guard label > 0,
        vertices[place].allSatisfy({ m.label(matchingOnly: $0.vertex) == label }),
        let own = m.result[Int(label)], own.begin == track.begin, own.end == track.end
      else { continue }
      complete += 1
    }
    let given = isSparse ? isMatched.filter { $0 }.count : m.result.tracks.count
    let all = m.truth.tracks.count + given
    return all > 0 ? Double(2 * complete) / Double(all) : nil
  }

  /// TF: of the tracks that are found at all, the mean of the longest part that one track of the result
  /// follows without a break; nil when the truth has no tracks.
  ///
  /// The challenge's software stops looking at a track of the result as soon as this track has followed one
  /// of the truth completely, so the order of labels can matter; this is kept.
  var trackFractions: Double? {
    if m.truth.tracks.isEmpty { return nil }
    // By label of the result: for each track of the truth the longest part.
    var parts: [UInt32: [(label: Int, place: Int, part: Double)]] = [:]
    for (place, track) in m.truth.tracks.enumerated() {
      var best: [UInt32: Int] = [:]
      var (last, run, before) = (UInt32(0), 0, 0)
      for (t, vertex) in vertices[place] {
        let label = m.label(matchingOnly: vertex)
        run = label == last && label > 0 && t == before + 1 ? run + 1 : 1
        if label > 0 { best[label] = max(best[label] ?? 0, run) }
        (last, before) = (label, t)
      }
      let length = Double(track.end - track.begin + 1)
      for (label, run) in best {
        parts[label, default: []].append((track.label, place, Double(run) / length))
      }
    }
    var fractions = [Double](repeating: 0, count: m.truth.tracks.count)
    for (_, list) in parts.sorted(by: { $0.key < $1.key }) {
      for (_, place, part) in list.sorted(by: { $0.label < $1.label }) {
        if fractions[place] == 1 { continue }
        fractions[place] = max(fractions[place], part)
        if part == 1 { break }
      }
    }
    let found = fractions.filter { $0 > 0 }
    return found.isEmpty ? 0 : found.reduce(0, +) / Double(found.count)
  }

  /// Divisions that agree within `tolerance` frames: the mothers end and the daughters begin at most so far
  /// apart, the mothers are matched in the earlier of their last frames, and each daughter is matched to
  /// another one of the result in the later of their first frames. All matches must be of one label to one.
  func divisions(tolerance: Int) -> CTCDivisions {
    let truth = Self.mothers(m.truth)
    var result = Self.mothers(m.result)
    if isSparse { result = result.filter { isKnown(m.result.tracks[$0.mother]) } }
    if truth.isEmpty { return CTCDivisions(right: 0, wrong: result.count, missed: 0) }
    var right = 0
    for own in result {
      for reference in truth where isSame(reference, own, tolerance) { right += 1 }
    }
    return CTCDivisions(right: right, wrong: result.count - right, missed: truth.count - right)
  }

  private typealias Division = (mother: Int, daughters: [Int])

  /// Tracks with two or more children, by label.
  private static func mothers(_ table: CTCTrackTable) -> [Division] {
    table.children.enumerated().filter { $0.element.count > 1 }
      .map { (mother: $0.offset, daughters: $0.element) }
      .sorted { table.tracks[$0.mother].label < table.tracks[$1.mother].label }
  }

  /// With a sparse truth: whether a mother's last label is one that the truth knows.
  private func isKnown(_ track: CTCTrack) -> Bool {
    m.resultVertices.find(track.label, at: track.end).map { m.matchCount[$0] > 0 } ?? false
  }

  private func isSame(_ reference: Division, _ own: Division, _ tolerance: Int) -> Bool {
    let (a, b) = (m.truth.tracks[reference.mother], m.result.tracks[own.mother])
    guard reference.daughters.count == own.daughters.count, abs(a.end - b.end) <= tolerance,
      isMatch(a.label, b.label, at: min(a.end, b.end))
    else { return false }
    var found: Set<Int> = []
    for daughter in reference.daughters {
      let c = m.truth.tracks[daughter]
      let partner = own.daughters.first {
        let d = m.result.tracks[$0]
        return abs(c.begin - d.begin) <= tolerance
          && isMatch(c.label, d.label, at: max(c.begin, d.begin))
      }
      if let partner { found.insert(partner) }
    }
    return found.count == reference.daughters.count
  }

  private func isMatch(_ truth: Int, _ result: Int, at t: Int) -> Bool {
    m.truthVertices.find(truth, at: t).map { m.label(matchingOnly: $0) == result } ?? false
  }

  /// CCA: 1 minus the largest difference between the cumulative distributions of the lengths of whole cell
  /// cycles (tracks that begin and end with a division); nil when the truth has none, 0 when the result has
  /// none.
  var cellCycleAccuracy: Double? {
    let truth = Self.cycles(m.truth) { _ in true }
    if truth.isEmpty { return nil }
    let result = Self.cycles(m.result) { !isSparse || isMatched[$0] }
    if result.isEmpty { return 0 }
    let last = max(truth.max()!, result.max()!)
    func cumulative(_ lengths: [Int]) -> [Double] {
      var histogram = [Double](repeating: 0, count: last + 1)
      for length in lengths { histogram[length] += 1 }
      var sum = 0.0
      return histogram.map {
        sum += $0 / Double(lengths.count)
        return sum
      }
    }
    return 1 - zip(cumulative(truth), cumulative(result)).map { abs($0 - $1) }.max()!
  }

  private static func cycles(_ table: CTCTrackTable, _ counts: (Int) -> Bool) -> [Int] {
    let children = table.children
    return table.tracks.indices.filter { place in
      guard children[place].count > 1, let mother = table.places[table.tracks[place].parent]
      else { return false }
      return children[mother].count > 1 && counts(place)
    }.map { table.tracks[$0].end - table.tracks[$0].begin }
  }
}

// CHOTA, cell-specific higher order tracking accuracy (Kaiser et al., 2024): of every matched label, how much
// of the whole lineage of its track agrees with the lineage of the track that it is matched to.

import Formats

struct CTCHigherOrder {
  /// A lineage of tracks, in which a track and an only child are one.
  private struct Trajectories {
    /// By place in the table: the number of the trajectory.
    private(set) var number: [Int]
    /// By trajectory: its ancestors, itself and its descendants.
    private(set) var family: [[Int]] = []

    init(_ table: CTCTrackTable) {
      let children = table.children
      number = Array(repeating: -1, count: table.tracks.count)
      // Parents end before children begin, so by first frame parents come before children.
      let order = table.tracks.indices.sorted {
        (table.tracks[$0].begin, $0) < (table.tracks[$1].begin, $1)
      }
      var parents: [Int] = []
      for place in order {
        let mother = table.places[table.tracks[place].parent]
        if let mother, children[mother].count == 1 {
          number[place] = number[mother]
        } else {
          number[place] = parents.count
          parents.append(mother.map { number[$0] } ?? -1)
        }
      }
      family = parents.indices.map { [$0] }
      for i in parents.indices {
        var ancestor = parents[i]
        while ancestor >= 0 {
          family[i].append(ancestor)
          family[ancestor].append(i)
          ancestor = parents[ancestor]
        }
      }
    }
  }

  /// The measure; nil when there is nothing to compare.
  static func score(_ m: CTCMatching, isSparse: Bool) -> Double? {
    let (truth, result) = (Trajectories(m.truth), Trajectories(m.result))
    func trajectory(_ of: Trajectories, _ table: CTCTrackTable, _ label: UInt32) -> Int {
      table.places[Int(label)].map { of.number[$0] } ?? -1
    }
    // Labels in common, by pair of trajectories; and those of each that are matched to none.
    var common = [[Int: Int]](repeating: [:], count: truth.family.count)
    var (truthSums, resultSums) = (
      [Int](repeating: 0, count: truth.family.count),
      [Int](repeating: 0, count: result.family.count)
    )
    var (matched, missed, spurious) = (0, 0, 0)
    for vertex in 0..<m.truthVertices.count {
      let i = trajectory(truth, m.truth, m.truthVertices.labels[vertex])
      if i < 0 { continue }
      truthSums[i] += 1
      let match = m.matchOfTruth[vertex]
      guard match >= 0 else {
        missed += 1
        continue
      }
      let j = trajectory(result, m.result, m.resultVertices.labels[Int(match)])
      if j < 0 { continue }
      matched += 1
      common[i][j, default: 0] += 1
      // A label of the result counts once for each label of the truth that it is matched to.
      resultSums[j] += 1
    }
    for vertex in 0..<m.resultVertices.count where m.matchCount[vertex] == 0 && !isSparse {
      let j = trajectory(result, m.result, m.resultVertices.labels[vertex])
      if j < 0 { continue }
      spurious += 1
      resultSums[j] += 1
    }
    let all = matched + missed + spurious
    if all == 0 { return nil }
    let familySums = result.family.map { $0.reduce(0) { $0 + resultSums[$1] } }
    var sum = 0.0
    for i in truth.family.indices where !common[i].isEmpty {
      var shared: [Int: Int] = [:]
      var own = 0
      for relative in truth.family[i] {
        own += truthSums[relative]
        for (j, count) in common[relative] { shared[j, default: 0] += count }
      }
      for (j, count) in common[i].sorted(by: { $0.key < $1.key }) {
        let right = result.family[j].reduce(0) { $0 + (shared[$1] ?? 0) }
        sum += Double(count) * Double(right) / Double(own + familySums[j] - right)
      }
    }
    return (sum / Double(all)).squareRoot()
  }
}

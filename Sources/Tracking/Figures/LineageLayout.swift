// Where the branches of a track scheme stand: time downwards, leaves in columns from left to right,
// parents above the middle of their children. Everything is iterative, so length and depth of
// tracks do not matter.

import Core
import Lineage

/// A run of spots without division or merge between them.
struct LineageBranch {
  /// The spots from first to last, in link order; at least one.
  var spots: [SpotID]
  /// The link into each of the spots but the first.
  var links: [LinkID]
  /// The branch that this one comes from and the link from its last spot; nil for roots.
  var parent: (branch: Int, link: LinkID)?
  /// Column of the branch; leaves have whole numbers, parents the middle of their outer children.
  var column: Double
}

/// Branches of tracks in columns.
struct LineageLayout {
  /// Parents come before children, tracks one after the other from left to right.
  private(set) var branches: [LineageBranch] = []
  /// Links that are not part of the tree: the second parents of merges, and loops.
  private(set) var extraLinks: [LinkID] = []
  /// Number of columns, with half a column between tracks.
  private(set) var columns = 0.0
  /// The branch of each spot that is drawn.
  private(set) var branchOf: [SpotID: Int] = [:]

  /// Lay out whole tracks, given by their index in `lineage.tracks()`.
  init(_ lineage: LineageGraph, tracks: [Int], progress: Progress) throws {
    for (number, track) in tracks.enumerated() {
      try progress.check()
      if number > 0 { columns += 0.5 }
      let firstBranch = branches.count
      let members = lineage.spots(inTrack: track)
      // Roots first; what no root reaches (a loop) starts at its smallest id.
      for root in members where lineage.inDegree(root) == 0 { try grow(root, lineage, progress) }
      for spot in members where branchOf[spot] == nil { try grow(spot, lineage, progress) }
      centre(from: firstBranch)
    }
  }

  /// Add the tree of everything that is reachable from a spot and not yet placed, depth first.
  private mutating func grow(
    _ root: SpotID, _ lineage: LineageGraph, _ progress: Progress
  ) throws {
    var stack: [(spot: SpotID, parent: (branch: Int, link: LinkID)?)] = [(root, nil)]
    while let (start, parent) = stack.popLast() {
      try progress.check()
      guard branchOf[start] == nil else {
        if let parent { extraLinks.append(parent.link) }
        continue
      }
      let index = branches.count
      var branch = LineageBranch(spots: [start], links: [], parent: parent, column: -1)
      branchOf[start] = index
      var last = start
      // Follow single links to spots with no other parent.
      while lineage.outDegree(last) == 1, let link = lineage.outgoing(last).first {
        let next = lineage.target(link)
        guard branchOf[next] == nil, lineage.inDegree(next) == 1 else { break }
        branch.spots.append(next)
        branch.links.append(link)
        branchOf[next] = index
        last = next
        if branch.spots.count & 4095 == 0 { try progress.check() }
      }
      branches.append(branch)
      for link in Array(lineage.outgoing(last)).reversed() {
        stack.append((lineage.target(link), (index, link)))
      }
    }
  }

  /// Give the branches from an index on their columns.
  private mutating func centre(from first: Int) {
    var outer: [Int: (first: Int, last: Int)] = [:]
    for index in first..<branches.count {
      guard let parent = branches[index].parent?.branch else { continue }
      outer[parent] = (outer[parent]?.first ?? index, index)
    }
    for index in first..<branches.count where outer[index] == nil {
      branches[index].column = columns
      columns += 1
    }
    // Children come after their parents, so backwards they are placed first.
    for index in (first..<branches.count).reversed() {
      guard let (a, b) = outer[index] else { continue }
      branches[index].column = (branches[a].column + branches[b].column) / 2
    }
  }
}

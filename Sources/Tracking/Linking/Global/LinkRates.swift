// How often tracks begin, end and divide, learned from the last story: inside the tissue and at the border of what
// was seen apart, because nuclei enter and leave there. Inside, a spot without parent is nearly always a daughter
// or was missed before; at the border it most often came in.

import Core

/// The rates of one region.
struct LinkRates: Sendable {
  /// How often a spot has no parent, and no child.
  var appearing = 0.01
  var disappearing = 0.01
  /// How much likelier divisions are than in the movies that the detector was fitted on, as the logarithm of odds.
  var divisionShift = 0.0

  init() {}

  /// What was counted in a story.
  struct Counts {
    var children = 0
    var withoutParent = 0
    var parents = 0
    var withoutChild = 0
    var spurious = 0
    var daughters = 0
  }

  /// A rate between 0.001 and 0.2, with `usual` as if it had been seen in 50 cases.
  static func rate(_ count: Int, of all: Int, usual: Double) -> Double {
    let share = (Double(count) + 50 * usual) / (Double(max(all, count)) + 50)
    return min(0.2, max(0.001, share))
  }

  /// The rates of both regions. Nuclei divide as often at the border as elsewhere; what seem to be more daughters
  /// there came in.
  static func learn(inner: Counts, edge: Counts) -> (inner: LinkRates, edge: LinkRates) {
    let isEnough = inner.children >= 500
    let births =
      Double(isEnough ? inner.daughters : inner.daughters + edge.daughters) / 2
      / Double(max(1, isEnough ? inner.children : inner.children + edge.children))
    return (LinkRates(inner), LinkRates(edge, mostBirths: births * Double(edge.children)))
  }

  private init(_ c: Counts, mostBirths: Double = .infinity) {
    appearing = LinkRates.rate(
      c.withoutParent, of: c.children + c.withoutParent + c.spurious, usual: 0.01)
    disappearing = LinkRates.rate(
      c.withoutChild, of: c.parents + c.withoutChild + c.spurious, usual: 0.01)
    // Where the detector was fitted, one in ten of the spots that no link explains was a daughter; the others had
    // been missed before or were no nuclei.
    let (usual, cases) = (0.1, 10.0)
    let births = min(mostBirths, Double(c.daughters) / 2)
    let explained = Double(c.daughters) / 2 + Double(c.withoutParent + c.spurious)
    let share = (births + cases * usual) / (explained + cases)
    let shift = logarithm(share / (1 - share)) - logarithm(usual / (1 - usual))
    divisionShift = max(-2, min(4, shift))
  }
}

extension GlobalSolver {
  /// What happened to the spots of each region; those of the first frame have no parent, whatever happens, and
  /// are not counted as children.
  func regionCounts(_ links: [ChosenLink]) -> (inner: LinkRates.Counts, edge: LinkRates.Counts) {
    var counts = [LinkRates.Counts(), LinkRates.Counts()]
    let frames = problem.frames
    func region(_ spot: Int) -> Int { problem.traits.isAtEdge[spot] ? 1 : 0 }
    var hasParent = Set<Int>()
    var hasChild = Set<Int>()
    for link in links {
      hasParent.insert(link.child)
      hasChild.insert(link.parent)
      if link.step == .split { counts[region(link.child)].daughters += 1 }
    }
    var isSpurious = Set<Int>()
    for (row, spot) in problem.rowSpots.enumerated() {
      if frames.timepoint[spot] == frames.first { continue }
      let r = region(spot)
      if let column = table.column(of: row), problem.columnSpots[column] == spot {
        isSpurious.insert(spot)
        counts[r].spurious += 1
      } else if hasParent.contains(spot) {
        counts[r].children += 1
      } else {
        counts[r].withoutParent += 1
      }
    }
    for spot in problem.columnSpots where !isSpurious.contains(spot) {
      if hasChild.contains(spot) {
        counts[region(spot)].parents += 1
      } else {
        counts[region(spot)].withoutChild += 1
      }
    }
    return (counts[0], counts[1])
  }
}

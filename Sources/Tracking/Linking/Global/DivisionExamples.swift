// Examples for the division detector, from links that are known to be right.

import Core
import Lineage

/// Collects right and wrong divisions among spots whose links are known.
struct DivisionExamples {
  private let frames: SpotFrames
  private let features: DivisionFeatures
  private let motion: [WorldPoint]
  private let expected: ExpectedPlaces
  private let reach: Double

  init(
    _ frames: SpotFrames, _ traits: SpotTraits, _ motion: [WorldPoint], _ expected: ExpectedPlaces
  ) {
    self.frames = frames
    features = DivisionFeatures(frames, traits)
    self.motion = motion
    self.expected = expected
    reach = 2.6 * traits.radius
  }

  /// Every pair of spots near where a linked spot is expected, of which the links say whether they are its
  /// daughters.
  ///
  /// Wrong ones hold one child of the spot and another spot. With `orphans` that one has no parent at all: the
  /// case in which the linker has to decide, when the links are all there are. Without, it has another parent.
  func collect(_ links: [(parent: Int, child: Int)], orphans: Bool) -> [(
    features: [Double], isDivision: Bool
  )] {
    var children: [Int: [Int]] = [:]
    var parent: [Int: Int] = [:]
    for link in links where frames.timepoint[link.child] == frames.timepoint[link.parent] + 1 {
      children[link.parent, default: []].append(link.child)
      parent[link.child] = link.parent
    }
    var examples: [(features: [Double], isDivision: Bool)] = []
    var grids: [Timepoint: (places: [Int], grid: PointGrid)] = [:]
    for (mother, daughters) in children.sorted(by: { $0.key < $1.key }) {
      let t = frames.timepoint[mother] + 1
      if grids[t] == nil {
        let places = Array(frames.places(at: t))
        grids[t] = (
          places, PointGrid(places.map { expected.place($0, frames: 1) }, reach: reach)
        )
      }
      let (places, grid) = grids[t]!
      let origin = frames.positions[mother] + motion[mother]
      var near: [(spot: Int, distance: Double)] = []
      grid.forEach(within: reach, of: origin) { near.append((places[$0], $1)) }
      near.sort { ($0.distance, $0.spot) < ($1.distance, $1.spot) }
      let few = near.prefix(6).map(\.spot)
      for (n, a) in few.enumerated() {
        for b in few[(n + 1)...] {
          let isDivision = daughters.contains(a) && daughters.contains(b)
          // A pair without any child of this spot is settled by the links themselves.
          if !isDivision {
            guard daughters.contains(a) != daughters.contains(b) else { continue }
            if (parent[daughters.contains(a) ? b : a] == nil) != orphans { continue }
          }
          examples.append(
            (
              features(
                mother: mother, a, b, expected.place(a, frames: 1) - origin,
                expected.place(b, frames: 1) - origin), isDivision
            ))
        }
      }
    }
    return examples
  }
}

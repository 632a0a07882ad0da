// How the tissue moves from each frame to the next, found from the spots alone: what neighbours do together.
//
// Nuclei of a drifting or turning tissue move alike, so a spot is expected where its neighbours went, not where
// it was. The field is found coarse to fine: links at least cost, their median displacement over the frame,
// links again around that, medians over ever fewer neighbours. A spot's own link never counts for itself.

import Core

/// The displacement of each spot to the next frame, world units, by place in `SpotFrames`.
struct MotionField: Sendable {
  private(set) var motion: [WorldPoint]
  private let frames: SpotFrames
  private let expected: ExpectedPlaces
  private let spacing: Double

  /// The field from spots alone. `reach` is how far a spot may move (world units) before the field is known.
  init(
    _ frames: SpotFrames, _ expected: ExpectedPlaces, spacing: Double, reach: Double,
    _ progress: Progress
  ) throws {
    self.frames = frames
    self.expected = expected
    self.spacing = spacing
    motion = Array(repeating: .zero, count: frames.count)
    let field = self
    let parts = try parallelMap(frames.frames) { f in
      try progress.check()
      return try field.estimate(frames.first + f, reach, progress)
    }
    motion = parts.flatMap { $0 }
  }

  /// The field that links show: the medians of their displacements over `neighbors` around each spot.
  mutating func update(
    from links: [(parent: Int, child: Int)], neighbors: Int, _ progress: Progress
  ) throws {
    var byFrame = [[(parent: Int, child: Int)]](repeating: [], count: frames.frames)
    for link in links where frames.timepoint[link.child] == frames.timepoint[link.parent] + 1 {
      byFrame[frames.timepoint[link.parent] - frames.first].append(link)
    }
    let (field, grouped) = (self, byFrame)
    motion = try parallelMap(frames.frames) { f in
      try progress.check()
      let places = field.frames.places(at: field.frames.first + f)
      return field.smoothed(places, grouped[f], neighbors) ?? Array(field.motion[places])
    }.flatMap { $0 }
  }

  private func estimate(_ t: Timepoint, _ reach: Double, _ progress: Progress) throws
    -> [WorldPoint]
  {
    let places = frames.places(at: t)
    var field = [WorldPoint](repeating: .zero, count: places.count)
    let next = Array(frames.places(at: t + 1))
    if places.isEmpty || next.isEmpty { return field }
    let grid = PointGrid(next.map { expected.place($0, frames: 1) }, reach: reach)
    for (share, neighbors) in [(1.0, Int.max), (0.85, 24), (0.7, 12), (0.6, 8)] {
      try progress.check()
      var table = SparseCosts(columns: next.count)
      for (i, place) in places.enumerated() {
        grid.forEach(within: share * reach, of: frames.positions[place] + field[i]) { j, d in
          table.add(j, d)
        }
        table.endRow(alone: share * share * reach * reach)
      }
      let solved = try SparseAssignment(table, progress)
      let links = places.indices.compactMap { place -> (parent: Int, child: Int)? in
        let column = solved.columnOf[place - places.lowerBound]
        return column < 0 ? nil : (place, next[Int(column)])
      }
      field = smoothed(places, links, neighbors) ?? field
    }
    return field
  }

  /// Medians of link displacements around each spot of a frame; nil when there are no links.
  private func smoothed(
    _ places: Range<Int>, _ links: [(parent: Int, child: Int)], _ neighbors: Int
  ) -> [WorldPoint]? {
    if links.isEmpty { return nil }
    let moves = links.map { expected.place($0.child, frames: 1) - frames.positions[$0.parent] }
    func middle(_ which: [Int]) -> WorldPoint {
      WorldPoint(
        x: which.map { moves[$0].x }.median, y: which.map { moves[$0].y }.median,
        z: which.map { moves[$0].z }.median)
    }
    let whole = middle(Array(links.indices))
    if neighbors >= links.count { return Array(repeating: whole, count: places.count) }
    let radius = spacing * 2.6
    let grid = PointGrid(links.map { frames.positions[$0.parent] }, reach: radius)
    var found: [(link: Int, distance: Double)] = []
    return places.map { place in
      found.removeAll(keepingCapacity: true)
      grid.forEach(within: radius, of: frames.positions[place]) { link, d in
        if links[link].parent != place { found.append((link, d)) }
      }
      if found.count < 4 { return whole }
      found.sort { ($0.distance, $0.link) < ($1.distance, $1.link) }
      return middle(found.prefix(neighbors).map(\.link))
    }
  }
}

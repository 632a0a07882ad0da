// Learning and solving in turns, until the costs fit the story that they tell.

import Core
import Lineage

/// The rounds of learning and solving.
struct GlobalStory {
  private let frames: SpotFrames
  private let traits: SpotTraits
  private let expected: ExpectedPlaces
  private var o: GlobalLinker.Options
  private let last: Timepoint
  private var field: MotionField
  private var motion: [WorldPoint]
  private var model: LinkModel
  private var approved: [(parent: Int, child: Int)] = []
  private var keptChild: [Int: Int] = [:]
  private let rejected: RejectedPairs
  private var solver: GlobalSolver?
  /// No story of the last round costs less than this.
  private var bound = 0.0

  init(
    _ lineage: LineageGraph, _ frames: SpotFrames, _ options: GlobalLinker.Options,
    _ tags: ElephantTagIDs, _ flow: NearestNeighborLinker.Flow?, last: Timepoint,
    _ progress: Progress
  ) throws {
    self.frames = frames
    self.last = last
    rejected = RejectedPairs(lineage, tags)
    traits = try SpotTraits(frames, lineage, light: options.light, progress)
    expected = try ExpectedPlaces(frames, lineage, flow, depth: options.maxFrameGap)
    progress.begin(total: options.rounds + 1, "linking globally")
    field = try MotionField(
      frames, expected, spacing: traits.spacing, reach: options.reach ?? 1.2 * traits.spacing,
      progress)
    motion = field.motion
    progress.advance()
    let start = 0.15 * traits.spacing
    model = LinkModel(stray: WorldPoint(x: start, y: start, z: start), traits)
    o = options
    readKept(lineage, tags)
    try progress.check()
    o.detector = learnedDetector(o.detector, lineage)
  }

  /// The links that stay: approved ones to learn from, and the child of a spot that may get a second one.
  private mutating func readKept(_ lineage: LineageGraph, _ tags: ElephantTagIDs) {
    var place = [Int32](repeating: -1, count: lineage.spotSlots)
    for (i, spot) in frames.spots.enumerated() { place[Int(spot.index)] = Int32(i) }
    lineage.forEachLink { link in
      let a = Int(place[Int(lineage.source(link).index)])
      let b = Int(place[Int(lineage.target(link).index)])
      if a < 0 || b < 0 { return }
      let tag = lineage.tag(tags.tracking, of: link)
      if tag != nil, tag == tags.rejected { return }
      if tag == tags.approved { approved.append((a, b)) }
      if frames.children[a] == 1 { keptChild[a] = b }
    }
  }

  /// The detector, adapted to the divisions that people have approved.
  private func learnedDetector(_ detector: DivisionDetector, _ lineage: LineageGraph)
    -> DivisionDetector
  {
    let examples = DivisionExamples(frames, traits, motion, expected)
      .collect(approved, orphans: false)
    if !examples.contains(where: \.isDivision) { return detector }
    var learned = detector.fit(examples)
    // How common divisions are among spots without a parent cannot be seen from these examples.
    learned.bias = detector.bias
    return learned
  }

  /// Learn and solve. Answers the links of the last round.
  mutating func tell(_ progress: Progress) throws -> [ChosenLink] {
    var links: [(parent: Int, child: Int)] = approved
    if links.count < 20 || approved.count * 10 < frames.count { links += try firstLinks(progress) }
    try learn(links, progress)
    var chosen: [ChosenLink] = []
    for round in 0..<o.rounds {
      let problem = try GlobalProblem(
        frames, traits, expected, model, motion, keptChild: keptChild, rejected: rejected, o,
        last: last, progress)
      var solver = try GlobalSolver(problem, progress)
      if round == o.rounds - 1 { bound = try solver.prove(progress) }
      self.solver = solver
      chosen = try solver.links(progress)
      progress.advance()
      if round == o.rounds - 1 { break }
      let found = approved + chosen.filter { $0.step == .link }.map { ($0.parent, $0.child) }
      try field.update(from: found, neighbors: 8, progress)
      motion = field.motion
      try learn(found, progress)
      addOwnMotion(found)
      try learn(found, progress)
      learnRates(chosen)
      try progress.check()
    }
    return chosen
  }

  /// Links to begin with: nearest to where the field expects them, one to one.
  private func firstLinks(_ progress: Progress) throws -> [(parent: Int, child: Int)] {
    let reach = 0.7 * traits.spacing
    let (frames, expected, motion) = (frames, expected, motion)
    return try parallelMap(max(0, frames.frames - 1)) { f -> [(parent: Int, child: Int)] in
      try progress.check()
      let t = frames.first + f
      let parents = Array(frames.places(at: t))
      let children = Array(frames.places(at: t + 1))
      let grid = PointGrid(parents.map { frames.positions[$0] + motion[$0] }, reach: reach)
      var table = SparseCosts(columns: parents.count)
      for child in children {
        grid.forEach(within: reach, of: expected.place(child, frames: 1)) { table.add($0, $1) }
        table.endRow(alone: reach * reach)
      }
      let solved = try SparseAssignment(table, progress)
      return children.indices.compactMap {
        solved.columnOf[$0] < 0 ? nil : (parents[Int(solved.columnOf[$0])], children[$0])
      }
    }.flatMap { $0 }
  }

  // MARK: Learning

  private func sample(_ links: [(parent: Int, child: Int)]) -> LinkSample {
    var sample = LinkSample()
    for (a, b) in links where frames.timepoint[b] == frames.timepoint[a] + 1 {
      sample.add(
        expected.place(b, frames: 1) - frames.positions[a] - motion[a],
        size: traits.logVolume[b] - traits.logVolume[a],
        light: traits.logLight[b] - traits.logLight[a])
    }
    return sample
  }

  private mutating func learn(_ links: [(parent: Int, child: Int)], _ progress: Progress) throws {
    try progress.check()
    try model.learn(
      approved: sample(approved), automatic: sample(links), spacing: traits.spacing, progress)
  }

  /// How often tracks begin, end, divide and miss a frame, from the last story.
  private mutating func learnRates(_ links: [ChosenLink]) {
    guard let solver else { return }
    let (inner, edge) = solver.regionCounts(links)
    (model.inner, model.edge) = LinkRates.learn(inner: inner, edge: edge)
    let spurious = inner.spurious + edge.spurious
    let rows = solver.problem.rowSpots.count
    let gaps = links.count { frames.timepoint[$0.child] > frames.timepoint[$0.parent] + 1 }
    model.missing = LinkRates.rate(gaps, of: links.count, usual: 0.02)
    model.spurious = LinkRates.rate(spurious, of: rows, usual: 0.02)
  }

  /// Let each spot go on a little as it strayed in the step before, as much as such strays repeat in this movie.
  private mutating func addOwnMotion(_ links: [(parent: Int, child: Int)]) {
    var stray = [WorldPoint?](repeating: nil, count: frames.count)
    for (a, b) in links where frames.timepoint[b] == frames.timepoint[a] + 1 {
      stray[b] = expected.place(b, frames: 1) - frames.positions[a] - motion[a]
    }
    var (product, square) = (0.0, 0.0)
    let limit = 9 * model.stray.squaredDistance(to: .zero)
    for (a, b) in links where frames.timepoint[b] == frames.timepoint[a] + 1 {
      guard let before = stray[a], let now = stray[b] else { continue }
      let size = before.squaredDistance(to: .zero)
      if size > limit || now.squaredDistance(to: .zero) > limit { continue }
      product += before.x * now.x + before.y * now.y + before.z * now.z
      square += size
    }
    model.persistence = square > 0 ? max(-0.6, min(0.95, product / square)) : 0
    for i in motion.indices {
      if let before = stray[i], before.squaredDistance(to: .zero) <= limit {
        motion[i] = motion[i] + before * model.persistence
      }
    }
  }

  // MARK: Telling

  /// Where a child is expected in its parent's frame; nil when that is its own place.
  func expectedPlace(of child: Int, near parent: Int) -> WorldPoint? {
    let gap = frames.timepoint[child] - frames.timepoint[parent]
    return expected.place(child, frames: gap) - motion[parent] * Double(gap)
  }

  /// What was found about the story as a whole.
  func report(_ counts: inout GlobalLinker.Counts) {
    guard let solver else { return }
    counts.cost = solver.total
    counts.gap = solver.total - bound
    counts.isOptimal = abs(counts.gap) <= 1e-9 * max(1, abs(solver.total))
    if counts.isOptimal { counts.gap = 0 }
    counts.stray = model.stray.distance(to: .zero)
    counts.approved = approved.count
  }
}

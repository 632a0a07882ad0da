// Two frames of small scenes of many kinds, for training and judging flow networks: what `SceneVariety` is for single
// images. Here all is drawn at the size that a flow network is shown: nuclei a few voxels across, because where they
// went can be told from coarse images, and a coarse one shows many of them at once.
//
// Everything moves: the whole view (drift of the sample or the stage) by up to one and a half radii, the tissue within
// it in waves, each nucleus by itself; nuclei divide, and others come into view. The first pairs move less: a network
// learns small ways at once and large ones only from there. All numbers are functions of the seed and the pair's
// number.

import Core
import Imaging
import Learning

/// Random pairs of frames with known ways.
public struct PairVariety: Sendable {
  /// The seed of all pairs.
  public var seed: UInt64
  /// Mean radius of nuclei in voxels along x and y, from here to there.
  public var radius = 3.4...5.6
  /// About how many voxels a frame has.
  public var voxels = 40_000...70_000
  /// The view moves by up to so many radii.
  public var drift = 1.5
  /// From this pair on everything moves as fast as it may; the first one has a quarter of that.
  public var firstFast = 800

  /// Pairs of this seed.
  public init(seed: UInt64) { self.seed = seed }

  /// Pair `i`, drawn at once.
  public func pair(_ i: Int, progress: Progress = .none) throws -> SimulatedPair {
    var random = SeededRandom(seed: seed, stream: 0xF10_0000_0000 &+ UInt64(i))
    var view = Simulator.Options()
    view.seed = random.next()
    geometry(&view, &random)
    let scenes = SceneVariety(seed: seed)
    scenes.tissue(&view, &random)
    view.density = random.uniform() < 0.7 ? random.uniform(0.12, 0.45) : random.between(0.02, 0.3)
    scenes.light(&view, &random)
    scenes.camera(&view, &random)
    view.timepoints = 2
    let haste = min(1, 0.25 + 0.75 * Double(i) / Double(max(1, firstFast)))
    view.speed = haste * view.radius * (random.uniform() < 0.2 ? 0 : random.uniform(0, 0.8))
    view.wander = view.radius * random.between(0.02, 0.3)
    view.metaphaseFrames = 2
    view.divisionRate = 0
    // More tissue than the view shows, so that nuclei come in where others leave.
    let (whole, margin) = widened(view)
    var tissue = TissueModel(whole)
    let dividing = random.uniform() < 0.25 ? 0 : random.uniform(0, 0.12)
    var (before, after) = try tissue.pair(
      dividing: dividing, settling: random.uniform() < 0.3 ? 12 : 40, progress: progress)
    let jump = jump(view, &random) * haste
    let turn = Matrix3.rotation(
      about: .z, radians: random.uniform() < 0.6 ? 0 : haste * random.uniform(-0.12, 0.12))
    let middle = (tissue.shape.field.minimum + tissue.shape.field.maximum) * 0.5
    for k in before.indices { before[k].position = before[k].position - margin }
    for k in after.indices {
      let moved = turn * (after[k].position - middle) + middle + jump
      after[k].position = moved - margin
      after[k].orientation = turn * after[k].orientation
    }
    let shape = TissueShape(view)
    let renderer = SceneRenderer(view, shape: shape)
    return SimulatedPair(
      options: view, nuclei: after, before: before, shape: shape,
      earlier: try renderer.render(before, t: 0, progress: progress),
      later: try renderer.render(after, t: 1, progress: progress))
  }

  /// Voxels 1 to 4 times longer along z; lengths are relative, the radius is always 3.5 micrometres.
  private func geometry(_ o: inout Simulator.Options, _ random: inout SeededRandom) {
    let anisotropy = random.uniform() < 0.2 ? 1 : random.between(1, 4)
    o.radius = 3.5
    let x = o.radius / random.between(radius.lowerBound, radius.upperBound)
    o.voxelSize = VoxelSize(x: x, y: x, z: x * anisotropy)
    let base = 1 << (4 - min(4, KeepAxials.count(anisotropy: anisotropy)))
    let count = random.uniform(Double(voxels.lowerBound), Double(voxels.upperBound))
    let depth = max(base, base * Int((random.between(9, 32) / Double(base)).rounded()))
    let side = 16 * Int(((count / Double(depth)).squareRoot() / 16).rounded())
    o.size = Size3(x: min(112, max(48, side)), y: min(112, max(48, side)), z: depth)
  }

  /// Options of the tissue, wider than the view, and the place of the view in it.
  private func widened(_ view: Simulator.Options) -> (Simulator.Options, WorldPoint) {
    guard view.shape != .ellipsoid else { return (view, .zero) }
    var whole = view
    var margin = WorldPoint.zero
    for axis in Axis.allCases where axis != .z || view.shape == .filled {
      let voxels = Int((drift * view.radius / view.voxelSize[axis]).rounded(.up))
      whole.size[axis] += 2 * voxels
      margin[axis] = Double(voxels) * view.voxelSize[axis]
    }
    let growth = (
      Double(whole.size.x) / Double(view.size.x), Double(whole.size.y) / Double(view.size.y)
    )
    whole.surfaceSlope = (view.surfaceSlope.x * growth.0, view.surfaceSlope.y * growth.1)
    return (whole, margin)
  }

  /// How the view moves: often a little, now and then not at all.
  private func jump(_ o: Simulator.Options, _ random: inout SeededRandom) -> WorldPoint {
    var direction = random.direction()
    let length = o.radius * drift * random.uniform()
    if random.uniform() < 0.15 { return .zero }
    direction.z *= o.shape == .filled ? 0.5 : 0.25
    return direction * length
  }
}

/// Two frames that were drawn, and their truth.
public struct SimulatedPair: Sendable {
  /// How it was made; lengths are micrometres.
  public let options: Simulator.Options
  /// What a camera recorded.
  public let earlier, later: Volume
  /// Where the visible nuclei of the later frame are, and where they or their mothers were.
  public let marks: [FlowMark]

  init(
    options: Simulator.Options, nuclei: [Nucleus], before: [Nucleus], shape: TissueShape,
    earlier: Volume, later: Volume
  ) {
    self.options = options
    self.earlier = earlier
    self.later = later
    var places: [Int32: WorldPoint] = [:]
    for n in before where !n.isDebris { places[n.cell] = n.position }
    marks = nuclei.compactMap { n in
      guard !n.isDebris, SimulatedScene.isVisible(n, options, shape),
        let source = places[n.mother >= 0 ? n.mother : n.cell]
      else { return nil }
      return FlowMark(position: n.position, covariance: n.covariance, source: source)
    }
  }
}

// Two frames of small scenes of many kinds, for training and judging flow networks: what `SceneVariety` is for single
// images. Here all is drawn at the size that a flow network is shown: nuclei a few voxels across, because where they
// went can be told from coarse images, and a coarse one shows hundreds of them at once.
//
// Everything moves: the whole view (drift of the sample or the stage), the tissue within it in waves of all lengths,
// each nucleus by itself; nuclei divide, and others come into view. The waves matter most: were all nuclei of a pair
// to move alike, a pair would be a single example of a way, and networks learned next to nothing from thousands of
// them. The first pairs move less: a network learns small ways at once and large ones only from there. All numbers are
// functions of the seed and the pair's number.

import Core
import Imaging
import Learning

/// Random pairs of frames with known ways.
public struct PairVariety: Sendable {
  /// The seed of all pairs.
  public var seed: UInt64
  /// Mean radius of nuclei in voxels along x and y, from here to there.
  public var radius = 2.0...2.9
  /// About how many voxels a frame has.
  public var voxels = 30_000...48_000
  /// The view moves by up to so many radii.
  public var drift = 1.6
  /// From this pair on everything moves as fast as it may; the first one has a quarter of that.
  public var firstFast = 300

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
    // A voxel here is many of a camera's: less noise than in a scene.
    view.photons *= 3
    view.background *= 3
    view.gain /= 3
    view.timepoints = 2
    let haste = min(1, 0.25 + 0.75 * Double(i) / Double(max(1, firstFast)))
    view.speed = 0
    view.wander = view.radius * random.between(0.02, 0.5)
    view.metaphaseFrames = 2
    view.divisionRate = 0
    // More tissue than the view shows, so that nuclei come in where others leave.
    let (whole, margin) = widened(view)
    var tissue = TissueModel(whole)
    let dividing = random.uniform() < 0.25 ? 0 : random.uniform(0, 0.12)
    let waves = Waves(radius: view.radius, haste: haste, &random)
    var (before, after) = try tissue.pair(
      dividing: dividing, settling: random.uniform() < 0.3 ? 6 : 14, progress: progress
    ) { $0 + waves.way(at: $0) }
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

  /// Voxels 1 to 3 times longer along z; lengths are relative, the radius is always 3.5 micrometres.
  private func geometry(_ o: inout Simulator.Options, _ random: inout SeededRandom) {
    let anisotropy = random.uniform() < 0.25 ? 1 : random.between(1, 3)
    o.radius = 3.5
    let x = o.radius / random.between(radius.lowerBound, radius.upperBound)
    o.voxelSize = VoxelSize(x: x, y: x, z: x * anisotropy)
    let base = 1 << (4 - min(4, KeepAxials.count(anisotropy: anisotropy)))
    let count = random.uniform(Double(voxels.lowerBound), Double(voxels.upperBound))
    let depth = max(base, base * Int((random.between(8, 24) / Double(base)).rounded()))
    let side = 16 * Int(((count / Double(depth)).squareRoot() / 16).rounded())
    o.size = Size3(x: min(80, max(32, side)), y: min(80, max(32, side)), z: depth)
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

/// How a tissue is stirred: waves from a few nuclei to many long, each so flat that the tissue does not fold.
private struct Waves {
  private var waves: [(way: WorldPoint, wavevector: WorldPoint, phase: Double)] = []

  init(radius: Double, haste: Double, _ random: inout SeededRandom) {
    let strength = random.uniform() < 0.15 ? 0 : random.uniform(0.2, 1)
    for longest in [8.0, 14, 26, 48] {
      let length = radius * random.between(0.6 * longest, longest)
      let height = min(0.06 * length, radius) * haste * strength * random.uniform()
      var way = random.direction()
      way.z *= 0.5
      waves.append(
        (
          way * height, random.direction() * (2 * Double.pi / length),
          random.uniform(0, 2 * Double.pi)
        ))
    }
  }

  func way(at p: WorldPoint) -> WorldPoint {
    waves.reduce(.zero) { sum, wave in
      let k = wave.wavevector
      return sum + wave.way * cosine(k.x * p.x + k.y * p.y + k.z * p.z + wave.phase)
    }
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

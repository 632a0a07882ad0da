// Small scenes of many kinds, for training and judging networks that have to work on images nobody has seen
// yet. Where a preset imitates one kind of movie, here everything is drawn at random: size and shape of nuclei,
// voxel geometry, density, light, blur, noise, defects. All numbers are functions of the seed and the scene's
// number.

import Core
import Imaging
import Learning

/// Random scenes: what the simulator draws, in all its variety, at the size of a training crop.
///
///     let scene = try SceneVariety(seed: 1).scene(0)
///     scene.volume          // as a camera records it
///     scene.nuclei          // where nuclei are, exactly
public struct SceneVariety: Sendable {
  /// The seed of all scenes.
  public var seed: UInt64
  /// About how many voxels a scene has.
  public var voxels = 50_000...130_000
  /// From this scene on a third of them are parts of mostly empty volumes, with few nuclei or none. A network
  /// learns sooner what a nucleus is from scenes that are full of them.
  public var firstSparse = 2400
  /// From this scene on half of them are full of dividing nuclei, whose daughters hardly part, and most have nuclei of
  /// the size that predictions shrink large ones to.
  public var firstSisters = 4400

  /// Scenes of this seed.
  public init(seed: UInt64) { self.seed = seed }

  /// Scene `i`: drawn at once, in about a tenth of a second.
  public func scene(_ i: Int, progress: Progress = .none) throws -> SimulatedScene {
    var random = SeededRandom(seed: seed, stream: 0x5CE0_0000_0000 &+ UInt64(i))
    var options = Simulator.Options()
    options.seed = random.next()
    geometry(&options, i >= firstSisters && random.uniform() < 0.7 ? 26 : 60, &random)
    tissue(&options, &random)
    if i >= firstSparse { thin(&options, &random) }
    light(&options, &random)
    camera(&options, &random)
    let dividing = i >= firstSisters && random.uniform() < 0.5 ? random.uniform(0.2, 0.8) : nil
    let nuclei = try nuclei(&options, dividing, &random, progress)
    let shape = TissueShape(options)
    let volume = try SceneRenderer(options, shape: shape).render(nuclei, t: 0, progress: progress)
    return SimulatedScene(options: options, nuclei: nuclei, shape: shape, volume: volume)
  }

  // MARK: Geometry

  /// Nuclei 6 to `widest` voxels across, voxels 1 to 12 times longer along z. Lengths are relative: the radius is
  /// about 3.5 micrometres, whatever the voxels.
  private func geometry(
    _ o: inout Simulator.Options, _ widest: Double, _ random: inout SeededRandom
  ) {
    let anisotropy = random.uniform() < 0.1 ? 1 : random.between(1, 12)
    let across = random.between(max(6, 1.5 * anisotropy), widest)
    o.radius = 3.5
    let x = 2 * o.radius / across
    o.voxelSize = VoxelSize(x: x, y: x, z: x * anisotropy)
    // Sizes that the poolings divide without rest.
    let base = 1 << (4 - min(4, KeepAxials.count(anisotropy: anisotropy)))
    let wanted = across * random.uniform(2.5, 6) / 16
    let side = 16 * min(base == 16 ? 6 : 8, max(4, Int(wanted.rounded(.up))))
    let count = random.uniform(Double(voxels.lowerBound), Double(voxels.upperBound))
    let step = max(2, base)
    let planes = step * max(1, Int((count / Double(side * side * step)).rounded()))
    o.size = Size3(x: side, y: side, z: max(base == 16 ? 16 : 6, min(48, planes)))
    if o.size.z % base != 0 { o.size.z = (o.size.z / base + 1) * base }
    o.timepoints = 1
  }

  /// How nuclei are shaped and where they are.
  func tissue(_ o: inout Simulator.Options, _ random: inout SeededRandom) {
    switch random.uniform() {
    case ..<0.6: o.shape = .filled
    case ..<0.85: o.shape = .layer
    default: o.shape = .ellipsoid
    }
    // An ellipsoid that is hardly thicker than a nucleus would press them all into its middle.
    let depth = Double(o.size.z) * o.voxelSize.z
    if o.shape == .ellipsoid && depth < 6 * o.radius { o.shape = .filled }
    o.nuclei = nil
    o.density = random.uniform() < 0.5 ? random.uniform(0.1, 0.5) : random.between(0.01, 0.3)
    o.surfaceHeight = random.uniform(-0.1, 0.7)
    o.surfaceSlope = (random.uniform(-0.6, 0.6), random.uniform(-0.6, 0.6))
    o.radiusVariation = random.uniform(0.04, 0.28)
    o.elongation = random.uniform(1, 2.1)
    o.lumpiness = random.uniform() < 0.3 ? 0 : random.uniform(0, 0.12)
    o.flatness = random.uniform() < 0.5 ? 1 : random.uniform(0.5, 1.3)
  }

  private func thin(_ o: inout Simulator.Options, _ random: inout SeededRandom) {
    switch random.uniform() {
    case ..<0.13: o.nuclei = 0
    case ..<0.33: o.density = random.between(0.002, 0.04)
    default: break
    }
  }

  // MARK: Light

  func light(_ o: inout Simulator.Options, _ random: inout SeededRandom) {
    o.photons = random.between(7, 400)
    o.brightnessVariation = random.uniform(0.03, 0.65)
    o.background = o.photons * random.between(0.01, 0.6)
    o.haze = random.uniform() < 0.25 ? 0 : random.uniform(0, 0.5)
    o.attenuation = random.uniform() < 0.35 ? .infinity : o.radius * random.between(3, 60)
    o.texture = random.uniform() < 0.25 ? 0 : random.uniform(0, 1)
    o.hollowness = random.uniform() < 0.75 ? 0 : random.uniform(0.2, 0.85)
    o.nucleoli = random.uniform() < 0.65 ? 0 : random.uniform(0.3, 0.95)
    // At least half a voxel, as sampling makes; at most what leaves neighbours apart.
    o.blur = max(0.45 * o.voxelSize.x, o.radius * random.between(0.03, 0.22))
    o.blurZ = max(0.3 * o.voxelSize.z, min(0.65 * o.radius, o.blur * random.between(1, 6)))
    if random.uniform() < 0.4 { o.shading = (random.uniform(-1, 1), random.uniform(-1, 1)) }
    if random.uniform() < 0.12 { o.stitching = random.uniform(0.1, 0.5) }
    if random.uniform() < 0.2 { o.flicker = random.uniform(0.03, 0.25) }
  }

  func camera(_ o: inout Simulator.Options, _ random: inout SeededRandom) {
    o.excessNoise = random.uniform() < 0.6 ? 0 : random.uniform(0, 1)
    if random.uniform() < 0.45 {
      o.bitDepth = .eight
      // A typical nucleus reaches this grey value; the brightest may clip.
      o.gain = random.between(25, 230) / (o.photons + o.background)
      o.offset = random.uniform() < 0.5 ? 0 : random.uniform(0, 25)
    } else {
      o.gain = min(random.between(0.5, 60), 20_000 / o.photons)
      o.offset = random.uniform(0, 600)
    }
    let spread = o.gain * o.photons * random.between(0.002, 0.2)
    o.readNoise = random.uniform() < 0.3 ? 0 : spread
    if random.uniform() < 0.15 { o.hotPixels = random.between(5e-5, 2e-3) }
    if random.uniform() < 0.1 { o.deadPixels = random.between(5e-5, 2e-3) }
    if random.uniform() < 0.3 { o.smoothing = random.uniform(0.4, 1.4) }
  }

  // MARK: Contents

  /// Nuclei of all stages, this share of them dividing (nil: any), and what is no nucleus: granules, large dim
  /// bodies, sheets.
  private func nuclei(
    _ o: inout Simulator.Options, _ share: Double?, _ random: inout SeededRandom,
    _ progress: Progress
  ) throws -> [Nucleus] {
    let dividing = share ?? (random.uniform() < 0.35 ? 0 : random.uniform(0, 0.25))
    let dying = random.uniform() < 0.5 ? 0 : random.uniform(0, 0.08)
    let settling = random.uniform() < 0.3 ? 12 : 60
    var model = TissueModel(o)
    var nuclei = try model.moment(
      dividing: dividing, dying: dying, settling: settling, progress: progress)
    let field = model.shape.field
    func place() -> WorldPoint {
      WorldPoint(
        x: random.uniform(field.minimum.x, field.maximum.x),
        y: random.uniform(field.minimum.y, field.maximum.y),
        z: random.uniform(field.minimum.z, field.maximum.z))
    }
    func clutter(_ axes: SIMD3<Double>, _ brightness: Double) {
      nuclei.append(
        Nucleus(
          cell: Int32(1_000_000 + nuclei.count), position: place(),
          orientation: random.rotation(), semiAxes: axes * o.radius, brightness: brightness,
          texture: 0, isDebris: true))
    }
    if random.uniform() < 0.35 {
      let brightness = random.between(0.2, 3)
      for _ in 0..<random.below(30) {
        clutter(SIMD3(repeating: random.uniform(0.06, 0.25)), brightness * random.uniform(0.5, 1))
      }
    }
    if random.uniform() < 0.25 {
      for _ in 0..<1 + random.below(4) {
        let axes = SIMD3(random.uniform(2, 6), random.uniform(2, 6), random.uniform(2, 6))
        clutter(axes, random.between(0.03, 0.3))
      }
    }
    if random.uniform() < 0.12 {
      for _ in 0..<1 + random.below(2) {
        clutter(SIMD3(8, 8, random.uniform(0.05, 0.3)), random.between(0.1, 1.2))
      }
    }
    return nuclei
  }
}

/// A scene that was drawn, and its truth.
public struct SimulatedScene: Sendable {
  /// How it was made; lengths are micrometres.
  public let options: Simulator.Options
  /// What a camera recorded.
  public let volume: Volume
  /// Nuclei whose ellipsoid reaches into the field of view or near it, in order.
  public let nuclei: [Truth]

  /// A nucleus of the truth.
  public struct Truth: Sendable {
    /// Centre in world units; it may lie outside the field of view.
    public let position: WorldPoint
    /// The ellipsoid.
    public let covariance: Covariance
    /// Whether a careful annotator would mark it. The others are too dim or too noisy to tell.
    public let isVisible: Bool
  }

  init(options: Simulator.Options, nuclei: [Nucleus], shape: TissueShape, volume: Volume) {
    self.options = options
    self.volume = volume
    self.nuclei = nuclei.filter { !$0.isDebris }.map { n in
      Truth(
        position: n.position, covariance: n.covariance,
        isVisible: Self.isVisible(n, options, shape))
    }
  }

  /// Whether a nucleus stands out of noise and background, with all its voxels taken together.
  static func isVisible(
    _ n: Nucleus, _ o: Simulator.Options, _ shape: TissueShape
  ) -> Bool {
    let fade = exponential(-shape.depth(n.position) / o.attenuation)
    let signal = o.photons * n.brightness * fade
    let dark = o.background * fade
    let read = o.readNoise / o.gain
    let noise = ((signal + dark) * (1 + o.excessNoise * o.excessNoise) + read * read).squareRoot()
    let voxel = o.voxelSize.x * o.voxelSize.y * o.voxelSize.z
    let voxels = min(250, n.volume / voxel)
    let step = max(1, o.bitDepth == .eight ? 1.5 : 1) / o.gain
    return signal * voxels.squareRoot() >= 5 * max(noise, 1e-9)
      && signal > 0.04 * o.photons && signal > step
  }
}

extension SeededRandom {
  /// Between two positive numbers, uniform in the logarithm.
  mutating func between(_ low: Double, _ high: Double) -> Double {
    low * power(high / low, uniform())
  }
}

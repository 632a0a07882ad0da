// What the global linker believes about links, as negative logarithms of likelihoods: how far spots stray from
// where their neighbours' motion puts them, how much size and brightness change from frame to frame, how often
// tracks begin, end, divide and miss a frame. All of it is learned from the project at hand.

import Core

/// Costs of hypotheses, in natural logarithms. They add up, and the least sum is the most likely story.
struct LinkModel: Sendable {
  /// Student's t with this many degrees of freedom: near the middle like a normal distribution, but a link that
  /// is far out is unlikely instead of impossible.
  private static let freedom = 4.0
  /// How far nuclei stray that do not move as their neighbours do (at a border, beside a division), over the
  /// typical spacing: as far as leaves no doubt which one it was, most of the time.
  private static let oddReach = 0.3

  /// Scale of the residual displacement from one frame to the next along each axis, world units.
  var stray: WorldPoint
  /// Scale of the change of the logarithm of volume and of brightness; 0 leaves it out.
  var sizeChange = 0.0
  var lightChange = 0.0
  /// Standard deviations of the same over all spots: what a wrong link would show.
  var sizeSpread = 0.0
  var lightSpread = 0.0
  /// How often tracks begin, end and divide inside the tissue, and at the border of what was seen.
  var inner = LinkRates()
  var edge = LinkRates()
  /// How often a track misses a frame; how often a spot is no nucleus.
  var missing = 0.05
  var spurious = 0.02
  /// How much of its own last stray a spot repeats: positive for nuclei that wander, negative where errors of the
  /// detection dominate.
  var persistence = 0.0
  /// Share of nuclei that move in their own way.
  var odd = 0.02
  let density: Double
  let dimensions: Int
  /// Typical distance of nearest neighbours, world units.
  let spacing: Double

  init(stray: WorldPoint, _ traits: SpotTraits) {
    self.stray = stray
    density = traits.density
    dimensions = traits.dimensions
    spacing = traits.spacing
    let volumes = traits.logVolume.filter { $0.isFinite }
    let lights = traits.logLight.filter { $0.isFinite }
    sizeSpread = volumes.spread(around: volumes.median)
    lightSpread = lights.spread(around: lights.median)
  }

  /// The rates for a spot.
  func rates(_ isAtEdge: Bool) -> LinkRates { isAtEdge ? edge : inner }
  /// A spot without parent: it might have turned up anywhere, the sooner the more spots there are around.
  func appearCost(_ isAtEdge: Bool, crowding: Double) -> Double {
    -logarithm(rates(isAtEdge).appearing * density) - crowding
  }
  /// A spot without child.
  func disappearCost(_ isAtEdge: Bool) -> Double { -logarithm(rates(isAtEdge).disappearing) }
  /// A spot that is no nucleus.
  func spuriousCost(crowding: Double) -> Double { -logarithm(spurious * density) - crowding }

  /// Beyond this distance (world units) no link is worth considering.
  func reach(gap: Int) -> Double {
    let widest = max(stray.x, max(stray.y, dimensions == 3 ? stray.z : 0))
    return max(8 * widest, 4 * LinkModel.oddReach * spacing) * Double(gap).squareRoot()
  }

  /// Minus the logarithms of the likelihoods of an offset for a nucleus that moves with its neighbours, and for
  /// one that moves in its own way, each times how common that is.
  private func strayCosts(_ offset: WorldPoint, gap: Int) -> (usual: Double, odd: Double) {
    let widening = Double(gap).squareRoot()
    let nu = LinkModel.freedom
    func cost(_ scale: WorldPoint) -> Double {
      let (sx, sy, sz) = (scale.x * widening, scale.y * widening, scale.z * widening)
      var q = offset.x * offset.x / (sx * sx) + offset.y * offset.y / (sy * sy)
      // Gamma(3) / (Gamma(2) 4 pi) in a plane, Gamma(7/2) / (Gamma(2) (4 pi)^(3/2)) in space.
      var norm = sx * sy / 0.159155
      if dimensions == 3 {
        q += offset.z * offset.z / (sz * sz)
        norm = sx * sy * sz / 0.074606
      }
      return logarithm(norm) + (nu + Double(dimensions)) / 2 * logarithm(1 + q / nu)
    }
    let wide = LinkModel.oddReach * spacing
    return (
      cost(stray) - logarithm(1 - odd),
      cost(WorldPoint(x: max(wide, stray.x), y: max(wide, stray.y), z: max(wide, stray.z)))
        - logarithm(odd)
    )
  }

  /// The likelihood that a nucleus with this offset from one frame to the next moves in its own way.
  func oddness(_ offset: WorldPoint) -> Double {
    let (usual, odd) = strayCosts(offset, gap: 1)
    return 1 / (1 + exponential(odd - usual))
  }

  /// A link over `gap` frames whose child strays by `offset` from where it is expected.
  func linkCost(_ offset: WorldPoint, gap: Int, size: Double, light: Double) -> Double {
    let widening = Double(gap).squareRoot()
    let (usual, odd) = strayCosts(offset, gap: gap)
    var cost = min(usual, odd) - logarithm(1 + exponential(-abs(usual - odd)))
    cost += LinkModel.ratio(size, sizeChange * widening, sizeSpread)
    cost += LinkModel.ratio(light, lightChange * widening, lightSpread)
    return cost - logarithm(1 - inner.disappearing) - Double(gap - 1) * logarithm(missing)
  }

  /// Minus the logarithm of how much likelier a change is in a right link than in a wrong one; at most 4 either
  /// way, so that one odd measurement does not decide alone.
  private static func ratio(_ change: Double, _ scale: Double, _ spread: Double) -> Double {
    if !change.isFinite || scale <= 0 || spread <= 0 { return 0 }
    let right =
      (freedom + 1) / 2 * logarithm(1 + change * change / (scale * scale * freedom))
      + logarithm(scale / 0.375)
    let wide = spread * 2.0.squareRoot()
    let wrong = 0.5 * change * change / (wide * wide) + logarithm(wide * 2.5066283)
    return max(-4, min(4, right - wrong))
  }
}

/// What links show about the model's numbers.
struct LinkSample: Sendable {
  var x: [Double] = []
  var y: [Double] = []
  var z: [Double] = []
  var size: [Double] = []
  var light: [Double] = []

  var count: Int { x.count }

  mutating func add(_ offset: WorldPoint, size: Double, light: Double) {
    x.append(offset.x)
    y.append(offset.y)
    z.append(offset.z)
    if size.isFinite { self.size.append(size) }
    if light.isFinite { self.light.append(light) }
  }

  /// Robust scales: median absolute values. 0 where nothing is known.
  func scales(_ progress: Progress) throws -> [Double] {
    try [x, y, z, size, light].map { values in
      try progress.check()
      return values.spread(around: 0)
    }
  }
}

extension LinkModel {
  /// Take the scales from links. Those that people approved count in full, automatic ones as much as 20 approved
  /// ones together: with few approved links the project's own statistics decide, with many the people do.
  mutating func learn(
    approved: LinkSample, automatic: LinkSample, spacing: Double, _ progress: Progress
  ) throws {
    let prior = 20.0
    let n = Double(approved.count)
    let mixed = zip(try approved.scales(progress), try automatic.scales(progress)).map {
      a, b -> Double in
      if approved.count == 0 { return b }
      if automatic.count == 0 { return a }
      return ((n * a * a + prior * b * b) / (n + prior)).squareRoot()
    }
    let least = 0.02 * spacing
    stray = WorldPoint(x: max(mixed[0], least), y: max(mixed[1], least), z: max(mixed[2], least))
    sizeChange = sizeSpread > 0 ? max(mixed[3], 0.02) : 0
    lightChange = lightSpread > 0 ? max(mixed[4], 0.02) : 0
    // The share of odd ones that the links show, as an average of what each is likely to be.
    let links = approved.count + automatic.count
    if links == 0 { return }
    var sum = 0.0
    for sample in [approved, automatic] {
      for i in 0..<sample.count {
        sum += oddness(WorldPoint(x: sample.x[i], y: sample.y[i], z: sample.z[i]))
      }
    }
    odd = max(0.002, min(0.3, (sum + 50 * 0.02) / (Double(links) + 50)))
  }
}

// From the probability of being the centre of a nucleus to ellipsoids: threshold, connected components, moments
// (elephant-server 0.7, 4.4). Separation of touching nuclei is in `BasinSplit`, refinement in `EllipsoidRefinement`.

import Core
import Imaging

/// Makes spots of center probabilities.
public struct ProbabilitySpots: Sendable {
  /// How spots are made.
  public struct Options: Sendable, Equatable {
    /// Voxels belong to a nucleus when their probability is greater.
    public var threshold = 0.5
    /// The center region's size as a share of the nucleus, as in training.
    public var centerRatio = 0.4
    /// Spots with a smaller semi-axis are dropped; world units.
    public var minRadius = 0.0
    /// Semi-axes are cut to this; world units.
    public var maxRadius = 1e6
    /// Whether touching nuclei are separated.
    public var separation: Separation?
    /// Fit ellipsoids to where there is any nucleus, border or center, instead of to the center alone.
    public var refine = false
    /// ELEPHANT's rules to the letter. Otherwise what is one voxel thin is taken to be as thick as a voxel,
    /// and nothing is dropped for being a single voxel (but for being too small, as all).
    public var compatible = false
    /// Whether the planes were predicted one by one by a 2D network, which sees each nucleus in more planes.
    public var planewise = false

    /// ELEPHANT's threshold and center ratio, no limits of size.
    public init() {}

    /// Throws `.argument` for what makes no sense.
    public func check() throws {
      func require(_ ok: Bool, _ message: String) throws {
        if !ok { throw HowdahError(.argument, message) }
      }
      try require(
        threshold >= 0 && threshold < 1,
        "the probability threshold is from 0 to below 1, not \(threshold)")
      try require(
        centerRatio > 0 && centerRatio <= 1,
        "center ratio is above 0, at most 1, not \(centerRatio)")
      try require(minRadius >= 0 && minRadius.isFinite, "min radius must be at least 0")
      try require(maxRadius > 0, "max radius must be above 0")
      try require(minRadius <= maxRadius, "min radius is above max radius")
      if let separation {
        try require(
          separation.depth >= 0 && separation.depth < 1,
          "separation depth is from 0 to below 1, not \(separation.depth)")
        try require(
          separation.smoothing >= 0 && separation.smoothing.isFinite,
          "separation smoothing must be at least 0")
        try require(
          separation.floor >= 0 && separation.floor <= 1,
          "separation floor is from 0 to 1, not \(separation.floor)")
        try require(
          separation.spacing >= 0 && separation.spacing.isFinite,
          "separation spacing must be at least 0")
      }
    }
  }

  /// How touching nuclei are separated, each component of the threshold by itself.
  public struct Separation: Sendable, Equatable {
    /// The ways.
    public enum Method: String, Sendable, CaseIterable {
      /// The smoothed probability is flooded from its peaks down, and where two basins meet they stay apart when
      /// the lower peak stands out enough.
      case watershed
      /// Every peak of the smoothed probability that is far enough from higher ones is a nucleus, however shallow
      /// the dip between them is; voxels belong to the nearest peak.
      case peaks
    }

    /// The way.
    public var method = Method.watershed
    /// Down to which share of the threshold the probability is looked at. A nucleus must exceed the threshold
    /// somewhere, as it must without separation; but what lies below it tells nuclei apart and belongs to them.
    public var floor = 0.6
    /// With peaks: how far apart they are at least, in radii of a typical component.
    public var spacing = 1.2
    /// With watershed: how much of the lower peak's height the saddle must lie below it.
    public var depth: Double
    /// Smoothing before, as a share of the radius of a typical component. It turns flat-topped maps into hills.
    public var smoothing: Double

    /// Watershed with these depth and smoothing.
    public init(depth: Double = 0.1, smoothing: Double = 0.4) {
      self.depth = depth
      self.smoothing = smoothing
    }
  }

  /// A spot in the voxels of the map.
  public struct Found: Sendable {
    /// Centre in voxels.
    public var center: WorldPoint
    /// The ellipsoid in world units along the axes of the map.
    public var covariance: Covariance
    /// Mean probability of its voxels.
    public var quality: Double
  }

  /// What the spots are made with.
  public let options: Options
  /// Extent of a voxel along the axes of the map, world units.
  public let voxel: VoxelSize
  private var runs: ForegroundRuns
  private var refinement: EllipsoidRefinement?
  /// Components that were found before any was dropped.
  public private(set) var componentCount = 0

  /// Spots of a map whose planes are of this size.
  public init(width: Int, height: Int, voxel: VoxelSize, options: Options) {
    self.options = options
    self.voxel = voxel
    runs = ForegroundRuns(
      width: width, height: height,
      level: Float(options.threshold * (options.separation?.floor ?? 1)),
      keepsValues: options.separation != nil)
    if options.refine {
      refinement = EllipsoidRefinement(width: width, height: height, voxel: voxel)
    }
  }

  /// Planes of a map by their number among those given.
  public typealias Planes = @Sendable (Int) -> UnsafeBufferPointer<Float>

  /// The spots of whole maps, float32.
  ///
  /// - Parameter background: the probability of being no nucleus; needed for refinement only.
  public static func find(
    in center: Volume, background: Volume? = nil, voxel: VoxelSize, options: Options = Options(),
    progress: Progress = .none
  ) throws -> [Found] {
    try options.check()
    var spots = ProbabilitySpots(
      width: center.size.x, height: center.size.y, voxel: voxel, options: options)
    let plane = center.size.x * center.size.y
    guard background == nil || background?.size == center.size else {
      throw HowdahError(.argument, "probabilities of center and background differ in size")
    }
    let center = try center.converted(to: .float32)
    let other = try background?.converted(to: .float32) ?? center
    try center.withVoxels(as: Float.self) { centers in
      try other.withVoxels(as: Float.self) { others in
        nonisolated(unsafe) let first = centers.baseAddress!
        nonisolated(unsafe) let second = others.baseAddress!
        let centerPlanes: Planes = { UnsafeBufferPointer(start: first + $0 * plane, count: plane) }
        let otherPlanes: Planes = { UnsafeBufferPointer(start: second + $0 * plane, count: plane) }
        try spots.append(
          planes: center.size.z, center: centerPlanes,
          background: background == nil ? nil : otherPlanes, progress: progress)
      }
    }
    return try spots.found(progress: progress)
  }

  /// Go on with further planes. Refinement needs those of the background, too.
  public mutating func append(
    planes count: Int, center: Planes, background: Planes? = nil, progress: Progress = .none
  ) throws {
    try runs.append(planes: count, progress: progress, center)
    guard options.refine else { return }
    guard let background else {
      throw HowdahError(.argument, "refinement needs the probability of background")
    }
    try refinement?.append(planes: count, progress: progress, background)
  }

  /// The spots, in z, y, x order of the first voxels of their components.
  public mutating func found(progress: Progress = .none) throws -> [Found] {
    let components = try runs.components(progress: progress)
    componentCount = components.count
    let rows = runs.rowsOfRuns()
    let sums = components.map { sum($0, rows) }
    var result: [Found] = []
    if let separation = options.separation {
      let split = BasinSplit(
        separation: separation, threshold: Float(options.threshold), voxel: voxel, runs: runs,
        rows: rows, typical: typicalRadius(sums))
      for (component, sum) in zip(components, sums) {
        try progress.check()
        result += try split.parts(of: component, sum, progress: progress).compactMap(spot)
      }
    } else {
      result = sums.compactMap(spot)
    }
    guard let refinement else { return result }
    return try refinement.refine(result, progress: progress).map {
      var spot = $0
      spot.covariance = limited(spot.covariance)
      return spot
    }
  }

  /// With semi-axes of at most the greatest radius.
  private func limited(_ c: Covariance) -> Covariance {
    if isPlane || c.radii.z <= options.maxRadius { return c }
    let (values, v) = c.eigen()
    let limit = options.maxRadius * options.maxRadius
    return Self.ellipsoid(v, [values.x, values.y, values.z].map { min($0, limit) })
  }

  private static func ellipsoid(_ v: [SIMD3<Double>], _ squares: [Double]) -> Covariance {
    let axes = Matrix3(v[0], v[1], v[2])
    let shape = Matrix3([squares[0], 0, 0], [0, squares[1], 0], [0, 0, squares[2]])
    return Covariance(axes.transposed * shape * axes)
  }

  private func sum(_ component: [Int32], _ rows: [Int32]) -> RegionSum {
    let first = Int(component[0])
    let row = Int(rows[first])
    var sum = RegionSum(
      origin: SIMD3(Int(runs.starts[first]), row % runs.height, row / runs.height))
    for run in component {
      let run = Int(run)
      let (z, y) = Int(rows[run]).quotientAndRemainder(dividingBy: runs.height)
      sum.add(
        run: Int(runs.starts[run]), Int(runs.ends[run]), y: y, z: z, probability: runs.sums[run])
    }
    return sum
  }

  /// Radius of the ball that the median of the components of more than a voxel fills, world units.
  private func typicalRadius(_ sums: [RegionSum]) -> Double {
    let counts = sums.map(\.count).filter { $0 > 1 }.sorted()
    guard !counts.isEmpty else { return 0 }
    let volume = Double(counts[counts.count / 2]) * voxel.x * voxel.y * (isPlane ? 1 : voxel.z)
    return isPlane
      ? (volume / Double.pi).squareRoot() : power(volume * 3 / (4 * Double.pi), 1.0 / 3)
  }

  private var isPlane: Bool { runs.planes == 1 }

  /// The ellipsoid of a region; nil when it is too small.
  private func spot(_ sum: RegionSum) -> Found? {
    let (c, least) = (options.centerRatio, options.minRadius * options.centerRatio)
    let smallest =
      isPlane
      ? Double.pi * least * least / (voxel.x * voxel.y)
      : 4.0 / 3 * Double.pi * least * least * least / (voxel.x * voxel.y * voxel.z)
    if Double(sum.count) < smallest { return nil }
    // The extent of a voxel inflated by (n + 1) / n makes up for what is lost between voxel centres.
    let n = sum.extent
    func inflated(_ size: Double, _ n: Int) -> Double { size * Double(n + 1) / Double(n) }
    var a = SIMD3(inflated(voxel.x, n.x), inflated(voxel.y, n.y), inflated(voxel.z, n.z))
    if options.planewise && !isPlane { a.z *= c }
    let m = sum.covariance
    let moments = Covariance(
      xx: m.xx * a.x * a.x, xy: m.xy * a.x * a.y, xz: m.xz * a.x * a.z,
      yy: m.yy * a.y * a.y, yz: m.yz * a.y * a.z, zz: m.zz * a.z * a.z)
    guard let covariance = isPlane ? ellipse(moments) : ellipsoid(moments) else { return nil }
    let center = sum.centroid
    return Found(
      center: WorldPoint(x: center.x, y: center.y, z: center.z), covariance: covariance,
      quality: sum.quality)
  }

  /// Semi-axes from moments: 2 sqrt(lambda) / center ratio, as in ELEPHANT. The 2 is exact for an ellipse; for an
  /// ellipsoid it is a tenth too small, which the inflation makes up for more or less.
  private func ellipsoid(_ moments: Covariance) -> Covariance? {
    if options.compatible && max(moments.xx, moments.yy, moments.zz) == 0 { return nil }
    let (values, vectors) = moments.eigen()
    let scales = [voxel.x, voxel.y, voxel.z]
    var squares: [Double] = []
    for k in 0..<3 {
      if options.compatible && values[k] < 0 { return nil }
      var radius = 2 / options.centerRatio * max(0, values[k]).squareRoot()
      if options.compatible {
        // ELEPHANT takes the extent of a voxel along the axis of the same number, with axes in the order z, y, x.
        if radius == 0 { radius = max(options.minRadius, scales[2 - k]) }
      } else if values[k] <= 1e-12 * values[2] {
        let v = vectors[k] * SIMD3(voxel.x, voxel.y, voxel.z)
        radius = max(radius, options.minRadius, (v * v).sum().squareRoot())
      }
      if radius < options.minRadius { return nil }
      radius = min(radius, options.maxRadius)
      squares.append(radius * radius)
    }
    return Self.ellipsoid(vectors, squares)
  }

  /// In 2D: an ellipse, with 1 at [z, z].
  private func ellipse(_ moments: Covariance) -> Covariance? {
    if options.compatible && max(moments.xx, moments.yy) == 0 { return nil }
    let mean = (moments.xx + moments.yy) / 2
    let difference = (moments.xx - moments.yy) / 2
    let root = (difference * difference + moments.xy * moments.xy).squareRoot()
    let values = [mean - root, mean + root]
    var vector = SIMD2(moments.xy, values[1] - moments.xx)
    if (vector * vector).sum() == 0 { vector = moments.xx >= moments.yy ? [1, 0] : [0, 1] }
    let long = vector / (vector * vector).sum().squareRoot()
    let axes = [SIMD2(-long.y, long.x), long]
    var (xx, xy, yy) = (0.0, 0.0, 0.0)
    for k in 0..<2 {
      if options.compatible && values[k] < 0 { return nil }
      var radius = 2 / options.centerRatio * max(0, values[k]).squareRoot()
      let v = axes[k]
      if options.compatible {
        if radius == 0 { radius = max(options.minRadius, k == 0 ? voxel.y : voxel.x) }
      } else if values[k] <= 1e-12 * values[1] {
        let thickness = (v.x * v.x * voxel.x * voxel.x + v.y * v.y * voxel.y * voxel.y).squareRoot()
        radius = max(radius, options.minRadius, thickness)
      }
      if radius < options.minRadius { return nil }
      radius = min(radius, options.maxRadius)
      xx += radius * radius * v.x * v.x
      xy += radius * radius * v.x * v.y
      yy += radius * radius * v.y * v.y
    }
    return Covariance(xx: xx, xy: xy, xz: 0, yy: yy, yz: 0, zz: 1)
  }
}

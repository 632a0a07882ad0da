// The voxels of an ellipsoid, as ELEPHANT finds them for its labels (elephant-server 2.3): those whose centre lies
// strictly inside, and never fewer than a given number, so that a nucleus smaller than a voxel leaves a mark, too.
//
// What ELEPHANT gets wrong is done right here: an ellipsoid outside the image has no voxels (ELEPHANT blows it up
// until it touches), an image of few voxels ends the search, and a flat ellipsoid has the voxels it lies in.

import Core

/// The voxels of one ellipsoid inside an image: at most one run a row, since ellipsoids are convex.
public struct EllipsoidRaster: Sendable {
  /// Consecutive voxels of one row of the image.
  public struct Run: Sendable, Equatable {
    /// The row.
    public var z, y: Int32
    /// The first voxel and the one behind the last.
    public var begin, end: Int32
  }

  /// The runs in the order of memory.
  public let runs: [Run]
  /// Number of voxels.
  public var count: Int { runs.reduce(0) { $0 + Int($1.end - $1.begin) } }

  /// Find the voxels of an ellipsoid.
  ///
  /// In an image of one plane it is the ellipse of the covariance's x and y, whatever its z (not the section of
  /// the ellipsoid), as ELEPHANT does in 2D.
  ///
  /// - Parameters:
  ///   - scale: factor of the semi-axes.
  ///   - minimum: the ellipsoid is blown up, inside the box that encloses it, until it has so many voxels; ELEPHANT
  ///     takes 9 for labels.
  public init(
    position: WorldPoint, covariance: Covariance, scale: Double = 1, in grid: VoxelGrid,
    minimum: Int = 9
  ) {
    guard position.isFinite, covariance.isFinite else {
      runs = []
      return
    }
    var search = RasterSearch(position, covariance, scale, grid)
    let wanted = min(minimum, grid.size.count)
    guard search.reachesImage else {
      runs = []
      return
    }
    while search.boxCount < wanted { search.grow() }
    runs = search.runs(atLeast: wanted)
  }

  /// The 26 neighbours of all voxels and the voxels themselves, inside an image (8 neighbours in one plane). Runs of
  /// one row may overlap.
  public func dilated(in size: Size3) -> [Run] {
    var result: [Run] = []
    result.reserveCapacity(9 * runs.count)
    for run in runs {
      for z in max(0, run.z - 1)...min(Int32(size.z - 1), run.z + 1) {
        for y in max(0, run.y - 1)...min(Int32(size.y - 1), run.y + 1) {
          let (begin, end) = (max(0, run.begin - 1), min(Int32(size.x), run.end + 1))
          result.append(Run(z: z, y: y, begin: begin, end: end))
        }
      }
    }
    return result
  }
}

/// The search of one ellipsoid's voxels.
private struct RasterSearch {
  private let size: Size3
  private let spacing: SIMD3<Double>
  /// Centre in voxels.
  private let center: SIMD3<Double>
  private var radii: SIMD3<Double>
  private let axes: [SIMD3<Double>]
  private var low = SIMD3<Double>(), high = SIMD3<Double>()

  init(_ position: WorldPoint, _ covariance: Covariance, _ scale: Double, _ grid: VoxelGrid) {
    size = grid.size
    spacing = SIMD3(grid.spacing.x, grid.spacing.y, grid.spacing.z)
    let v = grid.voxel(position)
    var matrix = grid.turned(covariance)
    if size.z == 1 { (matrix.xz, matrix.yz, matrix.zz) = (0, 0, spacing.z * spacing.z) }
    center = SIMD3(v.x, v.y, size.z == 1 ? 0 : v.z)
    let eigen = matrix.eigen()
    axes = eigen.vectors
    let least = 1e-3 * spacing.min()
    radii = SIMD3(repeating: 0)
    for k in 0..<3 { radii[k] = max(max(0, eigen.values[k]).squareRoot() * scale, least) }
    enclose()
  }

  /// The box of voxels around the ellipsoid's enclosing turned box, rounded outwards.
  private mutating func enclose() {
    for i in 0..<3 {
      var half = 0.0
      for k in 0..<3 { half += abs(axes[k][i]) * radii[k] }
      half /= spacing[i]
      low[i] = (center[i] - half).rounded(.down)
      high[i] = (center[i] + half).rounded(.up)
    }
  }

  mutating func grow() {
    radii *= 1.1
    enclose()
  }

  var reachesImage: Bool {
    Axis.allCases.enumerated().allSatisfy { i, axis in
      high[i] >= 0 && low[i] <= Double(size[axis] - 1)
    }
  }

  private var ranges: [ClosedRange<Int>] {
    Axis.allCases.enumerated().map { i, axis in
      let last = Double(size[axis] - 1)
      return Int(max(0, min(last, low[i])))...Int(max(0, min(last, high[i])))
    }
  }

  var boxCount: Int { ranges.reduce(1) { $0 * $1.count } }

  /// Squared distances in units of the semi-axes decide: below 1, or below what gives enough voxels.
  func runs(atLeast wanted: Int) -> [EllipsoidRaster.Run] {
    var limit = 1.0
    var found = runs(below: limit)
    if found.isEmpty, !isCenterInside { return [] }
    while found.reduce(0, { $0 + Int($1.end - $1.begin) }) < wanted {
      limit *= 1.1
      found = runs(below: limit)
    }
    return found
  }

  private var isCenterInside: Bool {
    Axis.allCases.enumerated().allSatisfy { i, axis in
      center[i] >= -0.5 && center[i] < Double(size[axis]) - 0.5
    }
  }

  private func runs(below limit: Double) -> [EllipsoidRaster.Run] {
    let box = ranges
    let (a, b, c) = (axes[0] * spacing, axes[1] * spacing, axes[2] * spacing)
    var result: [EllipsoidRaster.Run] = []
    for z in box[2] {
      for y in box[1] {
        var (first, last) = (-1, -1)
        for x in box[0] {
          let v = SIMD3(Double(x), Double(y), Double(z)) - center
          let q = SIMD3((a * v).sum(), (b * v).sum(), (c * v).sum()) / radii
          if (q * q).sum() < limit {
            if first < 0 { first = x }
            last = x
          }
        }
        guard first >= 0 else { continue }
        result.append(
          .init(z: Int32(z), y: Int32(y), begin: Int32(first), end: Int32(last + 1)))
      }
    }
    return result
  }
}

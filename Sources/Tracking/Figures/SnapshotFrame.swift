// The space that a snapshot is drawn in: the voxel grid of the images, or a grid of world units
// around the spots when there are no images. Spots are mapped into it, so that any registration is
// shown right.

import Core
import Glibc
import Imaging
import Lineage

/// A grid of voxels and how it lies in the world.
struct SnapshotFrame {
  /// Size in voxels.
  let size: Size3
  /// World to voxel coordinates.
  let toVoxel: Affine3
  /// World units that a step of one voxel covers.
  let step: VoxelSize
  private let toWorld: Affine3

  /// The grid of a view of the images. Throws `.argument` when there is no such view.
  init(images: any ImageSource, t: Timepoint, setup: Int) throws {
    try images.checkView(t: t, setup: setup, level: 0)
    let map = images.transform(t: t, setup: setup, level: 0)
    guard let inverse = map.inverse else {
      throw HowdahError(.format, "\(images.path): the registration of timepoint \(t) is singular")
    }
    size = images.size(setup: setup, level: 0)
    toWorld = map
    toVoxel = inverse
    func length(_ column: Int) -> Double {
      let (a, b, c) = (map.linear[0, column], map.linear[1, column], map.linear[2, column])
      return (a * a + b * b + c * c).squareRoot()
    }
    step = VoxelSize(x: length(0), y: length(1), z: length(2))
  }

  /// A grid around all spots, about 400 voxels along its longest side.
  init(around lineage: LineageGraph) {
    var low = WorldPoint(x: .infinity, y: .infinity, z: .infinity)
    var high = low * -1
    lineage.forEachSpot { spot in
      let (p, c) = (lineage.position(spot), lineage.covariance(spot))
      for (axis, variance) in [(Axis.x, c.xx), (.y, c.yy), (.z, c.zz)] {
        let reach = variance > 0 ? variance.squareRoot() : 0
        low[axis] = min(low[axis], p[axis] - reach)
        high[axis] = max(high[axis], p[axis] + reach)
      }
    }
    if !low.isFinite { (low, high) = (.zero, WorldPoint(x: 1, y: 1, z: 1)) }
    let extent = high - low
    let longest = max(extent.x, extent.y, extent.z)
    let unit = longest > 0 ? longest * 1.05 / 400 : 1
    func count(_ length: Double) -> Int { max(1, Int((length + 0.05 * longest) / unit)) }
    size = Size3(x: count(extent.x), y: count(extent.y), z: count(extent.z))
    step = VoxelSize(x: unit, y: unit, z: unit)
    // Half the margin on each side.
    let origin = low - WorldPoint(x: 1, y: 1, z: 1) * (0.025 * longest)
    toWorld = Affine3(linear: Affine3(scale: step).linear, translation: origin)
    toVoxel = toWorld.inverse ?? .identity
  }

  /// The point that the planes go through, as voxel indices.
  func cut(_ options: Snapshot.Options, _ lineage: LineageGraph) -> (x: Int, y: Int, z: Int) {
    let spots = lineage.spots(at: options.t)
    func median(_ axis: Axis) -> Double? {
      let values = spots.map { lineage.position($0)[axis] }.sorted()
      return values.isEmpty ? nil : values[values.count / 2]
    }
    let middle = toWorld(
      WorldPoint(
        x: Double(size.x - 1) / 2, y: Double(size.y - 1) / 2, z: Double(size.z - 1) / 2))
    let point = WorldPoint(
      x: options.x ?? median(.x) ?? middle.x, y: options.y ?? median(.y) ?? middle.y,
      z: options.z ?? median(.z) ?? middle.z)
    let voxel = toVoxel(point)
    func index(_ axis: Axis) -> Int {
      let value = voxel[axis].rounded()
      return value > 0 ? Int(min(value, Double(size[axis] - 1))) : 0
    }
    return (index(.x), index(.y), index(.z))
  }

  /// The world coordinate of a voxel index along an axis, at the middle of the other axes.
  func world(_ index: Int, _ axis: Axis) -> Double {
    var p = WorldPoint(
      x: Double(size.x - 1) / 2, y: Double(size.y - 1) / 2, z: Double(size.z - 1) / 2)
    p[axis] = Double(index)
    return toWorld(p)[axis]
  }

  /// Canvas pixels a voxel along each axis, such that pixels are square in the world.
  func scale(zoom: Double?, axes: [Axis]) throws -> VoxelSize {
    let finest = axes.map { step[$0] }.min()!
    let longest = axes.map { Double(size[$0]) * step[$0] / finest }.max()!
    let zoom = zoom ?? Self.handyZoom(longest)
    guard zoom > 0, zoom * longest < 32768 else {
      throw HowdahError(
        .argument, "zoom \(zoom) makes a picture of \(zoom * longest) pixels; give less")
    }
    return VoxelSize(
      x: zoom * step.x / finest, y: zoom * step.y / finest, z: zoom * step.z / finest)
  }

  /// A resolution level of the images.
  struct Level {
    var index: Int
    var size: Size3
    /// Voxels of the frame that one of its voxels covers along each axis.
    var factors: VoxelSize
  }

  /// The coarsest level that is not enlarged in the picture more than level 0 is.
  func level(
    _ images: any ImageSource, _ options: Snapshot.Options, scale: VoxelSize, axes: [Axis]
  ) -> Level {
    var best = Level(index: 0, size: size, factors: VoxelSize(x: 1, y: 1, z: 1))
    for index in 1..<max(1, images.levels(setup: options.setup)) {
      let f = images.downsampling(setup: options.setup, level: index)
      let factors = VoxelSize(x: f.x, y: f.y, z: f.z)
      guard axes.allSatisfy({ factors[$0] == 1 || scale[$0] * factors[$0] <= 1 }) else { continue }
      best = Level(
        index: index, size: images.size(setup: options.setup, level: index), factors: factors)
    }
    return best
  }

  /// Enlarged in whole steps up to about 900 pixels, reduced to 1600.
  private static func handyZoom(_ longest: Double) -> Double {
    longest > 1600 ? 1600 / longest : max(1, min(4, (900 / longest).rounded(.down)))
  }
}

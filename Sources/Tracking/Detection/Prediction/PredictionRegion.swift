// Where a prediction works: the whole volume, a box of the world, or what is around a point; and how its voxels lie
// in the world.

import Core
import Imaging

/// The part of the world that a prediction is about. Spots outside are neither added nor touched.
public enum PredictionRegion: Sendable, Equatable {
  /// Everything.
  case whole
  /// A box in world units.
  case box(WorldBox)
  /// A box of so many voxels around a point in world units, moved inside the volume where it would reach out, as
  /// ELEPHANT's "around mouse".
  case around(WorldPoint, size: Size3)

  /// The box in voxels and in the world; nil for everything, or when nothing of the volume is in it.
  func boxes(_ transform: Affine3, _ size: Size3) throws -> (voxels: VoxelBox, world: WorldBox)? {
    switch self {
    case .whole: return (VoxelBox(size), Self.everything)
    case .box(let world):
      return WorldCut.voxels(of: world, margin: .zero, transform, size).map { ($0, world) }
    case .around(let point, let wanted):
      guard let inverse = transform.inverse else {
        throw HowdahError(.argument, "the view registration is singular")
      }
      let p = inverse(point)
      guard p.isFinite else {
        throw HowdahError(.argument, "a point to predict around must be finite")
      }
      var box = VoxelBox(size)
      for axis in Axis.allCases {
        let s = min(size[axis], max(1, wanted[axis]))
        let origin = min(Double(size[axis] - s), max(0, p[axis] - Double(s / 2)))
        box.origin[axis] = Int(origin)
        box.size[axis] = s
      }
      return (box, WorldCut.world(of: box, transform))
    }
  }

  private static let everything = WorldBox(
    minimum: WorldPoint(x: -.infinity, y: -.infinity, z: -.infinity),
    maximum: WorldPoint(x: .infinity, y: .infinity, z: .infinity))
}

/// Boxes of the world as boxes of voxels and back.
enum WorldCut {
  /// The voxels whose centres may lie in a box, and a margin of voxels around; nil when there are none.
  static func voxels(
    of world: WorldBox, margin: WorldPoint, _ transform: Affine3, _ size: Size3
  ) -> VoxelBox? {
    guard let toVoxel = transform.inverse else { return nil }
    let covered = toVoxel.bounds(of: world)
    var box = VoxelBox(size)
    for axis in Axis.allCases {
      let first = max(
        0, min(Double(size[axis]), (covered.minimum[axis] - margin[axis]).rounded(.up)))
      let end = max(0, min(Double(size[axis]), (covered.maximum[axis] + margin[axis]).rounded(.up)))
      guard first < end else { return nil }
      box.origin[axis] = Int(first)
      box.size[axis] = Int(end) - Int(first)
    }
    return box
  }

  /// The box of the world that ELEPHANT takes a box of voxels for: from its first voxel's position on, as many voxels
  /// long. For a turned registration the smallest box around that.
  static func world(of box: VoxelBox, _ transform: Affine3) -> WorldBox {
    var voxels = WorldBox(minimum: .zero, maximum: .zero)
    for axis in Axis.allCases {
      voxels.minimum[axis] = Double(box.origin[axis])
      voxels.maximum[axis] = Double(box.origin[axis] + box.size[axis])
    }
    return transform.bounds(of: voxels)
  }
}

/// How the voxels of a probability map lie in the world.
struct MapGeometry: Sendable {
  /// Extent of a voxel of the map along its axes, world units.
  let voxel: VoxelSize
  /// From map voxels to world.
  let toWorld: Affine3
  /// From the map's axes to those of the world.
  let turn: Matrix3

  /// The map of a box of an image, resampled to another size.
  ///
  /// - Parameter compatible: ELEPHANT's positions, origin x factor and index x extent / factor, instead of those
  ///   that belong to resampling with corners aligned.
  init(
    image transform: Affine3, box: VoxelBox, mapSize: Size3, compatible: Bool, path: String
  ) throws {
    let image = transform.steps
    guard image.min() > 0, image.x.isFinite, image.y.isFinite, image.z.isFinite else {
      throw HowdahError(.format, "\(path): the view registration is singular")
    }
    turn = transform.turn
    var step = SIMD3<Double>.one
    var origin = SIMD3<Double>.zero
    for (k, axis) in Axis.allCases.enumerated() {
      let (n, m) = (box.size[axis], mapSize[axis])
      let factor = Double(m) / Double(n)
      if n == m {
        origin[k] = Double(box.origin[axis])
      } else if compatible {
        step[k] = 1 / factor
        origin[k] = (Double(box.origin[axis]) * factor).rounded(.towardZero) / factor
      } else {
        step[k] = m > 1 ? Double(n - 1) / Double(m - 1) : 1 / factor
        origin[k] = Double(box.origin[axis])
      }
    }
    toWorld =
      transform
      * Affine3(
        linear: Matrix3([step.x, 0, 0], [0, step.y, 0], [0, 0, step.z]),
        translation: WorldPoint(x: origin.x, y: origin.y, z: origin.z))
    voxel = VoxelSize(x: image.x * step.x, y: image.y * step.y, z: image.z * step.z)
  }

  /// A found spot in the world. In a plane z is what the registration says, with the given depth.
  func spot(_ found: ProbabilitySpots.Found) -> DetectedSpot {
    DetectedSpot(
      position: toWorld(found.center), covariance: found.covariance.transformed(by: turn),
      quality: found.quality)
  }
}

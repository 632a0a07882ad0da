// Where the voxels of an image lie in the world, as ellipsoids are drawn into them. For ordinary data that is voxel
// x voxel size; with a view registration the ellipsoid is turned into the image's own axes.

import Core

/// The size of an image and the map from its voxels to the world.
public struct VoxelGrid: Sendable, Hashable {
  /// Size in voxels.
  public let size: Size3
  /// Voxel to world. An integer index is a voxel's centre.
  public let transform: Affine3
  /// Distance of neighbouring voxels along each axis, world units.
  public let spacing: VoxelSize
  private let inverse: Affine3
  /// The linear map from world vectors to vectors along the image's axes in world units, nil when
  /// the image has the world's axes.
  private let turn: Matrix3?

  /// The grid of an image with this registration. Throws `.format` when it is singular.
  public init(size: Size3, transform: Affine3) throws {
    let steps = transform.steps
    spacing = VoxelSize(x: steps.x, y: steps.y, z: steps.z)
    guard let inverse = transform.inverse, spacing.x.isFinite, spacing.y.isFinite,
      spacing.z.isFinite
    else { throw HowdahError(.format, "the view registration of the images is singular") }
    self.size = size
    self.transform = transform
    self.inverse = inverse
    let plain = Affine3(scale: spacing).linear
    turn = transform.linear == plain ? nil : plain * inverse.linear
  }

  /// The grid of an image without registration. Every extent must be above 0.
  public init(size: Size3, voxelSize: VoxelSize) throws {
    try self.init(size: size, transform: Affine3(scale: voxelSize))
  }

  /// The grid of a timepoint at full resolution.
  public init(_ images: any ImageSource, t: Timepoint, setup: Int = 0) throws {
    try self.init(
      size: images.size(setup: setup, level: 0),
      transform: images.transform(t: t, setup: setup, level: 0))
  }

  /// Voxel coordinates of a point of the world.
  public func voxel(_ p: WorldPoint) -> WorldPoint {
    guard turn == nil else { return inverse(p) }
    // A division, not a product with the inverse: exact for whole voxels.
    let q = p - transform.translation
    return WorldPoint(x: q.x / spacing.x, y: q.y / spacing.y, z: q.z / spacing.z)
  }

  /// An ellipsoid's matrix along the image's axes, squared world units.
  public func turned(_ covariance: Covariance) -> Covariance {
    turn.map { covariance.transformed(by: $0) } ?? covariance
  }

  /// Voxel coordinates cut to whole ones inside the image.
  public func clampedVoxel(_ p: WorldPoint) -> Size3 {
    let v = voxel(p)
    var result = Size3(x: 0, y: 0, z: 0)
    for axis in Axis.allCases where v[axis] >= 1 {
      result[axis] = Int(min(v[axis], Double(size[axis] - 1)))
    }
    return result
  }
}

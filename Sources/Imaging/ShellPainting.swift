// Ellipsoids drawn into a label image as ELEPHANT 0.7 draws them for the Cell Tracking Challenge (elephant-server 6.4):
// from the outside in, so that a nucleus's core wins over its neighbours' shells.

import Core

extension Volume {
  /// A label image of ellipsoids in ELEPHANT's way, uint16.
  ///
  /// Sixteen times, with semi-axes shorter by a twentieth each time, all ellipsoids are drawn in the order of the list,
  /// each over what is there and with at least 20 voxels (`EllipsoidRaster`); at last the voxel in which each centre
  /// lies, coordinates cut to whole ones, unless that is outside of the image (where ELEPHANT fails). An ellipsoid that
  /// others cover completely has no voxel left.
  /// - Throws: `.limit` for a label above 65535, `.interrupted`.
  public static func paintedInShells(
    _ ellipsoids: [LabelledEllipsoid], size: Size3, voxelSize: VoxelSize = .one,
    progress: Progress = .none
  ) throws -> Volume {
    guard ellipsoids.allSatisfy({ $0.label <= 65535 }) else {
      throw HowdahError(.limit, "labels above 65535 do not fit an image of 16 bits")
    }
    // Voxels are counted in a box along the axes of the ellipsoid, which depends on how long voxels are.
    let grid = try VoxelGrid(size: size, voxelSize: voxelSize)
    let scale = Affine3(scale: voxelSize)
    let shapes = ellipsoids.map {
      (position: scale($0.center), covariance: $0.covariance.transformed(by: scale.linear))
    }
    return try make(size: size, voxelSize: voxelSize, of: UInt16.self) { out in
      out.initialize(repeating: 0)
      for shell in 0..<16 {
        for (ellipsoid, shape) in zip(ellipsoids, shapes) {
          try progress.check()
          let raster = EllipsoidRaster(
            position: shape.position, covariance: shape.covariance, scale: 1 - 0.05 * Double(shell),
            in: grid, minimum: 20)
          for run in raster.runs {
            let row = (Int(run.z) * size.y + Int(run.y)) * size.x
            for x in Int(run.begin)..<Int(run.end) { out[row + x] = UInt16(ellipsoid.label) }
          }
        }
      }
      for ellipsoid in ellipsoids where ellipsoid.center.isFinite {
        let c = ellipsoid.center
        let isInside = Axis.allCases.allSatisfy { c[$0] > -1 && c[$0] < Double(size[$0]) }
        guard isInside else { continue }
        out[(Int(c.z) * size.y + Int(c.y)) * size.x + Int(c.x)] = UInt16(ellipsoid.label)
      }
    }
  }
}

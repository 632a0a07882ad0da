// Local contrast: grey values relative to the mean of their surroundings, in units of its standard deviation. What a
// network says of motion then depends neither on how bright a place is nor on how deep it lies, which a network
// without normalisation, as the flow network is, can hardly find out by itself.
//
// ELEPHANT knows only frames from 0 to 1 as a whole. A model that was trained on local contrast says so in its file.

import Core
import Imaging

enum FlowContrast {
  /// Frames of intensities from 0 to 1 with the same contrast everywhere: 0.35 where it is as bright as the
  /// surroundings, and 0.2 more for each standard deviation, at least 0 and at most 1.
  ///
  /// - Parameters:
  ///   - reach: standard deviation of the Gaussian that weighs the surroundings, voxels along x.
  ///   - spacing: of the voxels, for as far a reach along the other axes.
  static func local(
    _ frame: Volume, reach: Double, spacing: VoxelSize, progress: Progress = .none
  ) throws -> Volume {
    let mean = try surroundings(frame, reach: reach, spacing, least: 1.5, progress)
    let difference = try frame - mean
    let squares = try difference.mapFloats { $0 * $0 }
    let variance = try surroundings(squares, reach: 1.5 * reach, spacing, least: 1.5, progress)
    // Noise of empty places is not blown up to the size of nuclei.
    let floor = try Float(0.05 * squares.mean()) + 1e-9
    let deviation = try variance.mapFloats { ($0 + floor).squareRoot() }
    return try (difference / deviation).mapFloats { min(1, max(0, 0.35 + 0.2 * $0)) }
  }

  /// The mean around each voxel, weighed by a Gaussian that reaches as far along all axes in world units.
  ///
  /// - Parameters:
  ///   - reach: its standard deviation, voxels along x.
  ///   - least: the least standard deviation along y and z, voxels.
  static func surroundings(
    _ volume: Volume, reach: Double, _ spacing: VoxelSize, least: Double, _ progress: Progress
  ) throws -> Volume {
    func along(_ axis: Axis) -> Double { max(least, reach * spacing.x / spacing[axis]) }
    return try volume.gaussian(
      sigma: (reach, along(.y), along(.z)), truncate: 2.5, progress: progress)
  }
}

// How much images are shrunk before a network sees them, so that nuclei have a size that it knows well.
//
// A network sees some dozens of voxels around each voxel. Nuclei that are much larger fall apart, and pixels that are
// finer than the optics only add noise: in simulated worm embryos with nuclei of 36 voxels across, the versatile model
// finds 287 of 300 as the images are, all 300 at 15 voxels across, in an eighth of the time.

import Core
import Imaging
import Learning
import Lineage

// Nuclei of fewer than 32 voxels are left alone. In simulated images most of them gain, too; but in ELEPHANT's sample
// (25 voxels, which merge into 29 at half of the size) neighbours that touch become one.

/// Chooses the rescaling of images by the size of their nuclei.
public enum NucleusScale {
  /// Typical nuclei that are more voxels wide than this within a plane are shrunk.
  public static let largest = 32.0
  /// How many voxels wide they become.
  public static let voxelsAcross = 15.0

  /// The rescaling for nuclei of a diameter within the plane, world units; 1 for nuclei that are small enough. Planes
  /// are thinned out only as far as they are finer than pixels become.
  public static func rescale(diameter: Double, voxel: VoxelSize) -> VoxelSize {
    let pixel = min(voxel.x, voxel.y)
    guard pixel > 0, diameter > largest * pixel else { return .one }
    let coarse = diameter / voxelsAcross
    func factor(_ step: Double) -> Double { min(1, max(step / coarse, 1.0 / 64)) }
    return VoxelSize(x: factor(voxel.x), y: factor(voxel.y), z: factor(voxel.z))
  }

  /// The median diameter within the plane, world units; nil for none.
  public static func diameter(_ shapes: [Covariance]) -> Double? {
    let all = shapes.map { c in
      2 * max(0, c.xx * c.yy - c.xy * c.xy).squareRoot().squareRoot()
    }.sorted()
    return all.isEmpty ? nil : all[all.count / 2]
  }

  /// The rescaling by the nuclei that a person accepted; nil when there are none.
  static func judged(_ spots: [Timepoint: [LabeledSpot]], voxel: VoxelSize) -> VoxelSize? {
    let nuclei = spots.values.joined().filter { $0.tag.paints == .center }
    return diameter(nuclei.map(\.covariance)).map { rescale(diameter: $0, voxel: voxel) }
  }

  /// The rescaling by what a network finds itself at a quarter and at half of the size, whichever shows it more
  /// nuclei: at a size that suits it worse it merges or misses them.
  static func measured(
    _ images: any ImageSource, t: Timepoint, predictor: Predictor,
    options: DetectionPrediction.Options, progress: Progress
  ) throws -> VoxelSize {
    let voxel = images.voxelSize
    var best: (count: Int, diameter: Double)?
    for share in [0.5, 0.25] {
      var options = options
      let coarse = min(voxel.x, voxel.y) / share
      options.rescale = VoxelSize(
        x: min(1, voxel.x / coarse), y: min(1, voxel.y / coarse), z: min(1, voxel.z / coarse))
      options.region = .whole
      let found = try DetectionPrediction.spots(
        images: images, t: t, predictor: predictor, options: options, progress: progress.part(of: 0)
      )
      guard let diameter = diameter(found.map(\.covariance)) else { continue }
      if found.count > best?.count ?? 2 { best = (found.count, diameter) }
    }
    return best.map { rescale(diameter: $0.diameter, voxel: voxel) } ?? .one
  }
}

// The classical detector: no model, no training, one radius to give (or none).

import Core
import Imaging
import Lineage

/// Finds nuclei as bright blobs, with differences of Gaussians in world units.
///
/// Each volume is first put on a scale where its noise is the same everywhere, measured from the volume
/// itself (`NoiseModel`). On that scale the contrast of a blob, in units of the noise of single voxels, is
/// its quality. The threshold that is chosen when none is given is the larger of six times the noise of
/// such contrasts and a seventh of the contrast that one blob in ten exceeds.
///
/// The filter is narrower than the nuclei that are looked for, so that it tells touching ones apart. Its answer
/// is cut into hills, one a peak, and hills are joined again that look like one nucleus together: with little
/// dip between them and the shape of one ellipsoid (`BlobMerger`). Several radii are looked at when a range is
/// given; the best answer of each place counts. Ellipsoids come
/// from the image around each centre. The spots of before are treated as `DetectionUpdate` says.
///
/// Memory: about five volumes of floats at a time, whatever the number of timepoints.
public enum DoGDetector {
  /// Detect spots; one undo point. Counts come one a timepoint, ascending.
  ///
  /// - Throws: `.argument` for an option out of range, `.unavailable` or what reading images throws,
  ///   `.interrupted`. The lineage is then as it was.
  public static func run(
    _ lineage: LineageGraph, images: any ImageSource, options: Options = Options(),
    progress: Progress = .none
  ) throws -> [Counts] {
    try options.check()
    guard images.timepoints > 0 else { return [] }
    let all = 0...images.timepoints - 1
    let wanted = options.timepoints ?? all
    guard all.contains(wanted.lowerBound), all.contains(wanted.upperBound) else {
      throw HowdahError(
        .argument,
        "detect.dog: timepoints \(wanted.lowerBound) to \(wanted.upperBound) are not all there; the "
          + "images have 0 to \(all.upperBound)")
    }
    return try lineage.edit("detect blobs") {
      try lineage.ensureElephantTagSets()
      progress.begin(total: wanted.count, "detecting")
      var radii: [Double]?
      return try wanted.map { t in
        try progress.check()
        let found = try detect(images, t, options, &radii, progress)
        var update = DetectionUpdate()
        update.suppressionDistance =
          options.suppressionDistance ?? 2 * options.separation * (radii?.min() ?? 0)
        update.box = options.box
        let changes = try update.apply(found.spots, to: lineage, at: t)
        progress.advance()
        var counts = Counts(timepoint: t)
        counts.found = found.spots.count
        counts.added = changes.added
        counts.removed = changes.removed
        counts.confirmed = changes.confirmed
        counts.suppressed = changes.suppressed
        counts.threshold = found.threshold
        if let asked = options.radius {
          counts.radius = (asked.lowerBound + asked.upperBound) / 2
        } else {
          counts.radius = radii?.last ?? 0
        }
        return counts
      }
    }
  }

  /// The blobs of one timepoint in world coordinates, best first. `radii` is measured at the first call and
  /// kept for the others.
  private static func detect(
    _ images: any ImageSource, _ t: Timepoint, _ options: Options, _ radii: inout [Double]?,
    _ progress: Progress
  ) throws -> (spots: [DetectedSpot], threshold: Double) {
    let transform = images.transform(t: t, setup: options.setup, level: 0)
    let voxel = transform.steps
    guard voxel.min() > 0, voxel.x.isFinite, voxel.y.isFinite, voxel.z.isFinite else {
      throw HowdahError(
        .format, "\(images.path): the view registration of timepoint \(t) is singular")
    }
    var box: VoxelBox?
    if let world = options.box {
      let margin = 4 * (options.radius?.upperBound ?? 20 * voxel.min())
      box = voxelBox(
        world, margin: margin, transform, images.size(setup: options.setup, level: 0))
      if box == nil { return ([], options.threshold ?? 0) }
    }
    let volume = try images.volume(
      t: t, setup: options.setup, level: 0, box: box, progress: progress)
    let finder = BlobFinder(options: options, voxel: voxel)
    let scales = try radii ?? finder.radii(volume, progress: progress)
    radii = scales
    let answer = try finder.find(volume, radii: scales, progress: progress)
    let origin = box?.origin ?? Size3(x: 0, y: 0, z: 0)
    let turn = transform.turn
    let spots = answer.blobs.compactMap { blob -> DetectedSpot? in
      let position = transform(
        WorldPoint(
          x: blob.center.x + Double(origin.x), y: blob.center.y + Double(origin.y),
          z: blob.center.z + Double(origin.z)))
      if let world = options.box, !world.contains(position) { return nil }
      return DetectedSpot(
        position: position, covariance: blob.covariance.transformed(by: turn),
        quality: blob.quality)
    }
    return (spots, answer.threshold)
  }

  /// The voxels that a box of the world and a margin around it cover, nil when none.
  private static func voxelBox(
    _ world: WorldBox, margin: Double, _ transform: Affine3, _ size: Size3
  ) -> VoxelBox? {
    guard let toVoxel = transform.inverse else { return nil }
    var grown = world
    for axis in Axis.allCases {
      grown.minimum[axis] -= margin
      grown.maximum[axis] += margin
    }
    let covered = toVoxel.bounds(of: grown)
    var box = VoxelBox(size)
    for axis in Axis.allCases {
      let first = max(0, min(Double(size[axis]), covered.minimum[axis].rounded(.down)))
      let end = max(0, min(Double(size[axis]), covered.maximum[axis].rounded(.up) + 1))
      guard first < end else { return nil }
      box.origin[axis] = Int(first)
      box.size[axis] = Int(end) - Int(first)
    }
    return box
  }
}

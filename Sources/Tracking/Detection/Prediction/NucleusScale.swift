// How much images are shrunk before a network sees them, so that nuclei have a size that it knows well.
//
// A network sees some dozens of voxels around each voxel. Nuclei that are much larger fall apart, and pixels that are
// finer than the optics only add noise: in simulated worm embryos with nuclei of 36 voxels across, the versatile model
// finds 287 of 300 as the images are, all 300 at 15 voxels across, in an eighth of the time. Nuclei of 18 to 25 voxels
// gain, too (`models/README.md`).
//
// Every timepoint has its own scale: nuclei of an embryo shrink from division to division, and a movie can begin with
// nuclei twice as wide as those at its end.

import Core
import Imaging
import Learning
import Lineage

/// Chooses the rescaling of images by the size of their nuclei.
public enum NucleusScale {
  /// Typical nuclei that are more voxels wide than this within a plane are shrunk.
  public static let largest = 17.0
  /// How many voxels wide they become.
  public static let voxelsAcross = 16.0
  /// So many accepted nuclei say how large nuclei are; one or two may be odd ones.
  public static let fewest = 3
  /// Accepted nuclei speak for timepoints so near to theirs.
  static let near = 2

  /// The rescaling for nuclei of a diameter within the plane, world units; 1 for nuclei that are small enough. Planes
  /// are thinned out only as far as they are finer than pixels become.
  public static func rescale(diameter: Double, voxel: VoxelSize) -> VoxelSize {
    let pixel = min(voxel.x, voxel.y)
    guard pixel > 0, diameter > largest * pixel else { return .one }
    return rescale(pixel: diameter / voxelsAcross, voxel: voxel)
  }

  /// The rescaling that makes pixels so large, and planes not farther apart than that.
  private static func rescale(pixel: Double, voxel: VoxelSize) -> VoxelSize {
    func factor(_ step: Double) -> Double { min(1, max(step / pixel, 1.0 / 64)) }
    return VoxelSize(x: factor(voxel.x), y: factor(voxel.y), z: factor(voxel.z))
  }

  /// The median diameter within the plane, world units; nil for none.
  public static func diameter(_ shapes: [Covariance]) -> Double? {
    let all = shapes.map { c in
      2 * max(0, c.xx * c.yy - c.xy * c.xy).squareRoot().squareRoot()
    }.sorted()
    return all.isEmpty ? nil : all[all.count / 2]
  }

  /// The diameter of the nuclei that a person accepted at a timepoint or, as long as these are too few, at the
  /// timepoints nearest to it, too; nil when there are too few.
  ///
  /// - Parameter reach: how far away timepoints may be.
  static func accepted(
    _ spots: [Timepoint: [LabeledSpot]], at t: Timepoint, reach: Int = .max
  ) -> Double? {
    var shapes: [Covariance] = []
    var last = 0
    let order = spots.map { (distance: abs($0.key - t), spots: $0.value) }
      .sorted { $0.distance < $1.distance }
    for frame in order where frame.distance <= reach {
      // Timepoints on both sides count alike.
      if shapes.count >= fewest, frame.distance > last { break }
      shapes += frame.spots.filter { $0.tag.paints == .center }.map(\.covariance)
      last = frame.distance
    }
    return shapes.count >= fewest ? diameter(shapes) : nil
  }

  /// The rescaling for learning from the spots of a timepoint. Where a person marked one or two nuclei in all, a fresh
  /// network has nothing better to go by; for others there is `seen`.
  static func learned(_ spots: [Timepoint: [LabeledSpot]], at t: Timepoint, voxel: VoxelSize)
    -> VoxelSize
  {
    accepted(spots, at: t).map { rescale(diameter: $0, voxel: voxel) }
      ?? learned(spots, voxel: voxel)
  }

  /// One rescaling for learning from all spots.
  static func learned(_ spots: [Timepoint: [LabeledSpot]], voxel: VoxelSize) -> VoxelSize {
    let nuclei = spots.values.joined().filter { $0.tag.paints == .center }
    return diameter(nuclei.map(\.covariance)).map { rescale(diameter: $0, voxel: voxel) } ?? .one
  }

  /// The rescaling for learning from so few nuclei that the network, which has learned before, knows better how large
  /// nuclei are: one mark may be a mitosis. Nil where there are enough nuclei, or where it finds as few itself.
  static func seen(
    _ spots: [Timepoint: [LabeledSpot]], _ images: TrainingImages, by file: ModelFile,
    threads: Int, progress: Progress
  ) throws -> VoxelSize? {
    guard !file.history.isEmpty,
      spots.values.joined().count(where: { $0.tag.paints == .center }) < fewest,
      let t = spots.filter({ (0..<images.source.timepoints).contains($0.key) })
        .max(by: { ($0.value.count, $1.key) < ($1.value.count, $0.key) })?.key
    else { return nil }
    var options = DetectionPrediction.Options()
    options.setup = images.setup
    return try seen(
      images.source, t: t, predictor: Predictor(file.models, threads: threads), options: options,
      progress: progress)
  }

  /// The rescaling for predicting a timepoint: by the nuclei that a person accepted there or nearby, else by those
  /// that the network finds itself.
  static func predicted(
    _ spots: [Timepoint: [LabeledSpot]], _ images: any ImageSource, t: Timepoint,
    predictor: Predictor, options: DetectionPrediction.Options, progress: Progress
  ) throws -> VoxelSize {
    let voxel = images.voxelSize
    if let diameter = accepted(spots, at: t, reach: near) {
      return rescale(diameter: diameter, voxel: voxel)
    }
    // Those of other times say at which scale the network has learned to see nuclei.
    if let d = accepted(spots, at: t), case let known = rescale(diameter: d, voxel: voxel),
      known != .one
    {
      let pixel = min(voxel.x, voxel.y) / max(known.x, known.y)
      let spots = try found(
        pixel, .whole, images, t: t, predictor: predictor, options: options, progress: progress)
      if let scale = scale(spots, voxel) { return scale }
    }
    return try seen(images, t: t, predictor: predictor, options: options, progress: progress)
      ?? learned(spots, at: t, voxel: voxel)
  }

  /// The rescaling by the nuclei that a network finds in coarse images; nil where it hardly finds any.
  private static func seen(
    _ images: any ImageSource, t: Timepoint, predictor: Predictor,
    options: DetectionPrediction.Options, progress: Progress
  ) throws -> VoxelSize? {
    func found(_ pixel: Double, _ region: PredictionRegion) throws -> [DetectedSpot] {
      try self.found(
        pixel, region, images, t: t, predictor: predictor, options: options, progress: progress)
    }
    // At a size that suits it worse a network merges nuclei or misses them, so that the scale that shows more of them
    // says more. A quarter of a large image is enough for the comparison.
    let pixel = min(images.voxelSize.x, images.voxelSize.y)
    let coarse = try found(4 * pixel, .whole)
    let size = images.size(setup: options.setup, level: 0)
    let part = fullest(size, images.transform(t: t, setup: options.setup, level: 0), coarse)
    let fine = try found(2 * pixel, part.region)
    return scale(fine.count > part.spots.count ? fine : coarse, images.voxelSize)
  }

  /// What a network finds in an image that is shrunk until its pixels are so large.
  private static func found(
    _ pixel: Double, _ region: PredictionRegion, _ images: any ImageSource, t: Timepoint,
    predictor: Predictor, options: DetectionPrediction.Options, progress: Progress
  ) throws -> [DetectedSpot] {
    var options = options
    options.rescale = rescale(pixel: pixel, voxel: images.voxelSize)
    options.region = region
    return try DetectionPrediction.spots(
      images: images, t: t, predictor: predictor, options: options, progress: progress.part(of: 0))
  }

  /// The rescaling for nuclei that were found; nil for too few.
  private static func scale(_ found: [DetectedSpot], _ voxel: VoxelSize) -> VoxelSize? {
    guard found.count >= fewest else { return nil }
    return diameter(found.map(\.covariance)).map { rescale(diameter: $0, voxel: voxel) }
  }

  /// The quarter of an image that holds most spots, along x and y; all of a small image.
  private static func fullest(_ size: Size3, _ transform: Affine3, _ spots: [DetectedSpot]) -> (
    region: PredictionRegion, spots: [DetectedSpot]
  ) {
    guard size.x >= 256, size.y >= 256, spots.count >= 4 * fewest else { return (.whole, spots) }
    var best: (region: PredictionRegion, spots: [DetectedSpot]) = (.whole, [])
    for y in 0...2 {
      for x in 0...2 {
        var box = VoxelBox(size)
        box.origin = Size3(x: x * size.x / 4, y: y * size.y / 4, z: 0)
        box.size = Size3(x: size.x / 2, y: size.y / 2, z: size.z)
        let world = WorldCut.world(of: box, transform)
        let inside = spots.filter { world.contains($0.position) }
        if inside.count > best.spots.count { best = (.box(world), inside) }
      }
    }
    return best
  }
}

// "Predict spots": images through a detection network, probabilities to ellipsoids, ellipsoids into the lineage.
// One undo point for all timepoints.

import Core
import Imaging
import Learning
import Lineage

/// Finds nuclei with a trained network.
///
/// Each volume is brought to intensities from 0 to 1 (`IntensityScale`), cut into tiles, sent through the network
/// (`Predictor`), and made into ellipsoids (`ProbabilitySpots`); the spots of before are treated as
/// `DetectionUpdate` says.
///
/// Memory: one volume as it is stored, the tiles' (`PatchChoice`), and little else, because probabilities are
/// forgotten plane by plane. Resampling takes a volume of floats more, refinement a byte a voxel.
public enum DetectionPrediction {
  /// Predict; one undo point. Counts come one a timepoint, ascending.
  ///
  /// - Parameter store: gets the probabilities of all three channels.
  /// - Throws: `.argument` for an option out of range, what reading images throws, `.interrupted`. The lineage is
  ///   then as it was.
  public static func run(
    _ lineage: LineageGraph, images: any ImageSource, predictor: Predictor,
    options: Options = Options(), store: ProbabilityStore? = nil, progress: Progress = .none
  ) throws -> [Counts] {
    try options.check(images)
    guard images.timepoints > 0 else { return [] }
    let wanted = options.timepoints ?? 0...(images.timepoints - 1)
    let accepted = options.rescale == nil ? DetectionTraining.spots(of: lineage) : [:]
    return try lineage.edit("predict spots") {
      try lineage.ensureElephantTagSets()
      var begun = false
      return try wanted.map { t in
        let options = try scaled(options, accepted, images, t, predictor, progress)
        let plan = try Plan(images, t, predictor, options)
        if let plan, !begun {
          progress.begin(
            total: plan.tiles * predictor.models.count * wanted.count, "predicting")
          begun = true
        }
        var counts = Counts(timepoint: t)
        guard let plan else { return counts }
        let found = try spots(
          plan, images, predictor, options, store, &counts, progress)
        var update = DetectionUpdate()
        let typical = medianRadius(found, isPlane: plan.mapSize.z == 1)
        update.suppressionDistance =
          options.suppressionDistance ?? (options.compatible ? 3 : min(3, typical))
        if options.suppressionDistance == nil, !options.compatible {
          update.distanceOfFound = typical / 4
        }
        update.refit = options.refit ?? !options.compatible
        update.keepsApprovedLinks = !options.compatible
        if options.region != .whole { update.box = plan.world }
        counts.update = try update.apply(found, to: lineage, at: t)
        return counts
      }
    }
  }

  /// The spots of one timepoint in world coordinates, without a lineage.
  public static func spots(
    images: any ImageSource, t: Timepoint, predictor: Predictor, options: Options = Options(),
    store: ProbabilityStore? = nil, progress: Progress = .none
  ) throws -> [DetectedSpot] {
    try options.check(images)
    let options = try scaled(options, [:], images, t, predictor, progress)
    guard let plan = try Plan(images, t, predictor, options) else { return [] }
    progress.begin(total: plan.tiles * predictor.models.count, "predicting")
    var counts = Counts(timepoint: t)
    return try spots(plan, images, predictor, options, store, &counts, progress)
  }

  /// With the rescaling of a timepoint, unless there is one.
  private static func scaled(
    _ options: Options, _ accepted: [Timepoint: [LabeledSpot]], _ images: any ImageSource,
    _ t: Timepoint, _ predictor: Predictor, _ progress: Progress
  ) throws -> Options {
    guard options.rescale == nil else { return options }
    var options = options
    options.rescale =
      options.compatible
      ? .one
      : try NucleusScale.predicted(
        accepted, images, t: t, predictor: predictor, options: options, progress: progress)
    return options
  }

  private static func spots(
    _ plan: Plan, _ images: any ImageSource, _ predictor: Predictor, _ options: Options,
    _ store: ProbabilityStore?, _ counts: inout Counts, _ progress: Progress
  ) throws -> [DetectedSpot] {
    let input = try plan.input(images, options, progress)
    var shape = options.spots
    shape.compatible = options.compatible
    shape.minRadius = options.minRadius ?? (options.compatible ? 1 : 0)
    shape.planewise = predictor.models[0].architecture.dimensions == 2
    var finder = ProbabilitySpots(
      width: plan.mapSize.x, height: plan.mapSize.y, voxel: plan.geometry.voxel, options: shape)
    var writer = store.map { $0.writer(t: plan.t, box: plan.box, mapSize: plan.mapSize) }
    let channels = store != nil ? [0, 1, 2] : shape.refine ? [0, 2] : [2]
    try predictor.stream(
      size: plan.mapSize, plan.network, channels: channels, input: input.tensor,
      finished: { part in
        let first = part.planes.lowerBound
        try finder.append(
          planes: part.planes.count,
          center: { part.plane(first + $0, channel: channels.count - 1) },
          background: { part.plane(first + $0, channel: 0) }, progress: progress)
        try writer?.append(part, progress: progress)
      }, progress: progress)
    var found = try finder.found(progress: progress).map(plan.geometry.spot)
    if options.minRadius == nil, !options.compatible {
      let isPlane = plan.mapSize.z == 1
      let least = medianRadius(found, isPlane: isPlane) / 4
      found.removeAll { radii($0, isPlane: isPlane).least < least }
    }
    counts.components = finder.componentCount
    let inside =
      options.region == .whole || options.compatible
      ? found : found.filter { plan.world.contains($0.position) }
    counts.found = inside.count
    return inside
  }
}

/// The least and the mean semi-axis of a spot; of one in a plane those within the plane.
private func radii(_ spot: DetectedSpot, isPlane: Bool) -> (least: Double, mean: Double) {
  let c = spot.covariance
  guard isPlane else { return (c.radii.min(), c.meanRadius) }
  let half = (c.xx - c.yy) / 2
  let least = (c.xx + c.yy) / 2 - (half * half + c.xy * c.xy).squareRoot()
  let area = max(0, c.xx * c.yy - c.xy * c.xy).squareRoot()
  return (max(0, least).squareRoot(), area.squareRoot())
}

/// The median of the mean radii; 0 without spots.
private func medianRadius(_ spots: [DetectedSpot], isPlane: Bool) -> Double {
  let all = spots.map { radii($0, isPlane: isPlane).mean }.sorted()
  return all.isEmpty ? 0 : all[all.count / 2]
}

/// What is read and computed for one timepoint.
private struct Plan {
  let t: Timepoint
  /// The whole image.
  let size: Size3
  /// What of it is predicted, in voxels, and what spots it is about.
  let box: VoxelBox
  let world: WorldBox
  /// The voxels that the network sees.
  let mapSize: Size3
  let geometry: MapGeometry
  let network: Predictor.Options
  let tiles: Int

  /// nil when nothing of the image is in the region.
  init?(
    _ images: any ImageSource, _ t: Timepoint, _ predictor: Predictor,
    _ options: DetectionPrediction.Options
  ) throws {
    self.t = t
    size = images.size(setup: options.setup, level: 0)
    let transform = images.transform(t: t, setup: options.setup, level: 0)
    guard let boxes = try options.region.boxes(transform, size) else { return nil }
    world = boxes.world
    var box = boxes.voxels
    if options.region != .whole && !options.compatible {
      box = Self.widened(box, in: size, images.voxelSize)
    }
    self.box = box
    var map = box.size
    let rescale = options.rescale ?? .one
    for axis in Axis.allCases where rescale[axis] != 1 {
      // ELEPHANT's sizes: the rescaled whole volume in whole voxels, and of it the box's share.
      let whole = (Double(size[axis]) * rescale[axis]).rounded(.towardZero)
      let share = (Double(box.size[axis]) * whole / Double(size[axis])).rounded(.towardZero)
      map[axis] = max(1, Int(exactly: share) ?? 1)
    }
    mapSize = map
    geometry = try MapGeometry(
      image: transform, box: box, mapSize: map, compatible: options.compatible, path: images.path)
    let architecture = predictor.models[0].architecture
    let keep =
      options.keepAxials.map { KeepAxials(first: $0, of: architecture.depth) }
      ?? KeepAxials(voxel: geometry.voxel, depth: architecture.depth)
    var network = Predictor.Options(
      keepAxials: keep, pad: options.pad, fit: options.compatible ? .resample : .repeatEdges,
      normalised: !options.compatible)
    switch options.patch {
    case .automatic:
      network.patch = PatchChoice.automatic(
        map, architecture: architecture, keepAxials: keep, pad: options.pad)
    case .whole: network.patch = nil
    case .size(let patch): network.patch = patch
    }
    self.network = network
    tiles = predictor.tiling(of: map, network).count
  }

  /// Some context around a box, so that what lies at its faces is seen as a whole.
  private static func widened(_ box: VoxelBox, in size: Size3, _ voxel: VoxelSize) -> VoxelBox {
    var result = box
    let flat = min(voxel.x, voxel.y)
    for axis in Axis.allCases where size[axis] > 1 {
      let margin = min(32, max(3, Int(32 * flat / max(voxel[axis], 1e-9))))
      let low = max(0, box.origin[axis] - margin)
      result.size[axis] = min(size[axis], box.origin[axis] + box.size[axis] + margin) - low
      result.origin[axis] = low
    }
    return result
  }

  /// Read the image and measure its intensities.
  func input(
    _ images: any ImageSource, _ options: DetectionPrediction.Options, _ progress: Progress
  ) throws -> NetworkVolume {
    let statisticsOfBox = options.statistics.map { $0 == .box } ?? options.compatible
    let isPart = box.size != size
    let readsPart = isPart && statisticsOfBox
    let volume = try images.volume(
      t: t, setup: options.setup, level: 0, box: readsPart ? box : nil, progress: progress)
    let scale = try IntensityScale(
      measuring: volume, medianCorrection: options.medianCorrection, progress: progress)
    let part = isPart && !readsPart ? try volume.crop(box) : volume
    let firstPlane = readsPart ? 0 : box.origin.z
    if mapSize == box.size {
      return NetworkVolume(volume: part, scale: scale, firstPlane: firstPlane)
    }
    let resampled = try scale.apply(part, firstPlane: firstPlane, progress: progress)
      .resampled(to: mapSize, .linear, progress: progress)
    return NetworkVolume(volume: resampled, scale: nil, firstPlane: 0)
  }
}

/// A volume that tiles are cut from.
private struct NetworkVolume {
  let volume: Volume
  /// Applied to each tile; nil when it was applied before.
  let scale: IntensityScale?
  let firstPlane: Int

  func tensor(_ box: VoxelBox) throws -> Tensor {
    let part = box.size == volume.size ? volume : try volume.crop(box)
    let scaled = try scale?.apply(part, firstPlane: firstPlane + box.origin.z) ?? part
    let values = scaled.withVoxels(as: Float.self) { Array($0) }
    return try Tensor(TensorShape(channels: 1, size: box.size), values: values)
  }
}

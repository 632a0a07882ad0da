// Where nuclei were one timepoint earlier, by a trained flow network (elephant-server 5.6): two frames through the
// network, the flow averaged over each nucleus. It answers what all linkers ask (`NearestNeighborLinker.Flow`).
//
// Only the part of the frames that holds the nuclei asked for is computed, with what the network sees around it, so
// that a box or a single spot costs little; intensities are always those of the whole frames. (ELEPHANT computes whole
// frames, and with a box averages at the wrong place.)

import Core
import Imaging
import Learning
import Lineage

/// Asks a flow network where nuclei came from.
///
///     let flow = try FlowPredictor(predictor, settings: file.settings, images: images)
///     let counts = try NearestNeighborLinker.run(lineage, flow: { try flow.predict($0, $1) })
///
/// One instance serves one caller at a time. Memory: two frames as the network sees them, the tiles', and four bytes a
/// voxel and channel of as many planes as a tile has.
public final class FlowPredictor {
  /// How flows are predicted.
  public struct Options: Sendable, Equatable {
    /// The channel or view.
    public var setup = 0
    /// Voxels that a flow of 1 means along x and y; nil takes what the model was trained with, or ELEPHANT's 80.
    public var maxDisplacement: Double?
    /// Size of the network's input relative to the image; nil takes what the model wants, or 1.
    public var rescale: VoxelSize?
    /// Typical radius of the nuclei, world units, for a model that wants images of a certain size; nil is the median
    /// of the first nuclei asked for.
    public var radius: Double?
    /// How many poolings keep z; nil means by the (rescaled) voxel size.
    public var keepAxials: Int?
    /// The tiles.
    public var patch = DetectionPrediction.Patch.automatic
    /// Repeat the edges of each tile.
    public var pad = true

    /// ELEPHANT's defaults.
    public init() {}
  }

  private let predictor: Predictor
  private let settings: [String: Double]
  private let images: any ImageSource
  private let options: Options
  private let progress: Progress
  private var prepared: Prepared?

  /// What follows from the images and the size of nuclei.
  private struct Prepared {
    let frames: FlowFrames
    let scale: FlowScale
    let keepAxials: KeepAxials
  }

  /// - Parameters:
  ///   - settings: of the model's file.
  /// - Throws: `.argument` when the models are no flow models, or for options out of range.
  public init(
    _ predictor: Predictor, settings: [String: Double] = [:], images: any ImageSource,
    options: Options = Options(), progress: Progress = .none
  ) throws {
    _ = try FlowTraining.architecture(of: ModelFile(models: predictor.models))
    self.predictor = predictor
    self.settings = settings
    self.images = images
    self.options = options
    self.progress = progress
    guard (0..<images.setups).contains(options.setup) else {
      throw HowdahError(
        .argument, "there is no setup \(options.setup); valid are 0 to \(images.setups - 1)")
    }
  }

  /// The frames and their scale, decided when the size of nuclei is known.
  private func prepare(_ covariances: @autoclosure () -> [Covariance]) throws -> Prepared {
    if let prepared { return prepared }
    let rescale =
      options.rescale
      ?? FlowSetting.rescale(
        settings, radius: options.radius ?? FlowSetting.radius(of: covariances()),
        voxel: images.voxelSize)
    // Two pairs in a row share a frame.
    let frames = try FlowFrames(
      images, setup: options.setup, rescale: rescale,
      localContrast: settings[FlowSetting.localContrast], memory: 1)
    let spacing = try frames.grid(0).spacing
    let keep = KeepAxials(
      spacing: spacing, rescale: .one, count: options.keepAxials,
      depth: predictor.models[0].architecture.depth)
    let scale = try FlowScale(
      maxDisplacement: options.maxDisplacement ?? settings[FlowSetting.maxDisplacement]
        ?? FlowScale.standardDisplacement,
      keepAxials: options.keepAxials ?? KeepAxials.count(anisotropy: spacing.z / spacing.x))
    let result = Prepared(frames: frames, scale: scale, keepAxials: keep)
    prepared = result
    return result
  }

  /// Where nuclei of timepoint `t` were at `t - 1`, in the order of the queries. A nucleus outside the images stays
  /// where it is. `t` 0 has no answer.
  ///
  /// - Throws: `.argument` for a timepoint without images, what reading images throws, `.interrupted`.
  public func predict(_ t: Timepoint, _ queries: [NearestNeighborLinker.FlowQuery]) throws
    -> [NearestNeighborLinker.FlowPrediction]?
  {
    guard t >= 1 else { return nil }
    guard t < images.timepoints else {
      throw HowdahError(
        .argument,
        "\(images.path): there is no image of timepoint \(t), so its flow is unknown; there are 0 to "
          + "\(images.timepoints - 1)")
    }
    let p = try prepare(queries.map(\.covariance))
    let (earlier, later) = (try p.frames.grid(t - 1), try p.frames.grid(t))
    var rasters: [EllipsoidRaster] = []
    rasters.reserveCapacity(queries.count)
    for (i, query) in queries.enumerated() {
      if i & 63 == 0 { try progress.check() }
      rasters.append(
        EllipsoidRaster(position: query.position, covariance: query.covariance, in: later))
    }
    let means = try means(over: rasters, t, p, spacing: later.spacing)
    return zip(queries, means).map { query, mean in
      guard let mean else {
        return .init(position: query.position, squaredDisplacement: 0)
      }
      var place = later.voxel(query.position) + p.scale.voxels(ofFlow: mean)
      if later.size.z == 1 { place.z = later.voxel(query.position).z }
      let position = earlier.transform(place)
      return .init(
        position: position,
        squaredDisplacement: position.squaredDistance(to: query.position))
    }
  }

  /// The mean flow over each raster; nil for empty ones.
  private func means(
    over rasters: [EllipsoidRaster], _ t: Timepoint, _ p: Prepared, spacing: VoxelSize
  ) throws -> [WorldPoint?] {
    guard let box = box(around: rasters, p, spacing) else {
      return rasters.map { _ in nil }
    }
    var sums = rasters.map { _ in WorldPoint.zero }
    let byPlane = runsByPlane(rasters, box)
    let channels = predictor.models[0].architecture.dimensions
    let b = try p.frames.frame(t, progress: progress)
    let a = try p.frames.frame(t - 1, progress: progress)
    try predictor.stream(
      size: box.size, network(box.size, p),
      input: { tile in
        try pairTensor(a, b, VoxelBox(origin: tile.origin + box.origin, size: tile.size))
      },
      finished: { part in
        for z in part.planes {
          guard let runs = byPlane[z] else { continue }
          for c in 0..<channels {
            let plane = part.plane(z, channel: c)
            for run in runs {
              var sum = 0.0
              for i in run.first..<run.end { sum += Double(plane[i]) }
              sums[run.spot][Axis.allCases[c]] += sum
            }
          }
        }
      }, progress: progress)
    return zip(sums, rasters).map { sum, raster in
      raster.count > 0 ? sum * (1 / Double(raster.count)) : nil
    }
  }

  private struct PlaneRun {
    var spot, first, end: Int
  }

  /// The runs of all rasters by plane of the box, as ranges of a plane's voxels.
  private func runsByPlane(_ rasters: [EllipsoidRaster], _ box: VoxelBox) -> [Int: [PlaneRun]] {
    var result: [Int: [PlaneRun]] = [:]
    for (spot, raster) in rasters.enumerated() {
      for run in raster.runs {
        let row = (Int(run.y) - box.origin.y) * box.size.x - box.origin.x
        result[Int(run.z) - box.origin.z, default: []].append(
          PlaneRun(spot: spot, first: row + Int(run.begin), end: row + Int(run.end)))
      }
    }
    return result
  }

  /// How the network goes over a part of the frames.
  private func network(_ size: Size3, _ p: Prepared) -> Predictor.Options {
    // Frames that were stretched to fit the poolings would have other ways.
    var network = Predictor.Options(
      keepAxials: p.keepAxials, pad: options.pad, fit: .repeatEdges)
    switch options.patch {
    case .automatic:
      network.patch = PatchChoice.automatic(
        size, architecture: predictor.models[0].architecture, keepAxials: p.keepAxials,
        pad: options.pad)
    case .whole: network.patch = nil
    case .size(let patch): network.patch = patch
    }
    return network
  }

  /// The part of the frames that holds all rasters, with what the network needs around them; nil without any voxel.
  private func box(around rasters: [EllipsoidRaster], _ p: Prepared, _ spacing: VoxelSize)
    -> VoxelBox?
  {
    var (low, high) = (SIMD3(repeating: Int.max), SIMD3(repeating: Int.min))
    for raster in rasters {
      for run in raster.runs {
        low = pointwiseMin(low, SIMD3(Int(run.begin), Int(run.y), Int(run.z)))
        high = pointwiseMax(high, SIMD3(Int(run.end) - 1, Int(run.y), Int(run.z)))
      }
    }
    guard low.x <= high.x else { return nil }
    let base = p.keepAxials.base(dimensions: predictor.models[0].architecture.dimensions)
    var box = VoxelBox(p.frames.size)
    for (k, axis) in Axis.allCases.enumerated() {
      let margin = max(2 * base[axis], Int(Self.context * spacing.x / spacing[axis]))
      let whole = p.frames.size[axis]
      let first = max(0, low[k] - margin)
      // A size that the poolings divide, where there is room.
      let wanted = high[k] + 1 + margin - first
      let size = (wanted + base[axis] - 1) / base[axis] * base[axis]
      box.size[axis] = min(whole, size)
      box.origin[axis] = max(0, min(first, whole - size))
    }
    return box
  }

  /// Voxels along x that are looked at around nuclei.
  private static let context = 48.0

  /// The flow of a whole frame in voxels of the network's input, one volume an axis, for looking at.
  ///
  /// - Parameter radius: as in the options, when those do not say it.
  /// - Throws: `.argument` for timepoint 0 or one without images, what reading images throws, `.interrupted`.
  public func field(_ t: Timepoint, radius: Double? = nil) throws -> [Volume] {
    guard t >= 1, t < images.timepoints else {
      throw HowdahError(
        .argument, "flow leads from timepoints 1 to \(images.timepoints - 1) back, not from \(t)")
    }
    let p = try prepare(radius.map { [.sphere(radius: $0)] } ?? [])
    let spacing = try p.frames.grid(t).spacing
    let inputs = try [t - 1, t].map { try p.frames.frame($0, progress: progress) }
    let outputs = try predictor.predict(inputs, network(p.frames.size, p), progress: progress)
    return try zip(outputs, Axis.allCases).map { volume, axis in
      try volume.scaled(by: p.scale.norms[axis], plus: 0).withVoxelSize(spacing)
    }
  }

  private func pairTensor(_ a: Volume, _ b: Volume, _ box: VoxelBox) throws -> Tensor {
    var values: [Float] = []
    values.reserveCapacity(2 * box.size.count)
    for frame in [a, b] {
      let part = box.size == frame.size ? frame : try frame.crop(box)
      part.withVoxels(as: Float.self) { values += $0 }
    }
    return try Tensor(TensorShape(channels: 2, size: box.size), values: values)
  }
}

/// The sum of two places.
private func + (a: Size3, b: Size3) -> Size3 { Size3(x: a.x + b.x, y: a.y + b.y, z: a.z + b.z) }

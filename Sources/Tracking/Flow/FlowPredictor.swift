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
/// voxel and channel of as many planes as a tile has; with several passes those of all planes looked at.
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
    /// How often the network looks, each time at an earlier frame that was moved by what it saw before; nil takes
    /// what the model wants, or 1.
    public var passes: Int?
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
    let passes: Int
    /// How far drift is smoothed, voxels along x.
    let reach: Double
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
    let radius = options.radius ?? FlowSetting.radius(of: covariances())
    let rescale =
      options.rescale
      ?? FlowSetting.rescale(settings, radius: radius, voxel: images.voxelSize)
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
    let voxels = radius.map { $0 / spacing.x } ?? settings[FlowSetting.nucleusRadius] ?? 4
    let result = Prepared(
      frames: frames, scale: scale, keepAxials: keep,
      passes: FlowSetting.passes(settings, options.passes), reach: Self.reach * max(1, voxels))
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
    let centers = queries.map { later.voxel($0.position) }
    let ways = try ways(of: rasters, centers, t, p, spacing: later.spacing)
    return zip(queries, ways).map { query, way in
      guard let way else {
        return .init(position: query.position, squaredDisplacement: 0)
      }
      var place = later.voxel(query.position) + way
      if later.size.z == 1 { place.z = later.voxel(query.position).z }
      let position = earlier.transform(place)
      return .init(
        position: position,
        squaredDisplacement: position.squaredDistance(to: query.position))
    }
  }

  /// The mean way over each raster around its centre, in voxels; nil for empty ones.
  private func ways(
    of rasters: [EllipsoidRaster], _ centers: [WorldPoint], _ t: Timepoint, _ p: Prepared,
    spacing: VoxelSize
  ) throws -> [WorldPoint?] {
    guard let box = box(around: rasters, p, spacing) else {
      return rasters.map { _ in nil }
    }
    var sums = rasters.map { _ in WorldPoint.zero }
    let byPlane = runsByPlane(rasters, box)
    let channels = predictor.models[0].architecture.dimensions
    let seen = try look(t, box, p, spacing)
    // Who asks counts timepoints; the network only hears when it shall stop.
    try predictor.stream(
      size: box.size, network(box.size, p),
      input: { try pairTensor(seen.earlier, seen.later, $0) },
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
      }, progress: progress.part(of: 0))
    let corner = WorldPoint(
      x: Double(box.origin.x), y: Double(box.origin.y), z: Double(box.origin.z))
    return zip(sums, zip(rasters, centers)).map { sum, spot in
      let (raster, center) = spot
      guard raster.count > 0 else { return nil }
      let way = p.scale.voxels(ofFlow: sum * (1 / Double(raster.count)))
      return way + (seen.drift?.way(at: center + way - corner) ?? .zero)
    }
  }

  /// A part of two frames as the network sees them at last: the earlier one moved by the drift that it saw before.
  private func look(_ t: Timepoint, _ box: VoxelBox, _ p: Prepared, _ spacing: VoxelSize) throws
    -> (earlier: Volume, later: Volume, drift: FlowDrift?)
  {
    let later = try p.frames.frame(t, progress: progress).crop(box)
    let whole = try p.frames.frame(t - 1, progress: progress)
    var earlier = try whole.crop(box)
    var drift: FlowDrift?
    for _ in 1..<p.passes {
      let ways = try ways([earlier, later], p, progress.part(of: 0))
      drift = try FlowDrift(
        ways, frame: later, after: drift, reach: p.reach, spacing: spacing, progress: progress)
      earlier = try drift?.moved(whole, from: box.origin, progress: progress) ?? earlier
    }
    return (earlier, later, drift)
  }

  /// What the network says of each voxel of two frames, in voxels, a volume an axis.
  private func ways(_ pair: [Volume], _ p: Prepared, _ progress: Progress) throws -> [Volume] {
    let flows = try predictor.predict(pair, network(pair[0].size, p), progress: progress)
    return try zip(flows, Axis.allCases).map { try $0.scaled(by: p.scale.norms[$1], plus: 0) }
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

  /// How far drift is smoothed, radii of nuclei.
  private static let reach = 3.5

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
    let seen = try look(t, VoxelBox(p.frames.size), p, spacing)
    let rest = try ways([seen.earlier, seen.later], p, progress)
    return try (seen.drift?.added(to: rest, progress) ?? rest).map { $0.withVoxelSize(spacing) }
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

// Writing tracks and label images as the Cell Tracking Challenge wants them (client specification 5.9, server
// specification 6.4): `res_track.txt` and `mask000.tif`, or `TRA/man_track.txt` and `TRA/man_track000.tif`.

import Core
import Glibc
import Imaging
import Lineage

/// Writes folders of the Cell Tracking Challenge.
public enum CTCWriter {
  /// What is written.
  public struct Options: Sendable {
    /// The spots to begin with, with all that descends from them; nil takes all tracks.
    public var roots: [SpotID]?
    /// Tracks are cut to these timepoints; nil means all. There are label images of all timepoints in any
    /// case, empty ones outside.
    public var timepoints: ClosedRange<Timepoint>?
    /// Whether files are named as a truth (`TRA/man_track...`); nil: when the folder's name ends with `_GT`.
    public var isTruth: Bool?
    /// Whether `id_map.csv` is written, which says the label of every spot.
    public var writesMap = true
    /// Draw label images as ELEPHANT 0.7 does (`Volume.paintedInShells`) instead of parting ellipsoids half-way.
    public var compatible = false
    /// A folder that the images of the first setup are written to, too, as `t000.tif`, ...; nil for none.
    public var images: String?

    /// All tracks, as a result unless the folder's name says otherwise.
    public init() {}
  }

  /// What was written.
  public struct Summary: Sendable, Hashable {
    /// Tracks, that is lines of the table.
    public var tracks: Int
    /// Spots with labels.
    public var spots: Int
    /// Label images.
    public var frames: Int
    /// Links that were left out: doubled, or not forward in time.
    public var droppedLinks: Int
    /// Spots with several parents, of which the first was kept.
    public var merges: Int
  }

  /// The largest label of a 16-bit image.
  public static let largestLabel = 65535

  /// Write a project. Every spot is drawn as its ellipsoid; see `Volume.painted` for overlaps. Images are 16-bit
  /// TIFF with deflate.
  ///
  /// A folder appears whole or not at all. In one that exists the files of an earlier export are replaced and
  /// others kept.
  /// - Throws: `.unavailable` when the size of the images is not known or they are wanted and not there, `.limit`
  ///   for more than 65535 tracks or images that do not fit 16 bits, `.argument` when there is no spot to write,
  ///   `.file`, `.interrupted`.
  @discardableResult
  public static func write(
    _ project: Project, to path: String, options: Options = Options(), progress: Progress = .none
  ) throws -> Summary {
    var end = path[...]
    while end.count > 1, end.hasSuffix("/") { end = end.dropLast() }
    let path = String(end)
    let numbering = try CTCNumbering(
      project.lineage, roots: options.roots, timepoints: options.timepoints, progress: progress)
    guard numbering.spotCount > 0 else {
      throw HowdahError(.argument, "\(path): there are no spots to write")
    }
    guard numbering.tracks.count <= largestLabel else {
      throw HowdahError(
        .limit,
        "\(path): \(numbering.tracks.count) tracks do not fit the 16-bit labels of the format, which end "
          + "at \(largestLabel); write fewer of them (roots, timepoints)")
    }
    let canvas = try LabelCanvas(project, numbering, compatible: options.compatible)
    if let images = options.images {
      try CTCImages.write(try project.requireImages(), to: images, progress: progress)
    }
    let isTruth = options.isTruth ?? path.hasSuffix("_GT")
    try FolderExchange.put(path) { folder in
      let target = isTruth ? folder + "/TRA" : folder
      if isTruth { mkdir(target, 0o777) }
      let names = isTruth ? ("man_track", "man_track.txt") : ("mask", "res_track.txt")
      for name in try FileBytes.entries(of: target)
      where CTCLayout.number(name, prefix: names.0) != nil {
        unlink(target + "/" + name)
      }
      try AtomicFile.write(
        try CTCTrackTable(numbering.tracks).text, to: target + "/" + names.1)
      if options.writesMap {
        try AtomicFile.write(map(numbering, project.lineage), to: target + "/id_map.csv")
      }
      try writeFrames(canvas, to: target, prefix: names.0, progress)
    }
    return Summary(
      tracks: numbering.tracks.count, spots: numbering.spotCount, frames: canvas.frames,
      droppedLinks: numbering.droppedLinks, merges: numbering.merges)
  }

  private static func writeFrames(
    _ canvas: LabelCanvas, to folder: String, prefix: String, _ progress: Progress
  ) throws {
    let names = CTCLayout.names(prefix, canvas.frames)
    var options = TIFFFile.Options()
    options.isCompressed = true
    options.unit = canvas.unit
    progress.begin(total: canvas.frames, "writing label images")
    try FrameBlocks.run(canvas.frames, bytesPerFrame: 2 * canvas.size.count, progress) {
      [options] t, _ in
      // The frames are what is reported, not the planes within each.
      let quiet = Progress(stopRequested: { progress.isCancelled })
      let volume = try canvas.volume(t, progress: quiet)
      try TIFFFile.write(volume, to: folder + "/" + names[t], options: options, progress: quiet)
    } collect: { _, _ in
    }
  }

  /// As ELEPHANT writes it: no quotes, ascending spots.
  private static func map(_ numbering: CTCNumbering, _ graph: LineageGraph) -> String {
    var text = "Original ID,ID\n"
    graph.forEachSpot { spot in
      let label = numbering.labels[Int(spot.index)]
      if label > 0 { text += "\(spot.index),\(label)\n" }
    }
    return text
  }
}

/// The label images of a numbered lineage, drawn when they are asked for. May be used from several threads.
public struct LabelCanvas: Sendable {
  /// Size in voxels.
  public let size: Size3
  /// Voxel size in world units.
  public let voxelSize: VoxelSize
  /// Unit of the voxel size.
  public let unit: String
  /// Number of frames: those of the images, or up to the last spot when that is later.
  public let frames: Int
  private let ellipsoids: [[LabelledEllipsoid]]
  private let compatible: Bool

  /// The spots of a project as they will be drawn.
  ///
  /// - Parameters:
  ///   - grid: the images whose voxels are used; nil takes the project's own.
  ///   - markerRadius: draw balls of this radius (world units) instead of the spots' ellipsoids; 0 draws single
  ///     voxels.
  ///   - compatible: draw as ELEPHANT does.
  /// - Throws: `.unavailable` when the project's images are not there and their size is not known.
  public init(
    _ project: Project, _ numbering: CTCNumbering, grid: Project? = nil,
    markerRadius: Double? = nil, compatible: Bool = false
  ) throws {
    self.compatible = compatible
    let grid = grid ?? project
    let source = grid.images
    guard let d = source.map(ImagesDescription.init) ?? grid.imagesDescription else {
      throw HowdahError(
        .unavailable, "label images need the size of the images: \(grid.imagesProblem ?? "none")")
    }
    (size, voxelSize, unit) = (d.size, d.voxelSize, d.unit)
    guard size.checkedCount ?? 0 > 0 else {
      throw HowdahError(.unavailable, "label images need images of a known size, not \(size)")
    }
    let graph = project.lineage
    frames = max(d.timepoints, (graph.timepoints?.upperBound ?? -1) + 1)
    let ball = markerRadius.map { Covariance.sphere(radius: $0) }
    var lists = [[LabelledEllipsoid]](repeating: [], count: frames)
    for t in 0..<frames where graph.spotCount(at: t) > 0 {
      let transform =
        source.map { $0.transform(t: min(t, $0.timepoints - 1), setup: 0, level: 0) }
        ?? Affine3(scale: d.voxelSize)
      guard let inverse = transform.inverse else {
        throw HowdahError(
          .unavailable, "label images: the registration of timepoint \(t) cannot be inverted")
      }
      graph.withSpots(at: t) { spots in
        for spot in spots where numbering.labels[Int(spot.index)] > 0 {
          lists[t].append(
            LabelledEllipsoid(
              center: inverse(graph.position(spot)),
              covariance: (ball ?? graph.covariance(spot)).transformed(by: inverse.linear),
              label: numbering.labels[Int(spot.index)]))
        }
      }
    }
    ellipsoids = lists
  }

  /// The labels of a frame, ascending.
  public func labels(at t: Int) -> [UInt32] { ellipsoids[t].map(\.label).sorted() }

  /// The label image of a frame; empty beyond the last one.
  public func volume(_ t: Int, progress: Progress = .none) throws -> Volume {
    let shapes = t < frames ? ellipsoids[t] : []
    return compatible
      ? try Volume.paintedInShells(shapes, size: size, voxelSize: voxelSize, progress: progress)
      : try Volume.painted(shapes, size: size, voxelSize: voxelSize, progress: progress)
  }
}

// A folder of the Cell Tracking Challenge: which of its files are which frame, and their voxels on demand.
//
//   01/t000.tif               images
//   01_GT/TRA/man_track000.tif, man_track.txt      truth of the tracks
//   01_GT/SEG/man_seg000.tif or man_seg_000_012.tif  truth of the outlines: a frame, or slice 12 of frame 0
//   01_RES/mask000.tif, res_track.txt              a result

import Core
import Imaging

/// Label images and a track table. May be used from several threads.
public final class CTCFolder: Sendable {
  /// One reference segmentation.
  public struct Segmentation: Sendable, Hashable {
    /// The file.
    public let path: String
    /// The frame that it belongs to.
    public let frame: Int
    /// The slice of that frame, nil when the file is the whole frame.
    public let slice: Int?

    /// A file with this place.
    public init(path: String, frame: Int, slice: Int?) {
      self.path = path
      self.frame = frame
      self.slice = slice
    }
  }

  /// The folder that holds the label images.
  public let path: String
  /// Its track table.
  public let tablePath: String
  /// The tracks.
  public let table: CTCTrackTable
  /// The label image of each frame.
  public let frames: [String]
  /// Size of the label images.
  public let size: Size3
  /// Their voxel size, as far as they say; else 1.
  public let voxelSize: VoxelSize
  /// The unit of the voxel size; "pixel" when the files name none.
  public let unit: String
  /// Reference segmentations (`SEG` beside `TRA`), by frame and slice; empty when there are none.
  public let segmentations: [Segmentation]
  /// The folder of the images that belong to it, when there is one.
  public let imagesPath: String?

  /// Open a folder: `01_GT`, `01_GT/TRA`, `01_RES`, `01` with one of these beside it, or any folder with one
  /// `*_track.txt` and label images. No voxels are read but those of the first frame's description.
  ///
  /// - Throws: `.file`, `.format` with the file for missing or doubled frames and for what
  ///   `CTCTrackTable.read` refuses.
  public init(_ path: String) throws {
    guard let layout = CTCLayout(path), let labels = layout.labels, let table = layout.table else {
      throw HowdahError.format(
        path, at: "",
        "holds no tracks of the Cell Tracking Challenge: there is no man_track.txt or res_track.txt "
          + "with label images beside it")
    }
    self.path = labels
    tablePath = table
    self.table = try CTCTrackTable.read(table)
    let prefix = layout.isTruth ? "man_track" : "mask"
    frames = try CTCLayout.frames(of: labels, prefix: prefix)
    let first = try CTCFrameFile(frames[0])
    (size, voxelSize, unit) = (first.size, first.voxelSize, first.unit)
    imagesPath = layout.images
    segmentations = try layout.segmentation.map(Self.segmentations) ?? []
    for track in self.table.tracks where track.end >= frames.count {
      throw HowdahError.format(
        tablePath, at: "label \(track.label)",
        "goes on to frame \(track.end), but the last label image is \(ProjectPath.name(frames.last!))"
      )
    }
  }

  /// The label image of a frame.
  ///
  /// - Throws: `.file`, `.format` with the file when it is damaged or its size is not that of the first frame.
  public func labels(at t: Int, progress: Progress = .none) throws -> Volume {
    guard frames.indices.contains(t) else {
      throw HowdahError(
        .argument, "\(path): there is no frame \(t); valid are 0 to \(frames.count - 1)")
    }
    return try Self.volume(frames[t], expected: size, "the first label image", progress)
  }

  /// A reference segmentation.
  ///
  /// - Throws: as `labels`.
  public func labels(_ s: Segmentation, progress: Progress = .none) throws -> Volume {
    var expected = size
    if let slice = s.slice {
      guard slice < size.z else {
        throw HowdahError.format(
          s.path, at: "", "names slice \(slice), but frames have \(size.z) slices")
      }
      expected.z = 1
    }
    return try Self.volume(s.path, expected: expected, "the label images of the tracks", progress)
  }

  /// Compare the labels that a frame's image holds with the table.
  ///
  /// - Parameter allowsGaps: a track may be absent between its first and last frame.
  /// - Throws: `.format` with file, frame and label for a label that the table does not have in this frame, or
  ///   that the image lacks.
  public func check(_ labels: [Int], at t: Int, allowsGaps: Bool) throws {
    func fail(_ label: Int, _ reason: String) -> HowdahError {
      HowdahError.format(frames[t], at: "frame \(t), label \(label)", reason)
    }
    let name = ProjectPath.name(tablePath)
    for label in labels {
      guard let track = table[label] else {
        throw fail(label, "is in the image, but not in \(name)")
      }
      guard track.begin <= t, t <= track.end else {
        throw fail(
          label, "is in the image, but \(name) has it in frames \(track.begin) to \(track.end)")
      }
    }
    let present = Set(labels)
    for track in table.tracks where track.begin <= t && t <= track.end {
      if present.contains(track.label) { continue }
      if allowsGaps, track.begin < t, t < track.end { continue }
      throw fail(
        track.label,
        "is not in the image, but \(name) has it in frames \(track.begin) to \(track.end)")
    }
  }

  static func volume(
    _ path: String, expected: Size3, _ what: String, _ progress: Progress
  ) throws -> Volume {
    let file = try CTCFrameFile(path)
    guard file.size == expected else {
      throw HowdahError.format(path, at: "", "has \(file.size) voxels, \(what) \(expected)")
    }
    return try file.volume(VoxelBox(expected), progress: progress)
  }

  private static func segmentations(_ folder: String) throws -> [Segmentation] {
    try FileBytes.entries(of: folder).compactMap { name in
      guard name.hasPrefix("man_seg"), let stem = CTCLayout.stem(name) else { return nil }
      let parts = stem.dropFirst(7).split(separator: "_").map { Int($0) }
      guard (1...2).contains(parts.count), let frame = parts[0], frame >= 0 else { return nil }
      let path = folder + "/" + name
      if parts.count == 1 { return Segmentation(path: path, frame: frame, slice: nil) }
      guard let slice = parts[1], slice >= 0 else { return nil }
      return Segmentation(path: path, frame: frame, slice: slice)
    }.sorted { ($0.frame, $0.slice ?? -1) < ($1.frame, $1.slice ?? -1) }
  }
}

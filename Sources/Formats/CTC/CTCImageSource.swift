// The images of a sequence of the Cell Tracking Challenge: a TIFF file a frame, read when it is asked for.

import Core
import Imaging

/// The files `t000.tif`, `t001.tif`, ... of a folder. One setup, one level.
public final class CTCImageSource: SingleLevelImageSource {
  /// The folder.
  public let path: String
  /// Size in voxels.
  public let size: Size3
  /// Voxel size as the first file says, else 1.
  public let voxelSize: VoxelSize
  /// Unit as the first file says, else "pixel".
  public let unit: String
  /// Type of the first file.
  public let type: VoxelType
  private let frames: [String]

  /// Open a folder; only the first frame's description is read.
  ///
  /// - Throws: `.format` for missing or doubled frames, what opening the first one throws.
  public init(_ path: String) throws {
    self.path = path
    guard let images = CTCLayout(path)?.images else {
      throw HowdahError.format(path, at: "", "holds no images t000.tif, t001.tif, ...")
    }
    frames = try CTCLayout.frames(of: images, prefix: "t")
    let first = try CTCFrameFile(frames[0])
    (size, voxelSize, unit, type) = (first.size, first.voxelSize, first.unit, first.type)
  }

  /// Number of files.
  public var timepoints: Int { frames.count }
  /// Always 1.
  public var setups: Int { 1 }
  /// No name.
  public func setupName(_ setup: Int) -> String { "" }

  /// Read a frame or a part of it; files whose voxels are of another type than the first are converted.
  public func volume(t: Timepoint, setup: Int, level: Int, box: VoxelBox?, progress: Progress)
    throws -> Volume
  {
    try checkView(t: t, setup: setup, level: level, box: box)
    let file = try CTCFrameFile(frames[t])
    guard file.size == size else {
      throw HowdahError.format(
        frames[t], at: "", "has \(file.size) voxels, the first image \(size)")
    }
    let volume = try file.volume(box ?? VoxelBox(size), progress: progress)
    return try volume.converted(to: type).withVoxelSize(voxelSize)
  }

  /// Nothing stays open.
  public func close() {}
}

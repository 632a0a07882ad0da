// A TIFF file as a source of images: planes are read when they are asked for.

import Core
import Imaging

/// The volumes of a TIFF file, read lazily. An ImageJ hyperstack's frames are timepoints and its channels
/// setups; the pages of any other file are the slices of one timepoint. One resolution level.
public final class TIFFImageSource: SingleLevelImageSource {
  private let stack: TIFFStack

  /// Open a TIFF file; only its pages' descriptions are read.
  ///
  /// - Throws: `.file`, or `.format` with the page when the file is damaged, holds samples of an unknown
  ///   kind or declares more pixels than it can hold.
  public init(_ path: String) throws { stack = try TIFFStack(path) }

  /// The TIFF file.
  public var path: String { stack.path }
  /// Size of each volume in voxels.
  public var size: Size3 { stack.size }
  /// Voxel size by ImageJ's calibration; 1 where there is none.
  public var voxelSize: VoxelSize { stack.voxelSize }
  /// Unit by ImageJ's calibration, else "pixel".
  public var unit: String { stack.unit.isEmpty ? "pixel" : stack.unit }
  /// Number of frames.
  public var timepoints: Int { stack.timepoints }
  /// Number of channels.
  public var setups: Int { stack.channels }
  /// Type of the volumes; see `TIFFFile.read`.
  public var type: VoxelType { stack.type }

  /// "channel 1" and so on; empty when there is only one.
  public func setupName(_ setup: Int) -> String {
    setups == 1 ? "" : "channel \(setup)"
  }

  /// Read a volume or a part of it. Planes outside the box are not read.
  public func volume(t: Timepoint, setup: Int, level: Int, box: VoxelBox?, progress: Progress)
    throws -> Volume
  {
    try checkView(t: t, setup: setup, level: level, box: box)
    return try stack.volume(t: t, channel: setup, box: box ?? VoxelBox(size), progress: progress)
  }

  /// Let go of the file.
  public func close() { stack.close() }
}

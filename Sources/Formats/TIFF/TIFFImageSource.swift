// A TIFF file as a source of images: planes are read when they are asked for.

import Core
import Imaging

/// The volumes of a TIFF file, read lazily. An ImageJ hyperstack's frames are timepoints and its channels
/// setups; the pages of any other file are the slices of one timepoint. One resolution level.
public final class TIFFImageSource: ImageSource {
  private let stack: TIFFStack

  /// Open a TIFF file; only its pages' descriptions are read.
  ///
  /// - Throws: `.file`, or `.format` with the page when the file is damaged, holds samples of an unknown
  ///   kind or declares more pixels than it can hold.
  public init(_ path: String) throws { stack = try TIFFStack(path) }

  public var path: String { stack.path }
  public var size: Size3 { stack.size }
  public var voxelSize: VoxelSize { stack.voxelSize }
  public var unit: String { stack.unit.isEmpty ? "pixel" : stack.unit }
  public var timepoints: Int { stack.timepoints }
  public var setups: Int { stack.channels }
  public var type: VoxelType { stack.type }

  public func setupName(_ setup: Int) -> String {
    setups == 1 ? "" : "channel \(setup)"
  }

  public func levels(setup: Int) -> Int { 1 }

  public func downsampling(setup: Int, level: Int) -> (x: Double, y: Double, z: Double) {
    (1, 1, 1)
  }

  public func size(setup: Int, level: Int) -> Size3 { size }

  public func transform(t: Timepoint, setup: Int, level: Int) -> Affine3 {
    Affine3(scale: voxelSize)
  }

  public func volume(t: Timepoint, setup: Int, level: Int, box: VoxelBox?, progress: Progress)
    throws -> Volume
  {
    try checkView(t: t, setup: setup, level: level, box: box)
    return try stack.volume(t: t, channel: setup, box: box ?? VoxelBox(size), progress: progress)
  }

  public func close() { stack.close() }
}

// TIFF files as ImageJ uses them: read whole, or written as calibrated (hyper)stacks.

import Core
import ImageShim
import Imaging

/// All volumes of a TIFF file.
public struct TIFFImage: Sendable {
  /// The volumes as `volumes[t][channel]`; all have the same size and type.
  public var volumes: [[Volume]]
  /// The unit of the voxel size; empty when the file names none.
  public var unit: String
}

/// Reading and writing of TIFF files.
public enum TIFFFile {
  /// Read a whole file. Large movies are better read through `TIFFImageSource`, volume by volume.
  ///
  /// 8-bit, 16-bit and 32-bit float samples keep their type; signed, 32-bit integer and double samples
  /// become float32. The pages of a file that is no ImageJ hyperstack are the slices of one volume; the
  /// samples of a colour image are its channels.
  public static func read(_ path: String, progress: Progress = .none) throws -> TIFFImage {
    let stack = try TIFFStack(path)
    defer { stack.close() }
    let volumes = try (0..<stack.timepoints).map { t in
      try (0..<stack.channels).map { channel in
        try stack.volume(t: t, channel: channel, box: VoxelBox(stack.size), progress: progress)
      }
    }
    return TIFFImage(volumes: volumes, unit: stack.unit)
  }

  /// How a TIFF file is written.
  public struct Options: Sendable {
    /// Whether planes are compressed with deflate (which ImageJ reads) or stored.
    public var isCompressed = false
    /// The unit of the voxel size.
    public var unit = "micron"

    /// Stored, in microns.
    public init() {}
  }

  /// Write one volume as an ImageJ stack with its voxel size.
  public static func write(
    _ volume: Volume, to path: String, options: Options = Options(), progress: Progress = .none
  ) throws {
    try write([[volume]], to: path, options: options, progress: progress)
  }

  /// Write volumes `[t][channel]` as an ImageJ hyperstack. All must have the same size and type.
  public static func write(
    _ volumes: [[Volume]], to path: String, options: Options = Options(),
    progress: Progress = .none
  ) throws {
    guard let first = volumes.first?.first else {
      throw HowdahError(.argument, "\(path): there are no volumes to write")
    }
    for frame in volumes {
      guard frame.count == volumes[0].count,
        frame.allSatisfy({ $0.size == first.size && $0.type == first.type })
      else {
        throw HowdahError(
          .argument, "\(path): the volumes of a TIFF file must have the same size and type")
      }
    }
    try write(
      first, channels: volumes[0].count, frames: volumes.count, to: path, options: options,
      progress: progress
    ) { t, channel in volumes[t][channel] }
  }

  /// Write all timepoints and setups of an image source, one volume in memory at a time.
  public static func write(
    _ source: any ImageSource, to path: String, options: Options = Options(),
    progress: Progress = .none
  ) throws {
    func volume(_ t: Int, _ setup: Int) throws -> Volume {
      try source.volume(t: t, setup: setup, level: 0, box: nil, progress: progress)
    }
    var options = options
    options.unit = source.unit
    guard source.timepoints > 0, source.setups > 0 else {
      throw HowdahError(.argument, "\(path): there are no volumes to write")
    }
    let first = try volume(0, 0)
    // Channels are interleaved plane by plane, so all setups of a timepoint are needed at once.
    var frame: (t: Int, volumes: [Volume]) = (-1, [])
    try write(
      first, channels: source.setups, frames: source.timepoints, to: path, options: options,
      progress: progress
    ) { t, setup in
      if frame.t != t { frame = (t, try (0..<source.setups).map { try volume(t, $0) }) }
      return frame.volumes[setup]
    }
  }

  private static func write(
    _ model: Volume, channels: Int, frames: Int, to path: String, options: Options,
    progress: Progress, volume: (_ t: Int, _ channel: Int) throws -> Volume
  ) throws {
    let (size, voxel) = (model.size, model.voxelSize)
    guard size.count > 0 else {
      throw HowdahError(.argument, "\(path): there are no voxels to write")
    }
    var description = ImageJDescription()
    description.images = channels * size.z * frames
    (description.channels, description.slices, description.frames) = (channels, size.z, frames)
    description.spacing = voxel.z
    description.unit = options.unit
    let total = Double(size.count) * Double(model.type.byteCount) * Double(channels * frames)
    let plane = size.x * size.y * model.type.byteCount
    progress.begin(total: frames, "writing TIFF")
    try AtomicFile.write(to: path) { temporary in
      func failure(_ reason: String) -> HowdahError {
        HowdahError.file(path, "cannot be written: \(reason)")
      }
      var tiff: OpaquePointer?
      try withMessage(
        { message, length in
          // Offsets of classic TIFF end at 4 GB.
          tiff = howdah_tiff_create(temporary, total > 4.2e9 ? 1 : 0, message, length)
          return tiff != nil
        }, failure: failure)
      defer { howdah_tiff_close(tiff) }
      var text: String? = description.text
      for t in 0..<frames {
        let volumes = try (0..<channels).map { try volume(t, $0) }
        for v in volumes where v.size != size || v.type != model.type {
          throw HowdahError(
            .argument, "\(path): the volumes of a TIFF file must have the same size and type")
        }
        for z in 0..<size.z {
          try progress.check()
          for v in volumes {
            try withMessage(
              { message, length in
                v.withBytes {
                  howdah_tiff_append(
                    tiff, UInt32(size.x), UInt32(size.y), UInt16(model.type.byteCount * 8),
                    model.type == .float32 ? 3 : 1, 1 / voxel.x, 1 / voxel.y,
                    options.isCompressed ? 1 : 0, text, $0.baseAddress! + z * plane, message, length
                  )
                    != 0
                }
              }, failure: failure)
            text = nil
          }
        }
        progress.advance()
      }
      try withMessage(
        { message, length in
          let done = howdah_tiff_finish(tiff, message, length) != 0
          tiff = nil
          return done
        }, failure: failure)
    }
  }
}

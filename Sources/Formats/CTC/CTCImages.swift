// Writing images as the Cell Tracking Challenge wants them: a folder of one TIFF file a frame, t000.tif, t001.tif, ...

import Core
import Glibc
import Imaging

/// Writes the folder of images that lies beside results and truth.
enum CTCImages {
  /// Write all frames of the first setup, with the voxels as they are stored (8 bits as 16), compressed.
  ///
  /// The folder appears whole or not at all. In one that exists the frames of an earlier export are replaced and other
  /// files kept.
  /// - Throws: `.limit` for images of fractions, which the format does not know; what reading throws; `.file`,
  ///   `.interrupted`.
  static func write(_ images: any ImageSource, to path: String, progress: Progress) throws {
    let size = images.size(setup: 0, level: 0)
    guard images.type != .float32 else {
      throw HowdahError(
        .limit,
        "\(path): images of the Cell Tracking Challenge have 16 bits, but those of \(images.path) are "
          + "fractions (float32)")
    }
    var options = TIFFFile.Options()
    options.isCompressed = true
    options.unit = images.unit
    let names = CTCLayout.names("t", images.timepoints)
    try FolderExchange.put(path) { folder in
      for name in try FileBytes.entries(of: folder)
      where CTCLayout.number(name, prefix: "t") != nil {
        unlink(folder + "/" + name)
      }
      progress.begin(total: images.timepoints, "writing images")
      try FrameBlocks.run(images.timepoints, bytesPerFrame: 2 * size.count, progress) {
        [options] t, _ in
        // The frames are what is reported, not the planes within each.
        let quiet = Progress(stopRequested: { progress.isCancelled })
        let volume = try images.volume(t: t, setup: 0, level: 0, box: nil, progress: quiet)
          .converted(to: .uint16)
        try TIFFFile.write(volume, to: folder + "/" + names[t], options: options, progress: quiet)
      } collect: { _, _ in
      }
    }
  }
}

// Snapshots of a range of timepoints as numbered PNG files.

import Core
import Formats
import Glibc
import Imaging
import Lineage

/// Writes a snapshot for each timepoint.
public enum SnapshotMovie {
  /// Write `t0000.png`, `t0001.png`, ... (the number is the timepoint) into a folder, which is made
  /// when it is missing; returns how many.
  ///
  /// Contrast limits are the same for all pictures, the mean of those of the first, middle and last
  /// timepoint unless the options give some; so are the planes unless the options leave them open.
  /// `options.t` is ignored.
  ///
  /// - Parameters:
  ///   - timepoints: nil takes all of the images, or all that have spots.
  public static func write(
    lineage: LineageGraph, images: (any ImageSource)?, unit: String? = nil, to folder: String,
    timepoints: ClosedRange<Timepoint>? = nil, options: Snapshot.Options,
    progress: Progress = .none
  ) throws -> Int {
    let all = images.map { 0...$0.timepoints - 1 } ?? lineage.timepoints
    guard let range = timepoints ?? all else {
      throw HowdahError(.argument, "movie: there are neither images nor spots to show")
    }
    var frame = options
    if frame.contrast == nil, let images {
      frame.contrast = try contrast(images, lineage, range, options, progress)
    }
    if mkdir(folder, 0o777) != 0, errno != EEXIST {
      throw HowdahError.file(folder, "cannot be made: \(lastSystemError())")
    }
    progress.begin(total: range.count, "drawing timepoints")
    for t in range {
      try progress.check()
      frame.t = t
      let canvas = try Snapshot.render(
        lineage: lineage, images: images, unit: unit, options: frame, progress: progress)
      let digits = String(t)
      let name = "t" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits + ".png"
      try PNGFile.write(
        canvas.rgba, width: canvas.width, height: canvas.height, to: folder + "/" + name)
      progress.advance()
    }
    return range.count
  }

  private static func contrast(
    _ images: any ImageSource, _ lineage: LineageGraph, _ range: ClosedRange<Timepoint>,
    _ options: Snapshot.Options, _ progress: Progress
  ) throws -> ClosedRange<Double> {
    let sample = Set([
      range.lowerBound, (range.lowerBound + range.upperBound) / 2, range.upperBound,
    ])
    let limits = try sample.sorted().map { t in
      var frame = options
      frame.t = t
      return try Snapshot.contrast(
        images: images, lineage: lineage, options: frame, progress: progress)
    }
    let n = Double(limits.count)
    let low = limits.map(\.lowerBound).reduce(0, +) / n
    return low...max(low, limits.map(\.upperBound).reduce(0, +) / n)
  }
}

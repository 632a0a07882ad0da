// Figures of projects: the same as those of a lineage and images, with what the project knows
// filled in.

import Core
import Formats
import Imaging

extension Snapshot {
  /// A picture of a timepoint of a project. Works without images.
  public static func render(
    _ project: Project, options: Options = Options(), progress: Progress = .none
  ) throws -> Canvas {
    try render(
      lineage: project.lineage, images: project.images, unit: project.spaceUnit, options: options,
      progress: progress)
  }
}

extension SnapshotMovie {
  /// Write a snapshot for each timepoint of a project into a folder; returns how many.
  public static func write(
    _ project: Project, to folder: String, timepoints: ClosedRange<Timepoint>? = nil,
    options: Snapshot.Options = Snapshot.Options(), progress: Progress = .none
  ) throws -> Int {
    try write(
      lineage: project.lineage, images: project.images, unit: project.spaceUnit, to: folder,
      timepoints: timepoints, options: options, progress: progress)
  }
}

extension LineageFigure {
  /// Lay out the trees of a project.
  public init(
    _ project: Project, options: Options = Options(), progress: Progress = .none
  ) throws {
    try self.init(project.lineage, options: options, progress: progress)
  }

  /// Write the figure: SVG to a path that ends with ".svg", PNG to one that ends with ".png".
  ///
  /// Throws `.argument` for any other ending.
  public func write(to path: String) throws {
    let lower = path.lowercased()
    if lower.hasSuffix(".svg") {
      try AtomicFile.write(svg(), to: path)
    } else if lower.hasSuffix(".png") {
      let canvas = canvas()
      try PNGFile.write(canvas.rgba, width: canvas.width, height: canvas.height, to: path)
    } else {
      throw HowdahError(.argument, "\(path): a track scheme is written as .svg or .png")
    }
  }
}

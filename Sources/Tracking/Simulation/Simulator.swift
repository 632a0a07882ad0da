// A simulated embryo: images that look like microscopy, with a truth that is exact.

import Core
import Formats
import Imaging
import Lineage

/// Makes movies of nuclei that drift, divide and die, and knows where each one is.
///
/// Nuclei are soft-edged, lumpy ellipsoids with chromatin-like texture. Before a division they condense,
/// line up in a bright plate and part; daughters are small and grow. Dying nuclei condense and crumble.
/// The microscope adds blur (wider along z), haze, fading with depth and an uneven background; the camera
/// adds shot noise, read noise, an offset and, if wanted, hot pixels.
///
///     var options = Simulator.Preset.flatLeg.options
///     options.nuclei = 200
///     let project = try Simulator.run(options)
///
/// The same options and seed give the same voxels and the same truth, whatever the number of threads.
public enum Simulator {
  /// Simulate a movie. The nuclei are moved at once; a frame is drawn when its volume is asked for, and
  /// the last few are kept, so a long movie of large frames needs little memory.
  ///
  /// The project's lineage is the truth: a spot for every nucleus whose centre is in the field of view and
  /// that is bright enough to be seen (`Options.visible`), with its ellipsoid; links from frame to frame
  /// and from mothers to daughters. Spots and links are tagged as a careful annotator's (Detection `fn`,
  /// Tracking `Approved`), roots have Status `Completed`.
  ///
  /// - Throws: `.argument` for an option out of range, `.interrupted`.
  public static func run(_ options: Options, progress: Progress = .none) throws -> Project {
    try options.check()
    var tissue = TissueModel(options)
    let frames = try tissue.run(progress)
    let images = images(options, frames: frames, shape: tissue.shape)
    let project = Project(images: images)
    project.timeUnit = "frame"
    try project.lineage.edit("simulated truth") {
      try SimulatedTruth(options, tissue.shape).write(frames, to: project.lineage, progress)
    }
    try project.lineage.clearHistory()
    return project
  }

  /// Write the images of a simulated project as an ordinary BigDataViewer data set (XML and HDF5). The
  /// project goes on drawing its own; give the path to `Project.setImages` to read the written ones.
  ///
  /// - Throws: what writing throws, `.unavailable` when the project has no images.
  public static func write(
    _ project: Project, toXML path: String, progress: Progress = .none
  ) throws {
    try BDVWriter.write(source: project.requireImages(), toXML: path, progress: progress)
  }
}

// A simulated embryo: images that look like microscopy, with a truth that is exact.

import Core
import Imaging

/// Makes movies of nuclei that drift, divide and die, and knows where each one is.
public enum Simulator {
  /// The moving nuclei and the images of a movie.
  struct Movie {
    let options: Options
    let frames: [[Nucleus]]
    let shape: TissueShape
    let images: MemoryImageSource
  }

  /// Let the nuclei live; images are drawn later, when they are asked for.
  static func movie(_ options: Options, progress: Progress) throws -> Movie {
    try options.check()
    var tissue = TissueModel(options)
    let frames = try tissue.run(progress)
    return Movie(
      options: options, frames: frames, shape: tissue.shape,
      images: images(options, frames: frames, shape: tissue.shape))
  }

  /// The images of a simulated movie without its truth.
  public static func images(_ options: Options, progress: Progress = .none) throws
    -> any ImageSource
  {
    try movie(options, progress: progress).images
  }
}

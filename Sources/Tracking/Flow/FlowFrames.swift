// The frames of a movie as a flow network sees them: brought to its size, intensities from 0 to 1 in each frame, kept
// as long as the memory lasts that was granted.
//
// Where images are shrunk they are smoothed before, so that noise is averaged and nothing thin is missed. ELEPHANT
// leaves that out; without shrinking both give the same.

import Core
import Imaging
import Synchronization

/// Reads frames for a flow network. May be used from several threads.
public final class FlowFrames: Sendable {
  /// Where the images come from.
  public let source: any ImageSource
  /// The channel or view.
  public let setup: Int
  /// Size of the images, and of what the network sees of them.
  public let input: InputGrid
  /// How far local contrast looks, voxels along x; nil for none.
  private let contrast: Double?
  private let limit: Int
  private let kept = Mutex<[(t: Timepoint, frame: Volume)]>([])

  /// - Parameters:
  ///   - rescale: size of the network's input relative to the image, along each axis.
  ///   - localContrast: how far around a voxel its intensity is compared, voxels along x that the network sees; nil
  ///     leaves intensities as they are. What a model wants is `FlowSetting.localContrast`.
  ///   - memory: bytes of frames that are kept, those used last.
  /// - Throws: `.argument` for a setup that is not there or factors out of range.
  public init(
    _ source: any ImageSource, setup: Int = 0, rescale: VoxelSize = .one,
    localContrast: Double? = nil, memory: Int = 1 << 30
  ) throws {
    guard (0..<source.setups).contains(setup) else {
      throw HowdahError(
        .argument, "\(source.path): there is no setup \(setup); valid are 0 to \(source.setups - 1)"
      )
    }
    self.source = source
    self.setup = setup
    input = try InputGrid(source.size(setup: setup, level: 0), rescale: rescale)
    if let reach = localContrast, !(reach > 0 && reach <= 1000) {
      throw HowdahError(.argument, "local_contrast must be above 0 and at most 1000, not \(reach)")
    }
    contrast = localContrast
    limit = memory
  }

  /// Size of a frame.
  public var size: Size3 { input.size }

  /// Where the voxels of a frame lie in the world.
  public func grid(_ t: Timepoint) throws -> VoxelGrid {
    let steps = VoxelSize(x: input.step(.x), y: input.step(.y), z: input.step(.z))
    return try VoxelGrid(
      size: size,
      transform: source.transform(t: t, setup: setup, level: 0) * Affine3(scale: steps))
  }

  /// The frame of a timepoint, float32 from 0 to 1. Throws `.argument` for a timepoint without images, and what
  /// reading them throws.
  public func frame(_ t: Timepoint, progress: Progress = .none) throws -> Volume {
    let known = kept.withLock { kept -> Volume? in
      guard let k = kept.firstIndex(where: { $0.t == t }) else { return nil }
      kept.append(kept.remove(at: k))
      return kept.last?.frame
    }
    if let known { return known }
    var volume = try source.volume(t: t, setup: setup, level: 0, progress: progress)
    if input.image != size {
      func sigma(_ axis: Axis) -> Double {
        let step = input.step(axis)
        return step > 1 ? 0.5 * (step * step - 1).squareRoot() : 0
      }
      let s = (sigma(.x), sigma(.y), sigma(.z))
      if max(s.0, s.1, s.2) > 0 {
        volume = try volume.gaussian(sigma: s, truncate: 3, progress: progress)
      }
      volume = try volume.converted(to: .float32).resampled(to: size, .linear, progress: progress)
    }
    var frame = try IntensityScale(measuring: volume, progress: progress)
      .apply(volume, progress: progress)
    if let contrast {
      frame = try FlowContrast.local(
        frame, reach: contrast, spacing: grid(t).spacing, progress: progress)
    }
    kept.withLock { [frame] kept in
      kept.append((t, frame))
      var bytes = kept.reduce(0) { $0 + $1.frame.byteCount }
      // A pair is needed at a time, and one of them again for the next.
      while bytes > limit, kept.count > 3 { bytes -= kept.removeFirst().frame.byteCount }
    }
    return frame
  }
}

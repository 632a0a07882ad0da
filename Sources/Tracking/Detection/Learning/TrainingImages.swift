// The images of a training run: read once each, with the range of their intensities, and kept as long as the memory
// lasts that was granted.

import Core
import Imaging
import Synchronization

/// An image with what makes its intensities a network's input.
public struct TrainingImage: Sendable {
  /// The voxels as they were stored.
  public let volume: Volume
  /// Minimum and maximum of all voxels, which become 0 and 1.
  public let range: (minimum: Double, maximum: Double)

  /// Measure an image. Throws `.argument` when its values are not finite.
  public init(_ volume: Volume, progress: Progress = .none) throws {
    self.volume = volume
    guard let range = try volume.range(progress: progress), range.minimum.isFinite,
      range.maximum.isFinite
    else {
      throw HowdahError(
        .argument, "the image has infinite or no values; a network cannot be given them")
    }
    self.range = range
  }

  /// The intensities that a plan shows, with the image's minimum and maximum as 0 and 1; 0 outside the image.
  public func sample(_ plan: CropPlan, in grid: InputGrid, progress: Progress = .none) throws
    -> [Float]
  {
    let crop = try volume.sampled(plan.size, through: plan.map(grid), .linear, progress: progress)
    let low = Float(range.minimum)
    let span = Float(range.maximum) - low
    return crop.withVoxels(as: Float.self) { voxels in
      voxels.map { span > 0 && $0 == $0 ? max(0, ($0 - low) / span) : 0 }
    }
  }
}

/// Reads images for training. May be used from several threads.
public final class TrainingImages: Sendable {
  /// Where the images come from.
  public let source: any ImageSource
  /// The channel or view.
  public let setup: Int
  private let limit: Int
  private let kept = Mutex<[(t: Timepoint, image: TrainingImage)]>([])

  /// - Parameter memory: bytes of images that are kept, those used last; the image in use may be larger.
  public init(_ source: any ImageSource, setup: Int = 0, memory: Int = 1 << 30) {
    self.source = source
    self.setup = setup
    limit = memory
  }

  /// The image of a timepoint. Throws what reading it throws.
  public func image(_ t: Timepoint, progress: Progress = .none) throws -> TrainingImage {
    let known = kept.withLock { kept -> TrainingImage? in
      guard let k = kept.firstIndex(where: { $0.t == t }) else { return nil }
      kept.append(kept.remove(at: k))
      return kept.last?.image
    }
    if let known { return known }
    let image = try TrainingImage(
      source.volume(t: t, setup: setup, level: 0, progress: progress), progress: progress)
    kept.withLock { kept in
      kept.append((t, image))
      var bytes = kept.reduce(0) { $0 + $1.image.volume.byteCount }
      while bytes > limit, !kept.isEmpty {
        bytes -= kept.removeFirst().image.volume.byteCount
      }
    }
    return image
  }
}

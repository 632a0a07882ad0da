// The images of a simulated movie: drawn when they are asked for, the last few kept.

import Core
import Imaging
import Synchronization

extension Simulator {
  /// Draws frames on demand. A frame is drawn again when it is asked for again after others, with the same
  /// voxels, so a long movie needs the memory of `kept` frames only.
  static func images(
    _ options: Options, frames: [[Nucleus]], shape: TissueShape, kept: Int = 3
  ) -> MemoryImageSource {
    let renderer = SceneRenderer(options, shape: shape)
    let cache = FrameCache(capacity: kept)
    return MemoryImageSource(
      path: "simulation", size: options.size, voxelSize: options.voxelSize,
      timepoints: options.timepoints, setupNames: ["nuclei"],
      type: options.bitDepth == .eight ? .uint8 : .uint16
    ) { t, _, progress in
      if let volume = cache.frame(t) { return volume }
      let volume = try renderer.render(frames[t], t: t, progress: progress)
      cache.keep(volume, t)
      return volume
    }
  }
}

/// The frames that were drawn last.
private final class FrameCache: Sendable {
  private let capacity: Int
  private let frames = Mutex<[(t: Timepoint, volume: Volume)]>([])

  init(capacity: Int) { self.capacity = capacity }

  func frame(_ t: Timepoint) -> Volume? {
    frames.withLock { $0.first { $0.t == t }?.volume }
  }

  func keep(_ volume: Volume, _ t: Timepoint) {
    frames.withLock {
      $0.removeAll { $0.t == t }
      if $0.count >= capacity { $0.removeFirst() }
      $0.append((t, volume))
    }
  }
}

// What networks are given: intensities from 0 to 1, measured over a whole volume, also when only a part of it is
// predicted; so the part gives what the whole would have given there.

import Core
import Imaging

/// How intensities of one volume become a network's input: ((v - shift of its plane) - minimum) / range.
///
/// These are ELEPHANT's `normalize01` and "slice-wise median correction" (elephant-server 0.7, 4.1): a volume of
/// one value becomes 0, and planes are shifted so that their medians are that of the volume.
public struct IntensityScale: Sendable, Equatable {
  /// What is taken from each plane of the volume measured; empty without median correction.
  public let planeShifts: [Float]
  /// The smallest value after that.
  public let minimum: Float
  /// The largest value less the smallest one; 0 for a volume of one value.
  public let range: Float

  /// The scale of a whole volume.
  ///
  /// - Parameter medianCorrection: shift every plane whose median is above 0, so that its median becomes that of
  ///   the volume. It mends planes of uneven brightness.
  public init(
    measuring volume: Volume, medianCorrection: Bool = false, progress: Progress = .none
  ) throws {
    var (low, high) = (Float.infinity, -Float.infinity)
    if medianCorrection, volume.size.z > 1 {
      let median = try volume.percentile(50, progress: progress)
      var shifts: [Float] = []
      for z in 0..<volume.size.z {
        let plane = try volume.slice(axis: .z, index: z)
        let own = try plane.percentile(50, progress: progress)
        let shift = own > 0 ? Float(own - median) : 0
        shifts.append(shift)
        guard let range = try plane.range(progress: progress) else { continue }
        low = min(low, Float(range.minimum) - shift)
        high = max(high, Float(range.maximum) - shift)
      }
      planeShifts = shifts
    } else {
      planeShifts = []
      if let range = try volume.range(progress: progress) {
        (low, high) = (Float(range.minimum), Float(range.maximum))
      }
    }
    guard low.isFinite, high.isFinite else {
      throw HowdahError(
        .argument, "the volume has infinite or no values; a network cannot be given them")
    }
    minimum = low
    range = high - low
  }

  /// The network's input, float32; NaN become 0.
  ///
  /// - Parameter firstPlane: which plane of the volume measured is plane 0 here.
  public func apply(_ volume: Volume, firstPlane: Int = 0, progress: Progress = .none) throws
    -> Volume
  {
    guard planeShifts.isEmpty || firstPlane + volume.size.z <= planeShifts.count else {
      throw HowdahError(
        .argument, "planes \(firstPlane) on of \(volume.size) are not in the volume measured")
    }
    return try Volume.make(size: volume.size, voxelSize: volume.voxelSize, of: Float.self) { out in
      switch volume.type {
      case .uint8: try apply(volume, UInt8.self, firstPlane, out, progress)
      case .uint16: try apply(volume, UInt16.self, firstPlane, out, progress)
      case .float32: try apply(volume, Float.self, firstPlane, out, progress)
      }
    }
  }

  private func apply<T: VoxelElement>(
    _ volume: Volume, _: T.Type, _ firstPlane: Int, _ out: UnsafeMutableBufferPointer<Float>,
    _ progress: Progress
  ) throws {
    nonisolated(unsafe) let out = out.baseAddress!
    let plane = volume.size.x * volume.size.y
    try volume.withVoxels(as: T.self) { voxels in
      nonisolated(unsafe) let voxels = voxels.baseAddress!
      try parallelFor(volume.size.z) { z in
        try progress.check()
        let shift = planeShifts.isEmpty ? 0 : planeShifts[firstPlane + z]
        let (from, to) = (voxels + z * plane, out + z * plane)
        guard range > 0 else { return to.initialize(repeating: 0, count: plane) }
        for i in 0..<plane {
          let value = ((Float(from[i].asDouble) - shift) - minimum) / range
          to[i] = value == value ? value : 0
        }
      }
    }
  }
}

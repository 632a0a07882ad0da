// Where nuclei were one timepoint earlier, by registration of the images: a flow for linkers that needs no model.

import Core
import Imaging
import Lineage

/// Answers what linkers ask (`NearestNeighborLinker.Flow`) from two frames alone.
///
///     let flow = try RegistrationFlow(images, radius: 3.5)
///     let counts = try NearestNeighborLinker.run(lineage, flow: flow.predict)
///
/// Frames are shrunk until nuclei have a radius of two voxels, so a pair takes well under a second. One instance serves
/// one caller at a time.
public final class RegistrationFlow {
  private let frames: FlowFrames
  private let progress: Progress
  private let options: FrameRegistration.Options
  private var last: (t: Timepoint, field: FrameRegistration)?

  /// - Parameters:
  ///   - radius: typical radius of the nuclei, world units.
  ///   - reach: how far the tissue may move from one timepoint to the next, world units; nil is four radii.
  /// - Throws: `.argument` for a radius or reach out of range, or a setup that is not there.
  public init(
    _ images: any ImageSource, setup: Int = 0, radius: Double, reach: Double? = nil,
    progress: Progress = .none
  ) throws {
    let reach = reach ?? 4 * radius
    guard radius > 0, radius.isFinite, reach > 0, reach <= 20 * radius else {
      throw HowdahError(
        .argument,
        "registration needs nuclei of a radius above 0 and a reach of at most 20 radii, not \(radius) and \(reach)"
      )
    }
    let voxel = images.voxelSize
    frames = try FlowFrames(
      images, setup: setup,
      rescale: FlowSetting.rescale([FlowSetting.nucleusRadius: 2], radius: radius, voxel: voxel),
      memory: 1)
    self.progress = progress
    let spacing = try frames.grid(0).spacing
    func voxels(_ length: Double, _ step: Double, _ range: ClosedRange<Int>) -> Int {
      min(range.upperBound, max(range.lowerBound, Int((length / step).rounded(.up))))
    }
    var o = FrameRegistration.Options()
    o.reach = Size3(
      x: voxels(reach, spacing.x, 2...48), y: voxels(reach, spacing.y, 2...48),
      z: frames.size.z == 1 ? 0 : voxels(reach / 2, spacing.z, 1...24))
    // Blocks are 8 radii wide, and deep where there are so many planes.
    o.half = (
      voxels(4 * radius, spacing.y, 4...16),
      frames.size.z == 1 ? 0 : voxels(3 * radius, spacing.z, 1...8)
    )
    o.step = Size3(x: 8, y: o.half.y, z: max(1, o.half.z + 1))
    options = o
  }

  /// Where nuclei of timepoint `t` were at `t - 1`, in the order of the queries; nil for timepoint 0.
  ///
  /// - Throws: `.argument` for a timepoint without images, what reading images throws, `.interrupted`.
  public func predict(_ t: Timepoint, _ queries: [NearestNeighborLinker.FlowQuery]) throws
    -> [NearestNeighborLinker.FlowPrediction]?
  {
    guard t >= 1 else { return nil }
    let images = frames.source
    guard t < images.timepoints else {
      throw HowdahError(
        .argument,
        "\(images.path): there is no image of timepoint \(t), so its flow is unknown; there are 0 to "
          + "\(images.timepoints - 1)")
    }
    let field: FrameRegistration
    if let last, last.t == t {
      field = last.field
    } else {
      let later = try frames.frame(t, progress: progress)
      field = try FrameRegistration(
        earlier: try frames.frame(t - 1, progress: progress), later: later, options: options,
        progress: progress)
      last = (t, field)
    }
    let (earlier, later) = (try frames.grid(t - 1), try frames.grid(t))
    return queries.map { query in
      let voxel = later.voxel(query.position)
      let position = earlier.transform(voxel + field.way(at: voxel))
      return .init(
        position: position, squaredDisplacement: position.squaredDistance(to: query.position))
    }
  }
}

// What the numbers of a flow network mean. Its outputs lie between -1 and 1; a flow of 1 along an axis is so many
// voxels of the network's input as the scale says. ELEPHANT writes the scale nowhere: whoever uses a model has to know
// it. Models trained here carry it in their file.
//
// The convention of all flows in this room: at a voxel q of the later frame the flow is the way back, to where that
// nucleus was in the earlier frame, minus q.

import Core
import Imaging
import Learning

/// How many voxels of the network's input a flow of 1 is, along each axis.
public struct FlowScale: Sendable, Equatable {
  /// Voxels along each axis.
  public let norms: WorldPoint

  /// ELEPHANT's default of "max displacement".
  public static let standardDisplacement = 80.0

  /// ELEPHANT's rule: the largest displacement along x and y, and as many times less along z as voxels are longer
  /// there, in powers of two.
  ///
  /// - Parameters:
  ///   - maxDisplacement: voxels along x and y, above 0.
  ///   - keepAxials: how many poolings keep z, as ELEPHANT counts them for these voxels. It is always that of the
  ///     images; ELEPHANT forgets it where labels are updated (its results then depend on the order of clicks).
  public init(maxDisplacement: Double = FlowScale.standardDisplacement, keepAxials: Int) throws {
    guard maxDisplacement > 0, maxDisplacement.isFinite else {
      throw HowdahError(.argument, "max_displacement must be above 0, not \(maxDisplacement)")
    }
    norms = WorldPoint(
      x: maxDisplacement, y: maxDisplacement,
      z: maxDisplacement / Double(1 << min(20, max(0, keepAxials))))
  }

  /// The scale for the loss: x, y, z.
  var lossNorms: [Float] { [Float(norms.x), Float(norms.y), Float(norms.z)] }

  /// A displacement in voxels as the network says it.
  func flow(ofVoxels v: WorldPoint) -> WorldPoint {
    WorldPoint(x: v.x / norms.x, y: v.y / norms.y, z: v.z / norms.z)
  }

  /// What the network says as a displacement in voxels.
  func voxels(ofFlow f: WorldPoint) -> WorldPoint {
    WorldPoint(x: f.x * norms.x, y: f.y * norms.y, z: f.z * norms.z)
  }
}

/// What a model file says about how its flow network was trained.
public enum FlowSetting {
  /// Voxels along x and y that a flow of 1 means.
  public static let maxDisplacement = "max_displacement"
  /// Mean radius of nuclei in voxels of the network's input along x and y. A model that has it wants images brought to
  /// that size.
  public static let nucleusRadius = "nucleus_radius"
  /// How far around a voxel its intensity is compared, voxels of the network's input along x. A model that has it wants
  /// local contrast in place of intensities.
  public static let localContrast = "local_contrast"
  /// How often the network looks, each time at an earlier frame that was moved by what it saw before.
  public static let passes = "passes"

  /// How often a network looks: as asked for, as the model wants, or once.
  static func passes(_ settings: [String: Double], _ wish: Int?) -> Int {
    let wanted = wish.map(Double.init) ?? settings[passes] ?? 1
    return wanted >= 1 ? Int(min(10, wanted)) : 1
  }

  /// How much images of nuclei of a radius are shrunk for a model; 1 along all axes when the model does not care. They
  /// are never enlarged, and voxels do not become longer along x and y than along z.
  ///
  /// - Parameters:
  ///   - radius: typical radius of the nuclei, world units; nil when nothing is known.
  public static func rescale(
    _ settings: [String: Double], radius: Double?, voxel: VoxelSize
  ) -> VoxelSize {
    guard let wanted = settings[nucleusRadius], let radius, radius > 0, wanted > 0 else {
      return .one
    }
    let target = radius / wanted
    return VoxelSize(
      x: min(1, voxel.x / target), y: min(1, voxel.y / target), z: min(1, voxel.z / target))
  }

  /// The median of mean radii of ellipsoids, nil when there are none.
  public static func radius(of covariances: [Covariance]) -> Double? {
    let radii = covariances.map(\.meanRadius).filter { $0 > 0 && $0.isFinite }.sorted()
    return radii.isEmpty ? nil : radii[radii.count / 2]
  }
}

// What is known of a project's images when they are not there.

import Core

/// Size, timepoints and calibration of images, from the images themselves, from the copy of their XML inside
/// the project, or from the name of a stand-in such as `x=100 y=100 z=10 sx=1 sy=1 sz=2 t=50.dummy`.
public struct ImagesDescription: Equatable, Sendable {
  /// Size in voxels of the first setup.
  public var size: Size3
  /// Voxel size of the first setup in world units.
  public var voxelSize: VoxelSize
  /// Name of the world unit; empty when it is not known.
  public var unit: String
  /// Number of timepoints.
  public var timepoints: Int
  /// Number of setups.
  public var setups: Int

  /// A description with these values.
  public init(size: Size3, voxelSize: VoxelSize, unit: String, timepoints: Int, setups: Int) {
    self.size = size
    self.voxelSize = voxelSize
    self.unit = unit
    self.timepoints = timepoints
    self.setups = setups
  }

  /// The description in the file name of a stand-in; nil when the name is none. Missing keys are 1, words
  /// that are no `key=number` are passed over.
  init?(dummyName name: String) {
    guard name.hasSuffix(".dummy") else { return nil }
    self.init(size: Size3(x: 1, y: 1, z: 1), voxelSize: .one, unit: "", timepoints: 1, setups: 1)
    for word in name.dropLast(6).split(whereSeparator: \.isWhitespace) {
      let parts = word.split(separator: "=", maxSplits: 1)
      guard parts.count == 2, let value = Double(parts[1]), value > 0, value < 1e9 else { continue }
      switch parts[0] {
      case "x": size.x = Int(value)
      case "y": size.y = Int(value)
      case "z": size.z = Int(value)
      case "t": timepoints = Int(value)
      case "sx": voxelSize.x = value
      case "sy": voxelSize.y = value
      case "sz": voxelSize.z = value
      default: break
      }
    }
  }
}

// Where a training sample is cut out of an image, and how it is stretched, turned and mirrored: ELEPHANT's
// augmentation (elephant-server 3.2, 3.3) as one affine map from the voxels of the sample to those of the image, so
// that an image is interpolated once and labels lie exactly on it.
//
// A plan is drawn from random numbers and is data then: frames of a flow sample and their labels are cut by the same
// one. What ELEPHANT gets wrong is not reproduced: turning works without stretching; a turned sample keeps its
// stretch and shows the image in its corners as far as there is any, and black only outside of it.

import Core
import Glibc
import Imaging

/// How samples are cut and varied. Sizes are voxels of the network's input.
public struct CropOptions: Sendable, Equatable {
  /// Size of a sample; cut to the image, and rounded up to what the network needs.
  public var size = Size3(x: 256, y: 256, z: 16)
  /// How much samples are stretched: an axis shows between 1 - s and 1 + s times as much of the image, where s is
  /// this number for the finest axis and less for coarser ones. At least 0 and below 1.
  public var scaleFactorBase = 0.0
  /// Samples are turned about z by up to so many degrees, in whole degrees; 0 to 180.
  public var rotationAngle = 0.0
  /// Whether axes are mirrored at random.
  public var flips = true

  /// ELEPHANT's defaults.
  public init() {}

  /// Throws `.argument` for values out of range.
  public func check() throws {
    func require(_ condition: Bool, _ message: String) throws {
      if !condition { throw HowdahError(.argument, message) }
    }
    try require(
      size.x > 0 && size.y > 0 && size.z > 0, "training_crop_size must be at least 1 everywhere")
    try require(
      scaleFactorBase >= 0 && scaleFactorBase < 1,
      "aug_scale_factor_base must be at least 0 and below 1, not \(scaleFactorBase)")
    try require(
      rotationAngle >= 0 && rotationAngle <= 180,
      "aug_rotation_angle must be from 0 to 180 degrees, not \(rotationAngle)")
  }
}

/// The size that images are brought to before the network sees them (ELEPHANT's "rescale"). Corner voxels stay where
/// they are.
public struct InputGrid: Sendable, Equatable {
  /// Size of the image.
  public let image: Size3
  /// Size of what the network sees of it.
  public let size: Size3

  /// The grid of an image that is rescaled by these factors; sizes are truncated as ELEPHANT does, and are at
  /// least 1. Throws `.argument` unless the factors are above 0.
  public init(_ image: Size3, rescale: VoxelSize = .one) throws {
    self.image = image
    var size = image
    for axis in Axis.allCases {
      let factor = rescale[axis]
      guard factor > 0, factor.isFinite, Double(image[axis]) * factor < 1e6 else {
        throw HowdahError(.argument, "rescale must be above 0 and small enough, not \(factor)")
      }
      size[axis] = max(1, Int(Double(image[axis]) * factor))
    }
    self.size = size
  }

  /// Image voxels that one voxel of the grid covers along an axis.
  public func step(_ axis: Axis) -> Double {
    size[axis] > 1 ? Double(image[axis] - 1) / Double(size[axis] - 1) : 1
  }

  /// The voxel of the grid that an image voxel lies in.
  func voxel(of point: Size3) -> Size3 {
    var result = point
    for axis in Axis.allCases where image[axis] != size[axis] {
      result[axis] = min(size[axis] - 1, Int(Double(point[axis]) / step(axis)))
    }
    return result
  }
}

/// One sample's place in an image.
public struct CropPlan: Sendable, Equatable {
  /// Size of the sample, which fits the network's poolings.
  public var size: Size3
  /// Voxels of the input grid that it covers along its own axes.
  public var extent: Size3
  /// The middle of it in the input grid.
  public var center: WorldPoint
  /// How far it is turned, in degrees: the content appears turned counter-clockwise, y being down.
  public var degrees = 0
  /// Which axes are mirrored.
  public var flipped: (x: Bool, y: Bool, z: Bool) = (false, false, false)

  /// A plan of these parts, neither turned nor mirrored.
  public init(size: Size3, extent: Size3, center: WorldPoint) {
    self.size = size
    self.extent = extent
    self.center = center
  }

  /// Draw a plan.
  ///
  /// - Parameters:
  ///   - base: a voxel of the grid that the sample, before it is turned, shows; nil for anywhere.
  ///   - spacing: world size of an image voxel; coarse axes are stretched less.
  ///   - multiples: what the sample's size must be a multiple of.
  public init(
    _ options: CropOptions, in grid: InputGrid, around base: Size3?, spacing: VoxelSize,
    multiples: Size3, using random: inout SeededRandom
  ) {
    let finest = min(spacing.x, spacing.y, spacing.z)
    extent = options.size
    size = Self.size(of: options, in: grid, multiples: multiples)
    for axis in Axis.allCases {
      let whole = grid.size[axis]
      let crop = min(options.size[axis], whole)
      extent[axis] = crop
      guard options.scaleFactorBase > 0 else { continue }
      let s = options.scaleFactorBase * finest / spacing[axis]
      let low = min(whole, max(1, Int((Double(crop) * (1 - s)).rounded(.toNearestOrEven))))
      let high = min(whole + 1, Int(Double(crop) * (1 + s)) + 1)
      extent[axis] = low + random.below(max(1, high - low))
    }
    let limit = Int(options.rotationAngle)
    if limit > 0 { degrees = random.below(2 * limit + 1) - limit }
    // What a turned sample shows of the unturned image.
    let angle = Double(degrees) * Double.pi / 180
    let growth = abs(cos(angle)) + abs(sin(angle))
    center = .zero
    for axis in Axis.allCases {
      let whole = grid.size[axis]
      var shown = extent[axis]
      if axis != .z, degrees != 0 {
        shown = min(whole, Int((Double(shown) * growth).rounded(.up)))
      }
      var origin = 0...max(0, whole - shown)
      if let base {
        let b = min(base[axis], whole - 1)
        origin = max(0, b - (shown - 1))...max(max(0, b - (shown - 1)), min(whole - shown, b))
      }
      let first = origin.lowerBound + random.below(origin.count)
      center[axis] = Double(first) + Double(shown - 1) / 2
    }
    if options.flips {
      flipped = (random.below(2) == 1, random.below(2) == 1, random.below(2) == 1)
    }
  }

  /// The size of a sample: what was asked for, cut to the grid, rounded up to the multiples.
  static func size(of options: CropOptions, in grid: InputGrid, multiples: Size3) -> Size3 {
    var size = options.size
    for axis in Axis.allCases {
      let crop = min(size[axis], grid.size[axis])
      size[axis] = (crop + multiples[axis] - 1) / multiples[axis] * multiples[axis]
    }
    return size
  }

  /// How many voxels of the input grid one voxel of the sample covers along an axis.
  public func zoom(_ axis: Axis) -> Double {
    size[axis] > 1 ? Double(extent[axis] - 1) / Double(size[axis] - 1) : 1
  }

  /// The map from voxels of the sample to voxels of the image.
  public func map(_ grid: InputGrid) -> Affine3 {
    var scale = WorldPoint.zero
    var offset = WorldPoint.zero
    for axis in Axis.allCases {
      let isFlipped = axis == .x ? flipped.x : axis == .y ? flipped.y : flipped.z
      scale[axis] = isFlipped ? -zoom(axis) : zoom(axis)
      let middle = size[axis] > 1 ? Double(extent[axis] - 1) / 2 : 0
      offset[axis] = isFlipped ? middle : -middle
    }
    var turn = Matrix3.identity
    if degrees != 0 {
      let angle = Double(degrees) * Double.pi / 180
      turn = Matrix3([cos(angle), -sin(angle), 0], [sin(angle), cos(angle), 0], [0, 0, 1])
    }
    let steps = WorldPoint(x: grid.step(.x), y: grid.step(.y), z: grid.step(.z))
    let scaling = Matrix3([scale.x, 0, 0], [0, scale.y, 0], [0, 0, scale.z])
    let rescaling = Matrix3([steps.x, 0, 0], [0, steps.y, 0], [0, 0, steps.z])
    return Affine3(
      linear: rescaling * turn * scaling, translation: rescaling * (turn * offset + center))
  }

  /// The voxels of the image that the sample shows, nil when there are none.
  public func box(_ grid: InputGrid) -> VoxelBox? {
    let last = WorldPoint(x: Double(size.x - 1), y: Double(size.y - 1), z: Double(size.z - 1))
    let shown = map(grid).bounds(of: WorldBox(minimum: .zero, maximum: last))
    var box = VoxelBox(grid.image)
    for axis in Axis.allCases {
      let first = max(0, Int(shown.minimum[axis].rounded(.down)))
      let end = min(grid.image[axis], Int(shown.maximum[axis].rounded(.up)) + 1)
      guard first < end else { return nil }
      box.origin[axis] = first
      box.size[axis] = end - first
    }
    return box
  }

  /// Whether all parts are equal.
  public static func == (a: CropPlan, b: CropPlan) -> Bool {
    a.size == b.size && a.extent == b.extent && a.center == b.center && a.degrees == b.degrees
      && a.flipped == b.flipped
  }
}

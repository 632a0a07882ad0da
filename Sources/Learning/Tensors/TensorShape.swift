// The shape of a network tensor, with named axes. The memory order is always batch, channel, z, y, x with
// x fastest; a 2D tensor is one whose depth is 1, so that every layer is written once.

import Core

/// How many samples, channels and voxels a tensor has.
public struct TensorShape: Hashable, Sendable, CustomStringConvertible {
  /// Extent of each axis, at least 1.
  public var batch, channels, depth, height, width: Int

  /// A shape; every axis must be at least 1.
  public init(batch: Int = 1, channels: Int, depth: Int = 1, height: Int, width: Int) {
    self.batch = batch
    self.channels = channels
    self.depth = depth
    self.height = height
    self.width = width
  }

  /// A shape with these channels over a volume of this size.
  public init(batch: Int = 1, channels: Int, size: Size3) {
    self.init(batch: batch, channels: channels, depth: size.z, height: size.y, width: size.x)
  }

  /// The spatial size.
  public var size: Size3 { Size3(x: width, y: height, z: depth) }

  /// Voxels of one channel of one sample.
  public var voxels: Int { depth * height * width }

  /// Elements of one sample.
  public var sampleCount: Int { channels * voxels }

  /// All elements.
  public var count: Int { batch * sampleCount }

  /// All elements, or nil when an axis is below 1 or the product does not fit. For sizes from outside.
  public var checkedCount: Int? {
    guard batch > 0, channels > 0, depth > 0, height > 0, width > 0 else { return nil }
    var product = 1
    for axis in [batch, channels, depth, height, width] {
      let (next, overflow) = product.multipliedReportingOverflow(by: axis)
      if overflow { return nil }
      product = next
    }
    return product
  }

  /// The same batch and size with another number of channels.
  public func with(channels: Int) -> TensorShape {
    TensorShape(batch: batch, channels: channels, size: size)
  }

  /// The same batch and channels over another size.
  public func with(size: Size3) -> TensorShape {
    TensorShape(batch: batch, channels: channels, size: size)
  }

  /// For messages.
  public var description: String {
    "batch \(batch) x channels \(channels) x z \(depth) x y \(height) x x \(width)"
  }
}

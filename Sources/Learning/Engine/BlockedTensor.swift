// The engine's tensors: one sample, channels in blocks of 16, [block][z][y][x][16], padded with zero channels.

import Core
import Kernels

/// An activation of the engine.
struct BlockedTensor: Sendable {
  let block: FloatBlock
  let channels: Int
  let size: Size3

  /// Blocks of 16 channels.
  var blocks: Int { Self.blocks(channels) }
  var pointer: UnsafeMutablePointer<Float> { block.pointer }

  static func blocks(_ channels: Int) -> Int { (channels + 15) / 16 }

  init(channels: Int, size: Size3, in arena: FloatArena, lasting: Bool = false) throws {
    self.channels = channels
    self.size = size
    block = try arena.take(Self.blocks(channels) * 16 * size.count, lasting: lasting)
  }

  /// Channel c of voxel v.
  func offset(_ c: Int, _ v: Int) -> Int { ((c / 16) * size.count + v) * 16 + c % 16 }

  /// In plain order.
  func plain() -> Tensor {
    var result = Tensor(TensorShape(channels: channels, size: size))
    result.values.withUnsafeMutableBufferPointer { out in
      for c in 0..<channels {
        for v in 0..<size.count { out[c * size.count + v] = pointer[offset(c, v)] }
      }
    }
    return result
  }

  /// From plain order.
  init(_ tensor: Tensor, in arena: FloatArena) throws {
    try self.init(channels: tensor.shape.channels, size: tensor.shape.size, in: arena)
    block.clear()
    for c in 0..<channels {
      for v in 0..<size.count { pointer[offset(c, v)] = tensor.values[c * size.count + v] }
    }
  }
}

/// What a channel's stored value is multiplied by and what is added, padded to whole blocks. It stands for a
/// GroupNorm that is never written.
final class ChannelAffine: Sendable {
  let scale, shift: FloatBlock
  /// Mean and inverse deviation of each channel's group; empty without a GroupNorm.
  let means, inverses: [Double]

  /// The identity: scale 1, shift 0.
  init(channels: Int) {
    let count = BlockedTensor.blocks(channels) * 16
    scale = FloatBlock(zeros: count)
    shift = FloatBlock(zeros: count)
    (means, inverses) = ([], [])
    for c in 0..<channels { scale.pointer[c] = 1 }
  }

  /// A GroupNorm with these statistics a channel.
  init(means: [Double], inverses: [Double], weight: [Float], bias: [Float]) {
    let count = BlockedTensor.blocks(means.count) * 16
    scale = FloatBlock(zeros: count)
    shift = FloatBlock(zeros: count)
    self.means = means
    self.inverses = inverses
    for c in means.indices {
      let factor = Double(weight[c]) * inverses[c]
      scale.pointer[c] = Float(factor)
      shift.pointer[c] = Float(Double(bias[c]) - means[c] * factor)
    }
  }
}

/// A tensor as a layer reads it.
struct Source: Sendable {
  var tensor: BlockedTensor
  var affine: ChannelAffine
  /// Repetition of each voxel: along y and x by 2, along z by `zFactor`.
  var upsampled = false
  var zFactor = 1

  /// Plane z of a block as a layer of this size reads it, into a tensor of that size.
  func copyPlane(_ block: Int, _ z: Int, _ size: Size3, to all: UnsafeMutablePointer<Float>) {
    let (from, factor) = (tensor.size, upsampled ? 2 : 1)
    let (scale, shift) = (affine.scale.pointer + block * 16, affine.shift.pointer + block * 16)
    for y in 0..<size.y {
      for x in 0..<size.x {
        let v = ((block * from.z + z / zFactor) * from.y + y / factor) * from.x + x / factor
        let to = all + (((block * size.z + z) * size.y + y) * size.x + x) * 16
        for c in 0..<16 { to[c] = tensor.pointer[v * 16 + c] * scale[c] + shift[c] }
      }
    }
  }

  var kernelSource: nk_source {
    nk_source(
      data: UnsafePointer(tensor.pointer), scale: UnsafePointer(affine.scale.pointer),
      shift: UnsafePointer(affine.shift.pointer), blocks: Int32(tensor.blocks),
      depth: Int32(tensor.size.z), height: Int32(tensor.size.y), width: Int32(tensor.size.x),
      up_yx: upsampled ? 1 : 0, up_z: upsampled && zFactor == 2 ? 1 : 0)
  }
}

// The first convolution over plain input channels, and 1x1 convolutions with a folded scale and shift.

import Core
import Kernels

/// The first convolution of a network, with the residual that goes with it.
struct Stem {
  private let weights, bias: FloatBlock
  private let residual: FloatBlock?
  private let channels, taps: Int

  init(_ model: Model, _ keys: StageKeys, channels: Int) throws {
    let shape = model.specs[try model.position(of: keys.conv1 + ".weight")].shape
    self.channels = channels
    taps = shape.count == 5 ? 27 : 9
    let weight = try model[keys.conv1 + ".weight"]
    weights = Self.lanes(weight, outputs: shape[0], inner: channels * taps)
    bias = Self.lanes(try model[keys.conv1 + ".bias"], outputs: shape[0], inner: 1)
    residual = try keys.residual.map {
      Self.lanes(try model[$0], outputs: shape[0], inner: channels)
    }
  }

  /// [out][inner] as [out block][inner][16 out].
  private static func lanes(_ values: [Float], outputs: Int, inner: Int) -> FloatBlock {
    let block = FloatBlock(zeros: BlockedTensor.blocks(outputs) * 16 * inner)
    for o in 0..<outputs {
      for i in 0..<inner {
        block.pointer[(o / 16 * inner + i) * 16 + o % 16] = values[o * inner + i]
      }
    }
    return block
  }

  /// Writes the activated convolution to `middle` and the residual, if any, to `output`.
  func run(
    _ input: Tensor, slope: Float, middle: BlockedTensor, residual output: BlockedTensor?,
    sums: FloatBlock?, _ arena: FloatArena, _ kernels: nk_kernels, _ team: Team,
    _ progress: Progress
  ) throws {
    let size = input.shape.size
    let padded = try Self.padded(input, border: taps == 27 ? 1 : 0, arena)
    let (weights, bias, residual, channels, taps) = (weights, bias, residual, channels, taps)
    try team.run(size.z, progress) { z, _ in
      kernels.stem(
        padded.pointer, Int32(channels), size.x + 2, Int32(taps), Int32(size.z), Int32(size.y),
        Int32(size.x), weights.pointer, bias.pointer, slope, Int32(middle.blocks), middle.pointer,
        sums?.pointer, residual?.pointer, output?.pointer, Int32(z))
    }
  }

  /// The input with a border of zeros: one voxel along y and x, `border` along z.
  static func padded(_ input: Tensor, border: Int, _ arena: FloatArena) throws -> FloatBlock {
    let s = input.shape
    let (row, plane) = (s.width + 2, (s.width + 2) * (s.height + 2))
    // A step of the kernel may read up to 16 floats behind the last row.
    let block = try arena.take(s.channels * (s.depth + 2 * border) * plane + 16)
    block.clear()
    input.values.withUnsafeBufferPointer { values in
      for c in 0..<s.channels {
        for z in 0..<s.depth {
          for y in 0..<s.height {
            let from = values.baseAddress! + ((c * s.depth + z) * s.height + y) * s.width
            let to =
              block.pointer + (c * (s.depth + 2 * border) + z + border) * plane + (y + 1) * row + 1
            to.update(from: from, count: s.width)
          }
        }
      }
    }
    return block
  }
}

/// A 1x1(x1) convolution whose weights take in the scale and shift of its source.
struct FoldedPointwise: Sendable {
  /// [out block][in block][16 in][16 out].
  let weights: FloatBlock
  let constant: FloatBlock

  init(weight: [Float], bias: [Float]?, outputs: Int, source: Source) {
    let inputs = source.tensor.channels
    let inBlocks = source.tensor.blocks
    weights = FloatBlock(zeros: BlockedTensor.blocks(outputs) * inBlocks * 256)
    constant = FloatBlock(zeros: BlockedTensor.blocks(outputs) * 16)
    for o in 0..<outputs {
      var sum = Double(bias?[o] ?? 0)
      for i in 0..<inputs {
        let w = weight[o * inputs + i]
        weights.pointer[(o / 16 * inBlocks + i / 16) * 256 + i % 16 * 16 + o % 16] =
          w * source.affine.scale.pointer[i]
        sum += Double(w) * Double(source.affine.shift.pointer[i])
      }
      constant.pointer[o] = Float(sum)
    }
  }
}

// The weights of one 3x3(x3) convolution as the kernels read them.

import Core
import Kernels

/// Which Winograd form a layer takes.
struct WinogradForm: Hashable, Sendable {
  /// Outputs of a tile along y and x: 2 or 4.
  var m: Int
  /// F(2, 3) along z as well.
  var pairs: Bool
}

/// A convolution's weights in blocks, and transformed for the forms that were asked for.
final class PackedConvolution {
  /// Channels of each source; each begins at a new block.
  let parts: [Int]
  let outputChannels: Int
  /// Taps along z: 1 or 3.
  let taps: Int
  let bias: FloatBlock
  /// [out block][in block][tap][16 in][16 out].
  private let packed: FloatBlock
  private var transformed: [WinogradForm: FloatBlock] = [:]

  var inBlocks: Int { parts.reduce(0) { $0 + BlockedTensor.blocks($1) } }
  var outBlocks: Int { BlockedTensor.blocks(outputChannels) }

  /// - Parameters:
  ///   - weight: [out][in][taps][3][3], `in` being the sum of the parts.
  ///   - bias: one number an output, or none.
  init(weight: [Float], bias: [Float]?, parts: [Int], outputChannels: Int, taps: Int) {
    self.parts = parts
    self.outputChannels = outputChannels
    self.taps = taps
    let (outBlocks, size) = (BlockedTensor.blocks(outputChannels), taps * 9)
    self.bias = FloatBlock(zeros: outBlocks * 16)
    for (o, value) in (bias ?? []).enumerated() { self.bias.pointer[o] = value }
    let inBlocks = parts.reduce(0) { $0 + BlockedTensor.blocks($1) }
    packed = FloatBlock(zeros: outBlocks * inBlocks * size * 256)
    let inputs = parts.reduce(0, +)
    let places = Self.places(parts)
    weight.withUnsafeBufferPointer { weight in
      for o in 0..<outputChannels {
        for i in 0..<inputs {
          let block = (o / 16 * inBlocks + places[i] / 16) * size
          let lane = places[i] % 16 * 16 + o % 16
          for t in 0..<size {
            packed.pointer[(block + t) * 256 + lane] = weight[(o * inputs + i) * size + t]
          }
        }
      }
    }
  }

  /// The padded channel of each input.
  private static func places(_ parts: [Int]) -> [Int] {
    var start = 0
    var result: [Int] = []
    for part in parts {
      result += start..<(start + part)
      start += BlockedTensor.blocks(part) * 16
    }
    return result
  }

  /// The weights for a plan; transformed once.
  func weights(_ plan: nk_plan, _ kernels: nk_kernels, _ team: Team) throws -> FloatBlock {
    let form = WinogradForm(m: Int(plan.m), pairs: plan.pairs != 0)
    if let known = transformed[form] { return known }
    var plan = plan
    let block = FloatBlock(zeros: nk_weight_count(&plan))
    let (inBlocks, size, source, fixed) = (inBlocks, taps * 9 * 256, packed, plan)
    try team.run(outBlocks * inBlocks, .none) { item, _ in
      withUnsafePointer(to: fixed) {
        kernels.transform_weights(
          $0, source.pointer + item * size, Int32(item / inBlocks), Int32(item % inBlocks),
          block.pointer)
      }
    }
    transformed[form] = block
    return block
  }
}

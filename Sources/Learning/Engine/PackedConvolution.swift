// The weights of one 3x3(x3) convolution as the kernels read them.

import Core
import Kernels

/// Which Winograd form a layer takes.
struct WinogradForm: Hashable, Sendable {
  /// Outputs of a tile along y and x: 2 or 4.
  var m: Int
  /// Outputs of a tile along z: 2 or 4, or 1 for plain taps.
  var z: Int
  /// Whether a source is upsampled, which takes other points for m = 4.
  var twice = false
}

/// A convolution's weights in blocks, and transformed for the forms that were asked for.
final class PackedConvolution {
  /// Taps along z: 1 or 3.
  let taps: Int
  /// Blocks of what comes in and goes out; each part begins at a new block.
  let inBlocks, outBlocks: Int
  let bias: FloatBlock
  private let parts: [Int]
  private let outputs: Int
  private let mirrored: Bool
  /// [out block][in block][tap][16 in][16 out].
  private let packed: FloatBlock
  private var transformed: [WinogradForm: FloatBlock] = [:]
  private var stale: Set<WinogradForm> = []

  /// - Parameters:
  ///   - weight: [outputs][inputs][taps][3][3], the inputs being the sum of the parts.
  ///   - bias: one number an output, or none.
  ///   - mirrored: exchange inputs and outputs and mirror the taps: the gradient of the input.
  init(
    weight: [Float], bias: [Float]?, parts: [Int], outputChannels: Int, taps: Int,
    mirrored: Bool = false, _ team: Team
  ) throws {
    self.parts = parts
    self.taps = taps
    self.mirrored = mirrored
    outputs = outputChannels
    let partBlocks = parts.reduce(0) { $0 + BlockedTensor.blocks($1) }
    let outputBlocks = BlockedTensor.blocks(outputChannels)
    (inBlocks, outBlocks) = mirrored ? (outputBlocks, partBlocks) : (partBlocks, outputBlocks)
    self.bias = FloatBlock(zeros: outBlocks * 16)
    packed = FloatBlock(zeros: outBlocks * inBlocks * taps * 9 * 256)
    try update(weight: weight, bias: bias, team)
  }

  /// Take over new values.
  func update(weight: [Float], bias: [Float]?, _ team: Team) throws {
    stale = Set(transformed.keys)
    for (o, value) in (bias ?? []).enumerated() { self.bias.pointer[o] = value }
    let (inputs, outputs, size) = (parts.reduce(0, +), outputs, taps * 9)
    // The input of each padded channel, -1 for padding.
    var lanes = [Int](repeating: -1, count: parts.reduce(0) { $0 + BlockedTensor.blocks($1) } * 16)
    for (i, place) in Self.places(parts).enumerated() { lanes[place] = i }
    let (inputOf, mirrored, inBlocks, packed) = (lanes, mirrored, inBlocks, packed)
    try weight.withUnsafeBufferPointer { weight in
      let weight = Constant(weight)
      try team.run(outBlocks * inBlocks, .none) { item, _ in
        let (toBlock, fromBlock) = (item / inBlocks, item % inBlocks)
        let block = packed.pointer + item * size * 256
        for lane in 0..<256 {
          let (from, to) = (fromBlock * 16 + lane / 16, toBlock * 16 + lane % 16)
          let o = mirrored ? from : to
          let i = inputOf[mirrored ? to : from]
          if i < 0 || o >= outputs { continue }
          let source = weight.base + (o * inputs + i) * size
          for t in 0..<size { block[(mirrored ? size - 1 - t : t) * 256 + lane] = source[t] }
        }
      }
    }
  }

  /// The padded channel of each input.
  static func places(_ parts: [Int]) -> [Int] {
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
    let form = WinogradForm(m: Int(plan.m), z: Int(plan.z), twice: plan.twice != 0)
    if let known = transformed[form], !stale.contains(form) { return known }
    var plan = plan
    let block = transformed[form] ?? FloatBlock(zeros: nk_weight_count(&plan))
    stale.remove(form)
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

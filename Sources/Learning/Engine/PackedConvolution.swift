// The weights of one 3x3(x3) convolution as the kernels read them.

import Core
import Kernels

/// A convolution's weights in blocks, and transformed for the forms that were asked for.
final class PackedConvolution {
  /// Taps along z: 1 or 3.
  let taps: Int
  /// Blocks of what comes in and goes out; each part begins at a new block.
  let inBlocks, outBlocks: Int
  let bias: FloatBlock
  private let parts: [Int]
  private let outputs: Int
  let mirrored: Bool
  /// Measured errors of forms: see `Engine.form`.
  var errors: [WinogradForm: Double] = [:]
  /// The form of the last pass.
  var lastForm: WinogradForm?
  /// [out block][in block][tap][16 in][16 out].
  private let packed: FloatBlock
  private var transformed: [WinogradForm: FloatBlock] = [:]
  /// The forms whose transformed weights are those of now.
  private var current: Set<WinogradForm> = []
  /// Whether the weights are those of the model; false until the first `update`.
  private(set) var isCurrent = false

  /// Room for the weights; `update` fills it.
  ///
  /// - Parameters:
  ///   - parts: channels of what is concatenated.
  ///   - mirrored: exchange inputs and outputs and mirror the taps: the gradient of the input.
  init(parts: [Int], outputChannels: Int, taps: Int, mirrored: Bool = false) {
    self.parts = parts
    self.taps = taps
    self.mirrored = mirrored
    outputs = outputChannels
    let partBlocks = parts.reduce(0) { $0 + BlockedTensor.blocks($1) }
    let outputBlocks = BlockedTensor.blocks(outputChannels)
    (inBlocks, outBlocks) = mirrored ? (outputBlocks, partBlocks) : (partBlocks, outputBlocks)
    self.bias = FloatBlock(zeros: outBlocks * 16)
    packed = FloatBlock(uninitialized: outBlocks * inBlocks * taps * 9 * 256)
  }

  /// The model has new values; the next `update` takes them over.
  func outdate() { isCurrent = false }

  /// Take over new values. When it is cancelled, the weights stay outdated.
  ///
  /// - Parameters:
  ///   - weight: [outputs][inputs][taps][3][3], the inputs being the sum of the parts.
  ///   - bias: one number an output, or none.
  func update(weight: [Float], bias: [Float]?, _ team: Team, _ progress: Progress) throws {
    isCurrent = false
    current = []
    for (o, value) in (bias ?? []).enumerated() { self.bias.pointer[o] = value }
    let (inputs, outputs, size) = (parts.reduce(0, +), outputs, taps * 9)
    // The input of each padded channel, -1 for padding.
    var lanes = [Int](repeating: -1, count: parts.reduce(0) { $0 + BlockedTensor.blocks($1) } * 16)
    for (i, place) in Self.places(parts).enumerated() { lanes[place] = i }
    let (inputOf, mirrored, inBlocks, packed) = (lanes, mirrored, inBlocks, packed)
    try weight.withUnsafeBufferPointer { weight in
      let weight = Constant(weight)
      try team.run(outBlocks * inBlocks, progress) { item, _ in
        let (toBlock, fromBlock) = (item / inBlocks, item % inBlocks)
        let block = packed.pointer + item * size * 256
        for lane in 0..<256 {
          let (from, to) = (fromBlock * 16 + lane / 16, toBlock * 16 + lane % 16)
          let o = mirrored ? from : to
          let i = inputOf[mirrored ? to : from]
          if i < 0 || o >= outputs {
            for t in 0..<size { block[t * 256 + lane] = 0 }
            continue
          }
          let source = weight.base + (o * inputs + i) * size
          for t in 0..<size { block[(mirrored ? size - 1 - t : t) * 256 + lane] = source[t] }
        }
      }
    }
    isCurrent = true
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
  func weights(_ plan: nk_plan, _ kernels: nk_kernels, _ team: Team, _ progress: Progress) throws
    -> FloatBlock
  {
    let form = WinogradForm(m: Int(plan.m), z: Int(plan.z), twice: plan.twice != 0)
    if let known = transformed[form], current.contains(form) { return known }
    var plan = plan
    let block: FloatBlock
    if let old = transformed[form] {
      block = old
    } else {
      // The transform writes all of it.
      block = FloatBlock(uninitialized: nk_weight_count(&plan))
      try block.touch(team, progress)
    }
    let (inBlocks, size, source, fixed) = (inBlocks, taps * 9 * 256, packed, plan)
    try team.run(outBlocks * inBlocks, progress) { item, _ in
      withUnsafePointer(to: fixed) {
        kernels.transform_weights(
          $0, source.pointer + item * size, Int32(item / inBlocks), Int32(item % inBlocks),
          block.pointer)
      }
    }
    transformed[form] = block
    current.insert(form)
    return block
  }

  /// The sum of a voxel by the definition: bias and all taps over `inputs` ([in block][z][y][x][16] of this size),
  /// for 16 outputs of one block.
  func direct(_ voxel: (x: Int, y: Int, z: Int), _ inputs: FloatBlock, _ size: Size3, block: Int)
    -> SIMD16<Double>
  {
    var sum = SIMD16<Double>.zero
    for o in 0..<16 { sum[o] = Double(bias.pointer[block * 16 + o]) }
    for tap in 0..<(taps * 9) {
      let (x, y) = (voxel.x + tap % 3 - 1, voxel.y + tap / 3 % 3 - 1)
      let z = voxel.z + (taps == 3 ? tap / 9 - 1 : 0)
      if x < 0 || y < 0 || z < 0 || x >= size.x || y >= size.y || z >= size.z { continue }
      for from in 0..<inBlocks {
        let weights = packed.pointer + ((block * inBlocks + from) * taps * 9 + tap) * 256
        let values = inputs.pointer + (((from * size.z + z) * size.y + y) * size.x + x) * 16
        for i in 0..<16 {
          let row = UnsafeRawPointer(weights + i * 16).loadUnaligned(as: SIMD16<Float>.self)
          sum += Double(values[i]) * SIMD16<Double>(row)
        }
      }
    }
    return sum
  }
}

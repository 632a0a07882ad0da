// Which Winograd form a convolution takes: the one with the fewest multiplications whose error is small. Large tiles
// amplify rounding, how much depends on the weights and on what they meet, so the error of each layer is measured.

import Core
import Kernels

/// A form of a convolution of 3x3(x3) taps.
struct WinogradForm: Hashable, Sendable {
  /// Outputs of a tile along y and x: 2 or 4.
  var m: Int
  /// Outputs of a tile along z: 2 or 4, or 1 for plain taps.
  var z: Int
  /// Whether a source is upsampled, which takes other points for m = 4.
  var twice = false

  /// The form that takes the fewest multiplications, within what the precision allows.
  static func choose(_ size: Size3, taps: Int, upsampled: Bool, _ precision: Precision)
    -> WinogradForm
  {
    func tiles(_ m: Int) -> Int { ((size.x + m - 1) / m) * ((size.y + m - 1) / m) }
    if precision == .exact { return WinogradForm(m: 2, z: 1, twice: upsampled) }
    var form = WinogradForm(m: tiles(4) * 36 < tiles(2) * 16 ? 4 : 2, z: 1, twice: upsampled)
    // Products a voxel of depth: all taps that are inside, or the components of the tiles.
    var products = taps == 3 ? 3 * size.z - 2 : size.z
    for z in [2, 4] where taps == 3 {
      let count = (size.z + z - 1) / z * (z + 2)
      if count < products { (form.z, products) = (z, count) }
    }
    return form
  }

  /// The next form that rounds less, nil for the exact one.
  var safer: WinogradForm? {
    if z > 1 { return WinogradForm(m: m, z: z / 2, twice: twice) }
    return m > 2 ? WinogradForm(m: 2, z: 1, twice: twice) : nil
  }
}

/// The form that a layer took.
public struct LayerForm: Sendable {
  /// Name of the layer's weights, without `.weight`.
  public let layer: String
  /// Outputs of a tile along y and x, and along z (1 for plain taps).
  public let tile, tileZ: Int
  /// Root mean square of the error beside that of the layer's sums, measured in double precision; nil for the
  /// exact form, which is not measured.
  public let error: Double?
}

extension Engine {
  /// The largest error of a layer. F(4x4x4) makes 2e-6 to 6e-6 on trained networks and on fresh ones.
  static let largestError = 2e-5

  /// The layers' forms in the last pass, by name; without the first layer, which is computed by definition.
  public var layerForms: [LayerForm] {
    convolutions.sorted { $0.key < $1.key }.compactMap { name, packed in
      packed.lastForm.map {
        LayerForm(layer: name, tile: $0.m, tileZ: $0.z, error: packed.errors[$0])
      }
    }
  }

  /// The form of a layer: the most economical one, or when its error on what the layer reads is too large, the next
  /// that is more exact. An error is measured once, in the first pass after the engine was made. Gradients take the
  /// most economical form: what they lose is far below their noise.
  func form(
    _ packed: PackedConvolution, _ sources: [Source], _ size: Size3, _ arena: FloatArena,
    _ progress: Progress
  ) throws -> WinogradForm {
    var form = WinogradForm.choose(
      size, taps: packed.taps, upsampled: sources.contains { $0.upsampled }, precision)
    while precision == .fast, !packed.mirrored, let safer = form.safer {
      if packed.errors[form] == nil {
        packed.errors[form] = try error(of: form, packed, sources, size, arena, progress)
      }
      if packed.errors[form]! <= Self.largestError { break }
      form = safer
    }
    packed.lastForm = form
    return form
  }

  /// The error of a form in the middle of what a layer reads, against the definition in double precision.
  private func error(
    of form: WinogradForm, _ packed: PackedConvolution, _ sources: [Source], _ size: Size3,
    _ arena: FloatArena, _ progress: Progress
  ) throws -> Double {
    let window = Size3(x: min(12, size.x), y: min(12, size.y), z: min(4, size.z))
    // Even, so that voxels of upsampled sources stay whole.
    func middle(_ axis: Axis) -> Int { (size[axis] - window[axis]) / 4 * 2 }
    let origin = Size3(x: middle(.x), y: middle(.y), z: middle(.z))
    let parts = try sources.map { try $0.cropped(origin, window, arena) }
    let output = try BlockedTensor(channels: packed.outBlocks * 16, size: window, in: arena)
    _ = try convolve(
      packed, form, parts, into: output, add: false, factor: 1, slope: 1, progress
    ) { _ in nil }
    // What the convolution reads: concatenated, upsampled, scaled and shifted.
    let inputs = try arena.take(packed.inBlocks * window.count * 16)
    var first = 0
    for part in parts {
      for item in 0..<(part.tensor.blocks * window.z) {
        part.copyPlane(
          item / window.z, item % window.z, window,
          to: inputs.pointer + first * window.count * 16)
      }
      first += part.tensor.blocks
    }
    var random = SeededRandom(seed: 1)
    let voxels = (0..<12).map { _ in
      (x: random.below(window.x), y: random.below(window.y), z: random.below(window.z))
    }
    // Its weights are only read.
    nonisolated(unsafe) let weights = packed
    let results = PieceResults<(square: Double, error: Double)>(
      count: voxels.count * packed.outBlocks)
    try team.run(voxels.count * packed.outBlocks, progress) { item, _ in
      let (voxel, block) = (voxels[item / weights.outBlocks], item % weights.outBlocks)
      let direct = weights.direct(voxel, inputs, window, block: block)
      let place = ((block * window.z + voxel.z) * window.y + voxel.y) * window.x + voxel.x
      let found = UnsafeRawPointer(output.pointer + place * 16)
        .loadUnaligned(as: SIMD16<Float>.self)
      let difference = SIMD16<Double>(found) - direct
      results.set(item, ((direct * direct).sum(), (difference * difference).sum()))
    }
    let square = results.all.reduce(0) { $0 + $1.square }
    return square > 0 ? (results.all.reduce(0) { $0 + $1.error } / square).squareRoot() : 0
  }
}

extension Source {
  /// What a layer reads of this source in a window; origin and size are even where it is upsampled.
  fileprivate func cropped(_ origin: Size3, _ window: Size3, _ arena: FloatArena) throws -> Source {
    let (f, g) = (upsampled ? 2 : 1, upsampled ? zFactor : 1)
    let size = Size3(x: window.x / f, y: window.y / f, z: window.z / g)
    var result = self
    result.tensor = try BlockedTensor(channels: tensor.channels, size: size, in: arena)
    for b in 0..<tensor.blocks {
      for z in 0..<size.z {
        for y in 0..<size.y {
          let from =
            ((b * tensor.size.z + origin.z / g + z) * tensor.size.y + origin.y / f + y)
            * tensor.size.x + origin.x / f
          let to = ((b * size.z + z) * size.y + y) * size.x
          (result.tensor.pointer + to * 16).update(
            from: tensor.pointer + from * 16, count: size.x * 16)
        }
      }
    }
    return result
  }
}

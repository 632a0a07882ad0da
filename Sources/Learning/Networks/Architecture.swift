// What a network is made of, as data: the three U-shaped networks of ELEPHANT differ only in the values here.
// Keys, order and shapes are those of ELEPHANT's state_dicts (elephant-server models, v0.7), so that files
// can be exchanged.

import Core

/// How the two 3x3(x3) convolutions of one stage are wired.
public enum BlockStyle: Hashable, Sendable {
  /// conv, activation, [GroupNorm], conv, activation, [GroupNorm].
  case plain(norm: Bool, slope: Float)
  /// activation2((residual(x) + conv2([GroupNorm](activation1(conv1(x))))) * scale), [GroupNorm], where
  /// residual is a 1x1(x1) convolution without bias.
  case residual(norm: Bool, innerSlope: Float, outerSlope: Float, scale: Float)

  /// Whether GroupNorm follows each activation.
  public var hasNorm: Bool {
    switch self {
    case .plain(let norm, _): norm
    case .residual(let norm, _, _, _): norm
    }
  }
}

/// The last activation, over the channels of each voxel.
public enum OutputActivation: String, Hashable, Sendable {
  case logSoftmax, tanh
}

/// A named parameter and its shape, as in a state_dict. Convolutions are [out, in, kz, ky, kx], in 2D
/// [out, in, ky, kx].
public struct ParameterSpec: Hashable, Sendable {
  /// Its name.
  public var name: String
  /// Extents, slowest axis first.
  public var shape: [Int]

  /// A named shape.
  public init(name: String, shape: [Int]) {
    self.name = name
    self.shape = shape
  }

  /// Number of elements.
  public var count: Int { shape.reduce(1, *) }
}

/// One encoder or decoder stage (or the base) with its place in the state_dict.
public struct Stage: Hashable, Sendable {
  /// Prefix of its keys, e.g. `encoder.0`.
  public var name: String
  /// Channels that come in and go out.
  public var inputChannels, outputChannels: Int
  /// How the stage is wired.
  public var style: BlockStyle
}

/// A U-shaped network: encoder stages with pooling between, a base, decoder stages over the concatenation of
/// skip and upsampled channels (in this order), and a 1x1(x1) convolution with an activation.
public struct Architecture: Hashable, Sendable {
  /// Its name.
  public var name: String
  /// 2 or 3.
  public var dimensions: Int
  /// Channels that come in and go out.
  public var inputChannels, outputChannels: Int
  /// Channels of the encoder stages, the base last. Their number less one is the number of poolings.
  public var widths: [Int]
  /// How encoder stages and base, and decoder stages, are wired.
  public var encoderStyle, decoderStyle: BlockStyle
  /// The last activation.
  public var output: OutputActivation

  /// The number of poolings.
  public var depth: Int { widths.count - 1 }

  /// ELEPHANT's channels; a narrower list makes a network for weak machines.
  public static let standardWidths = [16, 32, 64, 128, 256]

  /// The detection network of ELEPHANT: image to log-probabilities of background, border and center.
  public static func unet(dimensions: Int = 3, widths: [Int] = standardWidths) -> Architecture {
    let style = BlockStyle.plain(norm: true, slope: 0)
    return Architecture(
      name: "UNet", dimensions: dimensions, inputChannels: 1, outputChannels: 3, widths: widths,
      encoderStyle: style, decoderStyle: style, output: .logSoftmax)
  }

  /// The flow network of ELEPHANT: two frames to the displacement along x, y (and z), between -1 and 1.
  public static func flowResNet(dimensions: Int = 3, widths: [Int] = standardWidths) -> Architecture
  {
    Architecture(
      name: "FlowResNet", dimensions: dimensions, inputChannels: 2, outputChannels: dimensions,
      widths: widths,
      encoderStyle: .residual(norm: false, innerSlope: 0.1, outerSlope: 0.1, scale: 0.5),
      decoderStyle: .plain(norm: false, slope: 0.1), output: .tanh)
  }

  /// The residual variant of the detection network that ELEPHANT's code holds besides `unet`.
  public static func resUNet(dimensions: Int = 3, widths: [Int] = standardWidths) -> Architecture {
    Architecture(
      name: "ResUNet", dimensions: dimensions, inputChannels: 1, outputChannels: 3, widths: widths,
      encoderStyle: .residual(norm: true, innerSlope: 0, outerSlope: 0.1, scale: 1),
      decoderStyle: .plain(norm: true, slope: 0), output: .logSoftmax)
  }

  /// Throws `.argument` when a size makes no sense.
  public func check() throws {
    guard dimensions == 2 || dimensions == 3 else {
      throw HowdahError(.argument, "a network has 2 or 3 dimensions, not \(dimensions)")
    }
    guard (2...9).contains(widths.count), widths.allSatisfy({ (1...4096).contains($0) }),
      (1...64).contains(inputChannels), (1...64).contains(outputChannels)
    else {
      throw HowdahError(
        .argument, "widths must be 2 to 9 numbers from 1 to 4096, channels 1 to 64: \(widths)")
    }
    for width in widths where (encoderStyle.hasNorm || decoderStyle.hasNorm) {
      guard width % GroupNorm.groups(channels: width) == 0 else {
        throw HowdahError(
          .argument,
          "width \(width) does not divide into 32 groups for GroupNorm; "
            + "use at most 32 or a multiple of 32")
      }
    }
  }

  /// Encoder stages, from full resolution down.
  public var encoder: [Stage] {
    (0..<depth).map { level in
      Stage(
        name: "encoder.\(level)", inputChannels: level == 0 ? inputChannels : widths[level - 1],
        outputChannels: widths[level], style: encoderStyle)
    }
  }

  /// The stage at the lowest resolution.
  public var base: Stage {
    Stage(
      name: "base", inputChannels: widths[depth - 1], outputChannels: widths[depth],
      style: encoderStyle)
  }

  /// Decoder stages, from the deepest up; stage i works at level `depth - 1 - i`.
  public var decoder: [Stage] {
    (0..<depth).map { i in
      let level = depth - 1 - i
      return Stage(
        name: "decoder.\(i)", inputChannels: widths[level] + widths[level + 1],
        outputChannels: widths[level], style: decoderStyle)
    }
  }

  /// Every parameter in file order.
  public var parameters: [ParameterSpec] {
    var specs: [ParameterSpec] = []
    for stage in encoder + [base] + decoder { specs += parameters(of: stage) }
    specs.append(
      ParameterSpec(name: "out_conv.weight", shape: kernel(outputChannels, widths[0], 1)))
    specs.append(ParameterSpec(name: "out_conv.bias", shape: [outputChannels]))
    return specs
  }

  private func parameters(of stage: Stage) -> [ParameterSpec] {
    let keys = StageKeys(stage)
    let (from, to) = (stage.inputChannels, stage.outputChannels)
    var specs: [ParameterSpec] = []
    if let residual = keys.residual {
      specs.append(ParameterSpec(name: residual, shape: kernel(to, from, 1)))
    }
    for (conv, norm, inputs) in [(keys.conv1, keys.norm1, from), (keys.conv2, keys.norm2, to)] {
      specs.append(ParameterSpec(name: conv + ".weight", shape: kernel(to, inputs, 3)))
      specs.append(ParameterSpec(name: conv + ".bias", shape: [to]))
      if let norm {
        specs.append(ParameterSpec(name: norm + ".weight", shape: [to]))
        specs.append(ParameterSpec(name: norm + ".bias", shape: [to]))
      }
    }
    return specs
  }

  private func kernel(_ to: Int, _ from: Int, _ k: Int) -> [Int] {
    [to, from] + [Int](repeating: k, count: dimensions)
  }
}

/// The state_dict keys of one stage.
struct StageKeys {
  var residual: String?
  var conv1, conv2: String
  var norm1, norm2: String?

  init(_ stage: Stage) {
    let prefix = stage.name + "."
    switch stage.style {
    case .plain(let norm, _):
      conv1 = prefix + "0"
      conv2 = prefix + (norm ? "3" : "2")
      norm1 = norm ? prefix + "2" : nil
      norm2 = norm ? prefix + "5" : nil
    case .residual(let norm, _, _, _):
      residual = prefix + "res.weight"
      conv1 = prefix + "conv1"
      conv2 = prefix + "conv2"
      norm1 = norm ? prefix + "norm1" : nil
      norm2 = norm ? prefix + "norm2" : nil
    }
  }
}

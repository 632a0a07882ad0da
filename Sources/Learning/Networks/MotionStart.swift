// Where a flow network begins. From random weights it has to find out by itself that motion is in the product of what
// changed in time and what changes in space; gradients say nothing of that before it has, so thousands of steps go by
// in which it learns to answer nothing. Here the first channels of each encoder stage begin as detectors of motion
// (as the motion energy of Adelson & Bergen 1985), one set for ways of each size, since a stage sees half the
// resolution of the one before. All are ordinary weights, which training then changes like the others.
//
// With a, the later frame minus the earlier one, and b, a derivative of their sum along an axis,
// |a + b| - |a - b| = 2 sign(ab) min(|a|, |b|): what `ab` says of motion along this axis, in proportion to the contrast
// and not to its square. Four channels hold the halves of |a + b| and |a - b|. The first channels of each decoder
// stage begin as their sums and differences, added up from stage to stage, and the output as the last of them: so a
// fresh network already has an idea of where things came from.

extension Model {
  /// Make the first channels of all stages detectors of motion. A network with a stage too narrow for them (less than
  /// 2 + 4 channels an axis), or that is no flow network, stays as it is.
  ///
  /// - Parameter maxDisplacement: how many voxels an output of 1 shall mean, about.
  public mutating func beginWithMotion(maxDisplacement: Double) {
    let detectors = 2 + 4 * architecture.dimensions
    guard architecture.inputChannels == 2, architecture.output == .tanh,
      architecture.outputChannels == architecture.dimensions,
      architecture.widths.allSatisfy({ $0 >= detectors }),
      case .residual(false, _, _, let scale) = architecture.encoderStyle,
      case .plain(false, let slope) = architecture.decoderStyle
    else { return }
    detectMotion(detectors, 1 / scale)
    // What a flow of 1 voxel gives at usual contrast, as measured on simulated pairs.
    readMotion(gain: Float(2 / maxDisplacement), pass: 1 / (1 + slope))
  }

  /// Encoder stages and base: two channels that pass on the frames, and four for each axis.
  private mutating func detectMotion(_ detectors: Int, _ unit: Float) {
    let dimensions = architecture.dimensions
    let (smooth, volume) = (Self.kernel(along: nil, dimensions), dimensions == 3 ? 27 : 9)
    for stage in architecture.encoder + [architecture.base] {
      guard let (first, second) = convolutions(stage),
        let r = try? position(of: stage.name + ".res.weight")
      else { return }
      let (inputs, outputs) = (stage.inputChannels, stage.outputChannels)
      for c in 0..<detectors {
        for i in 0..<inputs * volume { values[first][c * inputs * volume + i] = 0 }
        for i in 0..<outputs * volume { values[second][c * outputs * volume + i] = 0 }
        for i in 0..<inputs { values[r][c * inputs + i] = 0 }
      }
      for c in 0..<2 { values[r][c * inputs + c] = unit }
      for c in 2..<detectors {
        let (axis, kind) = ((c - 2) / 4, (c - 2) % 4)
        let derivative = Self.kernel(along: axis, dimensions)
        let (change, slope): (Float, Float) = (kind < 2 ? 2 : -2, kind % 2 == 0 ? 2 : -2)
        for k in 0..<volume {
          for frame in 0..<2 {
            let time: Float = frame == 0 ? -1 : 1
            values[first][(c * inputs + frame) * volume + k] =
              time * change * smooth[k] + slope * derivative[k]
          }
          values[second][(c * outputs + c) * volume + k] = smooth[k] * unit
        }
      }
    }
  }

  /// Decoder stages and output: two channels for each axis, for ways forward and backward along it.
  private mutating func readMotion(gain: Float, pass: Float) {
    let dimensions = architecture.dimensions
    let (smooth, volume) = (Self.kernel(along: nil, dimensions), dimensions == 3 ? 27 : 9)
    let signs: [Float] = [1, -1, -1, 1]
    for (i, stage) in architecture.decoder.enumerated() {
      guard let (first, second) = convolutions(stage) else { return }
      let (inputs, outputs) = (stage.inputChannels, stage.outputChannels)
      let level = Float(1 << (architecture.depth - 1 - i))
      for c in 0..<2 * dimensions {
        let (axis, sign): (Int, Float) = (c / 2, c % 2 == 0 ? 1 : -1)
        var a = [Float](repeating: 0, count: inputs * volume)
        var b = [Float](repeating: 0, count: outputs * volume)
        for k in 0..<volume {
          for (d, s) in signs.enumerated() {
            let detector = 2 + 4 * axis + d
            a[detector * volume + k] = sign * s * gain * level * smooth[k]
            // The base lies below the first of them, and has detectors of its own.
            if i == 0 {
              a[(outputs + detector) * volume + k] = sign * s * gain * 2 * level * smooth[k]
            }
          }
          for d in 0..<2 {
            b[(2 * axis + d) * volume + k] = sign * (d == 0 ? pass : -pass) * smooth[k]
          }
        }
        if i > 0 {
          for d in 0..<2 {
            a[(outputs + 2 * axis + d) * volume + volume / 2] = sign * (d == 0 ? pass : -pass)
          }
        }
        values[first].replaceSubrange(c * a.count..<(c + 1) * a.count, with: a)
        values[second].replaceSubrange(c * b.count..<(c + 1) * b.count, with: b)
      }
    }
    guard let out = try? position(of: "out_conv.weight") else { return }
    let width = architecture.widths[0]
    for i in values[out].indices { values[out][i] *= 0.1 }
    for d in 0..<dimensions {
      for c in 0..<2 * dimensions {
        values[out][d * width + c] = c / 2 != d ? 0 : c % 2 == 0 ? pass : -pass
      }
    }
  }

  /// Where the weights of a stage's two convolutions are.
  private func convolutions(_ stage: Stage) -> (Int, Int)? {
    let keys = StageKeys(stage)
    guard let first = try? position(of: keys.conv1 + ".weight"),
      let second = try? position(of: keys.conv2 + ".weight")
    else { return nil }
    return (first, second)
  }

  /// A smoothing kernel of 3 voxels a side, or one that takes the derivative along an axis (0 is x).
  private static func kernel(along axis: Int?, _ dimensions: Int) -> [Float] {
    let (smooth, derivative): ([Float], [Float]) = ([0.25, 0.5, 0.25], [-0.5, 0, 0.5])
    var result: [Float] = []
    for z in 0..<(dimensions == 3 ? 3 : 1) {
      for y in 0..<3 {
        for x in 0..<3 {
          let place = [x, y, z]
          result.append(
            (0..<dimensions).reduce(1) { $0 * ($1 == axis ? derivative : smooth)[place[$1]] })
        }
      }
    }
    return result
  }
}

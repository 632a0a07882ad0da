// Every operator and its gradient by definition, in doubles, one voxel at a time: what layers and kernels are
// compared with. Nothing here is clever, so that nothing here needs a test but the finite differences.

import Core

/// Channels over a volume; reading outside gives 0.
struct Grid {
  var channels: Int
  var size: Size3
  var values: [Double]

  init(
    _ channels: Int, _ size: Size3, _ value: (Int, Int, Int, Int) -> Double = { _, _, _, _ in 0 }
  ) {
    self.channels = channels
    self.size = size
    values = []
    for c in 0..<channels {
      for z in 0..<size.z {
        for y in 0..<size.y { for x in 0..<size.x { values.append(value(c, z, y, x)) } }
      }
    }
  }

  static func noise(_ channels: Int, _ size: Size3, _ random: inout SeededRandom) -> Grid {
    var r = random
    defer { random = r }
    // As floats, so that the kernels see the same numbers.
    return Grid(channels, size) { _, _, _, _ in Double(Float(r.uniform(-1, 1))) }
  }

  subscript(_ c: Int, _ z: Int, _ y: Int, _ x: Int) -> Double {
    get {
      z >= 0 && z < size.z && y >= 0 && y < size.y && x >= 0 && x < size.x
        ? values[index(c, z, y, x)] : 0
    }
    set {
      if z >= 0 && z < size.z && y >= 0 && y < size.y && x >= 0 && x < size.x {
        values[index(c, z, y, x)] = newValue
      }
    }
  }

  private func index(_ c: Int, _ z: Int, _ y: Int, _ x: Int) -> Int {
    ((c * size.z + z) * size.y + y) * size.x + x
  }

  func map(_ f: (Double) -> Double) -> Grid {
    var result = self
    result.values = values.map(f)
    return result
  }

  static func + (a: Grid, b: Grid) -> Grid {
    var result = a
    for i in a.values.indices { result.values[i] += b.values[i] }
    return result
  }

  /// Sum of products.
  func dot(_ other: Grid) -> Double { zip(values, other.values).reduce(0) { $0 + $1.0 * $1.1 } }
}

enum Reference {
  /// Offsets of the taps, z slowest.
  static func taps(_ kernel: Size3) -> [(z: Int, y: Int, x: Int)] {
    var result: [(z: Int, y: Int, x: Int)] = []
    for z in 0..<kernel.z {
      for y in 0..<kernel.y {
        for x in 0..<kernel.x {
          result.append((z - kernel.z / 2, y - kernel.y / 2, x - kernel.x / 2))
        }
      }
    }
    return result
  }

  static func convolve(_ x: Grid, _ weight: [Double], _ bias: [Double], _ kernel: Size3) -> Grid {
    let taps = taps(kernel)
    return Grid(bias.count, x.size) { o, z, y, xx in
      var sum = bias[o]
      for i in 0..<x.channels {
        for (t, d) in taps.enumerated() {
          sum += weight[(o * x.channels + i) * taps.count + t] * x[i, z + d.z, y + d.y, xx + d.x]
        }
      }
      return sum
    }
  }

  static func convolveInput(_ g: Grid, _ weight: [Double], inputs: Int, _ kernel: Size3) -> Grid {
    let taps = taps(kernel)
    return Grid(inputs, g.size) { i, z, y, xx in
      var sum = 0.0
      for o in 0..<g.channels {
        for (t, d) in taps.enumerated() {
          sum += weight[(o * inputs + i) * taps.count + t] * g[o, z - d.z, y - d.y, xx - d.x]
        }
      }
      return sum
    }
  }

  static func convolveWeights(_ x: Grid, _ g: Grid, _ kernel: Size3) -> [Double] {
    var result: [Double] = []
    for o in 0..<g.channels {
      for i in 0..<x.channels {
        for d in taps(kernel) {
          var sum = 0.0
          for z in 0..<g.size.z {
            for y in 0..<g.size.y {
              for xx in 0..<g.size.x { sum += g[o, z, y, xx] * x[i, z + d.z, y + d.y, xx + d.x] }
            }
          }
          result.append(sum)
        }
      }
    }
    return result
  }

  static func leaky(_ x: Grid, _ slope: Double) -> Grid { x.map { $0 > 0 ? $0 : slope * $0 } }

  static func leakyBackward(_ g: Grid, _ x: Grid, _ slope: Double) -> Grid {
    var result = g
    for i in g.values.indices where x.values[i] <= 0 { result.values[i] *= slope }
    return result
  }

  /// Mean and 1 / sqrt(variance + 1e-5) of each channel's group.
  static func statistics(_ x: Grid, groups: Int) -> [(mean: Double, inverse: Double)] {
    let count = x.channels / groups
    let part = count * x.size.count
    return (0..<x.channels).map { c in
      let group = x.values[(c / count * part)..<((c / count + 1) * part)]
      let mean = group.reduce(0, +) / Double(part)
      let variance = group.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(part)
      return (mean, 1 / (variance + 1e-5).squareRoot())
    }
  }

  static func groupNorm(_ x: Grid, groups: Int, _ weight: [Double], _ bias: [Double]) -> Grid {
    let s = statistics(x, groups: groups)
    return Grid(x.channels, x.size) { c, z, y, xx in
      (x[c, z, y, xx] - s[c].mean) * s[c].inverse * weight[c] + bias[c]
    }
  }

  static func groupNormBackward(_ g: Grid, _ x: Grid, groups: Int, _ weight: [Double]) -> (
    input: Grid, weight: [Double], bias: [Double]
  ) {
    let s = statistics(x, groups: groups)
    let normed = Grid(x.channels, x.size) { c, z, y, xx in
      (x[c, z, y, xx] - s[c].mean) * s[c].inverse
    }
    let (voxels, count) = (x.size.count, x.channels / groups)
    func channel(_ c: Int, _ a: Grid, _ b: Grid?) -> Double {
      (c * voxels..<(c + 1) * voxels).reduce(0) { $0 + a.values[$1] * (b?.values[$1] ?? 1) }
    }
    let dw = (0..<x.channels).map { channel($0, g, normed) }
    let db = (0..<x.channels).map { channel($0, g, nil) }
    let input = Grid(x.channels, x.size) { c, z, y, xx in
      let group = (c / count * count)..<(c / count * count + count)
      let n = Double(count * voxels)
      let mean = group.reduce(0) { $0 + weight[$1] * db[$1] } / n
      let product = group.reduce(0) { $0 + weight[$1] * dw[$1] } / n
      return s[c].inverse
        * (weight[c] * g[c, z, y, xx] - mean - normed[c, z, y, xx] * product)
    }
    return (input, dw, db)
  }

  static func pool(_ x: Grid, _ f: Int) -> Grid {
    Grid(x.channels, Size3(x: x.size.x / 2, y: x.size.y / 2, z: x.size.z / f)) { c, z, y, xx in
      window(f).map { x[c, z * f + $0.z, y * 2 + $0.y, xx * 2 + $0.x] }.max()!
    }
  }

  /// The first maximum of a window takes the gradient.
  static func poolBackward(_ g: Grid, _ x: Grid, _ f: Int) -> Grid {
    var result = Grid(x.channels, x.size)
    for c in 0..<g.channels {
      for z in 0..<g.size.z {
        for y in 0..<g.size.y {
          for xx in 0..<g.size.x {
            let places = window(f).map { (z * f + $0.z, y * 2 + $0.y, xx * 2 + $0.x) }
            let top = places.map { x[c, $0.0, $0.1, $0.2] }.max()!
            let first = places.first { x[c, $0.0, $0.1, $0.2] == top }!
            result[c, first.0, first.1, first.2] += g[c, z, y, xx]
          }
        }
      }
    }
    return result
  }

  private static func window(_ f: Int) -> [(z: Int, y: Int, x: Int)] {
    (0..<4 * f).map { ($0 / 4, $0 / 2 % 2, $0 % 2) }
  }

  static func upsample(_ x: Grid, _ f: Int) -> Grid {
    Grid(x.channels, Size3(x: x.size.x * 2, y: x.size.y * 2, z: x.size.z * f)) { c, z, y, xx in
      x[c, z / f, y / 2, xx / 2]
    }
  }

  static func upsampleBackward(_ g: Grid, _ f: Int) -> Grid {
    Grid(g.channels, Size3(x: g.size.x / 2, y: g.size.y / 2, z: g.size.z / f)) { c, z, y, xx in
      window(f).reduce(0) { $0 + g[c, z * f + $1.z, y * 2 + $1.y, xx * 2 + $1.x] }
    }
  }

  static func concatenate(_ a: Grid, _ b: Grid) -> Grid {
    var result = a
    result.channels += b.channels
    result.values += b.values
    return result
  }

  static func logSoftmax(_ x: Grid) -> Grid {
    Grid(x.channels, x.size) { c, z, y, xx in
      x[c, z, y, xx] - logarithm((0..<x.channels).reduce(0) { $0 + exponential(x[$1, z, y, xx]) })
    }
  }

  static func logSoftmaxBackward(_ g: Grid, output: Grid) -> Grid {
    Grid(g.channels, g.size) { c, z, y, xx in
      g[c, z, y, xx] - exponential(output[c, z, y, xx])
        * (0..<g.channels).reduce(0) { $0 + g[$1, z, y, xx] }
    }
  }

  static func tanh(_ x: Grid) -> Grid { x.map { 1 - 2 / (exponential(2 * $0) + 1) } }

  static func tanhBackward(_ g: Grid, output: Grid) -> Grid {
    var result = g
    for i in g.values.indices { result.values[i] *= 1 - output.values[i] * output.values[i] }
    return result
  }

  /// Linear resampling with the corners aligned: where a voxel reads, and how much.
  static func resample(_ x: Grid, _ size: Size3) -> Grid {
    Grid(x.channels, size) { c, z, y, xx in
      corners(x.size, size, z, y, xx).reduce(0) { $0 + $1.weight * x[c, $1.z, $1.y, $1.x] }
    }
  }

  static func resampleBackward(_ g: Grid, _ size: Size3) -> Grid {
    var result = Grid(g.channels, size)
    for c in 0..<g.channels {
      for z in 0..<g.size.z {
        for y in 0..<g.size.y {
          for xx in 0..<g.size.x {
            for k in corners(size, g.size, z, y, xx) {
              result[c, k.z, k.y, k.x] += k.weight * g[c, z, y, xx]
            }
          }
        }
      }
    }
    return result
  }

  private static func corners(_ from: Size3, _ to: Size3, _ z: Int, _ y: Int, _ x: Int) -> [(
    z: Int, y: Int, x: Int, weight: Double
  )] {
    func axis(_ v: Int, _ from: Int, _ to: Int) -> [(Int, Double)] {
      let p = to > 1 ? Double(v) * Double(from - 1) / Double(to - 1) : 0
      let low = min(Int(p), from - 1)
      return [(low, 1 - (p - Double(low))), (min(low + 1, from - 1), p - Double(low))]
    }
    return axis(z, from.z, to.z).flatMap { z in
      axis(y, from.y, to.y).flatMap { y in
        axis(x, from.x, to.x).map { x in (z.0, y.0, x.0, z.1 * y.1 * x.1) }
      }
    }
  }
}

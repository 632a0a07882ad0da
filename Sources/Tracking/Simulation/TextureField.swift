// Smooth random fields: chromatin inside nuclei and the slow unevenness of the background.

import Core

/// A periodic cube of smooth noise with mean 0 and standard deviation 1, read by trilinear interpolation.
/// Coarse lumps carry most of it, fine grain the rest, as in chromatin.
struct TextureField: Sendable {
  private static let side = 32
  private let values: [Float]

  init(seed: UInt64) {
    let n = TextureField.side
    func lattice(_ cells: Int, stream: UInt64) -> [Double] {
      var random = SeededRandom(seed: seed, stream: stream)
      return (0..<cells * cells * cells).map { _ in random.normal() }
    }
    let coarse = lattice(8, stream: 2)
    let fine = lattice(16, stream: 3)
    var field = [Double](repeating: 0, count: n * n * n)
    for z in 0..<n {
      for y in 0..<n {
        for x in 0..<n {
          field[(z * n + y) * n + x] =
            TextureField.smooth(coarse, 8, x, y, z) + 0.6 * TextureField.smooth(fine, 16, x, y, z)
        }
      }
    }
    let mean = field.reduce(0, +) / Double(field.count)
    let variance = field.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(field.count)
    let scale = 1 / variance.squareRoot()
    values = field.map { Float(($0 - mean) * scale) }
  }

  /// A periodic lattice of `cells` a side, interpolated smoothly at a voxel of the cube.
  private static func smooth(_ lattice: [Double], _ cells: Int, _ x: Int, _ y: Int, _ z: Int)
    -> Double
  {
    let step = side / cells
    func split(_ v: Int) -> (Int, Int, Double) {
      let f = Double(v % step) / Double(step)
      return (v / step, (v / step + 1) % cells, f * f * (3 - 2 * f))
    }
    let (x0, x1, fx) = split(x)
    let (y0, y1, fy) = split(y)
    let (z0, z1, fz) = split(z)
    func at(_ x: Int, _ y: Int, _ z: Int) -> Double { lattice[(z * cells + y) * cells + x] }
    func row(_ y: Int, _ z: Int) -> Double { at(x0, y, z) * (1 - fx) + at(x1, y, z) * fx }
    func plane(_ z: Int) -> Double { row(y0, z) * (1 - fy) + row(y1, z) * fy }
    return plane(z0) * (1 - fz) + plane(z1) * fz
  }

  /// The field at a place; one period is 32 units.
  @inline(__always)
  func value(_ x: Float, _ y: Float, _ z: Float) -> Float {
    values.withUnsafeBufferPointer { v in
      let n = TextureField.side
      let (fx, fy, fz) = (x.rounded(.down), y.rounded(.down), z.rounded(.down))
      let (ax, ay, az) = (x - fx, y - fy, z - fz)
      let x0 = Int(fx) & (n - 1)
      let y0 = (Int(fy) & (n - 1)) * n
      let z0 = (Int(fz) & (n - 1)) * n * n
      let x1 = (x0 + 1) & (n - 1)
      let y1 = (y0 + n) & (n * n - 1)
      let z1 = (z0 + n * n) & (n * n * n - 1)
      let a = v[z0 + y0 + x0] + ax * (v[z0 + y0 + x1] - v[z0 + y0 + x0])
      let b = v[z0 + y1 + x0] + ax * (v[z0 + y1 + x1] - v[z0 + y1 + x0])
      let c = v[z1 + y0 + x0] + ax * (v[z1 + y0 + x1] - v[z1 + y0 + x0])
      let d = v[z1 + y1 + x0] + ax * (v[z1 + y1 + x1] - v[z1 + y1 + x0])
      let near = a + ay * (b - a)
      let far = c + ay * (d - c)
      return near + az * (far - near)
    }
  }
}

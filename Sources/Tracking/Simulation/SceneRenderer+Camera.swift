// The light of a plane becomes grey values: uneven illumination, noise, the camera's defects, clipping.
//
//   x shading, steps between stitched tiles, flicker from plane to plane
//   shot noise, answer to single photons, read noise, offset
//   + hot and dead pixels; smoothing, as by denoising or resampling
//   clipping to the pixel format

import Core
import Imaging

extension SceneRenderer {
  /// Turn the light of a plane into grey values. The random numbers depend on seed, t and z alone.
  func expose<T: FixedWidthInteger>(
    _ light: [Float], _ smooth: Lattice, z: Int, t: Timepoint,
    into pixels: UnsafeMutableBufferPointer<T>
  ) {
    var random = SeededRandom(
      seed: o.seed, stream: 0x1_0000_0000 + UInt64(t) * UInt64(o.size.z) + UInt64(z))
    let maximum = o.bitDepth.maximum
    let height = Double(z) * o.voxelSize.z
    var fade = [Float](repeating: 1, count: smooth.columns)
    var values = [Float](repeating: 0, count: light.count)
    let flicker = defects.flicker(t: t, z: z, o)
    for y in 0..<o.size.y {
      let wy = Double(y) * o.voxelSize.y
      if o.attenuation.isFinite {
        for i in 0..<smooth.columns {
          let p = WorldPoint(x: Double(i) * smooth.step, y: wy, z: height)
          fade[i] = Float(exponential(-shape.depth(p) / o.attenuation))
        }
      }
      let gain = defects.alongY[y] * flicker
      for x in 0..<o.size.x {
        let (i, fx, base) = smooth.sample(x: Double(x) * o.voxelSize.x, y: wy)
        let a = fade[i] + fx * (fade[min(i + 1, fade.count - 1)] - fade[i])
        let lit = a * gain * defects.alongX[x]
        let photons = random.poisson(Double((light[y * o.size.x + x] + base) * lit))
        var value = photons
        if o.excessNoise > 0 && photons > 0 {
          value += o.excessNoise * photons.squareRoot() * random.normal()
        }
        value = value * o.gain + o.offset
        if o.readNoise > 0 { value += o.readNoise * random.normal() }
        values[y * o.size.x + x] = Float(min(maximum, max(0, value.rounded())))
      }
    }
    for pixel in defects.hot {
      let value = Double(values[pixel]) + o.gain * o.photons * random.uniform(0.5, 3)
      values[pixel] = Float(min(maximum, value.rounded()))
    }
    for pixel in defects.dead { values[pixel] = 0 }
    if o.smoothing > 0 {
      blur(&values, sigma: o.smoothing, along: .x)
      blur(&values, sigma: o.smoothing, along: .y)
    }
    for i in values.indices { pixels[i] = T(min(maximum, Double(values[i].rounded()))) }
  }
}

/// What is wrong with the illumination and the camera of a movie, the same in every frame.
struct CameraDefects: Sendable {
  /// Pixels of a plane that are always bright, and those that are always 0.
  let hot, dead: [Int]
  /// Relative illumination of columns and rows: shading and the steps between stitched tiles.
  let alongX, alongY: [Float]

  init(_ o: Simulator.Options) {
    let plane = o.size.x * o.size.y
    var random = SeededRandom(seed: o.seed, stream: 4)
    hot = (0..<Int(o.hotPixels * Double(plane))).map { _ in random.below(plane) }
    random = SeededRandom(seed: o.seed, stream: 5)
    dead = (0..<Int(o.deadPixels * Double(plane))).map { _ in random.below(plane) }
    alongX = CameraDefects.profile(o.size.x, o.shading.x, o.stitching, &random)
    alongY = CameraDefects.profile(o.size.y, o.shading.y, o.stitching, &random)
  }

  /// A straight slope, and beyond a random place another factor.
  private static func profile(
    _ count: Int, _ slope: Double, _ step: Double, _ random: inout SeededRandom
  ) -> [Float] {
    let seam = random.uniform(0.1, 0.9) * Double(count)
    let factor = exponential(step * random.normal())
    return (0..<count).map { i in
      let slanted = max(0.02, 1 + slope * ((Double(i) + 0.5) / Double(count) - 0.5))
      return Float(slanted * (step > 0 && Double(i) > seam ? factor : 1))
    }
  }

  /// The factor of a plane.
  func flicker(t: Timepoint, z: Int, _ o: Simulator.Options) -> Float {
    if o.flicker == 0 { return 1 }
    var random = SeededRandom(
      seed: o.seed, stream: 0x2_0000_0000_0000 + UInt64(t) * UInt64(o.size.z) + UInt64(z))
    return Float(exponential(o.flicker * random.normal()))
  }
}

/// Values on a coarse lattice over a plane, read by bilinear interpolation.
struct Lattice {
  let step: Double
  let columns, rows: Int
  let extent: (x: Double, y: Double)
  private var values: [Float]

  init(size: Size3, voxelSize: VoxelSize, step: Double) {
    self.step = step
    extent = (Double(size.x) * voxelSize.x, Double(size.y) * voxelSize.y)
    columns = Int(extent.x / step) + 2
    rows = Int(extent.y / step) + 2
    values = [Float](repeating: 0, count: columns * rows)
  }

  subscript(i: Int, j: Int) -> Float {
    get { values[j * columns + i] }
    set { values[j * columns + i] = newValue }
  }

  /// The value at a place in world units, with the column left of it and the way to the next one.
  @inline(__always)
  func sample(x: Double, y: Double) -> (column: Int, fraction: Float, value: Float) {
    let (u, v) = (x / step, y / step)
    let (i, j) = (Int(u), Int(v))
    let (fx, fy) = (Float(u - Double(i)), Float(v - Double(j)))
    let top = self[i, j] + fx * (self[i + 1, j] - self[i, j])
    let bottom = self[i, j + 1] + fx * (self[i + 1, j + 1] - self[i, j + 1])
    return (i, fx, top + fy * (bottom - top))
  }
}

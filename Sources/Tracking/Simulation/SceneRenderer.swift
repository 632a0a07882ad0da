// Drawing one frame of a simulated movie: nuclei through a microscope onto a camera.
//
// Each plane is drawn on its own, so any number of threads gives the same picture:
//   nuclei, integrated over the depth of the point-spread function      photons
//   blur within the plane
//   + haze around nuclei and autofluorescence of the tissue, both smooth
//   x attenuation with depth
//   camera (SceneRenderer+Camera.swift): uneven light, noise, defects, clipping

import Core
import Imaging

/// Draws the frames of one simulated movie. Immutable; used from several threads.
struct SceneRenderer: Sendable {
  let o: Simulator.Options
  let shape: TissueShape
  private let texture: TextureField
  let defects: CameraDefects
  /// Places along z, in standard deviations of the point-spread function, and their weights.
  private let depths: [(offset: Double, weight: Float)]
  /// Width of the soft edge of a nucleus as a share of its radius.
  private static let edge = 0.18
  /// Microns between the points of the coarse lattice on which smooth light is computed.
  private var latticeStep: Double { max(1, o.radius * 0.6) }

  init(_ options: Simulator.Options, shape: TissueShape) {
    o = options
    self.shape = shape
    texture = TextureField(seed: options.seed)
    let offsets = options.blurZ > 0 && options.size.z > 1 ? [-1.8, -0.9, 0, 0.9, 1.8] : [0]
    let weights = offsets.map { exponential(-$0 * $0 / 2) }
    let sum = weights.reduce(0, +)
    depths = zip(offsets, weights).map { ($0 * options.blurZ, Float($1 / sum)) }
    defects = CameraDefects(options)
  }

  /// The frame of timepoint `t`. Reports nothing; stops between planes.
  func render(_ nuclei: [Nucleus], t: Timepoint, progress: Progress) throws -> Volume {
    switch o.bitDepth {
    case .eight: return try render(nuclei, t, as: UInt8.self, progress)
    case .sixteen: return try render(nuclei, t, as: UInt16.self, progress)
    }
  }

  private func render<T: VoxelElement & FixedWidthInteger>(
    _ nuclei: [Nucleus], _ t: Timepoint, as: T.Type, _ progress: Progress
  ) throws -> Volume {
    let inverses = nuclei.map { $0.toUnitBall }
    let extents = nuclei.map { $0.halfExtent(.z) }
    let outer = 1 + SceneRenderer.edge + 1.5 * o.lumpiness
    let plane = o.size.x * o.size.y
    return try Volume.make(size: o.size, voxelSize: o.voxelSize, of: T.self) { voxels in
      nonisolated(unsafe) let voxels = voxels
      try parallelFor(o.size.z) { z in
        try progress.check()
        var light = [Float](repeating: 0, count: plane)
        let height = Double(z) * o.voxelSize.z
        for (i, nucleus) in nuclei.enumerated() {
          let reach = extents[i] * outer + 2 * o.blurZ
          if abs(height - nucleus.position.z) > reach { continue }
          draw(nucleus, inverses[i], atHeight: height, into: &light)
        }
        try progress.check()
        blur(&light, sigma: o.blur / o.voxelSize.x, along: .x)
        blur(&light, sigma: o.blur / o.voxelSize.y, along: .y)
        let smooth = smoothLight(nuclei, atHeight: height)
        expose(
          light, smooth, z: z, t: t,
          into: UnsafeMutableBufferPointer(rebasing: voxels[z * plane..<(z + 1) * plane]))
      }
    }
  }

  // MARK: Light of nuclei

  /// Add a nucleus's light to a plane, integrated over the depth of focus.
  private func draw(
    _ n: Nucleus, _ toBall: Matrix3, atHeight height: Double, into light: inout [Float]
  ) {
    let outer = 1 + SceneRenderer.edge + 1.5 * o.lumpiness
    let (vx, vy) = (o.voxelSize.x, o.voxelSize.y)
    let (hx, hy) = (n.halfExtent(.x) * outer, n.halfExtent(.y) * outer)
    let x0 = max(0, Int(((n.position.x - hx) / vx).rounded(.up)))
    let x1 = min(o.size.x - 1, Int(((n.position.x + hx) / vx).rounded(.down)))
    let y0 = max(0, Int(((n.position.y - hy) / vy).rounded(.up)))
    let y1 = min(o.size.y - 1, Int(((n.position.y + hy) / vy).rounded(.down)))
    if x0 > x1 || y0 > y1 { return }
    let rows = toBall.rows
    let inner = Float(1 - SceneRenderer.edge)
    let perEdge = Float(1 / (2 * SceneRenderer.edge))
    let strength = Float(n.texture * o.texture * 0.42)
    // Texture lives in the nucleus's own coordinates, so it moves and turns with it.
    let grain =
      SIMD3<Float>(
        Float(n.semiAxes.x), Float(n.semiAxes.y), Float(n.semiAxes.z)) * Float(9 / o.radius)
    let place = Float(n.cell % 1024) * 7.31
    let lumpiness = Float(o.lumpiness)
    let hollow = Float(o.hollowness)
    let nucleoli = o.nucleoli > 0 ? self.nucleoli(of: n) : []
    let dark = Float(o.nucleoli)
    for (offset, weight) in depths {
      let dz = height + offset - n.position.z
      let w = weight * Float(n.brightness * o.photons)
      for y in y0...y1 {
        let dy = Double(y) * vy - n.position.y
        let start = SIMD3<Float>(
          Float(rows.0.y * dy + rows.0.z * dz), Float(rows.1.y * dy + rows.1.z * dz),
          Float(rows.2.y * dy + rows.2.z * dz))
        let perX = SIMD3<Float>(Float(rows.0.x), Float(rows.1.x), Float(rows.2.x))
        for x in x0...x1 {
          let u = start + perX * Float(Double(x) * vx - n.position.x)
          let rho2 = (u * u).sum()
          if rho2 >= Float(outer * outer) { continue }
          var rho = rho2.squareRoot()
          if lumpiness > 0, rho > 0.5 {
            let g = u * 2.2
            rho *=
              1 + lumpiness * texture.value(g.x + place * 3.1, g.y + place, g.z + place * 0.7)
          }
          // A smooth step from 1 inside to 0 outside, one half on the ellipsoid.
          let f = min(1, max(0, (rho - inner) * perEdge))
          var value = w * (1 - f * f * (3 - 2 * f))
          if strength > 0 {
            let g = u * grain
            let v = texture.value(g.x + place, g.y + place * 1.7, g.z + place * 2.3)
            value *= max(0.15, 1 + strength * v)
          }
          if hollow > 0 { value *= 1 - hollow * max(0, 1 - 1.2 * rho2) }
          for p in nucleoli {
            let d = u - p.centre
            value *= 1 - dark / (1 + power4((d * d).sum() * p.perSquare))
          }
          light[y * o.size.x + x] += value
        }
      }
    }
  }

  /// One to three dark bodies inside a nucleus, in the coordinates of its unit ball. Plates have none.
  private func nucleoli(of n: Nucleus) -> [(centre: SIMD3<Float>, perSquare: Float)] {
    if n.isDebris || n.texture < 1 { return [] }
    var random = SeededRandom(seed: o.seed, stream: 0x8000_0000 + UInt64(n.cell))
    return (0..<1 + random.below(3)).map { _ in
      let p = random.direction() * random.uniform(0, 0.55)
      let radius = random.uniform(0.14, 0.34)
      return (SIMD3(Float(p.x), Float(p.y), Float(p.z)), Float(1 / (radius * radius)))
    }
  }

  @inline(__always)
  private func power4(_ x: Float) -> Float { x * x * x * x }

  /// Gaussian blur of a plane along one axis, borders reflected.
  func blur(_ light: inout [Float], sigma: Double, along axis: Axis) {
    let length = axis == .x ? o.size.x : o.size.y
    if sigma < 0.1 || length < 2 { return }
    let radius = min(Int((3 * sigma).rounded(.up)), length - 1)
    var taps = (0...radius).map {
      Float(exponential(-Double($0 * $0) / (2 * sigma * sigma)))
    }
    let sum = 2 * taps.reduce(0, +) - taps[0]
    taps = taps.map { $0 / sum }
    func reflect(_ i: Int) -> Int {
      i < 0 ? -i - 1 : i >= length ? 2 * length - 1 - i : i
    }
    let width = o.size.x
    let source = light
    source.withUnsafeBufferPointer { s in
      light.withUnsafeMutableBufferPointer { d in
        for y in 0..<o.size.y {
          for x in 0..<width { d[y * width + x] = taps[0] * s[y * width + x] }
          for k in 1..<taps.count {
            if axis == .x {
              for x in 0..<width {
                d[y * width + x] +=
                  taps[k] * (s[y * width + reflect(x - k)] + s[y * width + reflect(x + k)])
              }
            } else {
              let (a, b) = (reflect(y - k) * width, reflect(y + k) * width)
              for x in 0..<width { d[y * width + x] += taps[k] * (s[a + x] + s[b + x]) }
            }
          }
        }
      }
    }
  }

  // MARK: Smooth light

  /// Haze and autofluorescence of a plane on a coarse lattice, photons per voxel before attenuation.
  private func smoothLight(_ nuclei: [Nucleus], atHeight height: Double) -> Lattice {
    var lattice = Lattice(size: o.size, voxelSize: o.voxelSize, step: latticeStep)
    let unevenness = 9 / max(lattice.extent.x, lattice.extent.y)
    for j in 0..<lattice.rows {
      for i in 0..<lattice.columns {
        let (x, y) = (Double(i) * lattice.step, Double(j) * lattice.step)
        let p = WorldPoint(x: x, y: y, z: height)
        let tissue = shape.presence(p, softness: 4 * o.radius)
        let field = texture.value(
          Float(x * unevenness), Float(y * unevenness), Float(height * unevenness))
        lattice[i, j] = Float(o.background) * Float(0.35 + 0.65 * tissue) * max(0, 1 + 0.25 * field)
      }
    }
    if o.haze > 0 {
      for n in nuclei { addHaze(of: n, atHeight: height, to: &lattice) }
    }
    return lattice
  }

  /// A nucleus's haze: a Gaussian that widens away from its plane, as a cone of light does.
  private func addHaze(of n: Nucleus, atHeight height: Double, to lattice: inout Lattice) {
    let dz = abs(height - n.position.z)
    let zSpread = 1.6 * o.radius + 3 * o.blurZ
    if dz > 3 * zSpread { return }
    let sigma = 0.9 * o.radius + 0.35 * dz
    // In focus, haze has `haze` of the nucleus's own brightness; away from it the same light is spread
    // over a wider disc.
    let focus = (0.9 * o.radius / sigma) * (0.9 * o.radius / sigma)
    let size = n.volume / (4.19 * o.radius * o.radius * o.radius)
    let peak =
      o.haze * n.brightness * o.photons * focus * min(1.5, size)
      * exponential(-dz * dz / (2 * zSpread * zSpread))
    let s = lattice.step
    let reach = 2.6 * sigma
    let i0 = max(0, Int(((n.position.x - reach) / s).rounded(.up)))
    let i1 = min(lattice.columns - 1, Int(((n.position.x + reach) / s).rounded(.down)))
    let j0 = max(0, Int(((n.position.y - reach) / s).rounded(.up)))
    let j1 = min(lattice.rows - 1, Int(((n.position.y + reach) / s).rounded(.down)))
    if i0 > i1 || j0 > j1 { return }
    let perSquare = -1 / (2 * sigma * sigma)
    let alongX = (i0...i1).map { i -> Float in
      let d = Double(i) * s - n.position.x
      return Float(exponential(d * d * perSquare))
    }
    for j in j0...j1 {
      let d = Double(j) * s - n.position.y
      let row = Float(peak * exponential(d * d * perSquare))
      for i in i0...i1 { lattice[i, j] += row * alongX[i - i0] }
    }
  }
}

// Where the tissue of a simulated movie is: a region of space that nuclei are kept in, the depth below its
// surface, and the smooth drift that carries everything along.

import Core

/// The region that holds the nuclei, a little larger than the field of view where tissue goes on.
struct TissueShape: Sendable {
  let shape: Simulator.Shape
  let isFlat: Bool
  /// The region's box (for an ellipsoid its bounding box).
  let box: WorldBox
  /// The field of view, from the outer faces of the first voxels to those of the last.
  let field: WorldBox
  /// Nuclei to place in the region at the first frame.
  let nuclei: Int
  /// Height of a layer's surface in the middle, its slopes and its thickness.
  private let layer: (height: Double, alongX: Double, alongY: Double, thickness: Double)

  init(_ o: Simulator.Options) {
    shape = o.shape
    isFlat = o.size.z == 1
    let v = o.voxelSize
    let low = WorldPoint(x: -v.x / 2, y: -v.y / 2, z: -v.z / 2)
    let extent = WorldPoint(
      x: Double(o.size.x) * v.x, y: Double(o.size.y) * v.y, z: Double(o.size.z) * v.z)
    field = WorldBox(minimum: low, maximum: low + extent)
    var half = extent * 0.5
    if shape == .ellipsoid { half = half * 0.92 }
    if isFlat { half.z = 0 }

    // As large as the nuclei need at this density, but not larger than the field of view.
    let area = 4 * half.x * half.y
    let rounding = shape != .ellipsoid ? 1 : isFlat ? 0.785 : 0.5236
    let available = area * (isFlat ? 1 : 2 * half.z) * rounding
    let each = TissueShape.nucleusMeasure(o)
    let needed = o.nuclei.map { max(1, Double($0)) * each / o.density } ?? available
    let share = min(1, needed / available)
    var thickness = Double.infinity
    if shape == .layer {
      thickness = max(needed / area, 1.5 * o.radius)
    } else {
      half = half * power(share, isFlat ? 0.5 : 1.0 / 3.0)
    }
    layer = (
      low.z + o.surfaceHeight * extent.z, o.surfaceSlope.x * extent.z / extent.x,
      o.surfaceSlope.y * extent.z / extent.y, thickness
    )

    // Tissue that fills the field goes on beyond it, so that nuclei at the rim are cut by it.
    let margin = shape == .ellipsoid || share < 1 && shape == .filled ? 0 : 1.2 * o.radius
    let grow = WorldPoint(x: margin, y: margin, z: isFlat ? 0 : margin * 0.6)
    let centre =
      isFlat
      ? WorldPoint(x: (low + extent * 0.5).x, y: (low + extent * 0.5).y, z: 0)
      : low + extent * 0.5
    box = WorldBox(minimum: centre - half - grow, maximum: centre + half + grow)
    let outer = half + grow
    let beyond = outer.x * outer.y / (half.x * half.y) * (isFlat ? 1 : outer.z / half.z)
    nuclei = Int(((o.nuclei.map(Double.init) ?? available * o.density / each) * beyond).rounded())
  }

  /// Volume of a typical nucleus, or its area in 2D.
  static func nucleusMeasure(_ o: Simulator.Options) -> Double {
    let r = o.radius
    return o.size.z == 1 ? Double.pi * r * r : 4.0 / 3.0 * Double.pi * r * r * r * o.flatness
  }

  /// Volume of the region, or its area in 2D.
  var measure: Double {
    let e = box.maximum - box.minimum
    let area = e.x * e.y
    switch shape {
    case .filled: return area * (isFlat ? 1 : e.z)
    case .layer: return area * (isFlat ? 1 : min(layer.thickness, e.z))
    case .ellipsoid: return isFlat ? area * 0.785 : area * e.z * 0.5236
    }
  }

  /// Height (z) of the tissue's surface above a point; light comes from small z.
  func surface(x: Double, y: Double) -> Double {
    let centre = (box.minimum + box.maximum) * 0.5
    switch shape {
    case .filled: return box.minimum.z
    case .layer:
      return layer.height + layer.alongX * (x - centre.x) + layer.alongY * (y - centre.y)
    case .ellipsoid:
      let half = (box.maximum - box.minimum) * 0.5
      let u = (x - centre.x) / half.x
      let v = (y - centre.y) / half.y
      return centre.z - half.z * max(0, 1 - u * u - v * v).squareRoot()
    }
  }

  /// How deep a point lies below the surface, at least 0.
  func depth(_ p: WorldPoint) -> Double { max(0, p.z - surface(x: p.x, y: p.y)) }

  /// How far inside the tissue a point is, from 0 (outside) to 1 (deeper than `softness`).
  func presence(_ p: WorldPoint, softness: Double) -> Double {
    switch shape {
    case .filled: return 1
    case .layer:
      let d = p.z - surface(x: p.x, y: p.y)
      return min(1, max(0, min(d, layer.thickness - d) / softness + 0.5))
    case .ellipsoid:
      let rho = ellipsoidRadius(p)
      let half = (box.maximum - box.minimum) * 0.5
      return min(1, max(0, (1 - rho) * min(half.x, half.y) / softness + 0.5))
    }
  }

  func contains(_ p: WorldPoint) -> Bool { inward(p, depth: 0) == .zero }

  /// The step that brings a point back into the region shrunk by `depth`; zero inside.
  func inward(_ p: WorldPoint, depth: Double) -> WorldPoint {
    var q = p
    for axis in Axis.allCases where !(isFlat && axis == .z) {
      let margin = min(depth, (box.maximum[axis] - box.minimum[axis]) / 2)
      q[axis] = min(max(q[axis], box.minimum[axis] + margin), box.maximum[axis] - margin)
    }
    if isFlat { q.z = 0 }
    switch shape {
    case .filled: break
    case .layer:
      let top = surface(x: q.x, y: q.y)
      let margin = min(depth, layer.thickness / 2)
      q.z = min(max(q.z, top + margin), top + layer.thickness - margin)
    case .ellipsoid:
      let rho = ellipsoidRadius(p)
      let half = (box.maximum - box.minimum) * 0.5
      let limit = max(0.1, 1 - depth / min(half.x, half.y, isFlat ? half.x : half.z))
      if rho > limit {
        let centre = (box.minimum + box.maximum) * 0.5
        q = centre + (p - centre) * (limit / rho)
      } else {
        q = p
      }
    }
    return q - p
  }

  private func ellipsoidRadius(_ p: WorldPoint) -> Double {
    let d = p - (box.minimum + box.maximum) * 0.5
    let half = (box.maximum - box.minimum) * 0.5
    let (u, v, w) = (d.x / half.x, d.y / half.y, isFlat ? 0 : d.z / half.z)
    return (u * u + v * v + w * w).squareRoot()
  }

  /// A point of the region.
  func randomPoint(_ random: inout SeededRandom) -> WorldPoint {
    var p = WorldPoint.zero
    for _ in 0..<200 {
      p = WorldPoint(
        x: random.uniform(box.minimum.x, box.maximum.x),
        y: random.uniform(box.minimum.y, box.maximum.y),
        z: isFlat ? 0 : random.uniform(box.minimum.z, box.maximum.z))
      if contains(p) { return p }
    }
    return p + inward(p, depth: 0)
  }
}

/// A smooth velocity field: a few plane waves that change slowly. Its root mean square is the speed.
struct DriftField: Sendable {
  private struct Wave: Sendable {
    var direction, wavevector: WorldPoint
    var frequency, phase: Double
  }
  private let waves: [Wave]
  private let amplitude: Double

  init(_ o: Simulator.Options, _ random: inout SeededRandom) {
    let extent = max(Double(o.size.x) * o.voxelSize.x, Double(o.size.y) * o.voxelSize.y)
    let isFlat = o.size.z == 1
    waves = (0..<4).map { _ in
      var d = random.direction()
      d.z *= isFlat ? 0 : 0.4
      // Waves across their own direction: the flow neither gathers nor thins nuclei.
      var k = random.direction()
      let along = (k.x * d.x + k.y * d.y + k.z * d.z) / max(d.squaredDistance(to: .zero), 1e-9)
      k = k - d * along
      let length = max(k.squaredDistance(to: .zero).squareRoot(), 1e-9)
      k = k * (2 * Double.pi / (extent * random.uniform(0.8, 2.5) * length))
      return Wave(
        direction: d, wavevector: k, frequency: random.uniform(-0.15, 0.15),
        phase: random.uniform(0, 2 * Double.pi))
    }
    let power = waves.reduce(0) { $0 + $1.direction.squaredDistance(to: .zero) / 2 }
    amplitude = o.speed / max(power, 1e-9).squareRoot()
  }

  /// Displacement during frame `t` of what is at `p`.
  func velocity(_ p: WorldPoint, t: Int) -> WorldPoint {
    var v = WorldPoint.zero
    for w in waves {
      let k = w.wavevector
      let angle = k.x * p.x + k.y * p.y + k.z * p.z + w.frequency * Double(t) + w.phase
      v = v + w.direction * (amplitude * cosine(angle))
    }
    return v
  }
}

// Where the tissue of a simulated movie is: a region of space that nuclei are kept in, and the depth below its
// surface.

import Core

/// The region that holds the nuclei, a little larger than the field of view where tissue goes on.
struct TissueShape: Sendable {
  let shape: Simulator.Shape
  let isFlat: Bool
  /// Whether the tissue goes on beyond the box: what drifts out of it is gone, and others come.
  let isOpen: Bool
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
    isOpen = o.rim == .open && shape != .ellipsoid
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
    let share = isOpen ? 1 : min(1, needed / available)
    var thickness = Double.infinity
    if shape == .layer {
      thickness = max(needed / area, 1.5 * o.radius)
    } else {
      half = half * power(share, isFlat ? 0.5 : 1.0 / 3.0)
    }
    let slope = TissueShape.slope(o)
    layer = (low.z + o.surfaceHeight * extent.z, slope.x, slope.y, thickness)

    if isOpen {
      let rim = TissueRim.width(o)
      var outer = WorldBox(minimum: field.minimum - rim, maximum: field.maximum + rim)
      if isFlat {
        (outer.minimum.z, outer.maximum.z) = (0, 0)
      } else if shape == .layer {
        let fall =
          0.5 * (abs(slope.x) * (extent.x + 2 * rim.x) + abs(slope.y) * (extent.y + 2 * rim.y))
        (outer.minimum.z, outer.maximum.z) = (layer.height - fall, layer.height + fall + thickness)
      }
      box = outer
      let e = outer.maximum - outer.minimum
      let inView = area * (isFlat ? 1 : shape == .layer ? thickness : 2 * half.z)
      let all = e.x * e.y * (isFlat ? 1 : shape == .layer ? thickness : e.z)
      let wanted = o.nuclei.map(Double.init) ?? inView * o.density / each
      nuclei = TissueShape.count(wanted * all / inView)
      return
    }
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
    nuclei = TissueShape.count(
      (o.nuclei.map(Double.init) ?? available * o.density / each) * beyond)
  }

  /// The most nuclei that a tissue may hold, with those outside the view.
  static let mostNuclei = 4_000_000

  /// A number of nuclei; one more than may be for all that are too many.
  private static func count(_ nuclei: Double) -> Int {
    nuclei > 0 ? Int(min(nuclei.rounded(), Double(mostNuclei + 1))) : 0
  }

  /// How much a layer's surface falls along x and y, micrometres a micrometre.
  static func slope(_ o: Simulator.Options) -> (x: Double, y: Double) {
    let depth = Double(o.size.z) * o.voxelSize.z
    return (
      o.surfaceSlope.x * depth / (Double(o.size.x) * o.voxelSize.x),
      o.surfaceSlope.y * depth / (Double(o.size.y) * o.voxelSize.y)
    )
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

  /// Whether a point is in the box along the axes on which an open tissue goes on.
  func reaches(_ p: WorldPoint) -> Bool {
    Axis.allCases.allSatisfy { axis in
      axis == .z && (isFlat || shape == .layer)
        || p[axis] >= box.minimum[axis] && p[axis] <= box.maximum[axis]
    }
  }

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

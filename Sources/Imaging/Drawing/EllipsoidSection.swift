// What a plane shows of an ellipsoid: the ellipse in which it cuts it, or the outline of its
// shadow. The surface is { p : (p - c)^T C^-1 (p - c) = 1 }, as in Mastodon.

import Core

/// A plane of two world axes, as pictures show it.
public enum PlaneView: String, Sendable, CaseIterable {
  /// x to the right, y down, seen along z.
  case xy
  /// x to the right, z down, seen along y.
  case xz
  /// z to the right, y down, seen along x: fits beside `xy` with y in common.
  case yz

  /// The axis that runs to the right.
  public var horizontal: Axis { self == .yz ? .z : .x }
  /// The axis that runs downwards.
  public var vertical: Axis { self == .xz ? .z : .y }
  /// The axis that one looks along.
  public var normal: Axis {
    switch self {
    case .xy: .z
    case .xz: .y
    case .yz: .x
    }
  }
}

/// Ellipses of ellipsoids in axis-aligned planes.
public enum EllipsoidSection {
  /// The ellipse in which a plane at `position` along the view's normal cuts an ellipsoid, in the
  /// view's horizontal and vertical world coordinates; nil when it does not reach the plane.
  ///
  /// With d = position - centre along the normal n and c = (C_hn, C_vn): the matrix is
  /// (C_2x2 - c c^T / C_nn)(1 - d^2 / C_nn), the centre moves by c d / C_nn.
  public static func slice(
    center: WorldPoint, covariance: Covariance, view: PlaneView, at position: Double
  ) -> Ellipse? {
    let (h, v, n) = (view.horizontal, view.vertical, view.normal)
    let depth = covariance[n, n]
    let d = position - center[n]
    guard depth > 0, d * d < depth else { return nil }
    let (ch, cv) = (covariance[h, n], covariance[v, n])
    let scale = 1 - d * d / depth
    return Ellipse(
      x: center[h] + ch * d / depth, y: center[v] + cv * d / depth,
      xx: (covariance[h, h] - ch * ch / depth) * scale,
      xy: (covariance[h, v] - ch * cv / depth) * scale,
      yy: (covariance[v, v] - cv * cv / depth) * scale)
  }

  /// The outline of an ellipsoid seen along the view's normal: the 2x2 block of its covariance.
  public static func projection(
    center: WorldPoint, covariance: Covariance, view: PlaneView
  ) -> Ellipse {
    let (h, v) = (view.horizontal, view.vertical)
    return Ellipse(
      x: center[h], y: center[v], xx: covariance[h, h], xy: covariance[h, v],
      yy: covariance[v, v])
  }
}

extension Covariance {
  /// One element by its two axes.
  subscript(a: Axis, b: Axis) -> Double {
    switch (a, b) {
    case (.x, .x): xx
    case (.y, .y): yy
    case (.z, .z): zz
    case (.x, .y), (.y, .x): xy
    case (.x, .z), (.z, .x): xz
    case (.y, .z), (.z, .y): yz
    }
  }
}

// Lines, discs and ellipses with soft edges: a pixel is covered as far as the distance of its
// centre from the edge says, which is within a few per cent of its true covered area.

import Glibc

/// An ellipse in a plane: { p : (p - c)^T M^-1 (p - c) = 1 } with M = [[xx, xy], [xy, yy]].
public struct Ellipse: Hashable, Sendable {
  /// The centre.
  public var x, y: Double
  /// The matrix; its eigenvalues are the squared semi-axes.
  public var xx, xy, yy: Double

  /// From centre and matrix.
  public init(x: Double, y: Double, xx: Double, xy: Double, yy: Double) {
    self.x = x
    self.y = y
    self.xx = xx
    self.xy = xy
    self.yy = yy
  }

  /// A circle.
  public init(x: Double, y: Double, radius: Double) {
    self.init(x: x, y: y, xx: radius * radius, xy: 0, yy: radius * radius)
  }

  /// The ellipse after scaling and then shifting the plane along its two axes.
  public func mapped(scale: (x: Double, y: Double), offset: (x: Double, y: Double)) -> Ellipse {
    Ellipse(
      x: x * scale.x + offset.x, y: y * scale.y + offset.y, xx: xx * scale.x * scale.x,
      xy: xy * scale.x * scale.y, yy: yy * scale.y * scale.y)
  }

  /// The semi-axes, smaller one first; 0 for a matrix that is none.
  public var radii: (Double, Double) {
    let mean = (xx + yy) / 2
    let spread = ((xx - yy) * (xx - yy) / 4 + xy * xy).squareRoot()
    return (max(0, mean - spread).squareRoot(), max(0, mean + spread).squareRoot())
  }

  var isFinite: Bool {
    x.isFinite && y.isFinite && xx.isFinite && xy.isFinite && yy.isFinite
  }
}

extension Canvas {
  /// A straight line with round ends.
  public mutating func line(
    from start: (x: Double, y: Double), to end: (x: Double, y: Double), _ color: Color,
    width lineWidth: Double = 1
  ) {
    let (dx, dy) = (end.x - start.x, end.y - start.y)
    let lengthSquared = dx * dx + dy * dy
    guard lengthSquared.isFinite, lineWidth > 0 else { return }
    let half = lineWidth / 2
    let reach = half + 0.5
    for row in rows(from: min(start.y, end.y) - reach, to: max(start.y, end.y) + reach) {
      let y = Double(row) + 0.5
      // The part of the line that can touch this row.
      var (t0, t1) = (0.0, 1.0)
      if dy != 0 {
        let a = (y - reach - start.y) / dy
        let b = (y + reach - start.y) / dy
        t0 = min(1, max(0, min(a, b)))
        t1 = max(0, min(1, max(a, b)))
      }
      let (xa, xb) = (start.x + t0 * dx, start.x + t1 * dx)
      for column in columns(from: min(xa, xb) - reach, to: max(xa, xb) + reach) {
        let px = Double(column) + 0.5 - start.x
        let py = y - start.y
        let t = lengthSquared > 0 ? min(1, max(0, (px * dx + py * dy) / lengthSquared)) : 0
        let distance = hypot(px - t * dx, py - t * dy)
        cover(color, column, row, half - distance, thin: lineWidth)
      }
    }
  }

  /// Straight lines through several points.
  public mutating func polyline(
    _ points: [(x: Double, y: Double)], _ color: Color, width: Double = 1
  ) {
    for (a, b) in zip(points, points.dropFirst()) { line(from: a, to: b, color, width: width) }
  }

  /// A filled disc.
  public mutating func disc(x: Double, y: Double, radius: Double, _ color: Color) {
    fill(Ellipse(x: x, y: y, radius: radius), color)
  }

  /// The outline of an ellipse. One thinner than the line becomes a dot.
  public mutating func stroke(_ ellipse: Ellipse, _ color: Color, width lineWidth: Double = 1) {
    scan(ellipse, margin: lineWidth / 2 + 0.5, tooThin: color, lineWidth) {
      canvas, x, y, distance in
      canvas.cover(color, x, y, lineWidth / 2 - abs(distance), thin: lineWidth)
    }
  }

  /// A filled ellipse. One thinner than a pixel becomes a dot.
  public mutating func fill(_ ellipse: Ellipse, _ color: Color) {
    scan(ellipse, margin: 0.5, tooThin: color, 1) { canvas, x, y, distance in
      canvas.cover(color, x, y, -distance, thin: 1)
    }
  }

  /// The outline of a rectangle of whole pixels, one pixel wide, drawn inside it.
  public mutating func frame(x: Int, y: Int, width w: Int, height h: Int, _ color: Color) {
    guard w > 0, h > 0 else { return }
    fill(x: x, y: y, width: w, height: 1, color)
    if h > 1 { fill(x: x, y: y + h - 1, width: w, height: 1, color) }
    if h > 2 {
      fill(x: x, y: y + 1, width: 1, height: h - 2, color)
      if w > 1 { fill(x: x + w - 1, y: y + 1, width: 1, height: h - 2, color) }
    }
  }

  /// Call `body` for the pixels of the box around an ellipse with the signed distance to its edge
  /// (negative inside), to first order.
  private mutating func scan(
    _ e: Ellipse, margin: Double, tooThin color: Color, _ lineWidth: Double,
    _ body: (inout Canvas, Int, Int, Double) -> Void
  ) {
    guard e.isFinite else { return }
    let determinant = e.xx * e.yy - e.xy * e.xy
    let small = e.radii.0
    guard determinant > 0, small >= 0.4 else {
      let radius = max(lineWidth / 2, 0.75)
      let reach = max(0, e.radii.1)
      // A needle or a point: its long axis as a line.
      let angle = 0.5 * atan2(2 * e.xy, e.xx - e.yy)
      let (ux, uy) = (cos(angle) * reach, sin(angle) * reach)
      line(from: (e.x - ux, e.y - uy), to: (e.x + ux, e.y + uy), color, width: 2 * radius)
      return
    }
    let (axx, axy, ayy) = (e.yy / determinant, -e.xy / determinant, e.xx / determinant)
    let (halfX, halfY) = (e.xx.squareRoot() + margin, e.yy.squareRoot() + margin)
    for row in rows(from: e.y - halfY, to: e.y + halfY) {
      let dy = Double(row) + 0.5 - e.y
      for column in columns(from: e.x - halfX, to: e.x + halfX) {
        let dx = Double(column) + 0.5 - e.x
        let (gx, gy) = (axx * dx + axy * dy, axy * dx + ayy * dy)
        let level = (dx * gx + dy * gy).squareRoot()
        let slope = hypot(gx, gy)
        let distance = slope > 0 ? (level - 1) * level / slope : -small
        body(&self, column, row, distance)
      }
    }
  }

  /// Blend a pixel whose centre lies `inside` pixels within an edge. Lines thinner than a pixel are
  /// drawn one pixel wide and fainter.
  @inline(__always)
  private mutating func cover(_ color: Color, _ x: Int, _ y: Int, _ inside: Double, thin: Double) {
    let coverage = thin < 1 ? min(thin, inside + 0.5) : inside + 0.5
    if coverage > 0 { blend(color, x: x, y: y, coverage: coverage) }
  }

  /// The rows of the canvas that a range of y touches.
  private func rows(from low: Double, to high: Double) -> Range<Int> {
    Self.pixels(low, high, height)
  }

  /// The columns of the canvas that a range of x touches.
  private func columns(from low: Double, to high: Double) -> Range<Int> {
    Self.pixels(low, high, width)
  }

  private static func pixels(_ low: Double, _ high: Double, _ count: Int) -> Range<Int> {
    let first = max(0, min(Double(count), low.rounded(.down)))
    let last = max(first, min(Double(count), high.rounded(.up)))
    return Int(first)..<Int(last)
  }
}

// A plane of labels as a picture: one colour a value, and voxels repeated, never mixed.

import Core

extension Canvas {
  /// A picture of a plane of labels: a volume of size 1 along the normal of the view.
  ///
  /// - Parameters:
  ///   - view: which axes the plane has; nil takes the first that fits.
  ///   - colors: of the values 0, 1, 2, ...; other values are white.
  ///   - scale: pixels a voxel along the view's horizontal and vertical axis.
  /// - Throws: `.argument` when the volume is no plane or the scale is not positive, `.limit` when the picture would
  ///   have over 2^28 pixels.
  public init(
    labels plane: Volume, view: PlaneView? = nil, colors: [Color], scale: (x: Double, y: Double)
  ) throws {
    guard let view = view ?? plane.planeView, plane.size[view.normal] == 1 else {
      throw HowdahError(
        .argument, "picture: a volume of \(plane.size) is no plane; slice or project it first")
    }
    let (columns, rows) = (plane.size[view.horizontal], plane.size[view.vertical])
    let width = max(1, (Double(columns) * scale.x).rounded())
    let height = max(1, (Double(rows) * scale.y).rounded())
    guard scale.x > 0, scale.y > 0, width.isFinite, height.isFinite else {
      throw HowdahError(.argument, "picture: the scale must be positive")
    }
    guard width * height <= Double(1 << 28) else {
      throw HowdahError(.limit, "picture: \(width) x \(height) pixels are too many; lower the zoom")
    }
    self.init(width: Int(width), height: Int(height))
    // The yz view runs along z to the right, which is the slow axis in memory.
    let (stepRight, stepDown) = view == .yz ? (rows, 1) : (1, columns)
    for y in 0..<self.height {
      let row = min(rows - 1, Int((Double(y) + 0.5) / scale.y)) * stepDown
      for x in 0..<self.width {
        let column = min(columns - 1, Int((Double(x) + 0.5) / scale.x))
        let value = Int(exactly: plane.value(at: row + column * stepRight)) ?? -1
        self[x, y] = colors.indices.contains(value) ? colors[value] : .white
      }
    }
  }
}

// A picture in memory that lines, ellipses, text and slices are drawn into.
//
// Coordinates are in pixels from the top left corner, y downwards; pixel (i, j) covers the square
// from (i, j) to (i + 1, j + 1), so its centre is at (i + 0.5, j + 0.5). Everything is clipped to
// the canvas and blended over what is there by its opacity. What is drawn with coordinates that are
// not finite is left out.

/// An RGBA picture with 8 bits a channel, not premultiplied.
public struct Canvas: Sendable {
  /// Width and height in pixels, at least 1.
  public let width, height: Int
  /// The pixels: red, green, blue, opacity; row by row from the top.
  public internal(set) var rgba: [UInt8]

  /// A canvas filled with one colour. Sizes below 1 become 1.
  public init(width: Int, height: Int, background: Color = .black) {
    self.width = max(1, width)
    self.height = max(1, height)
    rgba = []
    rgba.reserveCapacity(self.width * self.height * 4)
    for _ in 0..<self.width * self.height {
      rgba.append(background.r)
      rgba.append(background.g)
      rgba.append(background.b)
      rgba.append(background.a)
    }
  }

  /// The colour of a pixel; transparent outside.
  public subscript(x: Int, y: Int) -> Color {
    get {
      guard x >= 0, y >= 0, x < width, y < height else { return .clear }
      let i = (y * width + x) * 4
      return Color(r: rgba[i], g: rgba[i + 1], b: rgba[i + 2], a: rgba[i + 3])
    }
    set {
      guard x >= 0, y >= 0, x < width, y < height else { return }
      let i = (y * width + x) * 4
      rgba[i] = newValue.r
      rgba[i + 1] = newValue.g
      rgba[i + 2] = newValue.b
      rgba[i + 3] = newValue.a
    }
  }

  /// Put a colour over a pixel with its opacity times `coverage` (0 ... 1).
  public mutating func blend(_ color: Color, x: Int, y: Int, coverage: Double = 1) {
    guard x >= 0, y >= 0, x < width, y < height, coverage > 0 else { return }
    let alpha = Double(color.a) / 255 * min(1, coverage)
    let i = (y * width + x) * 4
    let below = Double(rgba[i + 3]) / 255
    let out = alpha + below * (1 - alpha)
    guard out > 0 else { return }
    func mix(_ top: UInt8, _ bottom: UInt8) -> UInt8 {
      let v = (Double(top) * alpha + Double(bottom) * below * (1 - alpha)) / out
      return UInt8(v + 0.5)
    }
    rgba[i] = mix(color.r, rgba[i])
    rgba[i + 1] = mix(color.g, rgba[i + 1])
    rgba[i + 2] = mix(color.b, rgba[i + 2])
    rgba[i + 3] = UInt8(out * 255 + 0.5)
  }

  /// Fill a rectangle of whole pixels.
  public mutating func fill(x: Int, y: Int, width w: Int, height h: Int, _ color: Color) {
    let columns = max(0, x)..<max(0, x, min(width, x + w))
    for row in max(0, y)..<max(0, y, min(height, y + h)) {
      for column in columns { blend(color, x: column, y: row) }
    }
  }

  /// Draw another canvas with its top left corner at (x, y).
  public mutating func draw(_ other: Canvas, x: Int, y: Int) {
    for row in max(0, -y)..<max(0, -y, min(other.height, height - y)) {
      for column in max(0, -x)..<max(0, -x, min(other.width, width - x)) {
        blend(other[column, row], x: x + column, y: y + row)
      }
    }
  }
}

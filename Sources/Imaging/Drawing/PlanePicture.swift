// A plane of voxels as a picture: contrast limits, gamma, colour map, and scaling that keeps
// anisotropic voxels in proportion.

import Core
import Glibc

extension Volume {
  /// The view that a volume of size 1 along some axis is: `xy`, `xz` or `yz`; nil for thicker
  /// volumes.
  public var planeView: PlaneView? {
    if size.z == 1 { return .xy }
    if size.y == 1 { return .xz }
    return size.x == 1 ? .yz : nil
  }
}

extension Canvas {
  /// A picture of a plane: a volume of size 1 along the normal of the view.
  ///
  /// Voxel (i, j) covers the pixels from (i, j) x scale to (i + 1, j + 1) x scale. Enlarging
  /// interpolates linearly between voxel centres (or repeats voxels), reducing averages.
  ///
  /// Throws `.argument` when the volume is no plane or the scale is not positive, `.limit` when the
  /// picture would have over 2^28 pixels.
  ///
  /// - Parameters:
  ///   - view: which axes the plane has; nil takes the first that fits.
  ///   - contrast: the values that become the two ends of the colour map.
  ///   - gamma: exponent of the value between the ends; below 1 brightens dark parts.
  ///   - scale: pixels a voxel along the view's horizontal and vertical axis.
  ///   - smooth: interpolate when enlarging.
  public init(
    plane: Volume, view: PlaneView? = nil, contrast: ClosedRange<Double>, gamma: Double = 1,
    colormap: Colormap = .gray, scale: (x: Double, y: Double) = (1, 1), smooth: Bool = true
  ) throws {
    guard let view = view ?? plane.planeView, plane.size[view.normal] == 1 else {
      throw HowdahError(
        .argument, "picture: a volume of \(plane.size) is no plane; slice or project it first")
    }
    let (columns, rows) = (plane.size[view.horizontal], plane.size[view.vertical])
    let width = (Double(columns) * scale.x).rounded()
    let height = (Double(rows) * scale.y).rounded()
    guard scale.x > 0, scale.y > 0, gamma > 0, width.isFinite, height.isFinite else {
      throw HowdahError(.argument, "picture: scale and gamma must be positive")
    }
    guard max(1, width) * max(1, height) <= Double(1 << 28) else {
      throw HowdahError(.limit, "picture: \(width) x \(height) pixels are too many; lower the zoom")
    }
    self.init(width: Int(width), height: Int(height))

    var values = try plane.converted(to: .float32).withVoxels(as: Float.self) { Array($0) }
    // The yz view runs along z to the right, which is the slow axis in memory.
    if view == .yz { values = Self.transposed(values, rows: columns, columns: rows) }
    let across = ScaledLine.all(columns, self.width, smooth)
    let down = ScaledLine.all(rows, self.height, smooth)
    let table = colormap.table(1024)
    let span = contrast.upperBound - contrast.lowerBound
    let steps = (0..<1024).map { Int(1023 * pow(Double($0) / 1023, gamma) + 0.5) }

    var narrow = [Float](repeating: 0, count: self.width * rows)
    for y in 0..<rows {
      for x in 0..<self.width {
        narrow[y * self.width + x] = across[x].reduce(Float(0)) {
          $0 + $1.weight * values[y * columns + $1.index]
        }
      }
    }
    for y in 0..<self.height {
      for x in 0..<self.width {
        let v = down[y].reduce(Float(0)) { $0 + $1.weight * narrow[$1.index * self.width + x] }
        let t =
          span > 0
          ? (Double(v) - contrast.lowerBound) / span : Double(v) > contrast.lowerBound ? 1 : 0
        self[x, y] = table[steps[t > 0 ? Int(min(t, 1) * 1023 + 0.5) : 0]]
      }
    }
  }

  private static func transposed(_ values: [Float], rows: Int, columns: Int) -> [Float] {
    var result = [Float](repeating: 0, count: values.count)
    for r in 0..<rows {
      for c in 0..<columns { result[c * rows + r] = values[r * columns + c] }
    }
    return result
  }

  /// Add the colours of another canvas of the same size, saturating: channels of one picture.
  public mutating func add(_ other: Canvas) {
    precondition(other.width == width && other.height == height)
    for i in 0..<rgba.count {
      let (sum, overflow) = rgba[i].addingReportingOverflow(other.rgba[i])
      rgba[i] = overflow ? 255 : sum
    }
  }

  /// The canvas at another size, averaging when reducing and linear when enlarging.
  public func scaled(width newWidth: Int, height newHeight: Int) -> Canvas {
    var result = Canvas(width: newWidth, height: newHeight)
    let across = ScaledLine.all(width, result.width, true)
    let down = ScaledLine.all(height, result.height, true)
    for y in 0..<result.height {
      for x in 0..<result.width {
        var sum = SIMD4<Float>.zero
        for j in down[y] {
          for i in across[x] {
            let at = (j.index * width + i.index) * 4
            let pixel = SIMD4(
              Float(rgba[at]), Float(rgba[at + 1]), Float(rgba[at + 2]), Float(rgba[at + 3]))
            sum += pixel * (i.weight * j.weight)
          }
        }
        func byte(_ v: Float) -> UInt8 { UInt8(nearest: Double(v)) }
        result[x, y] = Color(r: byte(sum.x), g: byte(sum.y), b: byte(sum.z), a: byte(sum.w))
      }
    }
    return result
  }
}

/// One pixel of a scaled line: the source pixels that it comes from, with weights that add up to 1.
struct ScaledLine {
  var index: Int
  var weight: Float

  static func all(_ source: Int, _ target: Int, _ smooth: Bool) -> [[ScaledLine]] {
    let ratio = Double(source) / Double(target)
    return (0..<target).map { i in
      if ratio > 1 {
        let (low, high) = (Double(i) * ratio, Double(i + 1) * ratio)
        return (Int(low)..<min(source, Int(high.rounded(.up)))).map { j in
          let overlap = min(high, Double(j + 1)) - max(low, Double(j))
          return ScaledLine(index: j, weight: Float(overlap / ratio))
        }
      }
      let centre = (Double(i) + 0.5) * ratio - 0.5
      if !smooth {
        return [ScaledLine(index: min(source - 1, Int(centre + 0.5)), weight: 1)]
      }
      let low = max(0, min(source - 1, Int(centre.rounded(.down))))
      let high = min(source - 1, low + 1)
      let weight = Float(max(0, min(1, centre - Double(low))))
      return [ScaledLine(index: low, weight: 1 - weight), ScaledLine(index: high, weight: weight)]
    }
  }
}

// Pictures made of pictures, and the marks around them: tiles and scale bars.

import Core
import Glibc

extension Canvas {
  /// Canvases side by side in rows, each in a cell as wide as its column and as high as its row.
  public static func tiled(_ rows: [[Canvas]], gap: Int = 4, background: Color = .black) -> Canvas {
    let columnCount = rows.map(\.count).max() ?? 0
    let widths = (0..<columnCount).map { column in
      rows.compactMap { column < $0.count ? $0[column].width : nil }.max() ?? 0
    }
    let heights = rows.map { $0.map(\.height).max() ?? 0 }
    func total(_ sizes: [Int]) -> Int { sizes.reduce(0, +) + gap * max(0, sizes.count - 1) }
    var result = Canvas(width: total(widths), height: total(heights), background: background)
    var y = 0
    for (row, height) in zip(rows, heights) {
      var x = 0
      for (canvas, width) in zip(row, widths) {
        result.draw(canvas, x: x, y: y)
        x += width + gap
      }
      y += height + gap
    }
    return result
  }

  /// Canvases in a grid with a number of columns, row by row.
  public static func tiled(
    _ canvases: [Canvas], columns: Int, gap: Int = 4, background: Color = .black
  ) -> Canvas {
    let columns = max(1, columns)
    let rows = stride(from: 0, to: canvases.count, by: columns).map {
      Array(canvases[$0..<min($0 + columns, canvases.count)])
    }
    return tiled(rows, gap: gap, background: background)
  }

  /// Draw a bar of a round length (1, 2 or 5 times a power of ten) near the bottom right corner
  /// with its length above it. It takes about a fifth of the width; nothing is drawn on canvases
  /// too small for it.
  ///
  /// - Parameters:
  ///   - pixelsPerUnit: canvas pixels for one world unit along x.
  ///   - unit: name of the unit; "micrometer" and its kin are written as um with a mu.
  public mutating func scaleBar(
    pixelsPerUnit: Double, unit: String, color: Color = .white, scale: Int = 1
  ) {
    guard pixelsPerUnit > 0, pixelsPerUnit.isFinite else { return }
    let length = Self.roundLength(atMost: Double(width) / 4 / pixelsPerUnit)
    let pixels = Int(length * pixelsPerUnit + 0.5)
    let label = Self.lengthText(length, unit)
    let text = Font.size(of: label, scale: scale)
    let thickness = 2 * scale
    let margin = 5 * scale
    let extent = max(pixels, text.width)
    guard pixels >= 4, extent + 2 * margin <= width else { return }
    let bottom = height - margin
    guard bottom - thickness - 3 * scale - text.height >= 0 else { return }
    let left = width - margin - extent + (extent - pixels) / 2
    fill(
      x: left - 1, y: bottom - thickness - 1, width: pixels + 2, height: thickness + 2,
      Color.black.faded(0.6))
    fill(x: left, y: bottom - thickness, width: pixels, height: thickness, color)
    self.text(
      label, x: width - margin - extent + (extent - text.width) / 2,
      y: bottom - thickness - 3 * scale - text.height, color, scale: scale,
      halo: Color.black.faded(0.6))
  }

  /// The largest of 1, 2, 5 times a power of ten that is not above a length.
  static func roundLength(atMost limit: Double) -> Double {
    let decade = pow(10, floor(log10(limit)))
    for step in [5.0, 2.0] where step * decade <= limit { return step * decade }
    return decade
  }

  private static func lengthText(_ length: Double, _ unit: String) -> String {
    let number = length >= 1 && length < 1e15 ? String(Int(length)) : String(length)
    return number + " " + unitSymbol(unit)
  }

  /// How a unit is written in pictures: the names of micrometres as their symbol, others as they
  /// are.
  public static func unitSymbol(_ unit: String) -> String {
    let lower = unit.lowercased()
    let isMicrometre =
      ["um", "\u{B5}m", "\u{3BC}m", "micron", "microns"].contains(lower)
      || lower.hasPrefix("micromet")
    return isMicrometre ? "\u{B5}m" : unit
  }
}

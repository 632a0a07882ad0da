// The track scheme as SVG and as a canvas.

import Formats
import Imaging

extension LineageFigure {
  /// The figure as the text of an SVG file.
  public func svg() -> String {
    var svg = SVGWriter(width: width, height: height)
    svg.rectangle(x: 0, y: 0, width: width, height: height, fill: background.argb)
    for line in lines {
      svg.line(
        x1: line.x1, y1: line.y1, x2: line.x2, y2: line.y2, color: line.color.argb,
        width: line.width)
    }
    for dot in dots {
      svg.circle(
        x: dot.x, y: dot.y, radius: dot.radius, fill: dot.color.argb, title: dot.title)
    }
    for text in texts {
      svg.text(
        text.text, x: text.x, y: text.y, size: 10, color: text.color.argb, anchor: text.anchor)
    }
    return svg.document
  }

  /// The figure as a picture; at most 16384 pixels wide and high, what is beyond is cut off.
  public func canvas() -> Canvas {
    var canvas = Canvas(
      width: Int(min(16384, width.rounded(.up))), height: Int(min(16384, height.rounded(.up))),
      background: background)
    for line in lines {
      canvas.line(
        from: (line.x1, line.y1), to: (line.x2, line.y2), line.color, width: line.width)
    }
    for dot in dots { canvas.disc(x: dot.x, y: dot.y, radius: dot.radius, dot.color) }
    for text in texts {
      let size = Font.size(of: text.text)
      let shift =
        switch text.anchor {
        case .start: 0
        case .middle: size.width / 2
        case .end: size.width
        }
      // The base line is below the letters.
      canvas.text(
        text.text, x: Int(text.x) - shift, y: Int(text.y) - Font.ascent, text.color)
    }
    return canvas
  }
}

// Scalable vector graphics: elements appended one after the other, everything escaped.

import Core

/// Builds the text of an SVG picture. Coordinates are pixels, y downwards; colours are 0xAARRGGBB.
///
///     var svg = SVGWriter(width: 200, height: 100)
///     svg.line(x1: 10, y1: 10, x2: 190, y2: 90, color: 0xFF00_FF00)
///     svg.text("a < b", x: 10, y: 50)
///     try svg.write(to: "tracks.svg")
public struct SVGWriter {
  private var body = ""
  private let width: Double
  private let height: Double
  private var openGroups = 0

  /// An empty picture of this size.
  public init(width: Double, height: Double) {
    self.width = width
    self.height = height
  }

  /// The whole document.
  public var document: String {
    let (w, h) = (Self.number(width), Self.number(height))
    return """
      <?xml version="1.0" encoding="UTF-8"?>
      <svg xmlns="http://www.w3.org/2000/svg" width="\(w)" height="\(h)" viewBox="0 0 \(w) \(h)">
      \(body)\(String(repeating: "</g>\n", count: openGroups))</svg>

      """
  }

  /// Write the document whole or not at all.
  public func write(to path: String) throws { try AtomicFile.write(document, to: path) }

  /// A straight line.
  public mutating func line(
    x1: Double, y1: Double, x2: Double, y2: Double, color: UInt32 = 0xFF00_0000, width: Double = 1
  ) {
    element(
      "line",
      [
        ("x1", Self.number(x1)), ("y1", Self.number(y1)), ("x2", Self.number(x2)),
        ("y2", Self.number(y2)),
      ] + stroke(color, width))
  }

  /// A line through several points.
  public mutating func polyline(
    _ points: [(x: Double, y: Double)], color: UInt32 = 0xFF00_0000, width: Double = 1
  ) {
    let text = points.map { "\(Self.number($0.x)),\(Self.number($0.y))" }.joined(separator: " ")
    element("polyline", [("points", text), ("fill", "none")] + stroke(color, width))
  }

  /// A rectangle; nil leaves the inside or the outline out.
  public mutating func rectangle(
    x: Double, y: Double, width: Double, height: Double, fill: UInt32? = nil,
    outline: UInt32? = nil, lineWidth: Double = 1
  ) {
    element(
      "rect",
      [
        ("x", Self.number(x)), ("y", Self.number(y)), ("width", Self.number(width)),
        ("height", Self.number(height)),
      ] + paint(fill, outline, lineWidth))
  }

  /// A circle, with a tooltip when `title` is not empty.
  public mutating func circle(
    x: Double, y: Double, radius: Double, fill: UInt32? = nil, outline: UInt32? = nil,
    lineWidth: Double = 1, title: String = ""
  ) {
    element(
      "circle",
      [("cx", Self.number(x)), ("cy", Self.number(y)), ("r", Self.number(radius))]
        + paint(fill, outline, lineWidth),
      content: title.isEmpty ? nil : "<title>\(Self.escaped(title))</title>")
  }

  /// A line of text whose base line begins at the point (or is centred or ends there).
  public mutating func text(
    _ text: String, x: Double, y: Double, size: Double = 12, color: UInt32 = 0xFF00_0000,
    anchor: Anchor = .start
  ) {
    element(
      "text",
      [
        ("x", Self.number(x)), ("y", Self.number(y)), ("font-size", Self.number(size)),
        ("font-family", "sans-serif"), ("text-anchor", anchor.rawValue),
      ]
        + Self.color("fill", color),
      content: Self.escaped(text))
  }

  /// Which point of a text its position means.
  public enum Anchor: String, Sendable { case start, middle, end }

  /// Begin a group that is moved by an offset; end it with `endGroup`.
  public mutating func beginGroup(dx: Double = 0, dy: Double = 0) {
    body += "<g transform=\"translate(\(Self.number(dx)) \(Self.number(dy)))\">\n"
    openGroups += 1
  }

  /// End the group begun last. Without one nothing happens.
  public mutating func endGroup() {
    guard openGroups > 0 else { return }
    openGroups -= 1
    body += "</g>\n"
  }

  /// Any other element. Attribute values are escaped; `content` is taken as it is.
  public mutating func element(
    _ name: String, _ attributes: [(String, String)], content: String? = nil
  ) {
    body += "<" + name
    for (key, value) in attributes { body += " \(key)=\"\(Self.escaped(value))\"" }
    body += content.map { ">\($0)</\(name)>\n" } ?? "/>\n"
  }

  /// Text with the characters escaped that mean something in XML, and without those that XML forbids.
  public static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "'": result += "&#39;"
      case "\t", "\n", "\r": result.unicodeScalars.append(scalar)
      case _ where scalar.value < 0x20 || scalar.value == 0xFFFE || scalar.value == 0xFFFF:
        result += "\u{FFFD}"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  /// At most two decimals: a hundredth of a pixel is not seen. What is no number becomes 0.
  private static func number(_ value: Double) -> String {
    guard value.isFinite, abs(value) < 1e12 else { return "0" }
    return CSVFile.text((value * 100).rounded() / 100)
  }

  private static func color(_ name: String, _ argb: UInt32) -> [(String, String)] {
    let digits = String(argb & 0xFF_FFFF, radix: 16)
    let hex = "#" + String(repeating: "0", count: 6 - digits.count) + digits
    let alpha = Double(argb >> 24) / 255
    return alpha == 1 ? [(name, hex)] : [(name, hex), (name + "-opacity", number(alpha))]
  }

  private func stroke(_ argb: UInt32, _ width: Double) -> [(String, String)] {
    Self.color("stroke", argb) + [("stroke-width", Self.number(width))]
  }

  private func paint(_ fill: UInt32?, _ outline: UInt32?, _ width: Double) -> [(String, String)] {
    (fill.map { Self.color("fill", $0) } ?? [("fill", "none")])
      + (outline.map { stroke($0, width) } ?? [])
  }
}

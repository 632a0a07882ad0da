// The text that ImageJ keeps in the first page of a TIFF file: how the pages make a hyperstack, and the
// calibration of z.

/// What ImageJ says about a stack. Pages are ordered with channels fastest, then slices, then frames.
struct ImageJDescription: Equatable {
  var images = 1
  var channels = 1
  var slices = 1
  var frames = 1
  /// Distance between slices in `unit`.
  var spacing = 1.0
  /// Name of the unit of x, y and z; empty when there is none.
  var unit = ""

  init() {}

  /// Nil when the text is not one of ImageJ's, or its axes do not multiply up to its images.
  init?(_ text: String) {
    guard text.hasPrefix("ImageJ=") else { return nil }
    for line in text.split(whereSeparator: \.isNewline) {
      let parts = line.split(separator: "=", maxSplits: 1)
      guard parts.count == 2 else { continue }
      let value = String(parts[1])
      switch parts[0] {
      case "images": images = Int(value) ?? 0
      case "channels": channels = Int(value) ?? 0
      case "slices": slices = Int(value) ?? 0
      case "frames": frames = Int(value) ?? 0
      case "spacing": spacing = Double(value) ?? 1
      case "unit": unit = Self.unescaped(value)
      default: break
      }
    }
    guard (1...1 << 30).contains(images), channels > 0, slices > 0, frames > 0,
      channels <= images, slices <= images, frames <= images
    else { return nil }
    // A plain stack names only its images.
    if channels * slices * frames == 1 { slices = images }
    guard channels.multipliedReportingOverflow(by: slices).overflow == false,
      (channels * slices).multipliedReportingOverflow(by: frames) == (images, false)
    else { return nil }
    spacing = abs(spacing)
    if !(spacing > 0) || !spacing.isFinite { spacing = 1 }
  }

  /// The text that ImageJ reads.
  var text: String {
    var lines = ["ImageJ=1.54f", "images=\(images)"]
    if channels > 1 { lines.append("channels=\(channels)") }
    if slices > 1 { lines.append("slices=\(slices)") }
    if frames > 1 { lines.append("frames=\(frames)") }
    if channels > 1 || frames > 1 { lines.append("hyperstack=true") }
    if channels > 1 { lines.append("mode=grayscale") }
    if !unit.isEmpty { lines.append("unit=\(Self.escaped(unit))") }
    lines.append("spacing=\(spacing)")
    lines.append("loop=false")
    return lines.joined(separator: "\n") + "\n"
  }

  /// ImageJ writes characters beyond ASCII as in Java source: the micro sign is `\u00B5`.
  private static func unescaped(_ text: String) -> String {
    var units: [UInt16] = []
    var rest = Substring(text)
    while let next = rest.first {
      if rest.hasPrefix("\\u"), let code = UInt16(rest.dropFirst(2).prefix(4), radix: 16),
        rest.count >= 6
      {
        units.append(code)
        rest = rest.dropFirst(6)
      } else {
        units.append(contentsOf: String(next).utf16)
        rest = rest.dropFirst()
      }
    }
    return String(decoding: units, as: UTF16.self)
  }

  private static func escaped(_ text: String) -> String {
    var result = ""
    for unit in text.utf16 {
      if (0x20..<0x7F).contains(unit) {
        result.unicodeScalars.append(Unicode.Scalar(UInt8(unit)))
      } else {
        let digits = String(unit, radix: 16, uppercase: true)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      }
    }
    return result
  }
}

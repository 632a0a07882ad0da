// Pictures at the prompt: two pixels a character, as an upper half block in the upper pixel's
// colour on a ground of the lower one's (24-bit ANSI colours).

/// Canvases as text for a terminal that knows 24-bit colours.
public enum TerminalImage {
  /// A canvas as lines of text, at most `columns` characters wide; each line ends with a reset and
  /// "\n".
  ///
  /// The picture is reduced by averaging to fit, and never enlarged. Transparent parts are put on
  /// black.
  public static func render(_ canvas: Canvas, columns: Int) -> String {
    let width = min(max(1, columns), canvas.width)
    let height = max(
      1, Int((Double(canvas.height) * Double(width) / Double(canvas.width)).rounded()))
    var ground = Canvas(width: canvas.width, height: canvas.height)
    ground.draw(canvas, x: 0, y: 0)
    let picture = width == canvas.width ? ground : ground.scaled(width: width, height: height)

    var text = ""
    text.reserveCapacity(width * height * 12)
    for top in stride(from: 0, to: picture.height, by: 2) {
      // A colour is only said when it changes: neighbours are often equal.
      var (upper, lower): (Color?, Color?) = (nil, nil)
      for x in 0..<picture.width {
        let (a, b) = (picture[x, top], picture[x, top + 1])
        if a != upper { text += "\u{1B}[38;2;\(a.r);\(a.g);\(a.b)m" }
        if top + 1 < picture.height, b != lower { text += "\u{1B}[48;2;\(b.r);\(b.g);\(b.b)m" }
        (upper, lower) = (a, b)
        text += "\u{2580}"
      }
      text += "\u{1B}[0m\n"
    }
    return text
  }
}

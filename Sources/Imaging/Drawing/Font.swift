// A small typeface for labels in pictures: capitals and digits are 5 x 7 pixels, descenders reach
// two rows below the base line.

/// The built-in bitmap typeface: ASCII 32 to 126, and the Greek mu of micrometres.
public enum Font {
  /// Columns from one character to the next, at scale 1.
  public static let advance = 6
  /// Rows from the top of capitals to the base line, at scale 1.
  public static let ascent = 7
  /// Rows from one line to the next, at scale 1.
  public static let lineHeight = 10

  /// Width and height in pixels of a text that may have several lines.
  public static func size(of text: String, scale: Int = 1) -> (width: Int, height: Int) {
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    let longest = lines.map(\.count).max() ?? 0
    return (
      max(0, longest * advance - 1) * scale, ((lines.count - 1) * lineHeight + ascent) * scale
    )
  }

  /// The rows of a character from the top, 5 bits each with the left column highest. Characters
  /// that the typeface does not have look like a box.
  static func rows(of character: Character) -> [UInt8] {
    if character == "\u{B5}" || character == "\u{3BC}" { return decode("00HHHJTGG") }
    guard let ascii = character.asciiValue, ascii >= 32, ascii < 127 else {
      return decode("VHHHHHV")
    }
    return decode(glyphs[Int(ascii) - 32])
  }

  /// A row a letter, 0-9 then A-V for 0 ... 31.
  private static func decode(_ code: String) -> [UInt8] {
    code.utf8.map { $0 < 65 ? $0 - 48 : $0 - 55 }
  }

  private static let glyphs: [String] = [
    "0000000", "4444404", "AA00000", "AAVAVAA", "4FKE5U4", "OP248J3", "CIK8LID", "4400000",
    "2488842", "8422248", "04LEL40", "044V440", "000000664", "000E000", "0000066", "01248G0",
    "EHJLPHE", "4C4444E", "EH1248V", "V2421HE", "26AIV22", "VGU11HE", "68GUHHE", "V124888",
    "EHHEHHE", "EHHF12C", "0660660", "066000664", "248G842", "00V0V00", "8421248", "EH12404",
    "EHNLNGE", "EHHVHHH", "UHHUHHU", "EHGGGHE", "SIHHHIS", "VGGUGGV", "VGGUGGG", "EHGNHHF",
    "HHHVHHH", "E44444E", "72222IC", "HIKOKIH", "GGGGGGV", "HRLLHHH", "HHPLJHH", "EHHHHHE",
    "UHHUGGG", "EHHHLID", "UHHUKIH", "FGGE11U", "V444444", "HHHHHHE", "HHHHHA4", "HHHLLLA",
    "HHA4AHH", "HHHA444", "V1248GV", "E88888E", "0G84210", "E22222E", "4AH0000", "0000000V",
    "8400000", "00E1FHF", "GGMPHHU", "00EGGHE", "11DJHHF", "00EHVGE", "698S888", "00FHHHF1E",
    "GGMPHHH", "40C444E", "2062222IC", "GGIKOKI", "C44444E", "00QLLLL", "00MPHHH", "00EHHHE",
    "00UHHHUGG", "00FHHHF11", "00MPGGG", "00FGE1U", "88S8896", "00HHHJD", "00HHHA4", "00HHLLA",
    "00HA4AH", "00HHHHF1E", "00V248V", "2448442", "4444444", "8442448", "008L200",
  ]
}

extension Canvas {
  /// Write a text with its top left corner at (x, y); "\n" starts a new line.
  ///
  /// - Parameters:
  ///   - scale: whole pixels for each pixel of the typeface, at least 1.
  ///   - halo: drawn one typeface pixel around the letters, so that they can be read on any ground.
  public mutating func text(
    _ text: String, x: Int, y: Int, _ color: Color, scale: Int = 1, halo: Color? = nil
  ) {
    let scale = max(1, scale)
    let reach = max(1, scale / 2)
    if let halo {
      for dy in [-reach, 0, reach] {
        for dx in [-reach, 0, reach] where dx != 0 || dy != 0 {
          letters(text, x + dx, y + dy, halo, scale)
        }
      }
    }
    letters(text, x, y, color, scale)
  }

  private mutating func letters(_ text: String, _ x: Int, _ y: Int, _ color: Color, _ scale: Int) {
    var (left, top) = (x, y)
    for character in text {
      if character == "\n" {
        (left, top) = (x, top + Font.lineHeight * scale)
        continue
      }
      for (row, bits) in Font.rows(of: character).enumerated() {
        for column in 0..<5 where bits & (16 >> column) != 0 {
          fill(
            x: left + column * scale, y: top + row * scale, width: scale, height: scale, color)
        }
      }
      left += Font.advance * scale
    }
  }
}

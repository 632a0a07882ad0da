// Colours as people write them: "#00FFFF", or "#00FFFF80" with an opacity. Mastodon stores ARGB.

import Core

enum ColorText {
  /// `#RRGGBB`, with `AA` behind it when the colour is not opaque.
  static func string(_ argb: UInt32) -> String {
    let rgb = "#" + hex(argb & 0xFF_FFFF, digits: 6)
    let alpha = argb >> 24
    return alpha == 0xFF ? rgb : rgb + hex(alpha, digits: 2)
  }

  /// The ARGB value of `#RRGGBB` or `#RRGGBBAA`; throws `.argument` for anything else.
  static func parse(_ text: String) throws -> UInt32 {
    let digits = text.utf8.first == UInt8(ascii: "#") ? text.dropFirst() : Substring(text)
    let isHex = digits.utf8.allSatisfy { ($0 | 0x20) >= 97 && ($0 | 0x20) <= 102 || isDigit($0) }
    guard isHex, digits.utf8.count == 6 || digits.utf8.count == 8,
      let value = UInt32(digits, radix: 16)
    else {
      throw HowdahError(
        .argument, "'\(text)' is no colour; write it as \"#RRGGBB\" or \"#RRGGBBAA\"")
    }
    return digits.utf8.count == 6 ? value | 0xFF00_0000 : value >> 8 | value << 24
  }

  private static func isDigit(_ c: UInt8) -> Bool { c >= 48 && c <= 57 }

  private static func hex(_ value: UInt32, digits: Int) -> String {
    let text = String(value, radix: 16, uppercase: true)
    return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
  }
}

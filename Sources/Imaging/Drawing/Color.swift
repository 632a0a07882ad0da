// Colours: 8 bits a channel, not premultiplied.

import Glibc

/// A colour with 8 bits each for red, green, blue and opacity (`a` = 255 is opaque).
public struct Color: Hashable, Sendable {
  public var r, g, b, a: UInt8

  /// From channels 0 ... 255; opaque unless said otherwise.
  public init(r: UInt8, g: UInt8, b: UInt8, a: UInt8 = 255) {
    self.r = r
    self.g = g
    self.b = b
    self.a = a
  }

  /// From 0xAARRGGBB, as Mastodon stores the colours of tags.
  public init(argb: UInt32) {
    self.init(
      r: UInt8(truncatingIfNeeded: argb >> 16), g: UInt8(truncatingIfNeeded: argb >> 8),
      b: UInt8(truncatingIfNeeded: argb), a: UInt8(truncatingIfNeeded: argb >> 24))
  }

  /// The colour as 0xAARRGGBB.
  public var argb: UInt32 {
    UInt32(a) << 24 | UInt32(r) << 16 | UInt32(g) << 8 | UInt32(b)
  }

  /// Opaque black.
  public static let black = Color(r: 0, g: 0, b: 0)
  /// Opaque white.
  public static let white = Color(r: 255, g: 255, b: 255)
  /// Fully transparent.
  public static let clear = Color(r: 0, g: 0, b: 0, a: 0)

  /// The same colour with its opacity multiplied by a factor from 0 to 1.
  public func faded(_ opacity: Double) -> Color {
    Color(r: r, g: g, b: b, a: UInt8(nearest: Double(a) * min(1, max(0, opacity))))
  }

  /// The colour a fraction of the way to another one, channel by channel.
  public func mixed(with other: Color, _ fraction: Double) -> Color {
    func mix(_ a: UInt8, _ b: UInt8) -> UInt8 {
      UInt8(nearest: Double(a) + (Double(b) - Double(a)) * min(1, max(0, fraction)))
    }
    return Color(r: mix(r, other.r), g: mix(g, other.g), b: mix(b, other.b), a: mix(a, other.a))
  }

  /// The relative luminance from 0 (black) to 1 (white), as defined by WCAG 2 for sRGB; opacity does
  /// not count.
  public var luminance: Double {
    func linear(_ channel: UInt8) -> Double {
      let v = Double(channel) / 255
      return v <= 0.04045 ? v / 12.92 : pow((v + 0.055) / 1.055, 2.4)
    }
    return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
  }

  /// The colour with as much white mixed in as it needs to have at least this luminance (0 to 1).
  /// Hue and opacity stay, and colours that differ still differ.
  public func lightened(toLuminance least: Double) -> Color {
    guard luminance < least else { return self }
    var (low, high) = (0.0, 1.0)
    for _ in 0..<10 {
      let middle = (low + high) / 2
      if mixed(with: Color(r: 255, g: 255, b: 255, a: a), middle).luminance < least {
        low = middle
      } else {
        high = middle
      }
    }
    return mixed(with: Color(r: 255, g: 255, b: 255, a: a), high)
  }

  /// A saturated colour by hue in turns (0 red, 1/3 green, 2/3 blue), saturation and value in 0 ...
  /// 1.
  public init(hue: Double, saturation: Double, value: Double) {
    func channel(_ n: Double) -> UInt8 {
      let k = (n + hue * 6).truncatingRemainder(dividingBy: 6)
      return UInt8(
        nearest: 255 * (value - value * saturation * max(0, min(k, 4 - k, 1))))
    }
    self.init(r: channel(5), g: channel(3), b: channel(1))
  }

  /// A colour that is easy to tell from those of nearby numbers, the same for a number every time:
  /// hues stepped by the golden ratio, two saturations and brightnesses; blues are paler, as they
  /// are hard to see on black.
  public static func distinct(_ number: Int) -> Color {
    let n = Double(number.magnitude % 100_003)
    let hue = (0.11 + n * 0.618_033_988_749_895).truncatingRemainder(dividingBy: 1)
    let blueness = max(0, 1 - abs(hue - 0.68) / 0.14)
    return Color(
      hue: hue, saturation: (number % 2 == 0 ? 0.75 : 0.55) - 0.3 * blueness,
      value: number % 3 == 0 || blueness > 0 ? 1 : 0.9)
  }
}

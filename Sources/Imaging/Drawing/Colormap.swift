// How grey values become colours.

/// A map from 0 ... 1 to colours, by name.
public enum Colormap: String, Sendable, CaseIterable {
  /// Black to white, and white to black.
  case gray, inverted
  /// Dark violet over teal to yellow, about equally bright steps.
  case viridis
  /// Black over red and orange to white.
  case fire
  /// Black to one hue.
  case red, green, blue, cyan, magenta, yellow
  /// Blue over white to red, for values around a middle.
  case diverging

  /// The colour at a value; values outside 0 ... 1 and NaN take the nearest end (NaN the low one).
  public func callAsFunction(_ value: Double) -> Color {
    let stops = self.stops
    let t = value > 0 ? min(value, 1) * Double(stops.count - 1) : 0
    let index = min(Int(t), stops.count - 2)
    return Color(argb: 0xFF00_0000 | stops[index])
      .mixed(with: Color(argb: 0xFF00_0000 | stops[index + 1]), t - Double(index))
  }

  /// The colours of `count` equal steps.
  func table(_ count: Int) -> [Color] { (0..<count).map { self(Double($0) / Double(count - 1)) } }

  /// 0xRRGGBB at equal distances.
  private var stops: [UInt32] {
    switch self {
    case .gray: [0x000000, 0xFFFFFF]
    case .inverted: [0xFFFFFF, 0x000000]
    case .viridis:
      [0x440154, 0x472D7B, 0x3B528B, 0x2C728E, 0x21918C, 0x28AE80, 0x5EC962, 0xADDC30, 0xFDE725]
    case .fire: [0x000000, 0x5A0A1E, 0xB4230F, 0xF06414, 0xFFBE32, 0xFFFFFF]
    case .red: [0x000000, 0xFF0000]
    case .green: [0x000000, 0x00FF00]
    case .blue: [0x000000, 0x2850FF]
    case .cyan: [0x000000, 0x00FFFF]
    case .magenta: [0x000000, 0xFF00FF]
    case .yellow: [0x000000, 0xFFFF00]
    case .diverging: [0x2A4C9B, 0x8FB4DC, 0xF7F7F7, 0xE69A86, 0xA31F34]
    }
  }
}

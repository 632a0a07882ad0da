// Values as JSON, one object a line, for `--json`.

import Core

/// Writes `LuaValue`s as JSON.
public enum JSONText {
  /// The value on one line. NaN and infinities become null, handles and opaque values their text.
  public static func line(_ value: LuaValue) -> String {
    var text = ""
    append(value, to: &text)
    return text
  }

  private static func append(_ value: LuaValue, to text: inout String) {
    switch value {
    case .nil: text += "null"
    case .bool(let b): text += b ? "true" : "false"
    case .int(let i): text += String(i)
    case .double(let d): text += number(d)
    case .string(let s): append(string: s, to: &text)
    case .list(let elements):
      text += "["
      for (i, element) in elements.enumerated() {
        if i > 0 { text += ", " }
        append(element, to: &text)
      }
      text += "]"
    case .record(let fields):
      text += "{"
      for (i, field) in fields.enumerated() {
        if i > 0 { text += ", " }
        append(string: field.key, to: &text)
        text += ": "
        append(field.value, to: &text)
      }
      text += "}"
    case .handle(let h): text += String(h.index)
    case .opaque(let name): append(string: "<\(name)>", to: &text)
    }
  }

  private static func number(_ d: Double) -> String {
    if !d.isFinite { return "null" }
    if let i = Int(exactly: d), abs(i) < 1 << 53 { return "\(i).0" }
    return "\(d)"
  }

  private static func append(string s: String, to text: inout String) {
    text += "\""
    for scalar in s.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      case let c where c.value < 0x20:
        let hex = String(c.value, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
      default: text.unicodeScalars.append(scalar)
      }
    }
    text += "\""
  }
}

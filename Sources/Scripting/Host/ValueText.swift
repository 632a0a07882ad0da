// Values as text for people: results of recipes, values at the prompt.

import Core

/// Text of `LuaValue`s.
public enum ValueText {
  /// A number with at most six significant digits when it is not integral.
  public static func number(_ d: Double) -> String {
    if let i = Int(exactly: d), abs(i) < 1 << 53 { return String(i) }
    if !d.isFinite { return d.isNaN ? "nan" : d < 0 ? "-inf" : "inf" }
    return significant(d, digits: 6)
  }

  /// `d` to so many significant digits, without trailing zeros.
  public static func significant(_ d: Double, digits: Int) -> String {
    let magnitude = abs(d)
    if magnitude < 1e-4 || magnitude >= 1e15 {
      return "\(d)"
    }
    var integral = 1
    var power = 10.0
    while magnitude >= power {
      integral += 1
      power *= 10
    }
    var decimals = max(0, digits - integral)
    var small = 0.1
    while integral == 1, magnitude < small, decimals < 12 {
      decimals += 1
      small /= 10
    }
    var scale = 1.0
    for _ in 0..<decimals { scale *= 10 }
    let rounded = (magnitude * scale).rounded()
    guard rounded < 9e15 else { return "\(d)" }
    let whole = Int(rounded)
    let divisor = Int(scale)
    var fraction = String(whole % divisor)
    fraction = String(repeating: "0", count: max(0, decimals - fraction.count)) + fraction
    while fraction.hasSuffix("0") { fraction.removeLast() }
    let sign = d < 0 && whole != 0 ? "-" : ""
    return sign + String(whole / divisor)
      + (decimals == 0 || fraction.isEmpty ? "" : "." + fraction)
  }

  /// A value on one line, cut after about 60 characters.
  public static func short(_ value: LuaValue, limit: Int = 60) -> String {
    switch value {
    case .nil: return "nil"
    case .bool(let b): return b ? "true" : "false"
    case .int(let i): return String(i)
    case .double(let d): return number(d)
    case .string(let s): return s.count > limit ? String(s.prefix(limit)) + "..." : s
    case .handle(let h): return "handle \(h.index)"
    case .opaque(let name): return "<\(name)>"
    case .list(let elements):
      var text = "{"
      for (i, e) in elements.enumerated() {
        if text.count > limit { return text + ", ... \(elements.count) in all}" }
        text += (i > 0 ? ", " : "") + short(e, limit: limit)
      }
      return text + "}"
    case .record(let fields):
      var text = "{"
      for (i, f) in fields.enumerated() {
        if text.count > limit { return text + ", ...}" }
        text += (i > 0 ? ", " : "") + "\(f.key) = \(short(f.value, limit: limit))"
      }
      return text + "}"
    }
  }

  /// The result table of a recipe: a line a field, nested records indented, lists of records as columns.
  public static func report(_ value: LuaValue, indent: String = "") -> String {
    guard let fields = value.fields, !fields.isEmpty else {
      if let rows = table(value) { return rows }
      if let text = value.text { return text.hasSuffix("\n") ? text : text + "\n" }
      return value.isNil ? "" : indent + short(value) + "\n"
    }
    let width = fields.map(\.key.count).max() ?? 0
    return fields.map { field in
      if let nested = field.value.fields, !nested.isEmpty {
        return "\(indent)\(field.key)\n" + report(field.value, indent: indent + "  ")
      }
      if let rows = table(field.value) { return "\(indent)\(field.key)\n" + rows }
      let gap = String(repeating: " ", count: width - field.key.count + 2)
      return "\(indent)\(field.key)\(gap)\(short(field.value, limit: 200))\n"
    }.joined()
  }

  /// A list of records as aligned columns, or nil when it is none.
  public static func table(_ value: LuaValue, limit: Int = 20) -> String? {
    guard let elements = value.elements, let first = elements.first?.fields, !first.isEmpty else {
      return nil
    }
    let columns = first.map(\.key)
    let rows = elements.prefix(limit).map { row in columns.map { row[$0] } }
    return table(columns: columns, rows: Array(rows), total: elements.count)
  }

  /// Aligned columns with a footer when not all rows are shown.
  public static func table(columns: [String], rows: [[LuaValue]], total: Int) -> String {
    let cells = rows.map { $0.map { $0.isNil ? "" : short($0, limit: 32) } }
    let numeric = columns.indices.map { c in
      rows.allSatisfy { c >= $0.count || $0[c].isNil || $0[c].number != nil }
    }
    let widths = columns.indices.map { c in
      max(columns[c].count, cells.map { c < $0.count ? $0[c].count : 0 }.max() ?? 0)
    }
    func line(_ row: [String]) -> String {
      var text = ""
      for c in columns.indices {
        let cell = c < row.count ? row[c] : ""
        let gap = String(repeating: " ", count: max(0, widths[c] - cell.count))
        text += (c > 0 ? "  " : "") + (numeric[c] ? gap + cell : cell + gap)
      }
      while text.hasSuffix(" ") { text.removeLast() }
      return text + "\n"
    }
    var text = line(columns) + cells.map(line).joined()
    if total > rows.count { text += "... \(total - rows.count) more of \(total)\n" }
    return text
  }
}

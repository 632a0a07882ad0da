// "did you mean": the nearest right name to a wrong one.

/// Names near to other names.
public enum Suggest {
  /// The name closest to `wrong` (at most a third of its letters differ, swaps of neighbours count one), or
  /// nil. Ties go to the first.
  public static func nearest(to wrong: String, among names: some Sequence<String>) -> String? {
    let target = Array(wrong.utf8)
    var best: (name: String, distance: Int)?
    for name in names where name != wrong {
      let letters = Array(name.utf8)
      // One letter, or none, is near to everything.
      let longest = max(target.count, letters.count)
      if letters.isEmpty || longest < 2 { continue }
      let allowed = max(1, longest / 3)
      if abs(letters.count - target.count) > allowed { continue }
      let d = distance(target.map(lowered), letters.map(lowered))
      if d <= allowed && d < (best?.distance ?? .max) { best = (name, d) }
    }
    if let best { return best.name }
    // A beginning or a last word that fits one name only is as good.
    if target.count < 3 { return nil }
    let prefixed = names.filter { $0.utf8.starts(with: target) }
    if prefixed.count == 1 { return prefixed[0] }
    let suffixed = names.filter { $0.hasSuffix("_" + wrong) }
    return suffixed.count == 1 ? suffixed[0] : nil
  }

  /// "; did you mean \"name\"?" or nothing.
  public static func hint(for wrong: String, among names: some Sequence<String>) -> String {
    nearest(to: wrong, among: names).map { "; did you mean \"\($0)\"?" } ?? ""
  }

  /// "; there are \"a\", \"b\"" with at most eight names, or nothing when there are none.
  static func list(_ names: [String]) -> String {
    if names.isEmpty { return "" }
    let shown = names.prefix(8).map { "\"\($0)\"" }.joined(separator: ", ")
    return "; there are \(shown)" + (names.count > 8 ? ", ..." : "")
  }

  private static func lowered(_ c: UInt8) -> UInt8 { c >= 65 && c <= 90 ? c + 32 : c }

  /// Restricted Damerau-Levenshtein distance.
  static func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
    if a.isEmpty || b.isEmpty { return max(a.count, b.count) }
    var before: [Int] = []
    var last = Array(0...b.count)
    for i in 1...a.count {
      var row = [i] + Array(repeating: 0, count: b.count)
      for j in 1...b.count {
        let cost = a[i - 1] == b[j - 1] ? 0 : 1
        row[j] = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + cost)
        if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] {
          row[j] = min(row[j], before[j - 2] + 1)
        }
      }
      before = last
      last = row
    }
    return last[b.count]
  }
}

// Which column of a table of spots means what. Tables of many programs are understood by the names of their
// columns: Mastodon's CSV importer, ELEPHANT, TrackMate, laptrack, and our own export.

import Core

/// The columns of a table of spots, by position.
struct SpotTableColumns {
  var x: Int
  var y: Int
  var timepoint: Int
  var z: Int?
  var id: Int?
  var parent: Int?
  var label: Int?
  var radius: Int?
  var diameter: Int?
  var quality: Int?
  /// xx, xy, xz, yy, yz, zz.
  var covariance: [Int]?
  /// Tag sets: the name of the set and its column.
  var tags: [(set: String, column: Int)] = []

  /// What each column may be called; the first name that occurs wins. Names are compared without letter
  /// case, blanks, `_` and what stands in brackets (units).
  private static let names: [String: [String]] = [
    "x": ["x", "positionx", "posx", "centroidx", "spotpositionx"],
    "y": ["y", "positiony", "posy", "centroidy", "spotpositiony"],
    "z": ["z", "positionz", "posz", "centroidz", "spotpositionz"],
    "timepoint": ["timepoint", "frame", "t", "time", "spotframe", "positiont"],
    "id": ["id", "spotid", "cellid", "index"],
    "parent": ["parentid", "parent", "parentspotid", "motherid", "mother"],
    "label": ["label", "name"],
    "radius": ["radius", "r", "spotradius"],
    "diameter": ["diameter", "estimateddiameter"],
    "quality": ["detectionquality", "quality"],
  ]

  /// The names of columns for messages, cut short: what is no table has strange ones.
  private static func listed(_ names: [String]) -> String {
    let shown = names.prefix(12).map { $0.count > 24 ? String($0.prefix(24)) + "..." : $0 }
    return shown.joined(separator: ", ") + (names.count > 12 ? ", ..." : "")
  }

  /// Guess the columns from their names.
  ///
  /// - Parameter given: names of columns for some of the meanings (`["x": "pos X"]`), which go before guesses.
  /// - Throws: `.format` when x, y or the timepoint cannot be found, `.argument` when `given` is wrong.
  init(_ table: CSVTable, given: [String: String], path: String) throws {
    let simple = table.header.map(Self.simplified)
    func find(_ meaning: String) throws -> Int? {
      if let name = given[meaning] {
        if let column = table.column(named: name) { return column }
        throw HowdahError(
          .argument,
          "\(path): there is no column \"\(name)\"; there are \(table.header.joined(separator: ", "))"
        )
      }
      for name in Self.names[meaning] ?? [] {
        if let column = simple.firstIndex(of: name) { return column }
      }
      return nil
    }
    if table.header.isEmpty { throw HowdahError.format(path, at: "line 1", "the file is empty") }
    func require(_ meaning: String) throws -> Int {
      if let column = try find(meaning) { return column }
      throw HowdahError.format(
        path, at: "line 1",
        "no column is called \(meaning) or a usual synonym; there are "
          + "\(Self.listed(table.header)); say which one it is")
    }
    for meaning in given.keys where Self.names[meaning] == nil {
      throw HowdahError(
        .argument,
        "\(meaning) is nothing that a column can mean; there are "
          + Self.names.keys.sorted().joined(separator: ", "))
    }
    x = try require("x")
    y = try require("y")
    timepoint = try require("timepoint")
    z = try find("z")
    id = try find("id")
    parent = try find("parent")
    label = try find("label")
    radius = try find("radius")
    diameter = try find("diameter")
    quality = try find("quality")
    let elements = ["xx", "xy", "xz", "yy", "yz", "zz"].compactMap {
      table.column(named: "covariance_" + $0)
    }
    if elements.count == 6 { covariance = elements }
    for (column, name) in table.header.enumerated() {
      if name.hasPrefix("tag:") {
        tags.append((String(name.dropFirst(4)), column))
      } else if simple[column] == "tag" {
        tags.append((name, column))
      }
    }
  }

  private static func simplified(_ name: String) -> String {
    let end = name.firstIndex { $0 == "(" || $0 == "[" } ?? name.endIndex
    return name[..<end].lowercased().filter { $0 != " " && $0 != "_" }
  }
}

// Tables of spots in and out of a project.

import Core
import Lineage

extension Project {
  /// How a table of spots is read.
  public struct CSVImportOptions: Sendable {
    /// Which column means what, where its name does not say so: keys are x, y, z, timepoint, id, parent,
    /// label, radius, diameter and quality, values names of columns.
    public var columns: [String: String] = [:]
    /// Radius in world units of spots for which the table gives none.
    public var radius = 5.0
    /// Between cells; nil finds out.
    public var separator: Character?

    /// Columns by their names, radius 5.
    public init() {}
  }

  /// Add the spots of a CSV table, and links to their parents, in one undo point.
  ///
  /// Needs columns for x, y and the timepoint; z, id, parent id, label, radius or diameter, quality,
  /// covariance and tags are taken when they are there. Columns are known by their usual names. A parent id
  /// that is empty or negative means none. A table without labels gives spots their ids as labels.
  /// - Throws: `.file`, `.format` with the line; the project is as it was then.
  @discardableResult
  public func importCSV(
    _ path: String, options: CSVImportOptions = CSVImportOptions(), progress: Progress = .none
  ) throws -> ImportCounts {
    let table = try CSVFile.read(path, separator: options.separator)
    let columns = try SpotTableColumns(table, given: options.columns, path: path)
    return try lineage.edit("import \(ProjectPath.name(path))") {
      try SpotTableImport(table: table, columns: columns, path: path, radius: options.radius)
        .run(lineage, progress)
    }
  }

  /// Write a table of all spots: id, label, timepoint, position, radius, covariance, id of the first parent,
  /// one column a tag set (`tag:NAME`) and one a feature. `importCSV` reads it back.
  public func exportSpots(_ path: String, style: CSVFile.Style = CSVFile.Style()) throws {
    let graph = lineage
    let sets = graph.tagSets
    let features = graph.featureNames
    let header =
      ["id", "label", "timepoint", "x", "y", "z", "radius"]
      + ["xx", "xy", "xz", "yy", "yz", "zz"].map { "covariance_" + $0 } + ["parent_id"]
      + sets.map { "tag:" + $0.name } + features
    let rows = graph.spots.lazy.map { spot -> [String] in
      let p = graph.position(spot)
      let c = graph.covariance(spot)
      let parent = graph.incoming(spot).first { _ in true }.map { graph.source($0) }
      var row = [spot.description, graph.label(spot) ?? "", String(graph.timepoint(spot))]
      let numbers = [p.x, p.y, p.z, c.meanRadius, c.xx, c.xy, c.xz, c.yy, c.yz, c.zz]
      row += numbers.map { CSVFile.text($0) }
      row.append(parent?.description ?? "")
      for (index, set) in sets.enumerated() {
        row.append(graph.tag(index, of: spot).map { set.tags[$0].label } ?? "")
      }
      for name in features { row.append(graph.feature(name, spot).map { CSVFile.text($0) } ?? "") }
      return row
    }
    try CSVFile.write(header: header, rows: rows, to: path, style: style)
  }

  /// Write a table of all links: id, ids of source and target, one column a tag set and one a feature.
  public func exportLinks(_ path: String, style: CSVFile.Style = CSVFile.Style()) throws {
    let graph = lineage
    let sets = graph.tagSets
    let features = graph.linkFeatureNames
    let rows = graph.links.lazy.map { link -> [String] in
      let (source, target) = (graph.source(link), graph.target(link))
      var row = [link.description, source.description, target.description]
      for (index, set) in sets.enumerated() {
        row.append(graph.tag(index, of: link).map { set.tags[$0].label } ?? "")
      }
      for name in features { row.append(graph.feature(name, link).map { CSVFile.text($0) } ?? "") }
      return row
    }
    try CSVFile.write(
      header: ["id", "source_id", "target_id"] + sets.map { "tag:" + $0.name } + features,
      rows: rows, to: path, style: style)
  }
}

/// Adds the rows of a table to a lineage; runs inside an edit.
private struct SpotTableImport {
  let table: CSVTable
  let columns: SpotTableColumns
  let path: String
  let radius: Double
  private var counts = ImportCounts()

  init(table: CSVTable, columns: SpotTableColumns, path: String, radius: Double) {
    self.table = table
    self.columns = columns
    self.path = path
    self.radius = radius
  }

  private func fail(_ row: Int, _ column: Int, _ reason: String) -> HowdahError {
    HowdahError.format(
      path, at: "line \(table.line(ofRow: row)), column \(table.header[column])",
      "\"\(table.text(row, column))\" \(reason)")
  }

  private func number(_ row: Int, _ column: Int) throws -> Double {
    guard let value = table.number(row, column), value.isFinite else {
      throw fail(row, column, "is no number")
    }
    return value
  }

  private func timepoint(_ row: Int) throws -> Int {
    let value = try number(row, columns.timepoint)
    guard value >= 0, value == value.rounded(), value < Double(Int32.max) else {
      throw fail(row, columns.timepoint, "is no timepoint (0, 1, 2, ...)")
    }
    return Int(value)
  }

  private func covariance(_ row: Int) throws -> Covariance {
    if let c = columns.covariance {
      let v = try c.map { try number(row, $0) }
      return Covariance(xx: v[0], xy: v[1], xz: v[2], yy: v[3], yz: v[4], zz: v[5])
    }
    var r = radius
    if let column = columns.radius, !table.text(row, column).isEmpty {
      r = try number(row, column)
    } else if let column = columns.diameter, !table.text(row, column).isEmpty {
      r = try number(row, column) / 2
    }
    return .sphere(radius: r)
  }

  /// Rows under the header that explain it (TrackMate writes three): no number where one must be.
  private var firstRow: Int {
    (0..<min(3, table.rowCount)).first { row in
      [columns.x, columns.y, columns.timepoint].contains { table.number(row, $0) != nil }
    } ?? 0
  }

  consuming func run(_ graph: LineageGraph, _ progress: Progress) throws -> ImportCounts {
    var spots: [(row: Int, spot: SpotID)] = []
    var byID: [String: SpotID] = [:]
    let sets = try columns.tags.map { (try self.set($0.set, graph), $0.column) }
    progress.begin(total: table.rowCount, "importing")
    for row in firstRow..<table.rowCount {
      if row % 4096 == 0 { try progress.check() }
      let position = WorldPoint(
        x: try number(row, columns.x), y: try number(row, columns.y),
        z: try columns.z.map { try number(row, $0) } ?? 0)
      let spot = try graph.addSpot(
        t: try timepoint(row), position: position, covariance: try covariance(row))
      spots.append((row, spot))
      let id = columns.id.map { table.text(row, $0) }
      if let id, let column = columns.id, byID.updateValue(spot, forKey: id) != nil {
        throw fail(row, column, "is the id of another spot, too")
      }
      let label = columns.label.map { table.text(row, $0) } ?? id ?? ""
      if !label.isEmpty { try graph.setLabel(spot, label) }
      if let column = columns.quality, !table.text(row, column).isEmpty {
        try graph.setFeature("Detection quality", spot, try number(row, column))
      }
      for (set, column) in sets where !table.text(row, column).isEmpty {
        try graph.setTag(set, of: spot, to: try tag(table.text(row, column), set, graph))
      }
    }
    counts.spots = spots.count
    progress.advance(by: table.rowCount)
    if let column = columns.parent {
      for (row, spot) in spots {
        let parent = table.text(row, column)
        if parent.isEmpty || parent.hasPrefix("-") { continue }
        guard let source = byID[parent] else { throw fail(row, column, "is the id of no spot") }
        _ = try graph.addLink(source, spot)
        counts.links += 1
      }
    }
    return counts
  }

  private mutating func set(_ name: String, _ graph: LineageGraph) throws -> TagSetID {
    if let set = graph.tagSet(named: name) { return set }
    counts.tagSets += 1
    return try graph.addTagSet(name: name, tags: [])
  }

  private mutating func tag(_ label: String, _ set: TagSetID, _ graph: LineageGraph) throws -> TagID
  {
    if let tag = graph.tag(named: label, in: set) { return tag }
    counts.tags += 1
    // Colours far apart on the colour wheel, by the golden ratio.
    let hue = Double(graph.tagSetInfo(set).tags.count) * 0.618_033_988_75
    return try graph.addTag(Tag(label: label, color: Self.color(hue: hue)), to: set)
  }

  private static func color(hue: Double) -> UInt32 {
    func channel(_ offset: Double) -> UInt32 {
      let h = (hue + offset / 3).truncatingRemainder(dividingBy: 1) * 6
      return UInt32(255 * min(1, max(0, abs(h - 3) - 1)))
    }
    return 0xFF00_0000 | channel(0) << 16 | channel(2) << 8 | channel(1)
  }
}

// `howdah.csv`: tables in and out.

import Core
import Formats

enum CSVModule {
  static func register(_ registry: Registry) {
    let csv = registry.module("howdah.csv", "Tables as comma separated text.")
    csv.function(
      "write",
      params: [
        Param("path", .output, "The file."),
        .table("rows", "A list of lists, or a list of records {name = value}."),
        .options([
          Param(
            "columns", .list(.string),
            "For records: which columns, in which order; absent: all, by name.", optional: true),
          .choice("quote", ["needed", "all"], "Which cells are put in quotes.", default: "needed"),
          .string("separator", "Between cells.", default: ","),
        ]),
      ],
      "Write a table, whole or not at all. Records get a line of column names first.",
      example:
        #"howdah.csv.write("spots.csv", {{id = 1, x = 2.5}, {id = 2, x = 4}}, {columns = {"id", "x"}})"#
    ) { call in
      let path = try call.writablePath(call.string(0))
      let rows = try call.value(1).elements ?? []
      var style = CSVFile.Style()
      style.quotesAll = call.options.string("quote") == "all"
      style.separator = try separator(call.options.string("separator"))
      let columns = call.options["columns"].elements?.compactMap(\.text)
      let table = try Rows(rows, columns: columns)
      try CSVFile.write(
        header: table.header, rows: table.cells.map { $0.map(text) }, to: path, style: style)
    }
    csv.function(
      "read",
      params: [
        Param("path", .file, "The file."),
        .options([
          .boolean("header", "Whether the first line has column names.", default: true),
          .string("separator", "Between cells; absent: found out.", optional: true),
        ]),
      ],
      returns: "{row, ...}",
      "Read a table: a list of records by column name, or of lists without a header. What looks like a number is one.",
      example: #"howdah.csv.write("spots.csv", {{"id", "x"}, {1, 2.5}})"# + "\n"
        + #"print(howdah.csv.read("spots.csv")[1].x)"#
    ) { call in
      let o = call.options
      let hasHeader = o.bool("header")
      let table = try CSVFile.read(
        try call.readablePath(call.string(0)),
        separator: try o.optionalString("separator").map(separator), hasHeader: hasHeader)
      call.push(
        .list(
          (0..<table.rowCount).map { row in
            let cells = (0..<table.columnCount(ofRow: row)).map { cell(table, row, $0) }
            guard hasHeader else { return .list(cells) }
            return .record(zip(table.header, cells).map { (key: $0, value: $1) })
          }) as LuaValue)
    }
  }

  private static func cell(_ table: CSVTable, _ row: Int, _ column: Int) -> LuaValue {
    let text = table.text(row, column)
    if let whole = Int(text) { return .int(whole) }
    if let number = table.number(row, column) { return .double(number) }
    return .string(text)
  }

  private static func separator(_ text: String) throws -> Character {
    guard let c = text.first, text.count == 1, c.isASCII, c != "\"", c != "\n", c != "\r" else {
      throw HowdahError(
        .argument, "howdah.csv: a separator is one character, such as \",\" or \";\"")
    }
    return c
  }

  /// A value as a cell.
  static func text(_ value: LuaValue) -> String {
    switch value {
    case .nil: ""
    case .bool(let b): String(b)
    case .int(let i): String(i)
    case .double(let d): d.isFinite ? CSVFile.text(d) : String(d)
    case .string(let s): s
    default: value.typeName
    }
  }
}

/// Rows of a table as Lua gives them: a list of lists, or a list of records.
struct Rows {
  /// Column names; empty for lists.
  var header: [String] = []
  var cells: [[LuaValue]] = []

  init(_ rows: [LuaValue], columns: [String]?) throws {
    let isRecords = columns != nil || rows.contains { $0.elements == nil && $0.fields != nil }
    if isRecords {
      header = columns ?? Array(Set(rows.flatMap { ($0.fields ?? []).map(\.key) })).sorted()
    }
    for (i, row) in rows.enumerated() {
      if isRecords, row.fields != nil {
        cells.append(header.map { row[$0] })
      } else if !isRecords, let list = row.elements {
        cells.append(list)
      } else {
        throw HowdahError(.argument, "row \(i + 1) is a \(row.typeName) unlike the rows before it")
      }
    }
  }
}

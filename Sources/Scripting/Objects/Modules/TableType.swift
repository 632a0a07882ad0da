// `howdah.table(rows)`: rows as aligned text.

import Core

/// A table made for looking at.
struct TableObject {
  let rows: Rows

  /// Aligned columns, numbers to the right.
  var text: String {
    let body = rows.cells.map { $0.map(TableObject.cell) }
    let lines = (rows.header.isEmpty ? [] : [rows.header]) + body
    let count = lines.map(\.count).max() ?? 0
    let widths = (0..<count).map { c in
      lines.map { $0.indices.contains(c) ? $0[c].count : 0 }.max() ?? 0
    }
    let isNumber = (0..<count).map { c in
      !rows.cells.isEmpty
        && rows.cells.allSatisfy {
          $0.indices.contains(c) ? $0[c].number != nil || $0[c].isNil : true
        }
    }
    return lines.map { line in
      var text = ""
      for (c, cell) in line.enumerated() {
        let fill = String(repeating: " ", count: widths[c] - cell.count)
        text += (c > 0 ? "  " : "") + (isNumber[c] ? fill + cell : cell + fill)
      }
      while text.last == " " { text.removeLast() }
      return text
    }.joined(separator: "\n")
  }

  private static func cell(_ value: LuaValue) -> String {
    if case .double(let d) = value { return short(d) }
    return CSVModule.text(value)
  }
}

enum TableType {
  static func register(_ registry: Registry, _ howdah: ModuleEntry) {
    let table = registry.type("table view", of: TableObject.self, "Rows as aligned text.")
    table.operator("__tostring") { $0.push($0.receiver(TableObject.self).text) }
    table.operator("__len") { $0.push($0.receiver(TableObject.self).rows.cells.count) }
    table.display { .text($0.receiver(TableObject.self).text) }
    howdah.function(
      "table",
      params: [
        .table("rows", "A list of lists, or a list of records {name = value}."),
        .options([
          Param(
            "columns", .list(.string),
            "For records: which columns, in which order; absent: all, by name.", optional: true)
        ]),
      ],
      returns: "table view", "Rows as aligned text, for printing.",
      example:
        #"print(howdah.table({{name = "spots", n = 12}, {name = "links", n = 9}}, {columns = {"name", "n"}}))"#
    ) { call in
      let columns = call.options["columns"].elements?.compactMap(\.text)
      call.push(
        object: TableObject(rows: try Rows(try call.value(0).elements ?? [], columns: columns)))
    }
  }
}

// `howdah.table(rows)`: rows as aligned text.

import Core

/// A table made for looking at.
struct TableObject {
  let rows: Rows

  /// Aligned columns, numbers to the right.
  var text: String {
    let width = rows.cells.map(\.count).max() ?? 0
    let columns = rows.header.isEmpty ? (0..<width).map { String($0 + 1) } : rows.header
    var text = ValueText.table(columns: columns, rows: rows.cells, total: rows.cells.count)
    if text.hasSuffix("\n") { text.removeLast() }
    return text
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

// A table of texts as it comes out of a CSV file. All cells lie one after the other in one array of bytes,
// so a table takes a few bytes more than its file, however many empty cells it has.

/// A table of texts with an optional header, rows and columns counted from 0.
///
/// Rows may have different numbers of cells; a cell that a row does not have reads as empty.
public struct CSVTable: Sendable {
  /// The names of the columns, without blanks at their ends; empty when the file was read without one.
  public internal(set) var header: [String] = []
  /// The separator the file uses.
  public internal(set) var separator: Character = ","

  var cells: [UInt8] = []
  /// End of each cell in `cells`.
  var ends: [UInt32] = []
  /// Index of each row's first cell in `ends`.
  var starts: [UInt32] = []
  /// Line of the file on which each row begins, from 1.
  var lines: [UInt32] = []

  /// Number of rows, the header not counted.
  public var rowCount: Int { starts.count }

  /// The line of the file on which a row begins, counted from 1.
  public func line(ofRow row: Int) -> Int { Int(lines[row]) }

  /// Number of cells of a row.
  public func columnCount(ofRow row: Int) -> Int {
    (row + 1 < starts.count ? Int(starts[row + 1]) : ends.count) - Int(starts[row])
  }

  /// The column with this name, letter case aside, or nil.
  public func column(named name: String) -> Int? {
    let wanted = name.lowercased()
    return header.firstIndex { $0.lowercased() == wanted }
  }

  /// The text of a cell as it is in the file, without its quotes.
  public subscript(row: Int, column: Int) -> String {
    guard let range = range(row, column) else { return "" }
    return String(decoding: cells[range], as: UTF8.self)
  }

  /// The text of a cell without blanks at its ends.
  public func text(_ row: Int, _ column: Int) -> String {
    trimmedASCIIWhitespace(self[row, column])
  }

  /// The number in a cell with a decimal point, or nil when the cell holds none. Blanks at its ends do not
  /// matter, nor does the locale.
  public func number(_ row: Int, _ column: Int) -> Double? { Double(text(row, column)) }

  /// All cells of a row.
  public func row(_ row: Int) -> [String] {
    (0..<columnCount(ofRow: row)).map { self[row, $0] }
  }

  private func range(_ row: Int, _ column: Int) -> Range<Int>? {
    guard column >= 0, column < columnCount(ofRow: row) else { return nil }
    let index = Int(starts[row]) + column
    return (index == 0 ? 0 : Int(ends[index - 1]))..<Int(ends[index])
  }

  /// Takes the first row away as the header.
  mutating func takeHeader() {
    guard rowCount > 0 else { return }
    header = (0..<columnCount(ofRow: 0)).map { text(0, $0) }
    // The cells stay where they are; the first row is forgotten.
    starts.removeFirst()
    lines.removeFirst()
  }
}

// CSV as RFC 4180 describes it and as programs really write it: separators `,` `;` and tab, a byte order
// mark, LF, CRLF or CR, quoted cells with line ends and doubled quotes, blank lines, no final line end.

import Core

/// Reading and writing of CSV files.
public enum CSVFile {
  /// Cells are counted in 32 bits.
  static let limit = Int(UInt32.max) - 1

  /// Read a CSV file (UTF-8).
  ///
  /// - Parameters:
  ///   - separator: nil finds out which of `,` `;` and tab the file uses.
  ///   - hasHeader: whether the first row names the columns.
  /// - Throws: `.file`, or `.format` with the line for a quoted cell that never ends.
  public static func read(_ path: String, separator: Character? = nil, hasHeader: Bool = true)
    throws
    -> CSVTable
  {
    try parse(
      readWholeFile(path, limit: limit), path: path, separator: separator, hasHeader: hasHeader)
  }

  /// Parse the bytes of a CSV file; `path` is for error messages.
  public static func parse(
    _ bytes: [UInt8], path: String, separator: Character? = nil, hasHeader: Bool = true
  ) throws -> CSVTable {
    let body = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes.dropFirst(3) : bytes[...]
    let separator = separator ?? sniffed(body)
    guard let code = separator.asciiValue else {
      throw HowdahError(.argument, "the separator of a CSV file must be an ASCII character")
    }
    var parser = Parser(separator: code)
    try body.withUnsafeBufferPointer { try parser.run($0, path: path) }
    var table = parser.table
    table.separator = separator
    if hasHeader { table.takeHeader() }
    return table
  }

  /// The separator that is most frequent outside quotes in the first line that has one; `,` when none is.
  private static func sniffed(_ bytes: ArraySlice<UInt8>) -> Character {
    var counts: [UInt8: Int] = [:]
    var quoted = false
    for byte in bytes.prefix(1 << 16) {
      if byte == UInt8(ascii: "\"") { quoted.toggle() }
      if quoted { continue }
      if byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") {
        if counts.isEmpty { continue }
        break
      }
      if byte == UInt8(ascii: ",") || byte == UInt8(ascii: ";") || byte == UInt8(ascii: "\t") {
        counts[byte, default: 0] += 1
      }
    }
    let candidates = [UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: "\t")]
    let best = candidates.max { counts[$0, default: 0] < counts[$1, default: 0] }
    return counts.isEmpty ? "," : Character(UnicodeScalar(best ?? UInt8(ascii: ",")))
  }

  /// One pass over the bytes.
  private struct Parser {
    let separator: UInt8
    var table = CSVTable()

    mutating func run(_ bytes: UnsafeBufferPointer<UInt8>, path: String) throws {
      let quote = UInt8(ascii: "\"")
      let (lf, cr) = (UInt8(ascii: "\n"), UInt8(ascii: "\r"))
      table.cells.reserveCapacity(bytes.count)
      var line: UInt32 = 1
      var i = 0
      while i < bytes.count {
        // A line without anything in it is no row.
        if bytes[i] == lf || bytes[i] == cr {
          i = lineEnd(bytes, i)
          line += 1
          continue
        }
        table.starts.append(UInt32(table.ends.count))
        table.lines.append(line)
        row: while true {
          if i < bytes.count, bytes[i] == quote {
            let start = line
            i += 1
            while true {
              guard i < bytes.count else {
                throw HowdahError.format(
                  path, at: "line \(start)", "a quoted cell begins here and never ends")
              }
              if bytes[i] == quote {
                if i + 1 < bytes.count, bytes[i + 1] == quote { i += 1 } else { break }
              } else if bytes[i] == lf {
                line += 1
              }
              table.cells.append(bytes[i])
              i += 1
            }
            i += 1
          }
          // The rest of an unquoted cell; after a closing quote usually nothing.
          while i < bytes.count, bytes[i] != separator, bytes[i] != lf, bytes[i] != cr {
            table.cells.append(bytes[i])
            i += 1
          }
          table.ends.append(UInt32(table.cells.count))
          guard i < bytes.count else { break row }
          if bytes[i] == separator {
            i += 1
          } else {
            i = lineEnd(bytes, i)
            line += 1
            break row
          }
        }
      }
    }

    private func lineEnd(_ bytes: UnsafeBufferPointer<UInt8>, _ i: Int) -> Int {
      let pair =
        bytes[i] == UInt8(ascii: "\r") && i + 1 < bytes.count
        && bytes[i + 1] == UInt8(ascii: "\n")
      return i + (pair ? 2 : 1)
    }
  }

  /// How a CSV file is written.
  public struct Style: Sendable {
    /// Between cells.
    public var separator: Character = ","
    /// After each row.
    public var lineEnd = "\n"
    /// Whether every cell is quoted, as ELEPHANT's own files are, or only those that need it.
    public var quotesAll = false

    /// Commas, LF, quotes where needed.
    public init() {}

    /// As ELEPHANT writes its tables: every cell quoted, LF.
    public static var elephant: Style {
      var style = Style()
      style.quotesAll = true
      return style
    }
  }

  /// The text of a CSV file with these rows; without a header when `header` is empty.
  public static func text(header: [String], rows: some Sequence<[String]>, style: Style = Style())
    -> String
  {
    var text = ""
    func append(_ cells: [String]) {
      for (index, cell) in cells.enumerated() {
        if index > 0 { text.append(style.separator) }
        let special = cell.utf8.contains {
          $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r")
            || $0 == style.separator.asciiValue
        }
        // A row of one empty cell would read as a blank line.
        if style.quotesAll || special || (cells.count == 1 && cell.isEmpty) {
          text.append("\"")
          for character in cell.unicodeScalars {
            if character == "\"" { text.append("\"") }
            text.unicodeScalars.append(character)
          }
          text.append("\"")
        } else {
          text += cell
        }
      }
      text += style.lineEnd
    }
    if !header.isEmpty { append(header) }
    for row in rows { append(row) }
    return text
  }

  /// Write a CSV file whole or not at all.
  public static func write(
    header: [String], rows: some Sequence<[String]>, to path: String, style: Style = Style()
  ) throws {
    try AtomicFile.write(text(header: header, rows: rows, style: style), to: path)
  }

  /// A number as text: the shortest decimal that reads back as the same number, whole numbers without a
  /// point, never with the locale's comma.
  public static func text(_ number: Double) -> String {
    if number == number.rounded(), abs(number) < 1e15 { return String(Int(number)) }
    return "\(number)"
  }
}

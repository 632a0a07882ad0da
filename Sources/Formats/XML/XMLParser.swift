// From bytes to the tree of XMLElement.swift, over expat. Files are taken as hostile: depth, number of
// elements and size are limited, entity declarations are refused (so there are neither external entities nor
// "billion laughs"), and expat never opens another file because no handler for that is set.

import CExpat
import Core

/// A whole XML document: its root element.
public struct XMLDocument: Sendable {
  /// The outermost element.
  public var root: XMLElement

  /// A document made here.
  public init(root: XMLElement) { self.root = root }

  /// What a document may cost before it is refused with an error of kind `limit`.
  public struct Limits: Sendable {
    /// Bytes of the file.
    public var bytes = 512 << 20
    /// Elements inside elements.
    public var depth = 200
    /// Elements and attributes together.
    public var nodes = 16_000_000

    /// The limits that suit every file Howdah reads.
    public init() {}
  }

  /// Read and parse the file at `path`. Throws `.file`, `.format` (with line and column) or `.limit`.
  public init(contentsOf path: String, limits: Limits = Limits()) throws {
    try self.init(parsing: readWholeFile(path, limit: limits.bytes), path: path, limits: limits)
  }

  /// Parse these bytes (UTF-8, UTF-16, ISO-8859-1 or US-ASCII as the document declares).
  ///
  /// `path` is only used in error messages: `path: line 3, column 7: mismatched tag`.
  public init(parsing bytes: [UInt8], path: String, limits: Limits = Limits()) throws {
    guard bytes.count <= limits.bytes else {
      throw HowdahError(
        .limit, "\(path): \(bytes.count) bytes of XML are more than \(limits.bytes)")
    }
    let builder = TreeBuilder(path: path, limits: limits)
    guard let parser = XML_ParserCreate(nil) else {
      throw HowdahError(.limit, "\(path): no memory for an XML parser")
    }
    defer { XML_ParserFree(parser) }
    builder.parser = parser
    root = try withExtendedLifetime(builder) {
      builder.install()
      return try builder.run(bytes)
    }
  }
}

/// Receives expat's events and builds the tree. Lives on one thread for one parse.
private final class TreeBuilder {
  let path: String
  let limits: XMLDocument.Limits
  var parser: XML_Parser!
  /// The open elements, outermost first. Their texts collect in `texts` at the same index.
  var open: [XMLElement] = []
  var texts: [[UInt8]] = []
  var root: XMLElement?
  var nodes = 0
  var failure: HowdahError?

  init(path: String, limits: XMLDocument.Limits) {
    self.path = path
    self.limits = limits
  }

  func install() {
    XML_SetUserData(parser, Unmanaged.passUnretained(self).toOpaque())
    XML_SetElementHandler(
      parser,
      { context, name, attributes in
        TreeBuilder.from(context).start(name!, attributes)
      },
      { context, _ in TreeBuilder.from(context).end() })
    XML_SetCharacterDataHandler(parser) { context, bytes, count in
      TreeBuilder.from(context).characters(bytes!, Int(count))
    }
    XML_SetEntityDeclHandler(parser) { context, _, _, _, _, _, _, _, _ in
      TreeBuilder.from(context).stop(
        .format, "entity declarations are not accepted in a data file; replace the entities by text"
      )
    }
  }

  static func from(_ context: UnsafeMutableRawPointer?) -> TreeBuilder {
    Unmanaged<TreeBuilder>.fromOpaque(context!).takeUnretainedValue()
  }

  func run(_ bytes: [UInt8]) throws -> XMLElement {
    // Pieces, because expat counts in Int32.
    let piece = 1 << 20
    var offset = 0
    repeat {
      let count = min(piece, bytes.count - offset)
      let last = offset + count == bytes.count
      let status = bytes.withUnsafeBytes { all in
        XML_Parse(
          parser, all.baseAddress?.advanced(by: offset).assumingMemoryBound(to: CChar.self),
          Int32(count), last ? 1 : 0)
      }
      if let failure { throw failure }
      if status != XML_STATUS_OK {
        let code = XML_GetErrorCode(parser)
        let text = XML_ErrorString(code).map { String(cString: $0) } ?? "not XML"
        throw HowdahError.format(path, at: place, "not well-formed XML: \(text)")
      }
      offset += count
    } while offset < bytes.count
    guard let root else { throw HowdahError.format(path, at: place, "no element") }
    return root
  }

  var place: String {
    "line \(XML_GetCurrentLineNumber(parser)), column \(XML_GetCurrentColumnNumber(parser) + 1)"
  }

  func stop(_ kind: HowdahError.Kind, _ reason: String) {
    if failure == nil { failure = HowdahError(kind, "\(path): \(place): \(reason)") }
    XML_StopParser(parser, 0)
  }

  func start(
    _ name: UnsafePointer<CChar>, _ attributes: UnsafeMutablePointer<UnsafePointer<CChar>?>?
  ) {
    // After XML_StopParser expat may still deliver a few events.
    if failure != nil { return }
    if open.count >= limits.depth {
      return stop(.limit, "elements are nested deeper than \(limits.depth)")
    }
    var element = XMLElement(String(cString: name))
    element.line = Int(XML_GetCurrentLineNumber(parser))
    nodes += 1
    var i = 0
    while let attributes, let key = attributes[i], let value = attributes[i + 1] {
      element.attributes.append(
        XMLAttribute(name: String(cString: key), value: String(cString: value)))
      i += 2
      nodes += 1
    }
    if nodes > limits.nodes { return stop(.limit, "more than \(limits.nodes) elements") }
    open.append(element)
    if texts.count < open.count { texts.append([]) }
    texts[open.count - 1].removeAll(keepingCapacity: true)
  }

  func characters(_ bytes: UnsafePointer<CChar>, _ count: Int) {
    if failure != nil || open.isEmpty { return }
    let raw = UnsafeRawBufferPointer(start: bytes, count: count)
    texts[open.count - 1].append(contentsOf: raw)
  }

  func end() {
    if failure != nil { return }
    let text = texts[open.count - 1]
    var element = open.removeLast()
    if element.children.isEmpty || !text.allSatisfy(isXMLWhitespace) {
      element.text = String(decoding: text, as: UTF8.self)
    }
    if open.isEmpty {
      root = element
    } else {
      open[open.count - 1].children.append(element)
    }
  }
}

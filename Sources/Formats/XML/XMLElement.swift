// A small XML tree: elements with attributes, children and text. Comments, processing instructions and
// the white space between elements are not kept; the order of children and of attributes is.

/// One element of an XML document: a value, copied like any other.
///
/// `text` is all character data directly inside the element, entities resolved, joined in document order
/// and not trimmed; white space alone beside child elements counts as no text.
public struct XMLElement: Sendable {
  /// The name as written, with its namespace prefix if it has one.
  public var name: String
  /// The attributes in document order.
  public var attributes: [XMLAttribute]
  /// The child elements in document order.
  public var children: [XMLElement]
  /// The character data directly inside this element.
  public var text: String
  /// Line of the start tag in the file it was read from, from 1; 0 when it was made here.
  public var line: Int

  /// An element made here. Attributes are written in the order given.
  public init(
    _ name: String, attributes: KeyValuePairs<String, String> = [:], text: String = "",
    children: [XMLElement] = []
  ) {
    self.name = name
    self.attributes = attributes.map { XMLAttribute(name: $0.key, value: $0.value) }
    self.children = children
    self.text = text
    line = 0
  }

  /// The value of an attribute, or nil when it is absent. Setting nil removes it; setting a value keeps the
  /// attribute's place or appends it.
  public subscript(attribute name: String) -> String? {
    get { attributes.first { $0.name == name }?.value }
    set {
      let index = attributes.firstIndex { $0.name == name }
      switch (index, newValue) {
      case (let index?, let value?): attributes[index].value = value
      case (let index?, nil): attributes.remove(at: index)
      case (nil, let value?): attributes.append(XMLAttribute(name: name, value: value))
      case (nil, nil): break
      }
    }
  }

  /// The first child of this name, or nil.
  public func child(_ name: String) -> XMLElement? { children.first { $0.name == name } }

  /// All children of this name, in order.
  public func children(_ name: String) -> [XMLElement] { children.filter { $0.name == name } }

  /// The text without the white space at its ends.
  public var trimmedText: String { trimmedASCIIWhitespace(text) }

  /// The trimmed text of the first child of this name, or nil when there is no such child.
  public func childText(_ name: String) -> String? { child(name)?.trimmedText }
}

/// One attribute of an element; the value has its entities resolved.
public struct XMLAttribute: Hashable, Sendable {
  /// The name as written, with its namespace prefix if it has one.
  public var name: String
  /// The value, unescaped.
  public var value: String

  /// An attribute made here.
  public init(name: String, value: String) {
    self.name = name
    self.value = value
  }
}

/// Whether this byte is one of XML's white space characters.
@inline(__always)
func isXMLWhitespace(_ byte: UInt8) -> Bool {
  byte == 0x20 || byte == 0x0A || byte == 0x09 || byte == 0x0D
}

/// The text without spaces, tabs and line ends at its ends.
func trimmedASCIIWhitespace(_ text: String) -> String {
  let bytes = text.utf8
  guard let first = bytes.firstIndex(where: { !isXMLWhitespace($0) }),
    let last = bytes.lastIndex(where: { !isXMLWhitespace($0) })
  else { return "" }
  return String(text[first...last])
}

// From the tree to indented UTF-8. Reading back what is written gives the same tree.

import Core

extension XMLDocument {
  /// The document as UTF-8: an XML declaration, two spaces of indent a level, elements without content
  /// as `<a />`, a line end at the end. Children beside text are not indented, so that the text stays
  /// what it is.
  ///
  /// Characters that XML cannot hold at all (control characters) become U+FFFD.
  public func encoded() -> [UInt8] {
    var out = Array("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".utf8)
    append(root, indent: 0, to: &out)
    out.append(0x0A)
    return out
  }

  /// Write the document to a file, atomically.
  public func write(to path: String) throws { try AtomicFile.write(encoded(), to: path) }

  /// `indent` is nil inside an element with text of its own.
  private func append(_ element: XMLElement, indent: Int?, to out: inout [UInt8]) {
    out.append(UInt8(ascii: "<"))
    out.append(contentsOf: element.name.utf8)
    for attribute in element.attributes {
      out.append(0x20)
      out.append(contentsOf: attribute.name.utf8)
      out.append(contentsOf: "=\"".utf8)
      appendEscaped(attribute.value, inAttribute: true, to: &out)
      out.append(UInt8(ascii: "\""))
    }
    if element.children.isEmpty && element.text.isEmpty {
      out.append(contentsOf: " />".utf8)
      return
    }
    out.append(UInt8(ascii: ">"))
    appendEscaped(element.text, inAttribute: false, to: &out)
    let inner = element.text.isEmpty ? indent.map { $0 + 2 } : nil
    for child in element.children {
      appendLineStart(inner, to: &out)
      append(child, indent: inner, to: &out)
    }
    if !element.children.isEmpty && inner != nil { appendLineStart(indent, to: &out) }
    out.append(contentsOf: "</".utf8)
    out.append(contentsOf: element.name.utf8)
    out.append(UInt8(ascii: ">"))
  }

  private func appendLineStart(_ indent: Int?, to out: inout [UInt8]) {
    guard let indent else { return }
    out.append(0x0A)
    out.append(contentsOf: repeatElement(0x20, count: indent))
  }

  private func appendEscaped(_ text: String, inAttribute: Bool, to out: inout [UInt8]) {
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "&"): out.append(contentsOf: "&amp;".utf8)
      case UInt8(ascii: "<"): out.append(contentsOf: "&lt;".utf8)
      case UInt8(ascii: ">"): out.append(contentsOf: "&gt;".utf8)
      case UInt8(ascii: "\"") where inAttribute: out.append(contentsOf: "&quot;".utf8)
      // A parser would turn these into plain spaces (in attributes) or a line feed.
      case 0x0D: out.append(contentsOf: "&#13;".utf8)
      case 0x0A where inAttribute: out.append(contentsOf: "&#10;".utf8)
      case 0x09 where inAttribute: out.append(contentsOf: "&#9;".utf8)
      case 0x09, 0x0A: out.append(byte)
      case 0..<0x20: out.append(contentsOf: "\u{FFFD}".utf8)
      default: out.append(byte)
      }
    }
  }
}

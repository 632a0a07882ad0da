// `project.xml`: where the images are and the names of the units. What it says besides is kept.

import Core

/// The content of a `project.xml`.
struct MastodonProjectFile {
  /// The document with everything that Howdah does not know; its comments are in `verbatim` only.
  private var root: XMLElement
  /// The bytes it was read from, while nothing has been changed.
  private var verbatim: [UInt8]?

  /// A new file of the present version.
  init() {
    root = XMLElement(
      "MamutProject", attributes: ["version": "0.3"], children: [XMLElement("SpimDataFile")])
  }

  /// Parse the member of a project.
  init(_ bytes: [UInt8], path: String) throws {
    let document = try XMLDocument(parsing: bytes, path: "\(path): project.xml")
    guard document.root.name == "MamutProject" else {
      throw HowdahError.format(
        path, at: "project.xml", "its root is <\(document.root.name)>, not <MamutProject>")
    }
    root = document.root
    verbatim = bytes
  }

  /// The version as it stands there; it means nothing to readers.
  var version: String { root[attribute: "version"] ?? "" }

  /// The place of the images as it stands there; nil when there is none. The element of the oldest versions
  /// is the same.
  var imagesText: String? {
    root.childText("SpimDataFile").flatMap { $0.isEmpty || $0 == "null" ? nil : $0 }
  }

  /// Whether that is relative to the project; anything but `relative` means absolute.
  var isRelative: Bool { root.child("SpimDataFile")?[attribute: "type"] == "relative" }

  /// Name of the space unit; nil when it is missing, which old versions allow, and empty when it is empty.
  var spaceUnit: String? { root.childText("SpaceUnits") }

  /// Name of the time unit, likewise.
  var timeUnit: String? { root.childText("TimeUnits") }

  /// The place of the images, absolute (or as it is when it lies on another machine); nil when there is none.
  func imagesPath(from project: String) -> String? {
    guard let text = imagesText else { return nil }
    if isRelative { return ProjectPath.resolve(text, from: project) }
    return ProjectPath.isElsewhere(text) ? text : ProjectPath.normalized(text)
  }

  /// Set the place of the images for a project file that moves from `old` to `new`. Nothing changes when it
  /// means the same place there already.
  mutating func setImages(_ path: String?, from old: String, to new: String) {
    if imagesPath(from: old) == path, imagesPath(from: new) == path { return }
    var element = XMLElement("SpimDataFile")
    if let path, path.hasPrefix("/") {
      element[attribute: "type"] = "relative"
      element.text = ProjectPath.relative(path, from: ProjectPath.absolute(new))
    } else if let path {
      element[attribute: "type"] = "absolute"
      element.text = path
    } else {
      element.text = "null"
    }
    verbatim = nil
    set(element)
  }

  /// Set the units. A missing element means a default, which `isNew` files spell out and others leave so.
  mutating func setUnits(space: String, time: String, isNew: Bool, defaults: (String, String)) {
    for (name, old, new, standard) in [
      ("SpaceUnits", spaceUnit, space, defaults.0), ("TimeUnits", timeUnit, time, defaults.1),
    ] where old != new && (old != nil || isNew || new != standard) {
      verbatim = nil
      set(XMLElement(name, text: new))
    }
  }

  private mutating func set(_ element: XMLElement) {
    if let index = root.children.firstIndex(where: { $0.name == element.name }) {
      root.children[index] = element
    } else {
      root.children.append(element)
    }
  }

  /// The bytes to write: those it was read from when nothing has changed.
  var bytes: [UInt8] { verbatim ?? XMLDocument(root: root).encoded() }
}

// The one table of file formats. `Project.open`, `Project.save`, `howdah info` and `howdah convert` look here;
// a new format is one more entry.

import Core
import Imaging

/// A file format: how it is recognised, and what can be read from and written to it.
public struct FileFormat: Sendable {
  /// What a format is recognised by.
  public struct Probe: Sendable {
    /// The path as it was given.
    public let path: String
    /// What follows the last dot of the name, in lower case.
    public let fileExtension: String
    /// Whether it is a folder.
    public let isFolder: Bool
    /// The first 4096 bytes of a file; empty for folders.
    public let head: [UInt8]

    /// Looks at a file or folder.
    init(_ path: String) {
      self.path = path
      fileExtension = ProjectPath.fileExtension(path)
      isFolder = FileBytes.kind(of: path) == .folder
      head = isFolder ? [] : FileBytes.head(of: path, count: 4096)
    }

    /// Whether the file begins with these bytes.
    public func begins(with bytes: [UInt8]) -> Bool { head.starts(with: bytes) }

    /// Whether this text occurs in the first bytes of the file.
    public func mentions(_ text: String) -> Bool {
      let wanted = Array(text.utf8)
      guard head.count >= wanted.count else { return false }
      return (0...head.count - wanted.count).contains { head[$0...].starts(with: wanted) }
    }
  }

  /// Short name, as `format=` options take it.
  public var name: String
  /// What it is, in a few words.
  public var summary: String
  /// Usual extensions in lower case; the first one is given to new files.
  public var extensions: [String]
  /// Whether a file or folder that exists is of this format.
  public var recognises: @Sendable (Probe) -> Bool
  /// Reads a whole project; nil when the format holds none or cannot be read.
  public var openProject: (@Sendable (String, Progress) throws -> Project)?
  /// Opens the images; nil when the format holds none or cannot be read.
  public var openImages: (@Sendable (String) throws -> any ImageSource)?
  /// Writes a project; nil when the format cannot be written.
  public var writeProject: (@Sendable (Project, String, Progress) throws -> Void)?
  /// Writes images; nil when the format cannot be written.
  public var writeImages: (@Sendable (any ImageSource, String, Progress) throws -> Void)?

  /// A format; what is left out cannot be done with it.
  public init(
    name: String, summary: String, extensions: [String],
    recognises: @escaping @Sendable (Probe) -> Bool,
    openProject: (@Sendable (String, Progress) throws -> Project)? = nil,
    openImages: (@Sendable (String) throws -> any ImageSource)? = nil,
    writeProject: (@Sendable (Project, String, Progress) throws -> Void)? = nil,
    writeImages: (@Sendable (any ImageSource, String, Progress) throws -> Void)? = nil
  ) {
    self.name = name
    self.summary = summary
    self.extensions = extensions
    self.recognises = recognises
    self.openProject = openProject
    self.openImages = openImages
    self.writeProject = writeProject
    self.writeImages = writeImages
  }
}

/// All formats that Howdah knows.
public enum FormatRegistry {
  /// The table, in the order in which formats are asked whether a file is theirs.
  public static let formats: [FileFormat] = [
    .mastodon, .bigDataViewer, .tiff, .csv, .ctc,
  ]

  /// The format of an existing file or folder.
  ///
  /// - Throws: `.file` when there is none, `.format` with a list of what can be read when no format knows it.
  public static func format(of path: String) throws -> FileFormat {
    guard FileBytes.kind(of: path) != .missing else {
      throw HowdahError.file(path, "does not exist")
    }
    let probe = FileFormat.Probe(path)
    if let format = formats.first(where: { $0.recognises(probe) }) { return format }
    if ["h5", "hdf5", "n5"].contains(probe.fileExtension) {
      throw HowdahError.format(
        path, at: "", "holds the voxels of a data set; open the .xml that belongs to it")
    }
    throw HowdahError.format(
      path, at: "",
      "is of no format that Howdah knows; it reads "
        + formats.filter { $0.openProject != nil || $0.openImages != nil }.map(description)
        .joined(separator: ", "))
  }

  /// The format that a new file of this name gets, by its extension or by `name` (`"csv"`).
  public static func format(writing path: String, name: String? = nil) throws -> FileFormat {
    var wanted = name?.lowercased()
    let fileExtension = ProjectPath.fileExtension(path)
    // The challenge's own names of folders: 01_RES, 01_GT.
    if wanted == nil, fileExtension.isEmpty,
      ["_RES", "_GT"].contains(where: ProjectPath.name(path).hasSuffix)
    {
      wanted = FileFormat.ctc.name
    }
    let writable = formats.filter { $0.writeProject != nil || $0.writeImages != nil }
    let found = writable.first {
      $0.name == wanted || $0.extensions.contains(wanted ?? fileExtension)
    }
    if let found { return found }
    throw HowdahError(
      .argument,
      "\(path): \(wanted.map { "\"\($0)\"" } ?? "its extension") names no format that can be written; "
        + "there are \(writable.map(description).joined(separator: ", "))")
  }

  /// Open images of any format that holds some.
  public static func openImages(_ path: String) throws -> any ImageSource {
    let format = try format(of: path)
    if let open = format.openImages { return try open(path) }
    throw HowdahError.format(
      path, at: "",
      "holds no images (it is \(format.summary)); images are read from "
        + formats.filter { $0.openImages != nil }.map(description).joined(separator: ", "))
  }

  private static func description(_ format: FileFormat) -> String {
    "\(format.summary) (\(format.extensions.map { "." + $0 }.joined(separator: ", ")))"
  }
}

// A project: the lineage, and the images it belongs to. The file it came from is remembered as far as is needed
// to write everything back that was in it.

import Core
import Imaging
import Lineage

/// Images and lineage together, as everything above this floor sees them.
///
/// A project always has a lineage. Images may be missing (on another machine, a stand-in, remote): `images` is
/// nil then, `imagesProblem` says why, and `imagesDescription` may still know their size. Not sendable: a
/// project belongs to one thread, like its lineage.
public final class Project {
  /// Spots, links, tags and features.
  public let lineage: LineageGraph
  /// The images, nil when they cannot be read.
  public private(set) var images: (any ImageSource)?
  /// Why there are no images and what to do about it; nil when there are some.
  public private(set) var imagesProblem: String?
  /// Size, timepoints and calibration of the images, as far as known without them.
  public private(set) var imagesDescription: ImagesDescription?
  /// Where the images are or should be: an absolute path, or the text of the project file when that means a
  /// place on another machine. Nil when the project names none.
  public private(set) var imagesPath: String?
  /// Where the project was opened from or saved to last; nil for a new one.
  public var path: String?
  /// Name of the unit of positions; may be empty.
  public var spaceUnit: String
  /// Name of the unit of time; may be empty.
  public var timeUnit: String
  /// What was unusual about the file but did not keep it from being read, a sentence each.
  public internal(set) var notes: [String] = []

  /// The label images that the lineage was read from, when it comes from a folder of the Cell Tracking
  /// Challenge and has not been changed since.
  public var labels: CTCFolder? {
    labelSource?.revision == lineage.revision ? labelSource?.folder : nil
  }
  /// The folder, and the state of the lineage that was read from it.
  var labelSource: (folder: CTCFolder, revision: UInt64)?

  /// What a `.mastodon` file held besides, to be written back.
  var kept = MastodonKept()
  private var savedState: SavedState?

  private struct SavedState: Equatable {
    var revision: UInt64
    var spaceUnit: String
    var timeUnit: String
    var imagesPath: String?
  }

  private var state: SavedState {
    SavedState(
      revision: lineage.revision, spaceUnit: spaceUnit, timeUnit: timeUnit, imagesPath: imagesPath)
  }

  /// Whether anything differs from what was opened or saved last. A project that was never saved is modified
  /// as soon as it holds something.
  public var isModified: Bool { savedState != state }

  /// A project in memory.
  ///
  /// - Parameters:
  ///   - images: may be nil.
  ///   - lineage: the project takes it over.
  public init(images: (any ImageSource)?, lineage: LineageGraph = LineageGraph()) {
    self.lineage = lineage
    self.images = images
    imagesPath = images.flatMap { FileBytes.kind(of: $0.path) == .missing ? nil : $0.path }
      .map(ProjectPath.absolute)
    imagesDescription = images.map(ImagesDescription.init)
    spaceUnit = images?.unit ?? "pixel"
    timeUnit = "frame"
    if images == nil {
      imagesProblem = "the project has no images; set project.images to the path of some"
    }
    savedState = state
  }

  /// An empty project over images (BigDataViewer XML, TIFF, ...).
  ///
  /// - Throws: what opening the images throws.
  public convenience init(imagesPath: String) throws {
    self.init(images: try FormatRegistry.openImages(imagesPath))
  }

  /// Open a project (`.mastodon` as zip file or folder), or make a new one over images (BigDataViewer
  /// `.xml`, `.tif`) or from another format of `FormatRegistry`.
  ///
  /// A project opens without its images when they are not there; see `imagesProblem`.
  /// - Throws: `.file`, `.format` with member and offset, `.limit`, `.interrupted`.
  public static func open(_ path: String, progress: Progress = .none) throws -> Project {
    let format = try FormatRegistry.format(of: path)
    guard let open = format.openProject else {
      throw HowdahError.format(path, at: "", "a \(format.summary) cannot be opened as a project")
    }
    return try open(path, progress)
  }

  /// The images.
  ///
  /// - Throws: `.unavailable` with the reason when there are none.
  public func requireImages() throws -> any ImageSource {
    if let images { return images }
    throw HowdahError(.unavailable, imagesProblem ?? "the project has no images")
  }

  /// Use other images from now on, for example after they were moved. The project file will point to them when
  /// it is saved.
  ///
  /// - Throws: what opening the images throws; the project is as it was then.
  public func setImages(_ path: String) throws {
    let source = try FormatRegistry.openImages(path)
    images?.close()
    images = source
    imagesPath = ProjectPath.absolute(path)
    imagesProblem = nil
    imagesDescription = ImagesDescription(source)
  }

  /// Look for the images at the place a project file names; a failure becomes `imagesProblem`.
  func findImages(_ path: String?, backup: ImagesDescription?) {
    imagesPath = path
    imagesDescription = backup
    guard let path else {
      return lackImages("the project names no images")
    }
    if let dummy = ImagesDescription(dummyName: ProjectPath.name(path)) {
      imagesDescription = dummy
      return lackImages(
        "the project has no images: it was made over a stand-in for them (\(ProjectPath.name(path)))"
      )
    }
    if ProjectPath.isElsewhere(path) {
      return lackImages("the images are on another machine (\(path))")
    }
    guard FileBytes.kind(of: path) != .missing else {
      return lackImages("the images are not at \(path)")
    }
    do {
      let source = try FormatRegistry.openImages(path)
      images = source
      imagesProblem = nil
      imagesDescription = ImagesDescription(source)
    } catch {
      lackImages("the images cannot be read: \(error)")
    }
  }

  /// The images are not there, but this is what they are like.
  func lack(images description: ImagesDescription) {
    imagesDescription = description
    lackImages("the folder of the images is not beside that of the labels")
  }

  private func lackImages(_ reason: String) {
    images = nil
    imagesProblem =
      reason + "; spots, links and tags work without them, "
      + "and images elsewhere are used when project.images is set to their path"
  }

  /// Write the project to a `.mastodon` file (or into an existing project folder) whole or not at all, and
  /// remember the path.
  ///
  /// The link to the images is written relative to the new place. Ids in the file are numbered without gaps;
  /// the ids in memory stay. Folders are replaced as a whole.
  /// - Throws: `.argument` when the file is no Mastodon project or the name is that of another format, such as
  ///   the images'; `.file`, `.interrupted`; the file is as it was then.
  public func save(to path: String, progress: Progress = .none) throws {
    guard !lineage.isEditing else {
      throw HowdahError(.state, "\(path): a project cannot be saved in the middle of an edit")
    }
    try Self.requireMastodon(path)
    let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ""
    guard folder.isEmpty || FileBytes.kind(of: folder) == .folder else {
      throw HowdahError.file(path, "cannot be written: there is no folder \(folder)")
    }
    try MastodonWriter.save(self, to: path, progress: progress)
    self.path = path
    markSaved()
  }

  /// Refuse to write a project over images or tables, or under a name that promises some.
  private static func requireMastodon(_ path: String) throws {
    let probe = FileFormat.Probe(path)
    let kind = FileBytes.kind(of: path)
    guard kind != .folder else { return }
    let format = FormatRegistry.formats.first {
      kind == .missing ? $0.extensions.contains(probe.fileExtension) : $0.recognises(probe)
    }
    if format?.name == FileFormat.mastodon.name || (format == nil && probe.head.isEmpty) { return }
    let what = format.map { "the name of a \($0.summary)" } ?? "a file that is no Mastodon project"
    throw HowdahError(
      .argument, "\(path): is \(what); save the project under a name that ends with .mastodon")
  }

  /// Declares the present state to be the one in the file.
  func markSaved() { savedState = state }
}

extension ImagesDescription {
  /// What open images say of themselves.
  init(_ source: any ImageSource) {
    self.init(
      size: source.size, voxelSize: source.voxelSize, unit: source.unit,
      timepoints: source.timepoints, setups: source.setups)
  }
}

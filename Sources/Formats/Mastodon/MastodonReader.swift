// From a `.mastodon` file to a project.

import Core
import Lineage

/// Reading of Mastodon projects, zip files or folders, of all versions since 2017.
enum MastodonReader {
  /// The tables of a project and what its file held besides.
  struct Content {
    var kept = MastodonKept()
    var spots = SpotTable()
    var links = LinkTable()
    var tags: [TagTable] = []
    var isModelCanonical = true
    var areTagsCanonical = true
    var backup: [UInt8]?
    var notes: [String] = []
  }

  /// Open a project; its images may be missing.
  static func open(_ path: String, progress: Progress) throws -> Project {
    var content = try read(path, progress: progress)
    let lineage = try lineage(&content, path: path)
    let project = Project(images: nil, lineage: lineage)
    project.path = path
    project.findImages(
      content.kept.projectFile.imagesPath(from: path),
      backup: content.backup.flatMap { ImagesDescription(backup: $0, path: path) })
    if let unit = project.imagesDescription?.unit { content.kept.defaultUnits.space = unit }
    project.spaceUnit = content.kept.projectFile.spaceUnit ?? content.kept.defaultUnits.space
    project.timeUnit = content.kept.projectFile.timeUnit ?? content.kept.defaultUnits.time
    project.notes = content.notes
    content.kept.path = path
    content.kept.origin = MastodonOrigin(lineage, MastodonNumbering(lineage))
    if !content.isModelCanonical || !content.areTagsCanonical {
      // Rare, so the bytes are not held back for it while reading but read once more.
      let members = try MastodonContainer.read(path, progress: progress)
      func bytes(_ name: String) -> [UInt8]? { members.first { $0.name == name }?.bytes }
      content.kept.verbatim = (
        lineage.revision, content.isModelCanonical ? nil : bytes(MastodonContainer.model),
        content.areTagsCanonical ? nil : bytes(MastodonContainer.tags)
      )
    }
    project.kept = content.kept
    project.markSaved()
    return project
  }

  /// The lineage in a project's file, without anything else.
  static func lineage(of path: String, progress: Progress) throws -> LineageGraph {
    var content = try read(path, progress: progress)
    return try lineage(&content, path: path)
  }

  private static func lineage(_ content: inout Content, path: String) throws -> LineageGraph {
    let graph = LineageGraph()
    do {
      try graph.load(spots: content.spots, links: content.links, tags: content.tags)
    } catch let error as HowdahError {
      throw HowdahError(error.kind, "\(path): model.raw: \(error.message)")
    }
    // The graph has copied the tables.
    content.spots = SpotTable()
    content.links = LinkTable()
    content.tags = []
    return graph
  }

  private static func read(_ path: String, progress: Progress) throws -> Content {
    progress.begin(total: 3, "opening \(ProjectPath.name(path))")
    var members = try MastodonContainer.read(path, progress: progress)
    func take(_ name: String) -> [UInt8]? {
      guard let index = members.firstIndex(where: { $0.name == name }) else { return nil }
      return members.remove(at: index).bytes
    }
    func require(_ name: String) throws -> [UInt8] {
      if let bytes = take(name) { return bytes }
      throw HowdahError.format(
        path, at: "member \(name)", "is missing; this is no Mastodon project")
    }
    progress.advance()
    try progress.check()
    var content = Content()
    content.kept.projectFile = try MastodonProjectFile(try require("project.xml"), path: path)
    try readModel(try require("model.raw"), into: &content, path: path)
    progress.advance()
    try progress.check()
    if let tags = take("tags.raw") { try readTags(tags, into: &content, path: path) }
    for member in members {
      if member.name.hasPrefix(MastodonContainer.features), member.name.hasSuffix(".raw") {
        readFeature(member, into: &content, path: path)
      } else {
        if member.name == MastodonContainer.backup { content.backup = member.bytes }
        content.kept.otherMembers.append(member)
      }
    }
    progress.advance()
    return content
  }

  private static func readModel(
    _ bytes: consuming [UInt8], into content: inout Content, path: String
  ) throws {
    let model = try MastodonModel(bytes, path: path)
    content.kept.labelOrder = model.spots.labels.map { UInt32($0.spot) }
    content.isModelCanonical = model.isCanonical
    if !model.isCanonical { content.notes.append(unusual(MastodonContainer.model)) }
    content.spots = model.spots
    content.links = model.links
  }

  private static func readTags(
    _ bytes: consuming [UInt8], into content: inout Content, path: String
  ) throws {
    let tags = try MastodonTags(
      bytes, spotCount: content.spots.count, linkCount: content.links.count, path: path)
    content.kept.tags = tags.memory
    content.areTagsCanonical = tags.isCanonical
    if !tags.isCanonical { content.notes.append(unusual(MastodonContainer.tags)) }
    content.tags = tags.tables
  }

  private static func unusual(_ member: String) -> String {
    "\(member) is written in an unusual way; it is kept as it is until something changes"
  }

  private static func readFeature(
    _ member: ArchiveMember, into content: inout Content, path: String
  ) {
    var (feature, values, problem) = MastodonFeature.read(
      member, spotCount: content.spots.count, linkCount: content.links.count, path: path)
    if let problem { content.notes.append("a feature is kept, but cannot be used: \(problem)") }
    if let scalar = feature.scalar, let values {
      // Two files with the same key inside: the second is only kept.
      let names =
        scalar.carrier == .spot
        ? content.spots.features.map(\.name) : content.links.features.map(\.name)
      if names.contains(scalar.key) {
        feature.scalar = nil
      } else if scalar.carrier == .spot {
        content.spots.features.append((scalar.key, values))
      } else {
        content.links.features.append((scalar.key, values))
      }
    }
    content.kept.features.append(feature)
  }
}

extension ImagesDescription {
  /// What the copy of a BigDataViewer XML says; nil when it says nothing (Mastodon writes empty copies, too).
  init?(backup bytes: [UInt8], path: String) {
    guard !bytes.isEmpty,
      let root = try? XMLDocument(parsing: bytes, path: "\(path): dataset.xml.backup").root,
      let sequence = root.child("SequenceDescription")
    else { return nil }
    let setups = sequence.child("ViewSetups")?.children("ViewSetup") ?? []
    func numbers(_ text: String?) -> [Double] {
      (text ?? "").split(whereSeparator: \.isWhitespace).compactMap { Double($0) }
    }
    let size = numbers(setups.first?.childText("size"))
    guard size.count == 3, size.allSatisfy({ $0 >= 1 && $0 < 1e9 }) else { return nil }
    let voxel = numbers(setups.first?.child("voxelSize")?.childText("size"))
    let times = sequence.child("Timepoints")
    let first = times?.childText("first").flatMap { Int($0) }
    let last = times?.childText("last").flatMap { Int($0) }
    var count = max(1, times?.children("Timepoint").count ?? 0)
    if let first, let last, last >= first, last - first < 1 << 30 { count = last - first + 1 }
    self.init(
      size: Size3(x: Int(size[0]), y: Int(size[1]), z: Int(size[2])),
      voxelSize: voxel.count == 3 ? VoxelSize(x: voxel[0], y: voxel[1], z: voxel[2]) : .one,
      unit: setups.first?.child("voxelSize")?.childText("unit") ?? "", timepoints: count,
      setups: setups.count)
  }
}

// From a project to a `.mastodon` file: all members are encoded in memory, then the container is written whole
// or not at all.

import Core
import Lineage

/// Writing of Mastodon projects.
enum MastodonWriter {
  /// Save a project and bring what is remembered of its file up to date.
  static func save(_ project: Project, to path: String, progress: Progress) throws {
    progress.begin(total: 3, "saving \(ProjectPath.name(path))")
    let (members, kept) = try encode(project, to: path, progress: progress)
    try progress.check()
    try MastodonContainer.write(members, to: path)
    progress.advance()
    project.kept = kept
  }

  /// The members in Mastodon's order, and what to remember of them.
  private static func encode(_ project: Project, to path: String, progress: Progress) throws
    -> (members: [ArchiveMember], kept: MastodonKept)
  {
    let graph = project.lineage
    try checkTexts(graph, path)
    var kept = project.kept
    let numbering = MastodonNumbering(graph)
    let isCurrent = kept.origin?.holds(numbering, in: graph) ?? false
    let verbatim = kept.verbatim.flatMap { $0.revision == graph.revision ? $0 : nil }

    let (model, labelOrder) = MastodonModelWriter.encode(
      graph, numbering, labelOrder: isCurrent ? kept.labelOrder : [])
    progress.advance()
    try progress.check()
    let (tags, tagMemory) = MastodonTagWriter.encode(
      graph, numbering, memory: kept.tags, keepsEntries: isCurrent)
    if verbatim == nil {
      kept.labelOrder = labelOrder
      kept.tags = tagMemory
      kept.verbatim = nil
    }
    kept.features = features(kept.features, graph, numbering, isCurrent: isCurrent)
    kept.origin = MastodonOrigin(graph, numbering)
    progress.advance()
    try progress.check()

    kept.projectFile.setUnits(
      space: project.spaceUnit, time: project.timeUnit, isNew: kept.path == nil,
      defaults: kept.defaultUnits)
    if kept.path == nil
      || kept.projectFile.imagesPath(from: kept.path ?? path) != project.imagesPath
    {
      addUsualMembers(&kept, project)
    }
    kept.projectFile.setImages(project.imagesPath, from: kept.path ?? path, to: path)
    kept.path = path

    func member(_ name: String, _ bytes: [UInt8]) -> ArchiveMember {
      ArchiveMember(name: name, bytes: bytes)
    }
    let members =
      [
        member(MastodonContainer.project, kept.projectFile.bytes),
        member(MastodonContainer.model, verbatim?.model ?? model),
        member(MastodonContainer.tags, verbatim?.tags ?? tags),
      ] + kept.features.map(\.member) + kept.otherMembers
    return (members, kept)
  }

  /// Mastodon's format has no room for a text of more than 65,535 bytes (as Java encodes it). It would be
  /// cut without a word, so the save is refused while nothing has been written.
  private static func checkTexts(_ graph: LineageGraph, _ path: String) throws {
    func check(_ text: String, _ what: @autoclosure () -> String) throws {
      // No text is longer in Java's encoding than 3 bytes a UTF-16 unit.
      if text.utf8.count <= 65535 / 3 { return }
      let length = ModifiedUTF8.length(text)
      if length <= ModifiedUTF8.limit { return }
      throw HowdahError(
        .limit,
        "\(path): \(what()) has \(length) bytes; a .mastodon file holds at most "
          + "\(ModifiedUTF8.limit). Shorten it, nothing has been saved")
    }
    if graph.labelCount > 0 {
      for spot in graph.spots {
        if let label = graph.label(spot) {
          try check(label, "the label of spot \(spot.index) (timepoint \(graph.timepoint(spot)))")
        }
      }
    }
    for set in graph.tagSets {
      try check(set.name, "the name of tag set \(set.name.prefix(20))...")
      for tag in set.tags {
        try check(tag.label, "tag \(tag.label.prefix(20))... of tag set \(set.name)")
      }
    }
    for name in graph.featureNames + graph.linkFeatureNames {
      try check(name, "the name of feature \(name.prefix(20))...")
    }
  }

  /// Features of the file that are still right, and those of the lineage that the file did not have.
  private static func features(
    _ old: [MastodonFeature], _ graph: LineageGraph, _ numbering: MastodonNumbering, isCurrent: Bool
  ) -> [MastodonFeature] {
    var result = old.compactMap { $0.updated(graph, numbering, isCurrent: isCurrent) }
    var names = Set(result.map(\.member.name))
    let known = old.compactMap(\.scalar)
    for (carrier, keys) in [
      (MastodonFeature.Carrier.spot, graph.featureNames), (.link, graph.linkFeatureNames),
    ] {
      for key in keys where !known.contains(where: { $0.key == key && $0.carrier == carrier }) {
        guard
          var feature = MastodonFeature.new(key, carrier)
            .updated(graph, numbering, isCurrent: false)
        else { continue }
        // A link feature may have the name of a spot feature, or two names differ in `/` only.
        while !names.insert(feature.member.name).inserted {
          feature.member.name = feature.member.name.dropLast(4) + "_.raw"
        }
        result.append(feature)
      }
    }
    return result
  }

  /// A project that is new or has new images gets the members that Mastodon writes besides: windows, and the
  /// copy of the data set's XML.
  private static func addUsualMembers(_ kept: inout MastodonKept, _ project: Project) {
    if !kept.otherMembers.contains(where: { $0.name == MastodonContainer.gui }) {
      let gui = XMLElement(
        "MamutGui", attributes: ["version": "0.3"], children: [XMLElement("Windows")])
      kept.otherMembers.append(
        ArchiveMember(name: MastodonContainer.gui, bytes: XMLDocument(root: gui).encoded()))
    }
    kept.otherMembers.removeAll { $0.name == MastodonContainer.backup }
    if let path = project.imagesPath, ProjectPath.fileExtension(path) == "xml",
      let bytes = try? readWholeFile(path, limit: 64 << 20)
    {
      kept.otherMembers.append(ArchiveMember(name: MastodonContainer.backup, bytes: bytes))
    }
  }
}

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

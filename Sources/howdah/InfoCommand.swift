// `howdah info PATH`: what a data set or project holds, as lines for people or as one JSON object.

import Core
import Formats
import Imaging
import Lineage
import Scripting

enum InfoCommand {
  static func main(_ arguments: [String]) throws -> Int32 {
    let paths = arguments.filter { !$0.hasPrefix("--") }
    let flags = arguments.filter { $0.hasPrefix("--") }
    guard paths.count == 1, flags.allSatisfy({ $0 == "--json" }) else {
      throw UsageError("usage: howdah info PATH [--json]")
    }
    let path = paths[0]
    defer { ProgressBar.clear() }
    let format = try FormatRegistry.format(of: path)
    let project = try Project.open(path, progress: RunCommand.interruptible())
    ProgressBar.clear()
    let info = Info(path: path, format: format.summary, project: project)
    writeAll(1, flags.isEmpty ? info.text : JSONText.line(info.json) + "\n")
    return ExitStatus.done
  }
}

/// Everything that `howdah info` tells.
private struct Info {
  var path: String
  var format: String
  var project: Project

  private var graph: LineageGraph { project.lineage }

  /// One record: what is not known is null.
  var json: LuaValue {
    let tagSets = graph.tagSets.indices.map { set -> LuaValue in
      .record([
        ("name", .string(graph.tagSetInfo(set).name)), ("spots", .int(graph.taggedSpotCount(set))),
        ("links", .int(graph.taggedLinkCount(set))),
        (
          "tags",
          .list(
            counts(set).map {
              .record([
                ("name", .string($0.label)), ("spots", .int($0.spots)), ("links", .int($0.links)),
              ])
            })
        ),
      ])
    }
    return .record([
      ("path", .string(path)), ("format", .string(format)), ("images", imagesJSON),
      ("images_problem", project.imagesProblem.map { .string($0) } ?? .nil),
      ("space_unit", .string(project.spaceUnit)), ("time_unit", .string(project.timeUnit)),
      ("spots", .int(graph.spotCount)), ("links", .int(graph.linkCount)),
      ("tracks", .int(graph.tracks().count)), ("divisions", .int(graph.dividing().count)),
      ("first_timepoint", graph.timepoints.map { .int($0.lowerBound) } ?? .nil),
      ("last_timepoint", graph.timepoints.map { .int($0.upperBound) } ?? .nil),
      ("tag_sets", .list(tagSets)),
      ("features", .list((graph.featureNames + graph.linkFeatureNames).map { .string($0) })),
      ("notes", .list(project.notes.map { .string($0) })),
    ])
  }

  private var imagesJSON: LuaValue {
    guard let images = project.images else { return .nil }
    func axes(_ v: VoxelSize) -> LuaValue {
      .record([("x", .double(v.x)), ("y", .double(v.y)), ("z", .double(v.z))])
    }
    return .record([
      ("path", .string(images.path)),
      (
        "size",
        .record([
          ("x", .int(images.size.x)), ("y", .int(images.size.y)), ("z", .int(images.size.z)),
        ])
      ),
      ("voxel_size", axes(images.voxelSize)),
      ("extent", axes(Self.extent(images.size, images.voxelSize))),
      ("unit", .string(images.unit)), ("timepoints", .int(images.timepoints)),
      ("setups", .int(images.setups)), ("levels", .int(images.levels(setup: 0))),
      ("dtype", .string(images.type.rawValue)),
    ])
  }

  var text: String {
    var rows: [(String, String)] = []
    let unit = project.images?.unit ?? project.imagesDescription?.unit ?? project.spaceUnit
    if let images = project.images {
      rows.append(
        (
          "images",
          "\(images.size) voxels, \(Self.plural(images.timepoints, "timepoint")), "
            + "\(Self.plural(images.setups, "setup")), "
            + "\(Self.plural(images.levels(setup: 0), "resolution level")), \(images.type.rawValue)"
        ))
      rows += Self.sizes(images.size, images.voxelSize, unit)
      if images.path != path { rows.append(("in", images.path)) }
    } else {
      rows.append(("images", project.imagesProblem ?? "none"))
      if let known = project.imagesDescription {
        rows.append(
          ("expected", "\(known.size) voxels, \(Self.plural(known.timepoints, "timepoint"))"))
        rows += Self.sizes(known.size, known.voxelSize, unit)
      }
    }
    let range = graph.timepoints.map { " in timepoints \($0.lowerBound) to \($0.upperBound)" } ?? ""
    rows.append(("spots", "\(graph.spotCount)\(range)"))
    rows.append(("links", "\(graph.linkCount)"))
    rows.append(("tracks", "\(graph.tracks().count)"))
    rows.append(("divisions", "\(graph.dividing().count)"))
    for set in graph.tagSets.indices { rows.append(tagRow(set)) }
    let features = graph.featureNames + graph.linkFeatureNames
    if !features.isEmpty { rows.append(("features", features.joined(separator: ", "))) }
    rows += project.notes.map { ("note", $0) }
    let width = rows.map(\.0.count).max() ?? 0
    return "\(path): \(format)\n"
      + rows.map { name, value in
        "  \(name)\(String(repeating: " ", count: width - name.count))  \(value)\n"
      }.joined()
  }

  /// The tags that are in use, the most frequent ones first.
  private func tagRow(_ set: TagSetID) -> (String, String) {
    let name = "tags \(graph.tagSetInfo(set).name)"
    let all = counts(set)
    let used = all.filter { $0.spots + $0.links > 0 }
    if all.isEmpty { return (name, "no tags") }
    if used.isEmpty { return (name, "\(Self.plural(all.count, "tag")), none in use") }
    let sorted = used.enumerated().sorted {
      ($1.element.spots, $0.offset) < ($0.element.spots, $1.offset)
    }
    let shown = sorted.prefix(6).map {
      "\($0.element.label.isEmpty ? "\"\"" : $0.element.label) (\($0.element.spots))"
    }
    return (
      name,
      "\(Self.plural(graph.taggedSpotCount(set), "spot")), "
        + "\(Self.plural(graph.taggedLinkCount(set), "link")): "
        + shown.joined(separator: ", ") + (used.count > 6 ? ", ... \(used.count) tags" : "")
    )
  }

  /// How many spots and links carry each tag of a set.
  private func counts(_ set: TagSetID) -> [(label: String, spots: Int, links: Int)] {
    var result = graph.tagSetInfo(set).tags.map { (label: $0.label, spots: 0, links: 0) }
    for spot in graph.spots {
      if let tag = graph.tag(set, of: spot) { result[tag].spots += 1 }
    }
    for link in graph.links {
      if let tag = graph.tag(set, of: link) { result[tag].links += 1 }
    }
    return result
  }

  private static func sizes(_ size: Size3, _ voxel: VoxelSize, _ unit: String) -> [(
    String, String
  )] {
    func triple(_ v: VoxelSize) -> String {
      let values = [v.x, v.y, v.z].map { ValueText.significant($0, digits: 4) }
      return values.joined(separator: " x ") + (unit.isEmpty ? "" : " \(unit)")
    }
    return [("voxel size", triple(voxel)), ("extent", triple(extent(size, voxel)))]
  }

  private static func extent(_ size: Size3, _ voxel: VoxelSize) -> VoxelSize {
    VoxelSize(
      x: Double(size.x) * voxel.x, y: Double(size.y) * voxel.y, z: Double(size.z) * voxel.z)
  }

  private static func plural(_ count: Int, _ noun: String) -> String {
    "\(count) \(noun)\(count == 1 ? "" : "s")"
  }
}

// `project:export` in the format of the Cell Tracking Challenge, which knows more options than the others.

import Core
import Formats
import Lineage

enum CTCExport {
  static let params: [Param] = [
    .timepoints("timepoints", "ctc: cut tracks to these; absent: all.", optional: true),
    .object(
      "roots", "spots", "ctc: write what descends from these; absent: all tracks.", optional: true),
    .choice(
      "names", ["result", "truth"],
      "ctc: mask000.tif and res_track.txt, or TRA/man_track000.tif and TRA/man_track.txt; absent: by the folder's name.",
      optional: true),
    .choice(
      "compat", ["elephant"],
      "ctc: draw overlapping nuclei as ELEPHANT 0.7 does, cores over shells; absent: they part half-way.",
      optional: true),
    Param(
      "images_folder", .output, "ctc: write the images there, too, as t000.tif, ...",
      optional: true),
  ]

  /// Write a folder and push what was written.
  static func run(_ call: Call, _ project: ProjectObject, _ path: String) throws {
    var options = CTCWriter.Options()
    options.timepoints = try call.options.timepoints("timepoints")
    if let roots = call.options.object("roots", Collection<SpotID>.self) {
      guard roots.project === project else {
        throw HowdahError(.argument, "project:export: roots are spots of another project")
      }
      options.roots = try roots.selection.items()
    }
    options.isTruth = call.options.optionalString("names").map { $0 == "truth" }
    options.compatible = call.options.has("compat")
    options.images = try call.options.optionalString("images_folder").map {
      try call.writablePath($0)
    }
    let written = try CTCWriter.write(
      project.project, to: path, options: options, progress: call.progress)
    call.push(
      .record([
        ("tracks", .int(written.tracks)), ("spots", .int(written.spots)),
        ("frames", .int(written.frames)), ("dropped_links", .int(written.droppedLinks)),
        ("merges", .int(written.merges)),
      ]) as LuaValue)
  }

  /// Refuse options that only this format knows.
  static func refuse(_ call: Call, _ format: FileFormat) throws {
    for param in params where call.options.has(param.name) {
      throw HowdahError(
        .argument,
        "project:export: option \"\(param.name)\" is for format=\"ctc\", not for a \(format.summary)"
      )
    }
  }
}

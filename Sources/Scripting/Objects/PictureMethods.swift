// Pictures of projects: snapshots, movies and track schemes.

import Core
import Formats
import Imaging
import Lineage
import Tracking

enum PictureMethods {
  /// What every snapshot understands.
  static let params: [Param] = [
    .choice(
      "view", Snapshot.View.allCases.map(\.rawValue),
      "A plane, three planes, or the maximum along z.", default: "xy"),
    .string(
      "color_by", #"A tag set, a feature, "track" or "none"; absent: Detection, or tracks."#,
      optional: true),
    .integer("setup", "The channel or view.", default: 0, min: 0),
    .number("x", "Where the yz plane cuts, world units.", optional: true),
    .number("y", "Where the xz plane cuts, world units.", optional: true),
    .number("z", "Where the xy plane cuts, world units.", optional: true),
    .integer("links", "How many timepoints back links are drawn.", default: 5, min: 0),
    .boolean("spots", "Whether spots are drawn.", default: true),
    .boolean("labels", "Whether names are written beside spots.", default: false),
    .number("zoom", "Pixels a voxel; absent: chosen.", optional: true, min: 0.01, max: 100),
    .number("gamma", "Below 1 brightens dark parts.", default: 0.8, min: 0.01, max: 10),
    .choice(
      "colormap", Colormap.allCases.map(\.rawValue), "Grey values as colours.", default: "gray"),
    .number("min", "The intensity that becomes black; absent: chosen.", optional: true),
    .number("max", "The intensity that becomes white; absent: chosen.", optional: true),
  ]

  static func register(_ project: TypeEntry) {
    registerSnapshot(project)
    registerMovie(project)
    registerLineage(project)
  }

  private static func registerSnapshot(_ project: TypeEntry) {
    project.method(
      "snapshot",
      params: [
        Param("path", .output, "A .png file."),
        .options([.integer("t", "The timepoint.", default: 0, min: 0)] + params),
      ],
      "Write a picture of a timepoint with its spots and links. Works without images.",
      example: #"p:snapshot("slice.png", {t = 1, view = "max", color_by = "track"})"#
    ) { call in
      let me = call.receiver(ProjectObject.self)
      let path = try call.writablePath(call.string(0))
      guard path.lowercased().hasSuffix(".png") else {
        throw HowdahError(.argument, "\(path): a snapshot is written as .png")
      }
      var options = try options(call.options)
      options.t = call.options.int("t")
      let canvas = try Snapshot.render(me.project, options: options, progress: call.progress)
      try PNGFile.write(canvas.rgba, width: canvas.width, height: canvas.height, to: path)
    }
  }

  private static func registerMovie(_ project: TypeEntry) {
    project.method(
      "movie",
      params: [
        Param("folder", .output, "Where the pictures go: t0000.png, t0001.png, ..."),
        .options([.timepoints("timepoints", "Which; absent: all.", optional: true)] + params),
      ],
      returns: "integer", "Write a picture of each timepoint; returns how many.",
      example: #"print(p:movie("pictures", {timepoints = {0, 1}, view = "max"}))"#
    ) { call in
      let me = call.receiver(ProjectObject.self)
      let folder = try call.writablePath(call.string(0))
      call.push(
        try SnapshotMovie.write(
          me.project, to: folder, timepoints: try call.options.timepoints("timepoints"),
          options: try options(call.options), progress: call.progress))
    }
  }

  private static func registerLineage(_ project: TypeEntry) {
    project.method(
      "lineage",
      params: [
        Param("path", .output, "A .svg or .png file."),
        .options([
          .string(
            "color_by", #"A tag set, a feature, "track" or "none"; absent: Detection, or tracks."#,
            optional: true),
          .object("tracks", "tracks", "Only these; absent: all.", optional: true),
          .integer("min_spots", "Tracks with fewer are left out.", default: 1, min: 1),
          .integer("max_tracks", "The longest so many are drawn.", default: 300, min: 1),
          .number("width", "Pixels.", default: 1200, min: 100, max: 20000),
          .number("height", "Pixels.", default: 800, min: 100, max: 20000),
          .boolean("labels", "Whether names are written.", default: false),
        ]),
      ],
      returns: "integer",
      "Write the track scheme, time running down; returns how many tracks it shows.",
      example: #"print(p:lineage("lineage.svg", {color_by = "track"}))"#
    ) { call in
      let (me, o) = (call.receiver(ProjectObject.self), call.options)
      let path = try call.writablePath(call.string(0))
      var options = LineageFigure.Options()
      options.colorBy = o.optionalString("color_by")
      options.tracksOf = try o.object("tracks", TrackCollection.self)?.summaries().map(\.root)
      options.minimumSpots = o.int("min_spots")
      options.maximumTracks = o.int("max_tracks")
      options.width = o.double("width")
      options.height = o.double("height")
      options.labels = o.bool("labels")
      let figure = try LineageFigure(me.project, options: options, progress: call.progress)
      try figure.write(to: path)
      call.push(figure.drawnTracks)
    }
  }

  /// Snapshot options from a checked table.
  static func options(_ o: Options) throws -> Snapshot.Options {
    var options = Snapshot.Options()
    options.view = Snapshot.View(rawValue: o.string("view")) ?? .xy
    options.colorBy = o.optionalString("color_by")
    options.setup = o.int("setup")
    options.x = o.optionalDouble("x")
    options.y = o.optionalDouble("y")
    options.z = o.optionalDouble("z")
    options.links = o.int("links")
    options.spots = o.bool("spots")
    options.labels = o.bool("labels")
    options.zoom = o.optionalDouble("zoom")
    options.gamma = o.double("gamma")
    options.colormap = Colormap(rawValue: o.string("colormap")) ?? .gray
    if let low = o.optionalDouble("min"), let high = o.optionalDouble("max") {
      guard low < high else { throw HowdahError(.argument, "snapshot: min must be below max") }
      options.contrast = low...high
    } else if o.has("min") || o.has("max") {
      throw HowdahError(.argument, "snapshot: give both min and max, or neither")
    }
    return options
  }
}

// `show(x)`: look at things, in the terminal or as a file.

import CLua
import Core
import Formats
import Glibc
import Imaging
import LuaShim
import Tracking

enum ShowFunction {
  static func register(_ registry: Registry) {
    registry.module("", "Names without a table before them.").function(
      "show",
      params: [
        .any("x", "A volume, slice, project, track, collection, table or any value."),
        .options(
          [
            Param(
              "path", .output, "Write a picture there instead: .png, or .svg for a track.",
              optional: true),
            .integer("t", "For a project: the timepoint.", default: 0, min: 0),
            .integer(
              "columns", "How wide a picture in the terminal is; absent: as wide as the terminal.",
              optional: true, min: 8, max: 1000),
          ] + PictureMethods.params),
      ],
      "Look at something: volumes and projects as pictures, other things as text. A volume is shown as the maximum along z.",
      example: #"show(p.spots)"# + "\n" + #"show(p, {t = 1, view = "max", path = "look.png"})"#
    ) { call in
      if let canvas = try picture(call) {
        try put(canvas, call)
      } else if let path = call.options.optionalString("path") {
        throw HowdahError(
          .argument, "\(path): a \(call.typeName(0)) has no picture; show it without a path")
      } else {
        call.host.context.output(try call.host.display(call.lua, at: call.first))
      }
    }
  }

  /// The picture of the first argument; nil when it is shown as text.
  private static func picture(_ call: Call) throws -> Canvas? {
    if let volume = call.objectIfAny(0, Volume.self) { return try picture(of: volume, call) }
    if let project = call.objectIfAny(0, ProjectObject.self) {
      var options = try PictureMethods.options(call.options)
      options.t = call.options.int("t")
      return try Snapshot.render(project.project, options: options, progress: call.progress)
    }
    if let handle = call.handleIfAny(0, .track) {
      let project: ProjectObject = call.owner(of: handle)
      var options = LineageFigure.Options()
      options.tracksOf = [.init(handle.index)]
      options.colorBy = call.options.optionalString("color_by")
      options.labels = call.options.bool("labels")
      options.width = 600
      options.height = 400
      let figure = try LineageFigure(project.project, options: options, progress: call.progress)
      if let path = call.options.optionalString("path"), path.lowercased().hasSuffix(".svg") {
        try figure.write(to: try call.writablePath(path))
        return Canvas(width: 0, height: 0)
      }
      return figure.canvas()
    }
    return nil
  }

  /// A plane of a volume, with voxels in proportion.
  private static func picture(of volume: Volume, _ call: Call) throws -> Canvas {
    let plane =
      volume.planeView == nil
      ? try volume.projection(axis: .z, how: .max, progress: call.progress) : volume
    let view = plane.planeView ?? .xy
    let o = try PictureMethods.options(call.options)
    let (across, down) = (plane.voxelSize[view.horizontal], plane.voxelSize[view.vertical])
    let zoom = o.zoom ?? 1
    let scale = (x: zoom * across / min(across, down), y: zoom * down / min(across, down))
    if let colors = volume.colors {
      return try Canvas(labels: plane, view: view, colors: colors, scale: scale)
    }
    let limits = try plane.percentiles([1, 99.8], progress: call.progress)
    let contrast = o.contrast ?? limits[0]...max(limits[0], limits[1])
    return try Canvas(
      plane: plane, view: view, contrast: contrast, gamma: o.gamma, colormap: o.colormap,
      scale: scale)
  }

  private static func put(_ canvas: Canvas, _ call: Call) throws {
    if canvas.width == 0 { return }
    if let path = call.options.optionalString("path") {
      let target = try call.writablePath(path)
      guard target.lowercased().hasSuffix(".png") else {
        throw HowdahError(.argument, "\(path): a picture is written as .png")
      }
      return try PNGFile.write(canvas.rgba, width: canvas.width, height: canvas.height, to: target)
    }
    guard call.host.context.usesColor else {
      call.host.context.output(try call.host.display(call.lua, at: call.first))
      return call.host.context.notes(
        "show: this is no colour terminal; show(x, {path = \"x.png\"}) writes the picture\n")
    }
    let columns = call.options.optionalInt("columns") ?? fittingColumns(canvas)
    call.host.context.output(TerminalImage.render(canvas, columns: columns))
  }

  /// As wide as the terminal, unless the picture would be higher than it then.
  private static func fittingColumns(_ canvas: Canvas) -> Int {
    var size = winsize()
    guard ioctl(1, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
    // A character holds two pixels above each other; two lines stay for the prompt.
    let rows = max(8, Int(size.ws_row) - 2)
    let fitting = 2 * rows * canvas.width / max(1, canvas.height)
    return max(8, min(Int(size.ws_col), fitting))
  }
}

// Pictures of a timepoint: planes or a projection of the images with the ellipsoids of the spots
// and the links that lead to them.

import Core
import Imaging
import Lineage

/// Draws a timepoint as a picture.
public enum Snapshot {
  /// A picture of a timepoint.
  ///
  /// Works without images: the spots are then drawn on a dark ground as large as all spots need.
  /// Images larger than the picture are read at the coarsest resolution level that still has a voxel for
  /// each pixel. Memory: the shown planes; for `max` slabs of up to 2^25 voxels.
  ///
  /// - Parameters:
  ///   - unit: name of the world unit for the scale bar; nil takes that of the images.
  /// - Throws: `.argument` for a timepoint, setup, name or zoom that is not there, and what reading
  ///   the images throws.
  public static func render(
    lineage: LineageGraph, images: (any ImageSource)?, unit: String? = nil, options: Options,
    progress: Progress = .none
  ) throws -> Canvas {
    let colors = try FigureColors(options.colorBy, lineage, timepoint: options.t)
    let frame =
      try images.map { try SnapshotFrame(images: $0, t: options.t, setup: options.setup) }
      ?? SnapshotFrame(around: lineage)
    let cut = frame.cut(options, lineage)
    let views: [PlaneView] =
      switch options.view {
      case .xy, .max: [.xy]
      case .xz: [.xz]
      case .yz: [.yz]
      case .ortho: [.xy, .yz, .xz]
      }
    let axes = Axis.allCases.filter { axis in
      views.contains { $0.horizontal == axis || $0.vertical == axis }
    }
    let scale = try frame.scale(zoom: options.zoom, axes: axes)

    let level = images.map { frame.level($0, options, scale: scale, axes: axes) }
    let planes = try views.map { view in
      try images.map {
        try plane($0, view, options, cut, frame, level!, progress)
      }
    }
    let contrast = try options.contrast ?? limits(planes.compactMap { $0 }, options, progress)
    var panels: [Canvas] = []
    for (view, plane) in zip(views, planes) {
      try progress.check()
      var panel = SnapshotPanel(
        frame: frame, view: view, scale: scale,
        plane: options.view == .max ? nil : [cut.x, cut.y, cut.z][axisIndex(view.normal)])
      try panel.drawImage(plane, level?.factors, contrast, options)
      if options.spots { try panel.drawSpots(lineage, colors, options, progress) }
      panels.append(panel.canvas)
    }
    if options.view == .ortho { mark(cut, &panels, scale) }
    finish(&panels[0], frame, cut, scale, unit ?? images?.unit ?? "", options, images)
    return options.view == .ortho
      ? Canvas.tiled(
        [[panels[0], panels[1]], [panels[2]]], gap: 4, background: Color(r: 45, g: 45, b: 50))
      : panels[0]
  }

  /// The contrast limits that a snapshot with these options uses.
  public static func contrast(
    images: any ImageSource, lineage: LineageGraph, options: Options, progress: Progress = .none
  ) throws -> ClosedRange<Double> {
    let frame = try SnapshotFrame(images: images, t: options.t, setup: options.setup)
    let cut = frame.cut(options, lineage)
    let view = PlaneView(rawValue: options.view.rawValue) ?? .xy
    let axes = [view.horizontal, view.vertical]
    let scale = try frame.scale(zoom: options.zoom, axes: axes)
    let level = frame.level(images, options, scale: scale, axes: axes)
    return try limits(
      [plane(images, view, options, cut, frame, level, progress)], options, progress)
  }

  // MARK: Voxels

  private static func axisIndex(_ axis: Axis) -> Int { axis == .x ? 0 : axis == .y ? 1 : 2 }

  /// The voxels that a view shows: one plane, or the maximum along z.
  private static func plane(
    _ images: any ImageSource, _ view: PlaneView, _ options: Options,
    _ cut: (x: Int, y: Int, z: Int), _ frame: SnapshotFrame, _ level: SnapshotFrame.Level,
    _ progress: Progress
  ) throws -> Volume {
    func read(_ box: VoxelBox) throws -> Volume {
      try images.volume(
        t: options.t, setup: options.setup, level: level.index, box: box, progress: progress)
    }
    let size = level.size
    var box = VoxelBox(size)
    guard options.view == .max else {
      let index = Double([cut.x, cut.y, cut.z][axisIndex(view.normal)])
      box.origin[view.normal] = min(
        size[view.normal] - 1, Int((index + 0.5) / level.factors[view.normal]))
      box.size[view.normal] = 1
      return try read(box)
    }
    let slab = max(1, (1 << 25) / (size.x * size.y))
    var result: Volume?
    for z in stride(from: 0, to: size.z, by: slab) {
      box.origin.z = z
      box.size.z = min(slab, size.z - z)
      let next = try read(box).projection(axis: .z, how: .max, progress: progress)
      result = try result.map { try highest($0, next) } ?? next
    }
    return result!
  }

  /// The larger of two planes, voxel by voxel.
  private static func highest(_ a: Volume, _ b: Volume) throws -> Volume {
    let both = Size3(x: a.size.x, y: a.size.y, z: 2)
    return try Volume.make(size: both, voxelSize: a.voxelSize, type: a.type) { out in
      a.withBytes { out.copyMemory(from: $0) }
      b.withBytes {
        UnsafeMutableRawBufferPointer(rebasing: out[a.byteCount...]).copyMemory(from: $0)
      }
    }.projection(axis: .z, how: .max)
  }

  /// Contrast limits from the percentiles of the shown voxels, averaged over the planes.
  private static func limits(
    _ planes: [Volume], _ options: Options, _ progress: Progress
  ) throws -> ClosedRange<Double> {
    let (low, high) = options.contrastPercentiles
    let all = try planes.map { try $0.percentiles([low, high], progress: progress) }
      .filter { $0[0].isFinite && $0[1].isFinite }
    guard !all.isEmpty else { return 0...1 }
    let first = all.map { $0[0] }.reduce(0, +) / Double(all.count)
    let last = all.map { $0[1] }.reduce(0, +) / Double(all.count)
    return first < last ? first...last : first...first + 1
  }

  // MARK: Marks

  /// Faint lines where the three planes cut each other.
  private static func mark(
    _ cut: (x: Int, y: Int, z: Int), _ panels: inout [Canvas], _ scale: VoxelSize
  ) {
    let color = Color(r: 255, g: 255, b: 255, a: 70)
    let (x, y, z) = (
      (Double(cut.x) + 0.5) * scale.x, (Double(cut.y) + 0.5) * scale.y,
      (Double(cut.z) + 0.5) * scale.z
    )
    for (panel, point) in zip(panels.indices, [(x, y), (z, y), (x, z)]) {
      let (width, height) = (Double(panels[panel].width), Double(panels[panel].height))
      panels[panel].line(from: (point.0, 0), to: (point.0, height), color)
      panels[panel].line(from: (0, point.1), to: (width, point.1), color)
    }
  }

  private static func finish(
    _ panel: inout Canvas, _ frame: SnapshotFrame, _ cut: (x: Int, y: Int, z: Int),
    _ scale: VoxelSize, _ unit: String, _ options: Options, _ images: (any ImageSource)?
  ) {
    let textScale = panel.width >= 420 && panel.height >= 200 ? 2 : 1
    if options.caption {
      var text = "t = \(options.t)"
      switch options.view {
      case .xy: text += "   z = " + short(frame.world(cut.z, .z), unit)
      case .xz: text += "   y = " + short(frame.world(cut.y, .y), unit)
      case .yz: text += "   x = " + short(frame.world(cut.x, .x), unit)
      case .ortho, .max: break
      }
      if let images, images.setups > 1 {
        let name = images.setupName(options.setup)
        text += "   " + (name.isEmpty ? "setup \(options.setup)" : name)
      }
      panel.text(
        text, x: 5 * textScale, y: 5 * textScale, .white, scale: textScale,
        halo: Color.black.faded(0.6))
    }
    if options.scaleBar {
      let horizontal: Axis = options.view == .yz ? .z : .x
      panel.scaleBar(
        pixelsPerUnit: scale[horizontal] / frame.step[horizontal], unit: unit, scale: textScale)
    }
  }

  /// A length with one decimal at most.
  private static func short(_ value: Double, _ unit: String) -> String {
    let rounded = (value * 10).rounded() / 10
    let isWhole = rounded == rounded.rounded() && abs(rounded) < 1e15
    let symbol = Canvas.unitSymbol(unit)
    return (isWhole ? String(Int(rounded)) : String(rounded)) + (symbol.isEmpty ? "" : " " + symbol)
  }
}

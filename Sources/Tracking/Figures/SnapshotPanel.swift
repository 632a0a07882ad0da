// One view of a snapshot: the plane of voxels, then the links, the outlines of the spots and their
// names.

import Core
import Imaging
import Lineage

/// A canvas for one view, and what maps voxel coordinates onto it.
struct SnapshotPanel {
  private(set) var canvas: Canvas
  private let frame: SnapshotFrame
  private let view: PlaneView
  private let scale: (x: Double, y: Double)
  /// Index of the plane along the view's normal; nil shows projections of all spots.
  private let plane: Int?

  init(frame: SnapshotFrame, view: PlaneView, scale: VoxelSize, plane: Int?) {
    self.frame = frame
    self.view = view
    self.plane = plane
    self.scale = (scale[view.horizontal], scale[view.vertical])
    func pixels(_ axis: Axis) -> Int { Int((Double(frame.size[axis]) * scale[axis]).rounded()) }
    canvas = Canvas(
      width: pixels(view.horizontal), height: pixels(view.vertical),
      background: Color(r: 20, g: 20, b: 24))
  }

  /// Draw the voxels over the dark ground. `factors` says how many voxels of the frame one of theirs
  /// covers.
  mutating func drawImage(
    _ plane: Volume?, _ factors: VoxelSize?, _ contrast: ClosedRange<Double>,
    _ options: Snapshot.Options
  ) throws {
    guard let plane, let factors else { return }
    let image = try Canvas(
      plane: plane, view: view, contrast: contrast, gamma: options.gamma,
      colormap: options.colormap,
      scale: (scale.x * factors[view.horizontal], scale.y * factors[view.vertical]))
    // A coarser level leaves out odd last voxels.
    if image.width == canvas.width, image.height == canvas.height {
      canvas = image
    } else {
      canvas.draw(image, x: 0, y: 0)
    }
  }

  /// Draw the spots of the timepoint that the view shows, with the links that lead to them.
  mutating func drawSpots(
    _ lineage: LineageGraph, _ colors: FigureColors, _ options: Snapshot.Options,
    _ progress: Progress
  ) throws {
    var shown: [(spot: SpotID, ellipse: Ellipse, color: Color)] = []
    for spot in lineage.spots(at: options.t) {
      guard let color = colors.color(spot), let ellipse = ellipse(of: spot, lineage) else {
        continue
      }
      shown.append((spot, ellipse, color))
    }
    if options.links > 0 {
      for (index, item) in shown.enumerated() {
        if index & 63 == 0 { try progress.check() }
        drawTail(of: item.spot, lineage, colors, options)
      }
    }
    // A dark rim keeps outlines apart from bright nuclei of their own colour.
    for (index, item) in shown.enumerated() {
      if index & 63 == 0 { try progress.check() }
      canvas.stroke(item.ellipse, Color.black.faded(0.5), width: options.lineWidth + 2)
    }
    for (index, item) in shown.enumerated() {
      if index & 63 == 0 { try progress.check() }
      canvas.stroke(item.ellipse, item.color, width: options.lineWidth)
    }
    guard options.labels else { return }
    for item in shown {
      let text = lineage.displayName(item.spot)
      let size = Font.size(of: text)
      guard abs(item.ellipse.x) < 1e6, abs(item.ellipse.y) < 1e6 else { continue }
      canvas.text(
        text, x: Int(item.ellipse.x) - size.width / 2, y: Int(item.ellipse.y) - size.height / 2,
        item.color.mixed(with: .white, 0.5), halo: Color.black.faded(0.7))
    }
  }

  /// The outline of a spot on the canvas; nil when the plane does not cut it.
  ///
  /// A spot without extent counts as cut when it lies within half a voxel of the plane.
  private func ellipse(of spot: SpotID, _ lineage: LineageGraph) -> Ellipse? {
    let center = frame.toVoxel(lineage.position(spot))
    let covariance = lineage.covariance(spot).transformed(by: frame.toVoxel.linear)
    let outline: Ellipse?
    if let plane {
      outline =
        EllipsoidSection.slice(
          center: center, covariance: covariance, view: view, at: Double(plane))
        ?? (abs(center[view.normal] - Double(plane)) <= 0.5
          ? Ellipse(x: center[view.horizontal], y: center[view.vertical], radius: 0) : nil)
    } else {
      outline = EllipsoidSection.projection(center: center, covariance: covariance, view: view)
    }
    // A voxel's index is its centre, which is half a voxel into the pixels that it covers.
    return outline?.mapped(scale: scale, offset: (scale.x / 2, scale.y / 2))
  }

  private func point(_ spot: SpotID, _ lineage: LineageGraph) -> (x: Double, y: Double) {
    let p = frame.toVoxel(lineage.position(spot))
    return ((p[view.horizontal] + 0.5) * scale.x, (p[view.vertical] + 0.5) * scale.y)
  }

  /// Draw the links that lead to a spot, back to a number of timepoints, fainter with age.
  private mutating func drawTail(
    of spot: SpotID, _ lineage: LineageGraph, _ colors: FigureColors, _ options: Snapshot.Options
  ) {
    let oldest = options.t - options.links
    var stack = [spot]
    var seen: Set<SpotID> = [spot]
    while let at = stack.popLast() {
      for link in lineage.incoming(at) {
        let source = lineage.source(link)
        let t = lineage.timepoint(source)
        guard t >= oldest, t <= options.t, seen.insert(source).inserted else { continue }
        if let color = colors.color(link) {
          let age = Double(options.t - t) / Double(options.links + 1)
          canvas.line(
            from: point(source, lineage), to: point(at, lineage),
            color.faded(0.9 * (1 - age) + 0.1),
            width: options.lineWidth)
        }
        stack.append(source)
      }
    }
  }
}

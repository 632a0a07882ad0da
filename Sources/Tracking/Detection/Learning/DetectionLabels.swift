// What the detection network is told about an image: one label a voxel, painted from the spots that a person has
// judged (elephant-server, section 2).
//
// The order of the spots matters, and nothing else does: a centre beats a border, which beats background, which beats
// no label; an accepted spot cuts a ring of border out of the centres of earlier ones, so that nuclei that touch stay
// apart; of two equals the last one wins. Painting a box gives what painting the whole image gives there. ELEPHANT
// drops those parts of the ring that lie outside the ellipsoid, unless the labels are many; here they always stay.

import Core
import Imaging
import Lineage

/// A tag that says something to the detector. All other tags, `unlabeled` among them, say nothing.
public enum DetectionTag: String, CaseIterable, Sendable {
  /// Accepted: a nucleus, predicted (`tp`) or missed by the prediction (`fn`).
  case tp, fn
  /// Rejected: background, predicted (`fp`) or not (`tn`).
  case fp, tn
  /// A border between nuclei, `fb` where the prediction was wrong.
  case tb, fb

  /// Whether the prediction was wrong there, so that the label weighs more in the loss.
  public var isCorrection: Bool { self == .fn || self == .fp || self == .fb }

  /// What the ellipsoid paints.
  var paints: LabelClass {
    switch self {
    case .tp, .fn: .center
    case .fp, .tn: .background
    case .tb, .fb: .border
    }
  }
}

/// The classes of voxels that the network knows, in the order of its channels.
public enum LabelClass: UInt8, CaseIterable, Sendable {
  case background, border, center

  /// The code in a label volume: 1, 2, 3, or 4, 5, 6 where the prediction was wrong.
  public func code(isCorrection: Bool = false) -> UInt8 { rawValue + (isCorrection ? 4 : 1) }

  /// The class of a code; nil for 0, which means no label.
  public init?(code: UInt8) {
    guard (1...6).contains(code) else { return nil }
    self.init(rawValue: (code - 1) % 3)
  }
}

/// A spot with what it says to the detector.
public struct LabeledSpot: Sendable, Equatable {
  /// Centre, world units.
  public var position: WorldPoint
  /// Ellipsoid, squared world units.
  public var covariance: Covariance
  /// What was decided about it.
  public var tag: DetectionTag

  /// A judged spot.
  public init(position: WorldPoint, covariance: Covariance, tag: DetectionTag) {
    self.position = position
    self.covariance = covariance
    self.tag = tag
  }

  /// The judged spots of a timepoint, ascending by id; none when there is no tag set `Detection`.
  public static func all(in lineage: LineageGraph, at t: Timepoint) -> [LabeledSpot] {
    guard let set = lineage.tagSet(named: ElephantTags.detection) else { return [] }
    let tags = lineage.tagSetInfo(set).tags.map { DetectionTag(rawValue: $0.label) }
    return lineage.spots(at: t).compactMap { spot in
      guard let id = lineage.tag(set, of: spot), let tag = tags[id] else { return nil }
      return LabeledSpot(
        position: lineage.position(spot), covariance: lineage.covariance(spot), tag: tag)
    }
  }
}

/// The labels of one image. Voxels of a label volume (uint8): 0 no label; 1, 2, 3 background, border, centre;
/// 4, 5, 6 the same where the prediction was wrong.
///
///     let labels = try DetectionLabels(LabeledSpot.all(in: lineage, at: 3), in: grid)
///     let volume = try labels.paint()
public struct DetectionLabels: Sendable {
  /// Where the voxels are.
  public let grid: VoxelGrid
  /// The spots in the order in which they are painted.
  public let spots: [LabeledSpot]
  private let marks: [Mark]

  /// The voxels of one spot.
  private struct Mark: Sendable {
    var tag: DetectionTag
    var center: Size3
    var outer: EllipsoidRaster
    /// Of accepted spots.
    var inner: EllipsoidRaster?
    /// What it may touch, the ring included.
    var z, y: ClosedRange<Int>
  }

  /// Find the voxels of all spots; painting is quick then. Takes memory in proportion to the spots' surfaces.
  ///
  /// - Parameters:
  ///   - centerRatio: semi-axes of the part labelled as centre relative to those of the spot, above 0 and at most 1;
  ///     ELEPHANT's default is 0.4.
  /// - Throws: `.argument` for a ratio out of range.
  public init(_ spots: [LabeledSpot], in grid: VoxelGrid, centerRatio: Double = 0.4) throws {
    guard centerRatio > 0, centerRatio <= 1 else {
      throw HowdahError(
        .argument, "center_ratio must be above 0 and at most 1, not \(centerRatio)")
    }
    self.grid = grid
    self.spots = spots
    marks = spots.compactMap { spot in
      func raster(_ scale: Double) -> EllipsoidRaster {
        EllipsoidRaster(
          position: spot.position, covariance: spot.covariance, scale: scale, in: grid)
      }
      let outer = raster(1)
      let inner = spot.tag.paints == .center ? raster(centerRatio) : nil
      let runs = outer.runs + (inner?.runs ?? [])
      guard let first = runs.first else { return nil }
      var mark = Mark(
        tag: spot.tag, center: grid.clampedVoxel(spot.position), outer: outer, inner: inner,
        z: Int(first.z)...Int(first.z),
        y: Int(first.y)...Int(first.y))
      for run in runs {
        mark.z = min(mark.z.lowerBound, Int(run.z) - 1)...max(mark.z.upperBound, Int(run.z) + 1)
        mark.y = min(mark.y.lowerBound, Int(run.y) - 1)...max(mark.y.upperBound, Int(run.y) + 1)
      }
      return mark
    }
  }

  /// The voxels that the centres of the spots that paint something lie in, moved into the image.
  public var centers: [Size3] { marks.map(\.center) }

  /// Paint the labels of the image, or of a box of it.
  ///
  /// - Parameters:
  ///   - background: labels to paint on, of the size of the box (`automaticBackground`); nil for none.
  /// - Throws: `.argument` when the box or the background does not fit.
  public func paint(_ box: VoxelBox? = nil, over background: Volume? = nil) throws -> Volume {
    let box = box ?? VoxelBox(grid.size)
    guard box.fits(in: grid.size) else {
      throw HowdahError(.argument, "the box to paint does not lie inside \(grid.size)")
    }
    if let background, background.size != box.size || background.type != .uint8 {
      throw HowdahError(
        .argument, "the background is \(background.size) \(background.type), not \(box.size) uint8")
    }
    return try Volume.make(size: box.size, voxelSize: grid.spacing, of: UInt8.self) { voxels in
      if let background {
        background.withVoxels(as: UInt8.self) { _ = voxels.update(fromContentsOf: $0) }
      } else {
        voxels.update(repeating: 0)
      }
      let canvas = LabelCanvas(voxels: voxels, box: box)
      for mark in marks where canvas.meets(mark.z, mark.y) { paint(mark, canvas) }
    }
  }

  private func paint(_ mark: Mark, _ canvas: LabelCanvas) {
    let isCorrection = mark.tag.isCorrection
    let border = LabelClass.border.code(isCorrection: isCorrection)
    switch mark.tag.paints {
    case .background:
      let code = LabelClass.background.code(isCorrection: isCorrection)
      canvas.fill(mark.outer.runs, with: code, over: .background)
    case .border:
      canvas.fill(mark.outer.runs, with: border, over: .border)
    case .center:
      canvas.fill(mark.outer.runs, with: border, over: .border)
      guard let inner = mark.inner else { return }
      canvas.fill(inner.dilated(in: grid.size), with: border, over: .center)
      canvas.fill(
        inner.runs, with: LabelClass.center.code(isCorrection: isCorrection), over: .center)
    }
  }

  /// Labels that say "background" where an image is dark: where its intensity, with the image's minimum and maximum
  /// as 0 and 1, is below a threshold. ELEPHANT's "auto BG threshold"; with 0 there are none.
  ///
  /// - Parameters:
  ///   - range: minimum and maximum of the whole image when `image` is a part of it.
  public static func automaticBackground(
    of image: Volume, below threshold: Double, range: (minimum: Double, maximum: Double)
  ) throws -> Volume {
    let low = Float(range.minimum)
    let span = Float(range.maximum) - low
    let limit = Float(threshold)
    return try image.mapFloats { v in
      (span > 0 ? (v - low) / span : 0) < limit ? 1 : 0
    }.converted(to: .uint8)
  }
}

/// A box of labels that runs of voxels are painted on.
private struct LabelCanvas {
  let voxels: UnsafeMutableBufferPointer<UInt8>
  let box: VoxelBox

  /// Whether rows of these ranges may lie in the box.
  func meets(_ z: ClosedRange<Int>, _ y: ClosedRange<Int>) -> Bool {
    z.upperBound >= box.origin.z && z.lowerBound < box.origin.z + box.size.z
      && y.upperBound >= box.origin.y && y.lowerBound < box.origin.y + box.size.y
  }

  /// Paint where the label's class is at most `highest`; no label counts as background.
  func fill(_ runs: [EllipsoidRaster.Run], with code: UInt8, over highest: LabelClass) {
    for run in runs {
      let (z, y) = (Int(run.z) - box.origin.z, Int(run.y) - box.origin.y)
      guard z >= 0, z < box.size.z, y >= 0, y < box.size.y else { continue }
      let row = voxels.baseAddress! + (z * box.size.y + y) * box.size.x
      let begin = max(0, Int(run.begin) - box.origin.x)
      let end = min(box.size.x, Int(run.end) - box.origin.x)
      guard begin < end else { continue }
      for x in begin..<end where row[x] == 0 || (row[x] - 1) % 3 <= highest.rawValue {
        row[x] = code
      }
    }
  }
}

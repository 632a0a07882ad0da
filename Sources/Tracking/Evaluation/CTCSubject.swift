// What the measures of the Cell Tracking Challenge compare: label images frame by frame with a track table,
// from a folder of the challenge or drawn from a project.

import Core
import Formats
import Imaging
import Lineage

/// A result or a truth. May be used from several threads.
public protocol CTCSubject: Sendable {
  /// A name for messages: a path.
  var name: String { get }
  /// The tracks.
  var table: CTCTrackTable { get }
  /// Number of frames.
  var frameCount: Int { get }
  /// Size of the label images.
  var size: Size3 { get }
  /// Reference segmentations; empty when there are none.
  var segmentations: [CTCFolder.Segmentation] { get }
  /// Whether the label images of the tracks are outlines too, so that SEG can be taken from them.
  var hasOutlines: Bool { get }
  /// Whether the number of frames is part of what is compared (files), or follows from the last spot.
  var hasFixedFrames: Bool { get }
  /// The label image of a frame.
  func labels(at t: Int, progress: Progress) throws -> Volume
  /// A reference segmentation.
  func labels(_ segmentation: CTCFolder.Segmentation, progress: Progress) throws -> Volume
  /// Whether the labels found in a frame are those of the table; see `CTCFolder.check`.
  func check(_ labels: [Int], at t: Int, allowsGaps: Bool) throws
}

extension CTCFolder: CTCSubject {
  /// The folder of the label images.
  public var name: String { path }
  /// Number of label images.
  public var frameCount: Int { frames.count }
  /// A truth may mark nuclei by small balls, so outlines are only what `SEG` holds.
  public var hasOutlines: Bool { false }
  /// Files are as many as they are.
  public var hasFixedFrames: Bool { true }
}

/// A project as label images: its tracks numbered as for an export, its spots drawn.
public struct CTCDrawing: CTCSubject {
  /// The project's path, or "project".
  public let name: String
  /// The tracks.
  public let table: CTCTrackTable
  /// Whether the spots' own ellipsoids are drawn.
  public let hasOutlines: Bool
  /// The numbering that the labels come from.
  public let numbering: CTCNumbering
  private let canvas: LabelCanvas

  /// Prepare a project for the measures.
  ///
  /// - Parameters:
  ///   - grid: the project whose images give the voxels; nil takes the project's own.
  ///   - markerRadius: draw balls of this radius, world units, instead of ellipsoids; 0 draws single voxels.
  ///   - timepoints: tracks are cut to these; nil means all.
  ///   - isLeftOut: spots that are taken as not there.
  /// - Throws: `.unavailable` when the size of the images is not known.
  public init(
    _ project: Project, grid: Project? = nil, markerRadius: Double? = nil,
    timepoints: ClosedRange<Timepoint>? = nil,
    except isLeftOut: (SpotID) -> Bool = { _ in false }, progress: Progress = .none
  ) throws {
    name = project.path ?? "project"
    numbering = try CTCNumbering(
      project.lineage, timepoints: timepoints, except: isLeftOut, progress: progress)
    table = try CTCTrackTable(numbering.tracks, path: name)
    canvas = try LabelCanvas(project, numbering, grid: grid, markerRadius: markerRadius)
    hasOutlines = markerRadius == nil
  }

  /// Frames of the images, or up to the last spot when that is later.
  public var frameCount: Int { canvas.frames }
  /// Size of the images.
  public var size: Size3 { canvas.size }
  /// None: outlines are the ellipsoids themselves.
  public var segmentations: [CTCFolder.Segmentation] { [] }
  /// Frames without spots can be added at the end.
  public var hasFixedFrames: Bool { false }

  /// The spots of a frame, drawn.
  public func labels(at t: Int, progress: Progress) throws -> Volume {
    try canvas.volume(t, progress: progress)
  }

  /// There are none.
  public func labels(_ segmentation: CTCFolder.Segmentation, progress: Progress) throws -> Volume {
    throw HowdahError(.internal, "\(name): a drawing has no reference segmentations")
  }

  /// Every spot has a voxel, so table and images agree by construction.
  public func check(_ labels: [Int], at t: Int, allowsGaps: Bool) throws {}
}

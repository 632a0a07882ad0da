// The track scheme: lineage trees with time running downwards, as an SVG text or as a canvas.
//
// Cost follows the number of branches and of colour changes that can be seen, not the length of
// tracks: a branch of 100,000 timepoints in one colour is one line.

import Core
import Formats
import Imaging
import Lineage

/// Draws lineage trees.
public struct LineageFigure {
  /// What is drawn and how large.
  public struct Options: Sendable {
    /// A tag set, a spot feature, "track" or "none"; nil takes "Detection" if it is used, else
    /// "track".
    public var colorBy: String?
    /// Draw only the tracks of these spots; nil draws all.
    public var tracksOf: [SpotID]?
    /// Tracks with fewer spots are left out.
    public var minimumSpots = 1
    /// When there are more tracks, those with the most spots are drawn and the title says so.
    public var maximumTracks = 300
    /// The picture is fitted into this width where columns can be as narrow as 3 pixels; wider
    /// trees make wider pictures.
    public var width = 1200.0
    /// The picture is fitted into this height; short movies make lower pictures.
    public var height = 800.0
    /// Whether every branch is labelled with the name of its first spot, where there is room;
    /// otherwise only roots are.
    public var labels = false
    /// The ground.
    public var background = Color(r: 24, g: 25, b: 30)

    /// The defaults.
    public init() {}
  }

  /// Size in pixels.
  public let width, height: Double
  /// Number of tracks that are drawn, and of those that could be.
  public let drawnTracks, allTracks: Int
  let background: Color
  private(set) var lines: [Line] = []
  private(set) var dots: [Dot] = []
  private(set) var texts: [Text] = []

  struct Line {
    var x1, y1, x2, y2: Double
    var color: Color
    var width: Double
  }

  struct Dot {
    var x, y, radius: Double
    var color: Color
    var title: String
  }

  struct Text {
    var text: String
    var x, y: Double
    var color: Color
    var anchor: SVGWriter.Anchor
  }

  /// Lay out the trees of a lineage.
  ///
  /// Divisions branch, merges are joined by slanted lines, links over several timepoints are
  /// fainter. Spots and links whose tag has opacity 0 are left out.
  ///
  /// - Throws: `.argument` for a name to colour by that is not there, `.interrupted`.
  public init(
    _ lineage: LineageGraph, options: Options = Options(), progress: Progress = .none
  ) throws {
    let colors = try FigureColors(options.colorBy, lineage)
    let (tracks, all) = Self.chosen(lineage, options)
    let layout = try LineageLayout(lineage, tracks: tracks, progress: progress)
    let summaries = lineage.tracks()
    let first = tracks.map { summaries[$0].firstTimepoint }.min() ?? 0
    let last = tracks.map { summaries[$0].lastTimepoint }.max() ?? 0

    let margin = (left: 48.0, top: 40.0, right: 16.0, bottom: 16.0)
    let room = (
      x: max(1, options.width - margin.left - margin.right),
      y: max(1, options.height - margin.top - margin.bottom)
    )
    let column = min(28, max(3, room.x / max(1, layout.columns)))
    let row = min(24, room.y / Double(max(1, last - first)))
    width = margin.left + max(column * layout.columns, 240) + margin.right
    height = margin.top + row * Double(last - first) + margin.bottom
    background = options.background
    drawnTracks = tracks.count
    allTracks = all

    var pen = Pen(
      lineage: lineage, layout: layout, colors: colors, column: column, row: row,
      left: margin.left, top: margin.top, firstTimepoint: first)
    for index in layout.branches.indices {
      if index & 63 == 0 { try progress.check() }
      pen.draw(index, labels: options.labels)
    }
    for link in layout.extraLinks { pen.drawExtra(link) }
    let axis = Self.axis(first, last, row: row, left: margin.left, top: margin.top, width: width)
    lines = axis.lines + pen.lines
    dots = pen.dots
    texts = axis.texts + pen.texts
    let counts = drawnTracks < all ? "\(drawnTracks) of \(all) tracks (largest)" : "\(all) tracks"
    texts.append(Text(text: counts, x: 8, y: 14, color: FigureColors.neutral, anchor: .start))
  }

  /// The tracks to draw, in order, and how many there would be without the limit.
  private static func chosen(_ lineage: LineageGraph, _ options: Options) -> ([Int], Int) {
    let summaries = lineage.tracks()
    let wanted = options.tracksOf.map { Set($0.map(lineage.trackIndex)).sorted() }
    let candidates = (wanted ?? Array(summaries.indices)).filter {
      summaries[$0].spotCount >= options.minimumSpots
    }
    guard candidates.count > options.maximumTracks else { return (candidates, candidates.count) }
    let largest = candidates.sorted {
      (-summaries[$0].spotCount, $0) < (-summaries[$1].spotCount, $1)
    }
    return (largest.prefix(max(0, options.maximumTracks)).sorted(), candidates.count)
  }

  /// Numbers and faint lines at round timepoints.
  private static func axis(
    _ first: Int, _ last: Int, row: Double, left: Double, top: Double, width: Double
  ) -> (lines: [Line], texts: [Text]) {
    // The smallest of 1, 2, 5, 10, 20, ... timepoints that are 24 pixels apart.
    var (decade, factor) = (1, 1)
    while Double(decade * factor) * row < 24, last - first > decade * factor {
      if factor == 5 { decade *= 10 }
      factor = factor == 1 ? 2 : factor == 2 ? 5 : 1
    }
    let step = decade * factor
    var result: (lines: [Line], texts: [Text]) = ([], [])
    let start = first >= 0 ? (first + step - 1) / step * step : first
    for t in stride(from: start, through: last, by: step) {
      let y = top + Double(t - first) * row
      result.lines.append(
        Line(
          x1: left - 8, y1: y, x2: width - 8, y2: y, color: Color(r: 255, g: 255, b: 255, a: 22),
          width: 1))
      result.texts.append(
        Text(text: String(t), x: left - 14, y: y + 4, color: FigureColors.neutral, anchor: .end))
    }
    return result
  }
}

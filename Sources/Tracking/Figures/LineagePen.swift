// How the branches of a track scheme become lines, dots and names.

import Core
import Imaging
import Lineage

extension LineageFigure {
  /// Collects the marks of one figure.
  struct Pen {
    let lineage: LineageGraph
    let layout: LineageLayout
    let colors: FigureColors
    /// Pixels a column and a timepoint.
    let column, row: Double
    let left, top: Double
    let firstTimepoint: Timepoint
    var lines: [Line] = []
    var dots: [Dot] = []
    var texts: [Text] = []

    private var lineWidth: Double { column >= 10 ? 2 : column >= 5 ? 1.5 : 1 }

    /// Columns lie in the middle of pixels, so that thin lines are sharp.
    private func x(_ branch: Int) -> Double {
      (left + (layout.branches[branch].column + 0.5) * column).rounded(.down) + 0.5
    }

    private func y(_ spot: SpotID) -> Double {
      top + Double(lineage.timepoint(spot) - firstTimepoint) * row
    }

    /// Draw a branch with the link that it comes from.
    mutating func draw(_ index: Int, labels: Bool) {
      let branch = layout.branches[index]
      let at = x(index)
      if let parent = branch.parent, let color = colors.color(parent.link) {
        // Across at the parent's height, then down.
        let source = layout.branches[parent.branch].spots.last!
        let (fromX, fromY) = (x(parent.branch), y(source))
        lines.append(Line(x1: fromX, y1: fromY, x2: at, y2: fromY, color: color, width: lineWidth))
        stroke(at, fromY, y(branch.spots[0]), link(parent.link, color))
      }
      drawRun(branch, at)
      drawDots(branch, at)
      name(branch, at, labels)
    }

    /// A link that is not part of the tree, as a slanted line.
    mutating func drawExtra(_ link: LinkID) {
      let (source, target) = (lineage.source(link), lineage.target(link))
      guard let color = colors.color(link), let a = layout.branchOf[source],
        let b = layout.branchOf[target]
      else { return }
      lines.append(
        Line(x1: x(a), y1: y(source), x2: x(b), y2: y(target), color: color, width: lineWidth))
    }

    /// The colour of a link, fainter when it spans several timepoints.
    private func link(_ link: LinkID, _ color: Color) -> Color {
      let span = lineage.timepoint(lineage.target(link)) - lineage.timepoint(lineage.source(link))
      return span == 1 ? color : color.faded(0.45)
    }

    private mutating func stroke(_ x: Double, _ from: Double, _ to: Double, _ color: Color) {
      lines.append(Line(x1: x, y1: from, x2: x, y2: to, color: color, width: lineWidth))
    }

    /// The links within a branch: one line for each stretch of one colour. Changes closer than half
    /// a pixel cannot be seen and are left out, so the number of lines is bounded by the height of
    /// the picture.
    private mutating func drawRun(_ branch: LineageBranch, _ at: Double) {
      guard !branch.links.isEmpty else { return }
      var start = y(branch.spots[0])
      var current: Color?
      var end = start
      for (position, link) in branch.links.enumerated() {
        let color = colors.color(link).map { self.link(link, $0) }
        if position == 0 { current = color }
        if color != current, abs(end - start) >= 0.5 {
          if let current { stroke(at, start, end, current) }
          (start, current) = (end, color)
        }
        end = y(branch.spots[position + 1])
      }
      if let current { stroke(at, start, end, current) }
    }

    /// A dot for every spot where there is room, else for the ends of the branch.
    private mutating func drawDots(_ branch: LineageBranch, _ at: Double) {
      let radius = min(column * 0.28, row * 0.35, 4.5)
      let single = branch.spots.count == 1 && branch.parent == nil
      if radius >= 1.2 || single {
        for spot in branch.spots {
          guard let color = colors.color(spot) else { continue }
          dots.append(
            Dot(
              x: at, y: y(spot), radius: max(1.2, radius), color: color,
              title: lineage.displayName(spot) + "  t = \(lineage.timepoint(spot))"))
        }
      }
    }

    /// The name of the first spot: above roots, beside branches when wanted; left out where it
    /// would run into the next column.
    private mutating func name(_ branch: LineageBranch, _ at: Double, _ labels: Bool) {
      let first = branch.spots[0]
      guard branch.parent == nil || labels, let color = colors.color(first) else { return }
      let text = lineage.displayName(first)
      let room = branch.parent == nil ? column * 1.5 : column
      guard Double(Font.size(of: text).width) + 3 <= room else { return }
      if branch.parent == nil {
        texts.append(Text(text: text, x: at, y: y(first) - 7, color: color, anchor: .middle))
      } else {
        texts.append(Text(text: text, x: at + 5, y: y(first) + 4, color: color, anchor: .start))
      }
    }
  }
}

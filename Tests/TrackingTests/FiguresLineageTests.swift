// Track schemes: where branches stand, what is left out, and that size does not matter.

import Core
import Foundation
import Imaging
import Lineage
import Testing
import Tracking

@Suite struct FiguresLineageTests {
  /// Vertical and other lines of an SVG as numbers: x1, y1, x2, y2 and the stroke colour.
  func lines(_ svg: String) -> [(x1: Double, y1: Double, x2: Double, y2: Double, color: String)] {
    svg.split(separator: "\n").filter { $0.hasPrefix("<line") }.map { line in
      var values: [String: String] = [:]
      for part in line.split(separator: " ").dropFirst() {
        let pair = part.split(separator: "=")
        values[String(pair[0])] = pair[1].split(separator: "\"").first.map(String.init)
      }
      func number(_ key: String) -> Double { Double(values[key] ?? "") ?? .nan }
      return (
        number("x1"), number("y1"), number("x2"), number("y2"), values["stroke"] ?? ""
      )
    }
  }

  /// Lines that are no grid lines of the time axis (those are white).
  func treeLines(_ figure: LineageFigure) -> [(
    x1: Double, y1: Double, x2: Double, y2: Double, color: String
  )] {
    lines(figure.svg()).filter { $0.color != "#ffffff" }
  }

  func options(_ colorBy: String = "Fate") -> LineageFigure.Options {
    var options = LineageFigure.Options()
    options.colorBy = colorBy
    return options
  }

  @Test func divisionsBranchAndParentsAreCentred() throws {
    let scene = try FigureScene()
    let a = try scene.spot(t: 0, 0, 0, 0)
    let b = try scene.spot(t: 1, 0, 0, 0)
    let left = try scene.spot(t: 2, 0, 0, 0)
    let right = try scene.spot(t: 2, 5, 0, 0)
    for (from, to) in [(a, b), (b, left), (b, right)] { try scene.link(from, to) }
    let figure = try LineageFigure(scene.lineage, options: options())
    #expect(figure.drawnTracks == 1 && figure.allTracks == 1)
    let tree = treeLines(figure)
    let down = tree.filter { $0.x1 == $0.x2 }
    let across = tree.filter { $0.y1 == $0.y2 && $0.x1 != $0.x2 }
    #expect(down.count == 3 && across.count == 2)
    let parent = try #require(down.min { $0.y1 < $1.y1 })
    let children = down.filter { $0.y1 > parent.y1 }.map(\.x1).sorted()
    #expect(abs((children[0] + children[1]) / 2 - parent.x1) <= 0.5)
    #expect(children[1] > children[0] && parent.y2 == across[0].y1)
    // The first child in link order stands left.
    let title = try #require(figure.svg().range(of: "<title>2  t = 2"))
    let circle = figure.svg()[..<title.lowerBound].suffix(120)
    #expect(circle.contains("cx=\"\(String(format: "%g", children[0]))\""))
  }

  @Test func coloursOfTagsAndHiddenOnes() throws {
    let scene = try FigureScene()
    let spots = try (0..<5).map { try scene.spot(t: $0, 0, 0, 0, tag: 0) }
    var links: [LinkID] = []
    try scene.lineage.edit("links") {
      for (a, b) in zip(spots, spots.dropFirst()) {
        links.append(try scene.lineage.addLink(a, b))
      }
      try scene.lineage.setTag(scene.fate, of: links[1], to: 0)
      try scene.lineage.setTag(scene.fate, of: links[2], to: 1)
    }
    let down = treeLines(try LineageFigure(scene.lineage, options: options()))
    // Neutral, red, nothing for the hidden link, neutral.
    #expect(down.count == 3)
    #expect(down.map(\.color) == ["#bebebe", "#ff0000", "#bebebe"])
    #expect(down[1].y2 < down[2].y1)
  }

  @Test("Dark tags of ELEPHANT's palette stand out from the ground and from each other")
  func darkTagsAreLegible() throws {
    let scene = try FigureScene()
    let palette = ElephantTags.progenitorColors.prefix(30)
    let set = try scene.lineage.edit("tags") {
      let tags = palette.enumerated().map { Tag(label: "\($0)", color: $1) }
      let set = try scene.lineage.addTagSet(name: "Clone", tags: tags)
      for tag in tags.indices {
        let spots = try (0..<2).map { t in try scene.spot(t: t, 0, 0, 0) }
        try scene.lineage.setTag(set, of: try scene.lineage.addLink(spots[0], spots[1]), to: tag)
      }
      return set
    }
    #expect(scene.lineage.tagSetInfo(set).tags.count == 30)
    let ground = LineageFigure.Options().background.luminance
    let colors = treeLines(try LineageFigure(scene.lineage, options: options("Clone"))).map {
      Color(argb: 0xFF00_0000 | UInt32($0.color.dropFirst(), radix: 16)!)
    }
    #expect(colors.count == 30 && Set(colors).count == 30)
    #expect(colors.allSatisfy { ($0.luminance + 0.05) / (ground + 0.05) >= 3 })
  }

  @Test func mergesGapsAndLoopsAreDrawn() throws {
    let scene = try FigureScene()
    let a = try scene.spot(t: 0, 0, 0, 0)
    let b = try scene.spot(t: 0, 9, 0, 0)
    let merged = try scene.spot(t: 1, 0, 0, 0)
    let late = try scene.spot(t: 4, 0, 0, 0)
    for (from, to) in [(a, merged), (b, merged), (merged, late), (late, late), (late, a)] {
      try scene.link(from, to)
    }
    let figure = try LineageFigure(scene.lineage, options: options("none"))
    #expect(figure.drawnTracks == 1)
    // Every one of the five links is there.
    #expect(figure.svg().contains("stroke-opacity"))
    #expect(treeLines(figure).count >= 5)
  }

  @Test func aTrackOf100000TimepointsIsAFewLines() throws {
    let lineage = LineageGraph()
    var spots = SpotTable()
    var links = LinkTable()
    for t in 0..<100_000 {
      spots.append(t: Int32(t), position: .zero, covariance: .sphere(radius: 1))
      if t > 0 {
        links.sources.append(UInt32(t - 1))
        links.targets.append(UInt32(t))
      }
    }
    try lineage.load(spots: spots, links: links)
    let figure = try LineageFigure(lineage)
    #expect(treeLines(figure).count == 1)
    #expect(figure.height <= 801 && figure.svg().utf8.count < 20_000)
    let canvas = figure.canvas()
    #expect(canvas.height <= 801)
  }

  @Test func alternatingColoursAreBoundedByThePixels() throws {
    let scene = try FigureScene()
    var spots: [SpotID] = []
    try scene.lineage.edit("chain") {
      for t in 0..<20_000 {
        let spot = try scene.lineage.addSpot(
          t: t, position: .zero, covariance: .sphere(radius: 1))
        if let last = spots.last {
          let link = try scene.lineage.addLink(last, spot)
          if t % 2 == 0 { try scene.lineage.setTag(scene.fate, of: link, to: 0) }
        }
        spots.append(spot)
      }
    }
    let figure = try LineageFigure(scene.lineage, options: options())
    #expect(treeLines(figure).count < 1700)
  }

  @Test func thousandsOfTracksAreCapped() throws {
    let scene = try FigureScene()
    try scene.lineage.edit("tracks") {
      for track in 0..<2000 {
        var last: SpotID?
        for t in 0..<(track % 7 + 1) {
          let spot = try scene.lineage.addSpot(
            t: t, position: .zero, covariance: .sphere(radius: 1))
          if let last { _ = try scene.lineage.addLink(last, spot) }
          last = spot
        }
      }
    }
    let figure = try LineageFigure(scene.lineage, options: options("none"))
    #expect(figure.drawnTracks == 300 && figure.allTracks == 2000)
    #expect(figure.svg().contains("300 of 2000 tracks (largest)"))
    var few = options("none")
    few.minimumSpots = 7
    few.maximumTracks = 1000
    #expect(try LineageFigure(scene.lineage, options: few).drawnTracks == 285)
    few.tracksOf = [scene.lineage.spots[30]]
    few.minimumSpots = 1
    #expect(try LineageFigure(scene.lineage, options: few).allTracks == 1)
  }

  @Test func manyLevelsOfDivisionNeedNoStack() throws {
    // A comb: every spot of a long line also has a daughter that ends at once.
    let lineage = LineageGraph()
    var spots = SpotTable()
    var links = LinkTable()
    for t in 0..<30_000 {
      spots.append(t: Int32(t), position: .zero, covariance: .sphere(radius: 1))
      spots.append(t: Int32(t), position: .zero, covariance: .sphere(radius: 1))
      if t > 0 {
        links.sources += [UInt32(2 * t - 2), UInt32(2 * t - 2)]
        links.targets += [UInt32(2 * t), UInt32(2 * t + 1)]
      }
    }
    try lineage.load(spots: spots, links: links)
    let figure = try LineageFigure(lineage, options: options("track"))
    #expect(figure.width > 3 * 30_000)
    #expect(figure.canvas().width == 16384)
    let progress = Progress()
    progress.cancel()
    #expect(throws: HowdahError.self) { try LineageFigure(lineage, progress: progress) }
  }

  @Test func anEmptyLineageIsAnEmptyFigure() throws {
    let figure = try LineageFigure(LineageGraph())
    #expect(figure.drawnTracks == 0 && figure.svg().contains("0 tracks"))
    let folder = FileManager.default.temporaryDirectory.path
    #expect(throws: HowdahError.self) { try figure.write(to: folder + "/tree.jpg") }
  }
}

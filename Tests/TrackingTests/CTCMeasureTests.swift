// The measures of the Cell Tracking Challenge against py-ctcmetrics and traccuracy (Golden/make_ctc.py), on
// movies with every kind of error, and by hand where the packages have nothing to say.

import Core
import Formats
import Foundation
import Imaging
import Lineage
import Testing
import Tracking

/// Label images in memory.
struct LabelMovie: CTCSubject {
  var name = "movie"
  var table: CTCTrackTable
  var images: [Volume]
  var outlines: [(CTCFolder.Segmentation, Volume)] = []
  var hasOutlines = false
  var hasFixedFrames = true

  var frameCount: Int { images.count }
  var size: Size3 { images[0].size }
  var segmentations: [CTCFolder.Segmentation] { outlines.map(\.0) }

  func labels(at t: Int, progress: Core.Progress) throws -> Volume { images[t] }
  func labels(_ s: CTCFolder.Segmentation, progress: Core.Progress) throws -> Volume {
    outlines.first { $0.0 == s }!.1
  }
  func check(_ labels: [Int], at t: Int, allowsGaps: Bool) throws {}

  /// Boxes [label, x0, y0, z0, x1, y1, z1] painted in order.
  static func volume(_ boxes: [[Int]], _ size: Size3) throws -> Volume {
    try Volume.make(size: size, of: UInt16.self) { out in
      out.initialize(repeating: 0)
      for b in boxes {
        for z in b[3]..<b[6] {
          for y in b[2]..<b[5] {
            for x in b[1]..<b[4] { out[(z * size.y + y) * size.x + x] = UInt16(b[0]) }
          }
        }
      }
    }
  }
}

@Suite("CTC measures")
struct CTCMeasureTests {
  // MARK: The two packages

  struct Case: @unchecked Sendable, CustomTestStringConvertible {
    let json: [String: Any]
    var testDescription: String { json["name"] as? String ?? "" }
    var size: Size3 {
      let s = json["size"] as! [Int]
      return Size3(x: s[0], y: s[1], z: s[2])
    }

    func movie(_ which: String) throws -> LabelMovie {
      let tracks = (json["\(which)_tracks"] as! [[Int]]).map {
        CTCTrack(label: $0[0], begin: $0[1], end: $0[2], parent: $0[3])
      }
      return LabelMovie(
        name: which, table: try CTCTrackTable(tracks),
        images: try (json[which] as! [[[Int]]]).map { try LabelMovie.volume($0, size) })
    }

    func truth() throws -> LabelMovie {
      var movie = try movie("truth")
      for (n, s) in (json["segmentation"] as! [[String: Any]]).enumerated() {
        let slice = s["slice"] as? Int
        let whole = try LabelMovie.volume(s["boxes"] as! [[Int]], size)
        movie.outlines.append(
          (
            CTCFolder.Segmentation(path: "outline \(n)", frame: s["frame"] as! Int, slice: slice),
            try slice.map { try whole.slice(axis: .z, index: $0) } ?? whole
          ))
      }
      return movie
    }

    func expected(_ package: String, _ key: String) -> Double? {
      (json[package] as! [String: Any])[key] as? Double
    }
  }

  static let cases: [Case] = {
    let url = Bundle.module.url(forResource: "ctc", withExtension: "json", subdirectory: "Golden")
    let data = url.flatMap { try? Data(contentsOf: $0) } ?? Data()
    let list = try? JSONSerialization.jsonObject(with: data) as? [[String: Any]]
    return (list ?? []).map(Case.init)
  }()

  @Test("All cases are there")
  func count() { #expect(Self.cases.count == 24) }

  private func expectEqual(_ a: Double?, _ b: Double?, _ what: String) {
    #expect((a == nil) == (b == nil), "\(what): \(a as Any), not \(b as Any)")
    if let a, let b { #expect(abs(a - b) < 1e-9, "\(what): \(a), not \(b)") }
  }

  @Test("Equal to py-ctcmetrics", arguments: cases)
  func ctcmetrics(_ c: Case) throws {
    let found = try CTCEvaluation.run(result: c.movie("result"), truth: c.truth())
    let o = found.operations
    // Slices of one frame: see CTCResult.segStacked.
    let values: [(String, Double?)] = [
      ("DET", found.det), ("SEG", found.segStacked ?? found.seg), ("TRA", found.tra),
      ("LNK", found.lnk), ("CT", found.ct), ("TF", found.tf), ("CCA", found.cca),
      ("BC(0)", found.bc[0]), ("BC(1)", found.bc[1]), ("BC(2)", found.bc[2]),
      ("BC(3)", found.bc[3]), ("AOGM", o.cost), ("AOGM_0", o.costFromNothing),
      ("AOGM_NS", Double(o.splits)), ("AOGM_FN", Double(o.missed)),
      ("AOGM_FP", Double(o.spurious)), ("AOGM_ED", Double(o.wrongLinks)),
      ("AOGM_EA", Double(o.missedLinks)), ("AOGM_EC", Double(o.wrongKind)),
    ]
    for (key, value) in values { expectEqual(value, c.expected("ctcmetrics", key), key) }
    for (i, d) in found.divisions.enumerated() where c.expected("ctcmetrics", "BC(0)") != nil {
      expectEqual(Double(d.right), c.expected("ctcmetrics", "tp_div(\(i))"), "tp_div(\(i))")
      expectEqual(Double(d.wrong), c.expected("ctcmetrics", "fp_div(\(i))"), "fp_div(\(i))")
      expectEqual(Double(d.missed), c.expected("ctcmetrics", "fn_div(\(i))"), "fn_div(\(i))")
    }
    // py-ctcmetrics loses the parent of a joined track when its first part does not come first in the file.
    if c.testDescription != "labels in any order" {
      expectEqual(found.chota, c.expected("ctcmetrics", "CHOTA"), "CHOTA")
    }
  }

  @Test("Equal to traccuracy where it measures the same", arguments: cases)
  func traccuracy(_ c: Case) throws {
    let found = try CTCEvaluation.run(result: c.movie("result"), truth: c.truth())
    let o = found.operations
    var values: [(String, Double?)] = [
      ("fp_nodes", Double(o.spurious)), ("fn_nodes", Double(o.missed)),
      ("fp_edges", Double(o.wrongLinks)), ("fn_edges", Double(o.missedLinks)),
      ("CHOTA", found.chota),
    ]
    // It counts labels that need splits, not splits; and takes a link to an only child for a gap in a track.
    let sameSplits = Double(o.splits) == c.expected("traccuracy", "ns_nodes")
    let sameKind = Double(o.wrongKind) == c.expected("traccuracy", "ws_edges")
    if sameSplits { values.append(("DET", found.det)) }
    if sameKind { values.append(("LNK", found.lnk)) }
    if sameSplits, sameKind { values += [("TRA", found.tra), ("AOGM", o.cost)] }
    for (key, value) in values { expectEqual(value, c.expected("traccuracy", key), key) }
  }

  // MARK: What they do not say

  private static let size = Size3(x: 20, y: 10, z: 3)

  /// A movie of boxes 4 wide at these places: `[label: x]` a frame.
  private func movie(_ tracks: [(Int, Int, Int, Int)], _ frames: [[Int: Int]]) throws -> LabelMovie
  {
    LabelMovie(
      table: try CTCTrackTable(
        tracks.map { CTCTrack(label: $0.0, begin: $0.1, end: $0.2, parent: $0.3) }),
      images: try frames.map { frame in
        try LabelMovie.volume(
          frame.sorted { $0.key < $1.key }.map { [$0.key, $0.value, 2, 0, $0.value + 4, 6, 3] },
          Self.size)
      })
  }

  @Test("A sparse truth: what it does not know is no error")
  func sparse() throws {
    let truth = try movie([(1, 0, 1, 0)], [[1: 2], [1: 2]])
    let result = try movie(
      [(1, 0, 1, 0), (2, 0, 0, 0), (3, 1, 1, 2), (4, 1, 1, 2)],
      [[1: 2, 2: 10], [1: 2, 3: 8, 4: 14]])
    let dense = try CTCEvaluation.run(result: result, truth: truth)
    #expect(dense.operations.spurious == 3 && dense.divisions[0].wrong == 1)
    #expect(abs(dense.det! - (1 - 3.0 / 20)) < 1e-12 && abs(dense.ct! - 2.0 / 5) < 1e-12)
    var options = CTCEvaluation.Options()
    options.isSparse = true
    let sparse = try CTCEvaluation.run(result: result, truth: truth, options: options)
    #expect(sparse.det == 1 && sparse.tra == 1 && sparse.ct == 1 && sparse.chota == 1)
    #expect(sparse.operations.spurious == 0 && sparse.divisions[0].wrong == 0)
  }

  @Test("Every outlined slice counts on its own, as the challenge does")
  func slices() throws {
    let result = try movie([(1, 0, 0, 0)], [[1: 2]])
    var truth = result
    for (slice, x) in [(0, 2), (1, 3), (2, 9)] {
      let plane = try LabelMovie.volume([[7, x, 2, 0, x + 4, 6, 3]], Self.size)
      truth.outlines.append(
        (
          CTCFolder.Segmentation(path: "\(slice)", frame: 0, slice: slice),
          try plane.slice(axis: .z, index: slice)
        ))
    }
    let found = try CTCEvaluation.run(result: result, truth: truth)
    // 16 voxels a plane: all, 12 of 20, none. As one volume 28 of 48 are covered.
    #expect(abs(found.seg! - (1 + 12.0 / 20 + 0) / 3) < 1e-12)
    #expect(abs(found.segStacked! - 28.0 / (48 + 48 - 28)) < 1e-12)
    #expect(found.notes.contains { $0.contains("seg_stacked") })
  }

  @Test("Half of a label is not enough, one voxel more is")
  func majority() throws {
    let truth = try movie([(1, 0, 0, 0)], [[1: 4]])
    let half = try movie([(1, 0, 0, 0)], [[1: 6]])
    #expect(try CTCEvaluation.run(result: half, truth: truth).det == 0)
    let more = try movie([(1, 0, 0, 0)], [[1: 5]])
    #expect(try CTCEvaluation.run(result: more, truth: truth).det == 1)
  }

  @Test("What is not there is nil, and notes say why")
  func absent() throws {
    let empty = LabelMovie(
      name: "nothing", table: try CTCTrackTable([]),
      images: [try Volume(zeroed: Self.size, type: .uint8)])
    let one = try movie([(1, 0, 0, 0)], [[1: 4]])
    let found = try CTCEvaluation.run(result: one, truth: empty)
    #expect(found.det == nil && found.seg == nil && found.tra == nil && found.lnk == nil)
    #expect(found.bc.allSatisfy { $0 == nil } && found.cca == nil)
    for name in ["SEG", "DET", "LNK", "BC", "CCA"] {
      #expect(found.notes.contains { $0.contains("no \(name)") && $0.contains("nothing") })
    }
    let missed = try CTCEvaluation.run(result: empty, truth: one)
    #expect(missed.det == 0 && missed.tra == 0 && missed.lnk == nil && missed.chota == 0)
  }

  @Test("Sizes and numbers of frames must agree")
  func sizes() throws {
    let one = try movie([(1, 0, 0, 0)], [[1: 4]])
    let two = try movie([(1, 0, 1, 0)], [[1: 4], [1: 4]])
    let error = #expect(throws: HowdahError.self) {
      try CTCEvaluation.run(result: one, truth: two)
    }
    #expect(error?.message.contains("has 1 frames") == true)
    var other = one
    other.images = [try Volume(zeroed: Size3(x: 3, y: 3, z: 3), type: .uint8)]
    #expect(throws: HowdahError.self) { try CTCEvaluation.run(result: other, truth: one) }
  }

  // MARK: Projects

  private func simulated(_ change: (LineageGraph) throws -> Void = { _ in }) throws -> Project {
    var options = Simulator.Preset.small.options
    options.nuclei = 6
    options.timepoints = 5
    options.size = Size3(x: 60, y: 60, z: 12)
    options.divisionRate = 0.2
    options.seed = 3
    let project = try Simulator.run(options)
    try project.lineage.edit("change") { try change(project.lineage) }
    return project
  }

  @Test("A project is drawn: alike is perfect, a lost spot is one missed label")
  func projects() throws {
    let truth = try simulated()
    let same = try ProjectComparison(result: simulated(), truth: truth)
    let ctc = try #require(same.ctc)
    #expect(ctc.det == 1 && ctc.tra == 1 && ctc.lnk == 1 && ctc.ct == 1 && ctc.tf == 1)
    #expect(ctc.seg == 1 && ctc.chota == 1 && same.spots?.spots.f1 == 1)
    #expect(ctc.operations.vertices == truth.lineage.spotCount)
    #expect(ctc.operations.edges == truth.lineage.linkCount)
    let lost = try simulated { try $0.remove($0.leaves()[0]) }
    let found = try ProjectComparison(result: lost, truth: truth)
    #expect(found.ctc?.operations.missed == 1 && found.ctc?.operations.spurious == 0)
    #expect(found.spots?.spots.falseNegatives == 1)
    #expect(found.ctc!.seg! < 1 && found.ctc!.seg! > 0.9)
  }

  @Test("Markers: the truth as single voxels has no outlines")
  func markers() throws {
    var options = ProjectComparison.Options()
    options.markerRadius = 0
    let found = try ProjectComparison(result: simulated(), truth: simulated(), options: options)
    #expect(found.ctc?.det == 1 && found.ctc?.seg == nil)
  }

  @Test("Spots matched by overlap agree with the labels")
  func overlap() throws {
    var options = ProjectComparison.Options()
    options.matchesByOverlap = true
    let lost = try simulated { try $0.remove($0.leaves()[0]) }
    let found = try ProjectComparison(result: lost, truth: simulated(), options: options)
    #expect(found.spots?.spots.falseNegatives == 1 && found.spots?.spots.falsePositives == 0)
    #expect(found.spots!.meanDistance < 1e-9)
  }

  @Test("Projects without images still compare their spots, and say what is missing")
  func withoutImages() throws {
    let (a, b) = (try simulated(), try simulated())
    let (x, y) = (
      Project(images: nil, lineage: a.lineage), Project(images: nil, lineage: b.lineage)
    )
    let found = try ProjectComparison(result: x, truth: y)
    #expect(found.ctc == nil && found.spots?.spots.f1 == 1)
    #expect(found.notes.contains { $0.contains("size of the images") })
    var options = ProjectComparison.Options()
    options.measures = .ctc
    #expect(throws: HowdahError.self) {
      try ProjectComparison(result: x, truth: y, options: options)
    }
  }
}

// Tissue that goes on beyond the view: strong drift that lasts carries nuclei through the view, and gathers them nowhere.

import Core
import Formats
import Imaging
import Lineage
import Testing
import Tracking

@Suite("Open tissue")
struct OpenTissueTests {
  private func leg(_ rim: Simulator.Rim = .open) -> Simulator.Options {
    var o = Simulator.Preset.driftingLeg.options
    o.seed = 7
    o.rim = rim
    o.size = Size3(x: 96, y: 96, z: 12)
    o.voxelSize = VoxelSize(x: 1, y: 1, z: 2.1605)
    o.nuclei = 370
    return o
  }

  /// Spots of a few timepoints in each of 4 x 4 squares of the view.
  private func squares(_ project: Project, _ times: Range<Timepoint>, _ o: Simulator.Options)
    -> [Int]
  {
    var counts = [Int](repeating: 0, count: 16)
    let graph = project.lineage
    for t in times {
      for spot in graph.spots(at: t) {
        let p = graph.position(spot)
        func part(_ v: Double, _ width: Double) -> Int { min(3, max(0, Int(4 * v / width))) }
        let (x, y) = (
          part(p.x, Double(o.size.x) * o.voxelSize.x), part(p.y, Double(o.size.y) * o.voxelSize.y)
        )
        counts[4 * y + x] += 1
      }
    }
    return counts
  }

  @Test("After 100 timepoints of strong drift nuclei are as many as before, everywhere")
  func density() throws {
    let o = leg()
    let project = try Simulator.run(o)
    let (early, late) = (squares(project, 0..<20, o), squares(project, 70..<100, o))
    let growth = Double(late.reduce(0, +)) / 30 / (Double(early.reduce(0, +)) / 20)
    #expect((0.8...1.35).contains(growth), "\(growth)")
    // The layer is tilted along y, so rows are compared with themselves.
    for row in 0..<4 {
      let counts = late[4 * row..<4 * row + 4]
      let mean = Double(counts.reduce(0, +)) / 4
      #expect(counts.allSatisfy { (0.55...1.6).contains(Double($0) / mean) }, "\(late)")
    }
    // A wall gathers them, which is what this is for.
    let walled = squares(try Simulator.run(leg(.closed)), 70..<100, o)
    #expect(walled.contains { $0 * 8 < walled.reduce(0, +) / 16 })
  }

  @Test("The drift stays as strong as it was; about one division in 400 links")
  func drift() throws {
    let o = leg()
    let graph = try Simulator.run(o).lineage
    func mean(_ times: Range<Timepoint>) -> Double {
      let lengths = graph.links.filter { times.contains(graph.timepoint(graph.target($0))) }
        .map { graph.position(graph.source($0)).distance(to: graph.position(graph.target($0))) }
      return lengths.reduce(0, +) / Double(lengths.count)
    }
    let (early, late) = (mean(1..<30), mean(70..<100))
    #expect(early > 0.35 * o.speed && late > 0.35 * o.speed, "\(early) \(late)")
    let share = Double(graph.links.count) / Double(graph.dividing().count)
    #expect((200...700).contains(share), "\(share)")
  }

  @Test("Who begins after the first frame came in over the rim, and who comes in was not there")
  func arrivals() throws {
    var o = leg()
    o.visible = 0
    o.timepoints = 30
    let graph = try Simulator.run(o).lineage
    let roots = graph.roots().filter { graph.timepoint($0) > 0 }
    let reach = 3 * o.speed + o.radius
    for root in roots {
      let p = graph.position(root)
      let inside = Axis.allCases.allSatisfy { axis in
        let width = Double(o.size[axis]) * o.voxelSize[axis]
        return p[axis] > (axis == .z ? o.radius : reach)
          && p[axis] < width - (axis == .z ? o.radius : reach)
      }
      #expect(!inside, "\(p) at \(graph.timepoint(root))")
    }
    #expect(roots.count > 100)
  }

  @Test("Other shapes: tissue everywhere, one plane; an embryo has no open rim")
  func shapes() throws {
    var o = Simulator.Options()
    (o.size, o.nuclei, o.rim) = (Size3(x: 100, y: 100, z: 20), nil, .open)
    (o.timepoints, o.speed, o.density) = (60, 4, 0.15)
    var graph = try Simulator.run(o).lineage
    func change() -> Double {
      let (first, last) = ((0..<10), (50..<60))
      func count(_ times: Range<Timepoint>) -> Int {
        times.reduce(0) { $0 + graph.spotCount(at: $1) }
      }
      return Double(count(last)) / Double(count(first))
    }
    #expect((0.7...1.5).contains(change()), "\(change())")
    o = Simulator.Preset.sparse2D.options
    (o.rim, o.speed, o.size) = (.open, 8, Size3(x: 256, y: 256, z: 1))
    graph = try Simulator.run(o).lineage
    #expect((0.6...1.6).contains(change()), "\(change())")
    #expect(graph.spots.allSatisfy { graph.position($0).z == 0 })
    // However fast or large: a tissue too large to hold is refused.
    (o.speed, o.timepoints) = (1e6, 3)
    #expect(try Simulator.run(o).lineage.spots.count > 0)
    o.radius = 1e6
    o.nuclei = 1_000_000
    #expect(throws: HowdahError.self) { try Simulator.run(o) }
    o = Simulator.Preset.small.options
    let closed = try Simulator.run(o).lineage
    o.rim = .open
    let open = try Simulator.run(o).lineage
    #expect(closed.spots.map { closed.position($0) } == open.spots.map { open.position($0) })
  }
}

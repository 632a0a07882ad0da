// The simulator: repeatable, true to its truth, polite to options out of range.

import Core
import Formats
import Foundation
import Imaging
import Lineage
import Synchronization
import Testing
import Tracking

@Suite("Simulator")
struct SimulatorTests {
  private func options(seed: UInt64 = 1) -> Simulator.Options {
    var o = Simulator.Preset.small.options
    o.seed = seed
    o.size = Size3(x: 96, y: 80, z: 10)
    o.nuclei = 15
    o.timepoints = 14
    o.divisionRate = 0.2
    o.labels = true
    return o
  }

  private func rows(_ graph: LineageGraph) -> [String] {
    graph.spots.map { "\($0) \(graph.timepoint($0)) \(graph.position($0)) \(graph.covariance($0))" }
      + graph.links.map { "\(graph.source($0))->\(graph.target($0))" }
  }

  @Test("Same seed, same voxels and truth, also when frames are drawn in another order")
  func repeatable() throws {
    let (a, b) = (try Simulator.run(options()), try Simulator.run(options()))
    #expect(rows(a.lineage) == rows(b.lineage))
    let (imagesA, imagesB) = (try a.requireImages(), try b.requireImages())
    let first = try (0..<6).map { try imagesA.volume(t: $0) }
    let second = try (0..<6).reversed().map { try imagesB.volume(t: $0) }.reversed()
    #expect(zip(first, second).allSatisfy { $0.hasSameVoxels(as: $1) })
    let other = try Simulator.run(options(seed: 2))
    #expect(rows(other.lineage) != rows(a.lineage))
    #expect(!first[0].hasSameVoxels(as: try other.requireImages().volume(t: 0)))
  }

  @Test("Same voxels and truth from one thread and from all")
  func threads() throws {
    let expected = try digest()
    // Inside a loop with more turns than cores, Dispatch runs another loop on one thread.
    let serial = Mutex<UInt64?>(nil)
    let threads = Mutex<Set<pthread_t>>([])
    DispatchQueue.concurrentPerform(iterations: 4096) { turn in
      guard turn == 0 else { return }
      try? parallelFor(64) { _ in _ = threads.withLock { $0.insert(pthread_self()) } }
      serial.withLock { $0 = try? digest() }
    }
    #expect(threads.withLock { $0.count } == 1)
    #expect(serial.withLock { $0 } == expected)
  }

  /// A hash of all voxels and of the truth.
  private func digest() throws -> UInt64 {
    let project = try Simulator.run(options())
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    func add(_ bytes: some Sequence<UInt8>) {
      for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    }
    for t in 0..<6 { try project.requireImages().volume(t: t).withBytes { add($0) } }
    for row in rows(project.lineage) { add(row.utf8) }
    return hash
  }

  @Test("The truth is what an annotator leaves behind: tags, links of one frame, mothers with two")
  func truth() throws {
    let project = try Simulator.run(options())
    let g = project.lineage
    func label(_ set: String, _ spot: SpotID) -> String? {
      let set = g.tagSet(named: set)!
      return g.tag(set, of: spot).map { g.tagSetInfo(set).tags[$0].label }
    }
    #expect(g.spots.allSatisfy { label("Detection", $0) == "fn" })
    #expect(g.spots.allSatisfy { label("Tracking", $0) == "Approved" })
    #expect(g.roots().allSatisfy { label("Status", $0) == "Completed" })
    #expect(g.links.allSatisfy { g.timepoint(g.target($0)) - g.timepoint(g.source($0)) == 1 })
    #expect(g.spots.allSatisfy { g.inDegree($0) <= 1 && g.outDegree($0) <= 2 })
    #expect(g.dividing().count >= 3)
    // Names follow the tree.
    for mother in g.dividing() {
      let names = g.outgoing(mother).map { g.displayName(g.target($0)) }
      #expect(Set(names) == ["\(g.displayName(mother)).1", "\(g.displayName(mother)).2"])
    }
    #expect(g.undoNames.isEmpty)
    let size = try project.requireImages().size
    let voxel = try project.requireImages().voxelSize
    for spot in g.spots {
      let p = g.position(spot)
      for axis in Axis.allCases {
        #expect(p[axis] >= -voxel[axis] / 2 && p[axis] < (Double(size[axis]) - 0.5) * voxel[axis])
      }
    }
  }

  @Test("Nuclei are bright where the truth says, and do not overlap much")
  func brightness() throws {
    let project = try Simulator.run(options())
    let images = try project.requireImages()
    let g = project.lineage
    let v = images.voxelSize
    var brighter = 0
    var total = 0
    for t in [0, 5] {
      let volume = try images.volume(t: t)
      let mean = try volume.mean()
      for spot in g.spots(at: t) {
        let p = g.position(spot)
        let value = volume.value(
          x: min(volume.size.x - 1, max(0, Int((p.x / v.x).rounded()))),
          y: min(volume.size.y - 1, max(0, Int((p.y / v.y).rounded()))),
          z: min(volume.size.z - 1, max(0, Int((p.z / v.z).rounded()))))
        brighter += value > mean + 20 ? 1 : 0
        total += 1
        let near = g.nearest(to: p, at: t, count: 2)
        if near.count == 2 {
          let gap = near[1].squaredDistance.squareRoot()
          #expect(gap > 0.5 * g.covariance(spot).radii.x)
        }
      }
    }
    #expect(total > 15 && Double(brighter) >= 0.95 * Double(total))
  }

  @Test("Noise of the camera is what the options say")
  func noise() throws {
    var o = options()
    o.nuclei = 0
    o.background = 20
    o.shape = .filled
    o.attenuation = .infinity
    o.readNoise = 3
    o.gain = 2
    let volume = try Simulator.run(o).requireImages().volume(t: 0)
    // Differences of neighbours are free of the slow unevenness: variance 2 (gain^2 photons + read^2).
    var sum = 0.0
    var mean = 0.0
    var n = 0.0
    for z in 0..<volume.size.z {
      for y in 0..<volume.size.y {
        for x in stride(from: 0, to: volume.size.x - 1, by: 2) {
          let (a, b) = (volume[x: x, y: y, z: z], volume[x: x + 1, y: y, z: z])
          sum += (a - b) * (a - b)
          mean += (a + b) / 2
          n += 1
        }
      }
    }
    let photons = (mean / n - o.offset) / o.gain
    let expected = 2 * (o.gain * o.gain * photons + o.readNoise * o.readNoise)
    #expect(abs(sum / n / expected - 1) < 0.05)
  }

  @Test("Written as a BigDataViewer data set, the voxels come back")
  func written() throws {
    var o = options()
    o.timepoints = 2
    let project = try Simulator.run(o)
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("howdah-simulator-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let path = folder.appendingPathComponent("movie.xml").path
    try Simulator.write(project, toXML: path)
    let read = try BDVImageSource.open(path)
    defer { read.close() }
    #expect(read.timepoints == 2 && read.size == o.size)
    #expect(abs(read.voxelSize.z - o.voxelSize.z) < 1e-9)
    let (a, b) = (try read.volume(t: 1), try project.requireImages().volume(t: 1))
    #expect(a.values() == b.values())
  }

  @Test func `a preset has its name, and a short one where the field has one`() {
    #expect(Simulator.Preset(name: "worm") == .earlyWormEmbryo)
    #expect(Simulator.Preset.allCases.allSatisfy { Simulator.Preset(name: $0.rawValue) == $0 })
    #expect(Simulator.Preset.names.allSatisfy { Simulator.Preset(name: $0) != nil })
    #expect(Simulator.Preset(name: "leg") == nil)
  }

  @Test("Every preset can be simulated", arguments: Simulator.Preset.allCases)
  func presets(_ preset: Simulator.Preset) throws {
    var o = preset.options
    o.timepoints = 2
    let project = try Simulator.run(o)
    #expect(project.lineage.spotCount(at: 0) > 3)
    #expect(try project.requireImages().size == o.size)
  }

  @Test("Options out of range are refused by name; work can be stopped")
  func refusals() throws {
    var o = options()
    o.density = 0.9
    #expect {
      try Simulator.run(o)
    } throws: {
      let e = $0 as? HowdahError
      return e?.kind == .argument && e?.message.contains("density") == true
    }
    let progress = Progress()
    progress.cancel()
    #expect(throws: HowdahError.self) { try Simulator.run(options(), progress: progress) }
    let images = try Simulator.run(options()).requireImages()
    #expect(throws: HowdahError.self) {
      try images.volume(t: 0, setup: 0, level: 0, box: nil, progress: progress)
    }
  }
}

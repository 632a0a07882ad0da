// Predicting spots, with a network that is made by hand so that it finds bright blobs: what matters here is what is
// done with its probabilities.

import Core
import Foundation
import Imaging
import Learning
import Lineage
import Testing
import Tracking

@Suite("Predicting spots")
struct DetectionPredictionTests {
  private static let size = Size3(x: 48, y: 40, z: 8)
  private static let voxel = VoxelSize(x: 0.5, y: 0.5, z: 1)

  /// A network that takes a voxel for a centre where its brightness is clearly above the typical one. Everything but
  /// the way of the image over the first and the last stage is switched off.
  static func brightnessModel() throws -> Model {
    var model = try Model(.unet(widths: [1, 1]))
    func center(_ name: String, input: Int = 0) throws {
      var kernel = try model[name]
      kernel[input * 27 + 13] = 1
      try model.set(name, to: kernel)
    }
    // Inputs of the decoder: the skip is channel 0, what comes from below is channel 1.
    for name in [
      "encoder.0.0.weight", "encoder.0.3.weight", "decoder.0.0.weight", "decoder.0.3.weight",
    ] {
      try center(name)
    }
    // Normalised values come out of the decoder: background is below about 1, centers above.
    try model.set("out_conv.weight", to: [-4, 0, 4])
    try model.set("out_conv.bias", to: [6, -4, -6])
    return model
  }

  /// Bright balls of a radius of 2 world units.
  static func images(_ centres: [[WorldPoint]], size: Size3 = size) throws -> MemoryImageSource {
    let volumes = try centres.map { points in
      var values = [UInt16](repeating: 100, count: size.count)
      for z in 0..<size.z {
        for y in 0..<size.y {
          for x in 0..<size.x {
            let p = WorldPoint(
              x: Double(x) * voxel.x, y: Double(y) * voxel.y, z: Double(z) * voxel.z)
            if points.contains(where: { $0.squaredDistance(to: p) < 4 }) {
              values[(z * size.y + y) * size.x + x] = 1000
            }
          }
        }
      }
      return [try Volume(uint16s: values, size: size, voxelSize: voxel)]
    }
    return try MemoryImageSource(volumes)
  }

  private static func at(_ x: Double, _ y: Double, _ z: Double) -> WorldPoint {
    WorldPoint(x: x, y: y, z: z)
  }

  private static let nuclei = [at(5, 5, 3), at(16, 6, 4), at(10, 15, 4)]

  private func options() -> DetectionPrediction.Options {
    var options = DetectionPrediction.Options()
    options.minRadius = 0.1
    options.suppressionDistance = 3
    options.spots.separation = nil
    options.spots.refine = false
    // The network finds whole balls, not their inner parts.
    options.spots.centerRatio = 1
    options.pad = false
    return options
  }

  private func predict(
    _ change: (inout DetectionPrediction.Options) -> Void = { _ in },
    nuclei: [[WorldPoint]] = [nuclei], graph: LineageGraph = LineageGraph()
  ) throws -> (graph: LineageGraph, counts: [DetectionPrediction.Counts]) {
    var options = options()
    change(&options)
    let predictor = try Predictor([try Self.brightnessModel()])
    let counts = try DetectionPrediction.run(
      graph, images: try Self.images(nuclei), predictor: predictor, options: options)
    return (graph, counts)
  }

  private func distance(_ graph: LineageGraph, _ p: WorldPoint, t: Int = 0) -> Double {
    graph.nearest(to: p, at: t, count: 1).first?.squaredDistance.squareRoot() ?? .infinity
  }

  @Test("Nuclei of all timepoints become spots with their size, in one undo point")
  func whole() throws {
    let (graph, counts) = try predict(nuclei: [Self.nuclei, Array(Self.nuclei.prefix(2))])
    #expect(counts.map(\.found) == [3, 2])
    #expect(graph.spots.count == 5)
    for p in Self.nuclei { #expect(distance(graph, p) < 0.3) }
    for spot in graph.spots(at: 1) {
      let radius = graph.covariance(spot).meanRadius
      #expect(radius > 1.5 && radius < 2.4, "\(radius)")
    }
    let detection = graph.tagSet(named: "Detection")!
    #expect(
      graph.spots.allSatisfy {
        graph.tag(detection, of: $0) == graph.tag(named: "unlabeled", in: detection)
      })
    try graph.undo()
    #expect(graph.spots.isEmpty)
  }

  @Test("A range of timepoints leaves the others alone")
  func range() throws {
    let (graph, counts) = try predict(
      { $0.timepoints = 1...1 }, nuclei: [Self.nuclei, Self.nuclei, Self.nuclei])
    #expect(counts.map(\.timepoint) == [1])
    #expect(graph.spots(at: 0).isEmpty && graph.spots(at: 1).count == 3)
  }

  @Test("Tiles give the same spots as one piece")
  func tiles() throws {
    let whole = try predict { $0.patch = .whole }
    let tiled = try predict { $0.patch = .size(Size3(x: 32, y: 32, z: 8)) }
    #expect(tiled.graph.spots.count == whole.graph.spots.count)
    for spot in whole.graph.spots {
      #expect(distance(tiled.graph, whole.graph.position(spot)) < 0.2)
    }
  }

  @Test("A box touches only what is in it, and sees nuclei at its faces as a whole")
  func box() throws {
    let before = LineageGraph()
    try before.edit("before") {
      try before.ensureElephantTagSets()
      let detection = before.tagSet(named: "Detection")!
      for p in [Self.at(2, 18, 1), Self.at(20, 16, 1)] {
        let spot = try before.addSpot(t: 0, position: p, covariance: .sphere(radius: 1))
        try before.setTag(detection, of: spot, to: before.tag(named: "unlabeled", in: detection))
      }
    }
    // The box ends in the middle of the nucleus at x 10.
    let box = WorldBox(minimum: .zero, maximum: Self.at(10.2, 30, 30))
    let (graph, counts) = try predict({ $0.region = .box(box) }, graph: before)
    #expect(counts[0].update.removed == 1)
    #expect(counts[0].found == 2)
    #expect(distance(graph, Self.at(20, 16, 1)) == 0)
    #expect(distance(graph, Self.at(10, 15, 4)) < 0.3)
    #expect(distance(graph, Self.at(16, 6, 4)) > 2)
  }

  @Test("Around a point: ELEPHANT's box, moved inside the volume")
  func around() throws {
    let (graph, counts) = try predict {
      $0.region = .around(Self.at(4, 4, 0), size: Size3(x: 20, y: 20, z: 24))
      $0.compatible = true
    }
    #expect(counts[0].found == 1)
    #expect(distance(graph, Self.at(5, 5, 3)) < 0.3)
  }

  @Test("A box has the intensities of the whole volume unless told otherwise")
  func statistics() throws {
    // A nucleus that is hardly there beside something very bright, which is outside the box.
    let ball = try Self.images([[Self.at(5, 5, 3)]]).volume(t: 0)
    let values = ball.withVoxels(as: UInt16.self) { voxels in
      voxels.indices.map { i -> UInt16 in
        if i % 48 > 40 && i / 48 % 40 > 34 { return 60000 }
        return voxels[i] == 1000 ? 130 : 100
      }
    }
    let images = try MemoryImageSource(
      [[try Volume(uint16s: values, size: Self.size, voxelSize: Self.voxel)]])
    // A network that only sees what is above half of the brightest.
    var model = try Self.brightnessModel()
    try model.set("encoder.0.0.bias", to: [-0.5])
    var found: [Int] = []
    for statistics in DetectionPrediction.Statistics.allCases {
      var options = options()
      options.compatible = true
      options.region = .box(WorldBox(minimum: .zero, maximum: Self.at(10, 12, 8)))
      options.statistics = statistics
      found.append(
        try DetectionPrediction.spots(
          images: images, t: 0, predictor: Predictor([model]), options: options
        ).count)
    }
    #expect(found == [0, 1])
  }

  @Test("Rescaled input gives the same places, also in kept probabilities")
  func rescaled() throws {
    let (graph, _) = try predict { $0.rescale = VoxelSize(x: 0.5, y: 0.5, z: 1) }
    #expect(graph.spots.count == 3)
    for p in Self.nuclei { #expect(distance(graph, p) < 0.6) }
  }

  @Test("Probabilities can be kept and read again; parts of a volume stay beside each other")
  func kept() throws {
    let folder = FileManager.default.temporaryDirectory.path + "/howdah-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let images = try Self.images([Self.nuclei, Self.nuclei])
    let predictor = try Predictor([try Self.brightnessModel()])
    for rescale in [VoxelSize.one, VoxelSize(x: 1, y: 1, z: 0.5)] {
      let store = try ProbabilityStore(folder, images: images)
      var options = options()
      options.rescale = rescale
      options.timepoints = 1...1
      _ = try DetectionPrediction.run(
        LineageGraph(), images: images, predictor: predictor, options: options, store: store)
      let center = try store.volume(t: 1, channel: 2)
      let sum = try center + store.volume(t: 1, channel: 0) + store.volume(t: 1, channel: 1)
      #expect(try abs(sum.minimum() - 1) < 2e-3 && abs(sum.maximum() - 1) < 2e-3)
      #expect(center.value(x: 10, y: 10, z: 3) > 0.5 && center.value(x: 40, y: 30, z: 4) < 0.2)
      #expect(try store.volume(t: 0, channel: 2).maximum() == 0)
    }
    // A box of timepoint 0, then one beside it.
    let store = try ProbabilityStore(folder, images: images)
    var options = options()
    options.compatible = true
    options.timepoints = 0...0
    for x in [0.0, 12] {
      options.region = .box(WorldBox(minimum: Self.at(x, 0, 0), maximum: Self.at(x + 12, 30, 30)))
      _ = try DetectionPrediction.run(
        LineageGraph(), images: images, predictor: predictor, options: options, store: store)
    }
    let first = try store.volume(t: 0, channel: 0)
    #expect(first.value(x: 2, y: 35, z: 0) > 0.5 && first.value(x: 30, y: 35, z: 0) > 0.5)
    // Something else in the way is not overwritten.
    try FileManager.default.removeItem(atPath: folder + "/.zarray")
    #expect(throws: HowdahError.self) { try ProbabilityStore(folder, images: images) }
  }

  @Test("Cancelling leaves the lineage as it was")
  func cancelled() throws {
    let graph = LineageGraph()
    let calls = CallCount()
    let progress = Progress(stopRequested: { calls.next() > 30 })
    #expect(throws: HowdahError.self) {
      try DetectionPrediction.run(
        graph, images: Self.images([Self.nuclei, Self.nuclei, Self.nuclei]),
        predictor: Predictor([Self.brightnessModel()]), options: options(), progress: progress)
    }
    #expect(graph.spots.isEmpty && !graph.isEditing)
  }

  @Test("Separation and refinement work on predictions, too")
  func shaped() throws {
    let (graph, counts) = try predict {
      $0.spots.separation = .init()
      $0.spots.refine = true
    }
    #expect(counts[0].found == 3)
    for p in Self.nuclei { #expect(distance(graph, p) < 0.3) }
    for spot in graph.spots { #expect(abs(graph.covariance(spot).meanRadius - 2) < 0.3) }
  }

  @Test(
    "What is much smaller than the nuclei found is dropped; near nuclei do not suppress each other")
  func sizes() throws {
    // A speck is a voxel.
    var centres = [Self.at(5, 5, 4), Self.at(14, 12, 4)]
    let pair = Self.at(9.5, 5, 4)
    centres.append(pair)
    let plain = try Self.images([centres]).volume(t: 0)
    let values = plain.withVoxels(as: UInt16.self) { voxels in
      voxels.indices.map { $0 == (1 * 40 + 36) * 48 + 6 ? UInt16(1000) : voxels[$0] }
    }
    let images = try MemoryImageSource(
      [[try Volume(uint16s: values, size: Self.size, voxelSize: Self.voxel)]])
    func count(_ change: (inout DetectionPrediction.Options) -> Void) throws -> Int {
      var options = options()
      (options.minRadius, options.suppressionDistance) = (nil, nil)
      change(&options)
      let graph = LineageGraph()
      let predictor = try Predictor([try Self.brightnessModel()])
      _ = try DetectionPrediction.run(
        graph, images: images, predictor: predictor, options: options)
      return graph.spots.count
    }
    #expect(try count { _ in } == 3)
    #expect(try count { $0.minRadius = 0 } == 4)
    #expect(try count { $0.suppressionDistance = 5 } == 2)
  }

  @Test("Images of large nuclei are shrunk, planes only where they are finer than pixels")
  func scale() {
    // 40 pixels across become 16; the planes are far apart as it is.
    let long = NucleusScale.rescale(diameter: 4, voxel: VoxelSize(x: 0.1, y: 0.1, z: 1))
    #expect(abs(long.x - 0.4) < 1e-9 && long.y == long.x && long.z == 1)
    let even = NucleusScale.rescale(diameter: 4, voxel: VoxelSize(x: 0.1, y: 0.1, z: 0.2))
    #expect(abs(even.x - 0.4) < 1e-9 && abs(even.z - 0.8) < 1e-9)
    #expect(NucleusScale.rescale(diameter: 1.7, voxel: VoxelSize(x: 0.1, y: 0.1, z: 1)) == .one)
    #expect(NucleusScale.rescale(diameter: 0, voxel: .one) == .one)
    // The size within the plane counts, whatever it is along z.
    let flat = Covariance(xx: 16, xy: 0, xz: 0, yy: 4, yz: 0, zz: 100)
    #expect(abs(NucleusScale.diameter([flat, flat])! - 2 * 8.0.squareRoot()) < 1e-9)
    #expect(NucleusScale.diameter([]) == nil)
  }

  /// A lineage with so many accepted spots at a timepoint.
  private static func accepted(_ count: Int, radius: Double, t: Timepoint) throws -> LineageGraph {
    let graph = LineageGraph()
    try graph.edit("before") {
      try graph.ensureElephantTagSets()
      let detection = graph.tagSet(named: "Detection")!
      for p in nuclei.prefix(count) {
        let spot = try graph.addSpot(t: t, position: p, covariance: .sphere(radius: radius))
        try graph.setTag(detection, of: spot, to: graph.tag(named: "tp", in: detection))
      }
    }
    return graph
  }

  @Test("The size of nuclei is what a person accepted there or nearby, else what the network finds")
  func scaleOfImages() throws {
    // Nuclei of radius 2 are 8 pixels across: nothing to shrink.
    let (graph, counts) = try predict { $0.rescale = nil }
    #expect(counts[0].found == 3)
    for p in Self.nuclei { #expect(distance(graph, p) < 0.3) }
    // Accepted ones 100 pixels across: three of 8 become a pixel or two, which still lie where they were.
    func components(_ count: Int, t: Timepoint) throws -> [Int] {
      let movie = Array(repeating: Self.nuclei, count: 6)
      return try predict(
        {
          $0.rescale = nil
          $0.minRadius = 0
        }, nuclei: movie, graph: try Self.accepted(count, radius: 25, t: t)
      ).counts.map(\.components)
    }
    let asGiven = try predict {
      $0.rescale = NucleusScale.rescale(diameter: 50, voxel: Self.voxel)
      $0.minRadius = 0
    }.counts[0].components
    #expect(asGiven != 3)
    let shrunk = try components(3, t: 0)
    #expect(shrunk[0...2].allSatisfy { $0 == asGiven })
    // One odd mark says nothing.
    #expect(try components(1, t: 0) == Array(repeating: 3, count: 6))
  }

  @Test("One odd mark does not say how large nuclei are to a model that has learned before")
  func scaleOfTraining() throws {
    // 100 pixels across, where nuclei are 8.
    let mark = LabeledSpot(
      position: Self.nuclei[0], covariance: .sphere(radius: 25), tag: .tp)
    func trained(rescale: VoxelSize?, hasLearned: Bool) throws -> Model {
      var file = ModelFile(models: [try Self.brightnessModel()])
      if hasLearned { file.history = [HistoryEntry(step: 0, losses: ["train_loss": 1])] }
      var options = DetectionTraining.Options()
      options.samples.crop.size = Size3(x: 16, y: 16, z: 4)
      options.samples.cropsPerTimepoint = 1
      options.samples.rescale = rescale
      options.trainer.epochs = 1
      try DetectionTraining.run(
        [0: [mark]], images: TrainingImages(try Self.images([Self.nuclei])), &file,
        options: options)
      return file.models[0]
    }
    let asItIs = try trained(rescale: .one, hasLearned: true)
    let shrunk = try trained(
      rescale: NucleusScale.rescale(diameter: 50, voxel: Self.voxel), hasLearned: true)
    #expect(asItIs != shrunk)
    #expect(try trained(rescale: nil, hasLearned: true) == asItIs)
    #expect(try trained(rescale: nil, hasLearned: false) == shrunk)
  }

  @Test("A 2D network works plane by plane on volumes")
  func planes() throws {
    let predictor = try Predictor([try Model(.unet(dimensions: 2, widths: [2, 2]), seed: 5)])
    var options = options()
    options.spots.threshold = 0.1
    let found = try DetectionPrediction.spots(
      images: Self.images([Self.nuclei]), t: 0, predictor: predictor, options: options)
    #expect(found.allSatisfy { $0.position.isFinite && $0.covariance.isFinite })
  }

  @Test("Mistakes are explained")
  func mistakes() throws {
    let changes: [((inout DetectionPrediction.Options) -> Void, String)] = [
      ({ $0.timepoints = 0...1 }, "0 to 0"), ({ $0.setup = 1 }, "setup 1"),
      ({ $0.rescale = VoxelSize(x: 0, y: 1, z: 1) }, "rescale x"),
      ({ $0.spots.threshold = 2 }, "threshold"),
      ({ $0.patch = .size(Size3(x: 0, y: 1, z: 1)) }, "patch"),
    ]
    for (change, word) in changes {
      let error = try #require(throws: HowdahError.self) { try predict(change) }
      #expect(error.message.contains(word), "\(error)")
    }
  }
}

/// Counts calls from any thread.
private final class CallCount: @unchecked Sendable {
  private let lock = NSLock()
  private var count = 0

  func next() -> Int {
    lock.withLock {
      count += 1
      return count
    }
  }
}

// Asking a flow network where nuclei came from, and linking with the answers.

import Core
import Foundation
import Imaging
import Learning
import Lineage
import Synchronization
import Testing
import Tracking

@Suite("Flow prediction")
struct FlowPredictorTests {
  private func predictor(
    _ model: Model, _ images: any ImageSource, settings: [String: Double] = [:],
    progress: Core.Progress = .none,
    _ change: (inout FlowPredictor.Options) -> Void = { _ in }
  ) throws -> FlowPredictor {
    var options = FlowPredictor.Options()
    change(&options)
    return try FlowPredictor(
      Predictor([model]), settings: settings, images: images, options: options, progress: progress)
  }

  /// What the linker would ask: the answers for all spots of a timepoint.
  private func answers(_ predictor: FlowPredictor, _ graph: LineageGraph, _ t: Int) throws
    -> [NearestNeighborLinker.FlowPrediction]
  {
    var result: [NearestNeighborLinker.FlowPrediction] = []
    var options = NearestNeighborLinker.Options()
    options.timepoints = t...t
    options.threshold = 0
    _ = try NearestNeighborLinker.run(graph, options: options) { t, queries in
      result = try predictor.predict(t, queries) ?? []
      return result
    }
    return result
  }

  @Test("Worked example of elephant-server 5.6: positions in the frame before")
  func worked() throws {
    let blank = try Volume(
      zeroed: Size3(x: 40, y: 32, z: 10), voxelSize: FlowScene.voxel, type: .uint8)
    let images = try MemoryImageSource([[blank], [blank]])
    let graph = LineageGraph()
    try graph.edit("spot") {
      try graph.ensureElephantTagSets()
      let set = graph.tagSet(named: "Detection")!
      let spot = try graph.addSpot(
        t: 1, position: WorldPoint(x: 22, y: 18, z: 10), covariance: .sphere(radius: 3))
      try graph.setTag(set, of: spot, to: graph.tag(named: "tp", in: set))
    }
    // Voxels of 1 x 1 x 2 keep z in one pooling: the norms are 80, 80, 40.
    let model = try FlowScene.uniform([1.5 / 80, -2.0 / 80, 0.5 / 40])
    let answer = try #require(try answers(predictor(model, images), graph, 1).first)
    #expect(answer.position.distance(to: WorldPoint(x: 23.5, y: 16, z: 11)) < 1e-4)
    #expect(abs(answer.squaredDisplacement - 7.25) < 1e-3)
    let flow = try predictor(model, images).field(1)
    #expect(abs(flow[0].value(x: 3, y: 30, z: 9) - 1.5) < 1e-4)
    #expect(abs(flow[2].value(x: 39, y: 0, z: 0) - 0.5) < 1e-4)
  }

  @Test(
    "Nuclei outside the images stay where they are; timepoint 0 has no answer, a missing image says so"
  )
  func edges() throws {
    let scene = try FlowScene(timepoints: 2, approved: false)
    try scene.graph.edit("far") {
      let set = scene.graph.tagSet(named: "Detection")!
      let far = try scene.graph.addSpot(
        t: 1, position: WorldPoint(x: 500, y: 0, z: 0), covariance: .sphere(radius: 3))
      try scene.graph.setTag(set, of: far, to: scene.graph.tag(named: "tp", in: set))
    }
    let flow = try predictor(try FlowScene.uniform([0.5, 0, 0]), scene.images)
    let all = try answers(flow, scene.graph, 1)
    #expect(all.last?.position.x == 500 && all.last?.squaredDisplacement == 0)
    #expect(abs(all[0].squaredDisplacement - 1600) < 0.1)
    #expect(try flow.predict(0, []) == nil)
    let error = #expect(throws: HowdahError.self) { try flow.predict(2, []) }
    #expect(error?.message.contains("timepoint 2") == true)
    #expect(throws: HowdahError.self) { try flow.field(0) }
    #expect(throws: HowdahError.self) {
      try FlowPredictor(Predictor(LearningScene.model().models), images: scene.images)
    }
  }

  @Test(
    "The file's meaning of flows counts, an option overrules it, a size of nuclei shrinks images")
  func settings() throws {
    let scene = try FlowScene(timepoints: 2, approved: false)
    let model = try FlowScene.uniform([0.5, 0, 0])
    func x(
      _ settings: [String: Double], _ change: (inout FlowPredictor.Options) -> Void = { _ in }
    ) throws -> Double {
      let flow = try predictor(model, scene.images, settings: settings, change)
      let before = scene.graph.position(scene.graph.spots(at: 1)[0]).x
      return try answers(flow, scene.graph, 1)[0].position.x - before
    }
    #expect(abs(try x([FlowSetting.maxDisplacement: 4]) - 2) < 1e-4)
    #expect(abs(try x([FlowSetting.maxDisplacement: 4]) { $0.maxDisplacement = 8 } - 4) < 1e-4)
    // 40 voxels become 20, from the first centre to the last: each is 39 / 19 long.
    let shrinking = [FlowSetting.maxDisplacement: 4, FlowSetting.nucleusRadius: 1.5]
    #expect(abs(try x(shrinking) - 2 * 39 / 19) < 1e-4)
    #expect(abs(try x(shrinking) { $0.rescale = .one } - 2) < 1e-4)
    #expect(abs(try x(shrinking) { $0.radius = 1.5 } - 2) < 1e-4)
  }

  @Test("Several passes add up what each one sees; the model's file or an option says how many")
  func passes() throws {
    let scene = try FlowScene(timepoints: 2, approved: false)
    let model = try FlowScene.uniform([0.125, -0.25, 0])
    let spot = scene.graph.spots(at: 1)[1]
    func way(
      _ settings: [String: Double], _ change: (inout FlowPredictor.Options) -> Void = { _ in }
    ) throws -> WorldPoint {
      let all = settings.merging([FlowSetting.maxDisplacement: 8]) { a, _ in a }
      let flow = try predictor(model, scene.images, settings: all, change)
      let field = try flow.field(1)
      let answer = try answers(flow, scene.graph, 1)[1].position - scene.graph.position(spot)
      #expect(abs(field[0].value(x: 20, y: 9, z: 4) - answer.x) < 1e-3)
      return answer
    }
    #expect(try way([:]).distance(to: WorldPoint(x: 1, y: -2, z: 0)) < 1e-3)
    let thrice = WorldPoint(x: 3, y: -6, z: 0)
    #expect(try way([FlowSetting.passes: 3]).distance(to: thrice) < 1e-3)
    #expect(try way([:]) { $0.passes = 3 }.distance(to: thrice) < 1e-3)
    #expect(try way([FlowSetting.passes: 3]) { $0.passes = 1 }.x < 1.1)
    #expect(try way([FlowSetting.passes: .nan]).x < 1.1)
  }

  @Test("A single spot's flow is what the whole frame's is there, and costs a part of it")
  func part() throws {
    let size = Size3(x: 200, y: 40, z: 8)
    let volumes = try (0..<2).map { t in
      var random = SeededRandom(seed: 3, stream: UInt64(t))
      return try Volume.make(size: size, of: UInt16.self) { out in
        for i in out.indices { out[i] = UInt16(random.below(1000)) }
      }
    }
    let images = try MemoryImageSource(volumes.map { [$0] })
    let graph = LineageGraph()
    try graph.edit("spots") {
      try graph.ensureElephantTagSets()
      let set = graph.tagSet(named: "Detection")!
      for x in [20.0, 180] {
        let spot = try graph.addSpot(
          t: 1, position: WorldPoint(x: x, y: 20, z: 4), covariance: .sphere(radius: 3))
        try graph.setTag(set, of: spot, to: graph.tag(named: "fn", in: set))
      }
    }
    let model = try FlowScene.model(seed: 5).models[0]
    func answers(_ only: Int?) throws -> (NearestNeighborLinker.FlowPrediction, Int) {
      let lone = LineageGraph()
      try lone.edit("spot") {
        try lone.ensureElephantTagSets()
        let set = lone.tagSet(named: "Detection")!
        for (k, spot) in graph.spots.enumerated() where only == nil || k == only {
          let made = try lone.addSpot(
            t: 1, position: graph.position(spot), covariance: graph.covariance(spot))
          try lone.setTag(set, of: made, to: lone.tag(named: "fn", in: set))
        }
      }
      let tensors = try Predictor([model])
      var options = FlowPredictor.Options()
      options.pad = false
      options.maxDisplacement = 8
      let flow = try FlowPredictor(tensors, images: images, options: options)
      let all = try self.answers(flow, lone, 1)
      return (all[0], tensors.peakTensorBytes)
    }
    let (whole, part) = (try answers(nil), try answers(0))
    #expect(whole.0.position.distance(to: part.0.position) < 0.02)
    #expect(part.1 < whole.1 * 2 / 3)
  }

  @Test("Linking with flow finds parents that are nearer to others; approved links are not touched")
  func linking() throws {
    // Balls 6 apart move by 4: each comes nearer to where the next one was than to its own place.
    let graph = LineageGraph()
    try graph.edit("balls") {
      try graph.ensureElephantTagSets()
      let (d, k) = (graph.tagSet(named: "Detection")!, graph.tagSet(named: "Tracking")!)
      var spots: [SpotID] = []
      for t in 0..<2 {
        for i in 0..<3 {
          let spot = try graph.addSpot(
            t: t, position: WorldPoint(x: 5 + 6 * Double(i) + 4 * Double(t), y: 15, z: 8),
            covariance: .sphere(radius: 2))
          try graph.setTag(d, of: spot, to: graph.tag(named: "unlabeled", in: d))
          spots.append(spot)
        }
      }
      let link = try graph.addLink(spots[2], spots[5])
      try graph.setTag(k, of: link, to: graph.tag(named: "Approved", in: k))
    }
    let approved = try #require(graph.link(from: SpotID(2), to: SpotID(5)))
    let blank = try Volume(zeroed: FlowScene.size, voxelSize: FlowScene.voxel, type: .uint8)
    let images = try MemoryImageSource([[blank], [blank]])
    let flow = try predictor(
      FlowScene.uniform([-0.4, 0, 0]), images, settings: [FlowSetting.maxDisplacement: 10])
    func links() -> Set<String> {
      Set(graph.links.map { "\(graph.source($0))->\(graph.target($0))" })
    }
    _ = try NearestNeighborLinker.run(graph)
    #expect(links() == ["1->3", "2->4", "2->5"])
    _ = try NearestNeighborLinker.run(graph, flow: flow.predict)
    #expect(links() == ["0->3", "1->4", "2->5"])
    #expect(graph.link(from: SpotID(2), to: SpotID(5)) == approved)
  }

  @Test("While a linker asks, progress counts its timepoints, however often the network looks")
  func progress() throws {
    let scene = try FlowScene(approved: false)
    let heard = Mutex<[Core.Progress.Report]>([])
    let progress = Core.Progress(listener: { report in heard.withLock { $0.append(report) } })
    let flow = try predictor(FlowScene.model().models[0], scene.images, progress: progress) {
      $0.passes = 2
    }
    _ = try NearestNeighborLinker.run(scene.graph, flow: flow.predict, progress: progress)
    let reports = heard.withLock { $0 }
    #expect(reports.allSatisfy { $0.label == "linking" })
    #expect(reports.map(\.done) == Array(0...reports[0].total))
  }

  @Test("A movie that drifts: a trained network says where balls came from")
  func trained() throws {
    let scene = try FlowScene()
    var file = try FlowScene.model()
    _ = try FlowTraining.run(
      scene.graph, images: scene.images, &file, options: FlowScene.options(epochs: 25))
    let flow = try FlowPredictor(
      Predictor(file.models), settings: file.settings, images: scene.images)
    let graph = scene.graph
    let tracking = graph.tagSet(named: "Tracking")!
    try graph.edit("forget") { try graph.remove(Array(graph.links)) }
    #expect(graph.taggedLinkCount(tracking) == 0)
    let found = try answers(flow, graph, 2)
    #expect(found.count == 4)
    for (answer, start) in zip(found, FlowScene.starts) {
      #expect(answer.position.distance(to: start + scene.way) < 1)
    }
  }

  @Test("Cancelled at any moment it stops with nothing changed")
  func cancelled() throws {
    let scene = try FlowScene(timepoints: 2, approved: false)
    for limit in [0, 1, 3, 8, 20] {
      let questions = Atomic<Int>(0)
      let progress = Progress(stopRequested: {
        questions.add(1, ordering: .relaxed).newValue > limit
      })
      let flow = try predictor(
        FlowScene.model().models[0], scene.images, progress: progress)
      let error = #expect(throws: HowdahError.self) {
        try NearestNeighborLinker.run(scene.graph, flow: flow.predict)
      }
      #expect(error?.kind == .interrupted && scene.graph.links.isEmpty)
    }
  }
}

// The flow model that comes with the program: ELEPHANT's network, and ahead of no flow on pairs it has not seen.

import Core
import Foundation
import Imaging
import Learning
import Lineage
import Testing
import Tracking

@Suite("Versatile flow model")
struct VersatileFlowTests {
  private static let path = VersatileModelTests.path
    .replacingOccurrences(of: "versatile-3d", with: "versatile-flow-3d")

  @Test("It is ELEPHANT's 3D FlowResNet without training state, and says what it wants")
  func file() throws {
    let file = try ModelFile.open(Self.path)
    #expect(file.models.map(\.architecture) == [.flowResNet()])
    #expect(file.models[0].parameterCount == 5_928_051 && file.optimisers.isEmpty)
    #expect(
      Set(file.settings.keys) == [
        FlowSetting.maxDisplacement, FlowSetting.nucleusRadius, FlowSetting.localContrast,
        FlowSetting.passes,
      ])
    let size = try FileManager.default.attributesOfItem(atPath: Self.path)[.size] as? Int
    #expect(try #require(size) < 12_500_000)
  }

  /// Mean error of where nuclei were, without flow and with it.
  private func errors(speed: Double, passes: Int?) throws -> (without: Double, with: Double) {
    var options = Simulator.Preset.regeneratingLeg.options
    (options.seed, options.timepoints, options.nuclei, options.speed) = (5, 2, 60, speed)
    options.size = Size3(x: 192, y: 192, z: 8)
    let project = try Simulator.run(options)
    let graph = project.lineage
    let file = try ModelFile.open(Self.path)
    var asked = FlowPredictor.Options()
    asked.passes = passes
    let flow = try FlowPredictor(
      Predictor(file.models, threads: 1), settings: file.settings,
      images: project.requireImages(), options: asked)
    let links = Array(graph.links)
    let answers = try #require(
      try flow.predict(
        1,
        links.map {
          let spot = graph.target($0)
          return .init(
            spot: spot, position: graph.position(spot), covariance: graph.covariance(spot))
        }))
    var (before, after) = (0.0, 0.0)
    for (link, answer) in zip(links, answers) {
      let source = graph.position(graph.source(link))
      before += graph.position(graph.target(link)).distance(to: source)
      after += answer.position.distance(to: source)
    }
    #expect(links.count > 30)
    return (before / Double(links.count), after / Double(links.count))
  }

  @Test("In a movie of another kind it leaves less than half of the motion")
  func motion() throws {
    let e = try errors(speed: 2.5, passes: nil)
    #expect(e.with < 0.5 * e.without, "\(e)")
  }

  @Test("Of motion too large for one look, several leave less")
  func passes() throws {
    let (once, thrice) = (try errors(speed: 5, passes: 1), try errors(speed: 5, passes: 3))
    #expect(thrice.with < 0.8 * once.with, "\(once) \(thrice)")
  }
}

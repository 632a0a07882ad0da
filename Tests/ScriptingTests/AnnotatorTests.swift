// The regression test of learning itself: the annotator in a box teaches a very narrow network from nothing, in
// about two seconds.

import Core
import Formats
import Foundation
import Scripting
import Testing
import Tracking

@Suite struct AnnotatorTests {
  private func temporaryFolder() throws -> String {
    let folder = FileManager.default.temporaryDirectory.path + "/howdah-test-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    return folder
  }

  /// Eight nuclei in a small image.
  private func movie(timepoints: Int) throws -> Project {
    var options = Simulator.Preset.small.options
    options.nuclei = 8
    options.timepoints = timepoints
    options.size = Size3(x: 48, y: 48, z: 12)
    options.seed = 1
    return try Simulator.run(options)
  }

  @Test("a network that knows nothing finds the nuclei after a dozen clicks")
  func learns() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let params: LuaValue = [
      "starts": ["random"], "rounds": 3, "first": 4, "clicks_per_round": 8, "mistakes": 0,
      "widths": [4, 8], "num_crops": 5, "num_epochs": 6, "learning_rate": 0.02, "seed": 1,
      "training_crop_size": [32, 32, 12], "csv": .string(folder + "/curve.csv"),
      "picture": .string(folder + "/curve.svg"),
    ]
    let result = try Recipes.run("annotator", try movie(timepoints: 1), params)
    let curve = try #require(result["curve"].elements)
    #expect(curve.count > 2)
    #expect(curve[0]["f1"].number == 0)
    #expect(curve[1]["clicks"].integer == 4)
    #expect(curve[1]["by_hand"].integer == 4)
    // Four nuclei were placed by hand; the others are found.
    let best = curve.compactMap { $0["f1"].number }.max() ?? 0
    #expect(best >= 0.8, "\(curve)")
    let last = try #require(curve.last)
    #expect((last["validated"].integer ?? 0) >= 7)
    #expect((last["clicks"].integer ?? 99) <= 20)
    let table = try Recipes.text(folder + "/curve.csv")
    #expect(table.hasPrefix("start,round,clicks,minutes,compute_s,by_hand"))
    #expect(table.split(separator: "\n").count == curve.count + 1)
    let picture = try Recipes.text(folder + "/curve.svg")
    #expect(picture.hasPrefix("<svg") && picture.contains("seconds of compute"))
  }

  @Test("through a whole movie: what is missing is placed by hand, what is found is accepted")
  func wholeMovie() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let params: LuaValue = [
      "start": "random", "widths": [4, 8], "first": 4, "first_epochs": 6, "num_epochs": 6,
      "num_crops": 5, "learning_rate": 0.02, "training_crop_size": [32, 32, 12], "seed": 1,
      "mistakes": 0, "csv": .string(folder + "/movie.csv"),
    ]
    let truth = try movie(timepoints: 3)
    let result = try Recipes.run("annotate_movie", truth, params)
    let nuclei = try #require(result["nuclei"].integer)
    #expect(nuclei == truth.lineage.spots.count)
    // Nothing is missing in the end, and not everything was placed by hand.
    #expect(result["validated"].integer == nuclei)
    #expect(result["f1"].number == 1)
    let share = try #require(result["hand_percent"].number)
    let byHand = try #require(result["by_hand"].integer)
    #expect(byHand >= 4 && byHand < nuclei)
    #expect(abs(share - 100 * Double(byHand) / Double(nuclei)) < 1e-9)
    let table = try Recipes.text(folder + "/movie.csv")
    #expect(table.hasPrefix("t,nuclei,predicted,by_hand"))
    #expect(table.split(separator: "\n").count == 4)
  }
}

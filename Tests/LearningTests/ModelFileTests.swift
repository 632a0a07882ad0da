// Model files with training state and versions, and event files for TensorBoard.

import Core
import Foundation
import Learning
import Testing

@Suite struct ModelFileTests {
  private func inFolder(_ body: (String) throws -> Void) throws {
    let folder = try GoldenFiles.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try body(folder)
  }

  @Test func `models, optimiser and history come back`() throws {
    try inFolder { folder in
      var models = try (0..<2).map { try Model(.unet(widths: [2, 3]), seed: UInt64($0)) }
      var optimisers = models.map { Adam(for: $0) }
      for i in models.indices {
        let gradients = models[i].values
        try optimisers[i].update(&models[i], gradients: gradients, learningRate: 0.01)
      }
      let history = [
        HistoryEntry(step: 1, losses: ["train_loss": 0.5, "nll_loss": 0.25]),
        HistoryEntry(step: 2, losses: ["train_loss": 0.125]),
      ]
      let file = ModelFile(models: models, optimisers: optimisers, history: history)
      try file.save(to: folder + "/m.pth")
      let again = try ModelFile.open(folder + "/m.pth")
      #expect(again.models == models)
      #expect(again.optimisers == optimisers)
      #expect(again.history == history)
    }
  }

  @Test func `weights are stored in half precision, too`() throws {
    try inFolder { folder in
      var model = try Model(.unet(widths: [2, 3]), seed: 1)
      let path = folder + "/half.pth"
      try ModelFile(models: [model, model], optimisers: [Adam(for: model)]).save(
        to: path, half: true)
      let again = try ModelFile.open(path)
      #expect(again.optimisers.isEmpty && again.models.count == 2)
      for (a, b) in zip(again.models[0].values, model.values) {
        for (x, y) in zip(a, b) { #expect(x == Float(Float16(y))) }
      }
      // Written once more, nothing is lost.
      try again.save(to: path, half: true)
      #expect(try ModelFile.open(path).models == again.models)
      try model.set("out_conv.bias", to: [1e6, 0, 0])
      let error = try #require(throws: HowdahError.self) {
        try ModelFile(models: [model]).save(to: path, half: true)
      }
      #expect(error.message.contains("16 bits"))
    }
  }

  @Test func `the last versions are kept`() throws {
    try inFolder { folder in
      let path = folder + "/m.pth"
      func save(_ seed: UInt64) throws {
        try ModelFile(models: [Model(.unet(widths: [2, 3]), seed: seed)]).save(to: path, keeping: 2)
      }
      func seed(_ path: String) throws -> UInt64? {
        let model = try ModelFile.open(path).models[0]
        return try (0..<5).first { try Model(model.architecture, seed: $0) == model }
      }
      for k in 1...4 { try save(UInt64(k)) }
      #expect(try seed(path) == 4)
      #expect(try seed(path + ".1") == 3)
      #expect(try seed(path + ".2") == 2)
      #expect(!FileManager.default.fileExists(atPath: path + ".3"))
    }
  }

  @Test func `a file of ELEPHANT has no state, and safetensors are opened too`() throws {
    let plain = try ModelFile.open(GoldenFiles.path("ensemble.pth"))
    #expect(plain.models.count == 2 && plain.optimisers.isEmpty && plain.history.isEmpty)
    try inFolder { folder in
      try SafeTensorsFile.write(plain.models[1].table, to: folder + "/m.safetensors")
      #expect(try ModelFile.open(folder + "/m.safetensors").models == [plain.models[1]])
    }
  }

  @Test func `an event file has the records that TensorBoard reads`() throws {
    try inFolder { folder in
      let events = try EventFile(folder: folder)
      try events.add([("train_loss", 0.5)], step: 300)
      let bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: events.path)))
      // The first record: length 24, and its checksum as TensorFlow computes it.
      #expect(Array(bytes[..<12]) == [24, 0, 0, 0, 0, 0, 0, 0, 0xa3, 0x7f, 0x4b, 0x22])
      #expect(Array(bytes[23..<36]) == Array("brain.Event:2".utf8))
      let second = Array(bytes[40...])
      #expect(Int(second[0]) == second.count - 16)
      // Step 300 as a varint, then the summary with the tag and 0.5 as float.
      let tail: [UInt8] =
        [0x10, 0xac, 0x02, 0x2a, 19, 0x0a, 17, 0x0a, 10] + Array("train_loss".utf8)
        + [0x15, 0, 0, 0, 0x3f]
      #expect(Array(second[21..<(second.count - 4)]) == tail)
    }
  }
}

// Weights files: what PyTorch writes is read, what we write has the form PyTorch reads, and nothing but a
// state_dict gets through.

import Core
import Foundation
import Learning
import Testing

@Suite struct PTHTests {
  private func read(_ name: String) throws -> PTHFile {
    try PTHFile.read(GoldenFiles.path(name))
  }

  @Test func `a state_dict saved from a module is read, its architecture found`() throws {
    let file = try read("module.pth")
    #expect(file.models.count == 1)
    let model = try Model(table: file.models[0], path: "module.pth")
    #expect(model.architecture == .unet(dimensions: 2, widths: [2, 3]))
    #expect(model.table == file.models[0])
  }

  @Test func `a list is an ensemble`() throws {
    let file = try read("ensemble.pth")
    #expect(file.models.count == 2)
    #expect(file.models[1][0].values == file.models[0][0].values.map { $0 + 1 })
  }

  @Test func `the prefix of multi-process training is stripped`() throws {
    let model = try Model(table: read("parallel.pth").models[0], path: "")
    #expect(model == (try Model(table: read("module.pth").models[0], path: "")))
  }

  @Test func `shared, strided, empty, half and double storages are read`() throws {
    let t = try GoldenFiles.tensors("storages.pth")
    let base = (0..<12).map(Float.init)
    #expect(t["shared_a"]?.values == [2, 3, 4, 5, 6, 7])
    #expect(t["shared_b"]?.shape == [4, 3])
    #expect(t["shared_b"]?.values == [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11])
    #expect(t["empty"]?.values == [])
    #expect(t["scalar"]?.values == [5])
    for name in ["half", "bfloat", "double"] { #expect(t[name]?.values == base) }
  }

  @Test(
    "anything but weights is refused by name",
    arguments: [
      ("evil.pth", "print"), ("checkpoint.pth", "epoch"), ("legacy.pth", "PyTorch before 1.6"),
      ("tensor.pth", "something else than a state_dict"), ("make_golden.py", "not a zip"),
      ("missing.pth", "cannot be opened"),
    ])
  func refused(_ name: String, _ reason: String) throws {
    let error = try #require(throws: HowdahError.self) { try read(name) }
    #expect(error.message.contains(reason), "\(error)")
    #expect(error.message.contains(name))
  }

  @Test func `broken files are refused, never crash`() throws {
    let bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: GoldenFiles.path("module.pth"))))
    let folder = try GoldenFiles.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let path = folder + "/broken.pth"
    var random = SeededRandom(seed: 5)
    var refused = 0
    for k in 0..<400 {
      var broken = bytes
      if k % 4 == 0 {
        broken.removeLast(1 + random.below(bytes.count - 1))
      } else {
        for _ in 0..<3 { broken[random.below(1500)] = UInt8(random.below(256)) }
      }
      try AtomicFile.write(broken, to: path)
      do { _ = try PTHFile.read(path) } catch is HowdahError { refused += 1 }
    }
    #expect(refused > 300)
  }

  @Test func `what is written is read again, with the extras`() throws {
    let folder = try GoldenFiles.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let models = try (0..<2).map { try Model(.flowResNet(widths: [3, 5]), seed: $0).table }
    for count in 1...2 {
      let file = PTHFile(models: Array(models.prefix(count)), extras: ["history": [1, 2, 3]])
      try file.write(to: folder + "/m.pth")
      let again = try PTHFile.read(folder + "/m.pth")
      #expect(again.models == file.models)
      #expect(again.extras == file.extras)
    }
  }

  @Test func `half precision rounds to the nearest, ties to even, and is half as large`() throws {
    let folder = try GoldenFiles.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    // A value and what IEEE 754 binary16 keeps of it.
    let pairs: [(Float, Float)] = [
      (0, 0), (1, 1), (-2.5, -2.5), (1 / 3, 0.333251953125), (1 + 0x1p-11, 1),
      (1 + 3 * 0x1p-11, 1 + 0x1p-9), (65504, 65504), (65519, 65504),
      (-.infinity, -.infinity), (0x1p-24, 0x1p-24), (0x1p-25, 0), (0x1.8p-24, 0x1p-23),
      (0x1p-14, 0x1p-14), (0x1.ff8p-15, 0x1.ff8p-15), (0x1.ffcp-15, 0x1p-14),
    ]
    let table = [NamedTensor(name: "a", shape: [pairs.count], values: pairs.map(\.0))]
    try PTHFile(models: [table]).write(to: folder + "/m.pth", half: true)
    #expect(try PTHFile.read(folder + "/m.pth").models[0][0].values == pairs.map(\.1))
    let large = [NamedTensor(name: "a", shape: [1], values: [65520])]
    #expect(throws: HowdahError.self) {
      try PTHFile(models: [large]).write(to: folder + "/m.pth", half: true)
    }

    var file = ModelFile(models: [try Model(.unet(widths: [8, 16]), seed: 1)])
    file.optimisers = file.models.map { Adam(for: $0) }
    file.history = [HistoryEntry(step: 7, losses: ["train_loss": 0.5])]
    try file.save(to: folder + "/half.pth", half: true)
    let again = try ModelFile.open(folder + "/half.pth")
    #expect(again.optimisers.isEmpty && again.history == file.history)
    for (a, b) in zip(again.models[0].values.joined(), file.models[0].values.joined()) {
      #expect(abs(a - b) <= max(abs(b) * 0x1p-11, 0x1p-25))
    }
    let size = try FileManager.default.attributesOfItem(atPath: folder + "/half.pth")[.size] as? Int
    #expect(try #require(size) < 2 * file.models[0].parameterCount + 12_000)
  }

  @Test func `tensors start at multiples of 64 bytes, for readers that map them`() throws {
    let folder = try GoldenFiles.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let table = [NamedTensor(name: "a", shape: [3], values: [1.5, 2.5, 3.5])]
    try PTHFile(models: [table]).write(to: folder + "/m.pth")
    let bytes = try Data(contentsOf: URL(fileURLWithPath: folder + "/m.pth"))
    let payload = [Float(1.5), 2.5, 3.5].withUnsafeBytes { Data($0) }
    let place = try #require(bytes.range(of: payload))
    #expect(place.lowerBound % 64 == 0)
  }

  @Test func `strict loading names the key`() throws {
    let table = try read("module.pth").models[0]
    func message(_ table: WeightTable, _ a: Architecture) throws -> String {
      try #require(throws: HowdahError.self) { try Model(a, table: table, path: "f.pth") }.message
    }
    let net = Architecture.unet(dimensions: 2, widths: [2, 3])
    #expect(try message(Array(table.dropLast()), net).contains("out_conv.bias"))
    #expect(
      try message(table + [NamedTensor(name: "x", shape: [1], values: [0])], net).contains(
        "f.pth: x"))
    #expect(
      try message(table, .unet(dimensions: 3, widths: [2, 3])).contains("needs [2, 1, 3, 3, 3]"))
    #expect(try message(table + [table[3]], net).contains("twice"))
  }
}

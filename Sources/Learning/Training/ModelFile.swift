// A model file with what training needs to go on: the networks as ELEPHANT reads them, and beside them, in members
// that PyTorch ignores, the optimiser's state and the loss curves. Saving keeps the last versions.

import Core
import Glibc

/// One line of a loss curve.
public struct HistoryEntry: Sendable, Equatable {
  /// The training step, counted over the model's life.
  public var step: Int
  /// Losses by ELEPHANT's names, e.g. `train_loss`.
  public var losses: [String: Double]

  /// A line of these losses.
  public init(step: Int, losses: [String: Double]) {
    self.step = step
    self.losses = losses
  }
}

/// An ensemble of models with its training state.
public struct ModelFile: Sendable {
  /// The models, of one architecture.
  public var models: [Model]
  /// Adam's state of each model, or empty.
  public var optimisers: [Adam]
  /// The loss curve, in order.
  public var history: [HistoryEntry]
  /// Numbers that belong to the networks because they were trained with them, by name, e.g. what a flow of 1
  /// means. Empty in files of ELEPHANT and PyTorch.
  public var settings: [String: Double]

  /// A file of these models.
  public init(
    models: [Model], optimisers: [Adam] = [], history: [HistoryEntry] = [],
    settings: [String: Double] = [:]
  ) {
    self.models = models
    self.optimisers = optimisers
    self.history = history
    self.settings = settings
  }

  /// Read a `.pth` or `.safetensors` file that ELEPHANT, PyTorch or `save` wrote. Training state that does not
  /// fit the models is an error of kind `.format`.
  public static func open(_ path: String, progress: Progress = .none) throws -> ModelFile {
    if path.hasSuffix(".safetensors") {
      return ModelFile(
        models: [try Model(table: SafeTensorsFile.read(path, progress: progress), path: path)])
    }
    let file = try PTHFile.read(path, progress: progress)
    var result = ModelFile(models: try file.models.map { try Model(table: $0, path: path) })
    guard result.models.allSatisfy({ $0.architecture == result.models[0].architecture }) else {
      throw HowdahError.format(path, at: "", "its models have different architectures")
    }
    if let text = file.extras["history.tsv"] {
      result.history = try readHistory(String(decoding: text, as: UTF8.self), path)
    }
    if let text = file.extras["settings.tsv"] {
      result.settings = try readSettings(String(decoding: text, as: UTF8.self), path)
    }
    for (i, model) in result.models.enumerated() {
      guard let bytes = file.extras["adam.\(i)"] else { break }
      result.optimisers.append(try readAdam(bytes, model, path))
    }
    return result
  }

  /// Write a `.pth` file, replacing the old one at once or not at all. The old ones stay as `path.1` (the
  /// newest) to `path.<versions>`. `half` stores the models in 16 bits, for sharing; training state is not written
  /// then. When it is cancelled, `path` is what it was.
  public func save(
    to path: String, keeping versions: Int = 3, half: Bool = false, progress: Progress = .none
  ) throws {
    var extras: [String: [UInt8]] = [:]
    if !history.isEmpty { extras["history.tsv"] = Array(historyText.utf8) }
    if !settings.isEmpty { extras["settings.tsv"] = Array(settingsText.utf8) }
    for (i, adam) in optimisers.enumerated() where !half {
      try progress.check()
      extras["adam.\(i)"] = Self.bytes(adam)
    }
    try PTHFile(models: models.map(\.table), extras: extras)
      .write(to: path, half: half, progress: progress) {
        if versions > 0 { try Self.keep(path, versions) }
      }
  }

  private static func keep(_ path: String, _ versions: Int) throws {
    guard access(path, F_OK) == 0 else { return }
    for k in stride(from: versions - 1, to: 0, by: -1) {
      rename("\(path).\(k)", "\(path).\(k + 1)")
    }
    unlink("\(path).1")
    // A second name for the old file, so that there is never a moment without one under `path`.
    guard link(path, "\(path).1") == 0 else {
      throw HowdahError.file(path, "its last version cannot be kept: \(lastSystemError())")
    }
  }

  // One line a step: the step, then name and value in turn, separated by tabs.
  private var historyText: String {
    history.map { entry in
      let losses = entry.losses.sorted { $0.key < $1.key }.map { "\t\($0.key)\t\($0.value)" }
      return "\(entry.step)" + losses.joined() + "\n"
    }.joined()
  }

  private static func readHistory(_ text: String, _ path: String) throws -> [HistoryEntry] {
    try text.split(separator: "\n").map { line in
      let words = line.split(separator: "\t", omittingEmptySubsequences: false)
      let broken = HowdahError.format(path, at: "history.tsv", "'\(line)' is not a line of a curve")
      guard let step = words.first.flatMap({ Int($0) }), words.count % 2 == 1 else { throw broken }
      var entry = HistoryEntry(step: step, losses: [:])
      for k in stride(from: 1, to: words.count, by: 2) {
        guard let value = Double(words[k + 1]) else { throw broken }
        entry.losses[String(words[k])] = value
      }
      return entry
    }
  }

  // One line a number: its name and the number, separated by a tab.
  private var settingsText: String {
    settings.sorted { $0.key < $1.key }.map { "\($0.key)\t\($0.value)\n" }.joined()
  }

  private static func readSettings(_ text: String, _ path: String) throws -> [String: Double] {
    var result: [String: Double] = [:]
    for line in text.split(separator: "\n") {
      let words = line.split(separator: "\t", omittingEmptySubsequences: false)
      guard words.count == 2, let value = Double(words[1]), value.isFinite else {
        throw HowdahError.format(path, at: "settings.tsv", "'\(line)' is not a name and a number")
      }
      result[String(words[0])] = value
    }
    return result
  }

  // The step as 8 bytes, then all first and all second moments as float32, in file order.
  private static func bytes(_ adam: Adam) -> [UInt8] {
    var result = withUnsafeBytes(of: Int64(adam.step).littleEndian) { Array($0) }
    for values in adam.first + adam.second { values.withUnsafeBytes { result += $0 } }
    return result
  }

  private static func readAdam(_ bytes: [UInt8], _ model: Model, _ path: String) throws -> Adam {
    guard bytes.count == 8 + 8 * model.parameterCount else {
      throw HowdahError.format(path, at: "adam", "the optimiser's state does not fit the model")
    }
    return try bytes.withUnsafeBytes { raw in
      var offset = 8
      func moments() -> [[Float]] {
        model.specs.map { spec in
          [Float](unsafeUninitializedCapacity: spec.count) { buffer, count in
            let part = raw[offset..<(offset + 4 * spec.count)]
            UnsafeMutableRawBufferPointer(buffer).copyMemory(
              from: UnsafeRawBufferPointer(rebasing: part))
            count = spec.count
            offset += 4 * spec.count
          }
        }
      }
      let step = Int(Int64(littleEndian: raw.loadUnaligned(as: Int64.self)))
      return try Adam(step: step, first: moments(), second: moments(), for: model)
    }
  }
}

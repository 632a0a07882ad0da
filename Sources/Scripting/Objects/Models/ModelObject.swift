// A network as Lua holds it: a model file, of which always the newest finished weights are used, also while a
// background task trains on.

import Core
import Learning
import Synchronization
import Tracking

/// What a model is for.
public enum ModelKind: String, Sendable, CaseIterable {
  /// Image to probabilities of background, border and center.
  case detection
  /// Two frames to displacements.
  case flow

  /// The names of the output channels in file order.
  public func channels(dimensions: Int) -> [String] {
    switch self {
    case .detection: ["background", "border", "center"]
    case .flow: Array(["x", "y", "z"].prefix(dimensions))
    }
  }

  /// What a network is for, by what goes in and comes out; nil for another kind of network.
  public init?(_ architecture: Architecture) {
    switch (architecture.inputChannels, architecture.output) {
    case (1, .logSoftmax) where architecture.outputChannels == 3: self = .detection
    case (2, .tanh) where architecture.outputChannels == architecture.dimensions: self = .flow
    default: return nil
    }
  }
}

/// A detection or flow model. It may be read and replaced from any thread; what is read is always a finished state.
public final class ModelObject: Sendable {
  /// What the model is for.
  public let kind: ModelKind
  private let state: Mutex<State>

  private struct State {
    var file: ModelFile
    var path: String?
    var version = 0
    var live: LiveTraining?
    var predictor: (version: Int, precision: Precision, predictor: LentPredictor)?
  }

  /// A predictor that waits for its next use; it serves one at a time.
  private struct LentPredictor: @unchecked Sendable {
    let predictor: Predictor
  }

  private static let keptBytes = 256 << 20

  /// A model in memory. Throws `.argument` unless its networks are of this kind.
  public init(_ file: ModelFile, kind: ModelKind, path: String? = nil) throws {
    guard let model = file.models.first else {
      throw HowdahError(.argument, "\(path ?? "the model") holds no network")
    }
    guard let found = ModelKind(model.architecture) else {
      throw HowdahError(
        .argument,
        "\(path ?? "the model"): \(model.architecture.name) with \(model.architecture.inputChannels) "
          + "input and \(model.architecture.outputChannels) output channels is neither a detection nor "
          + "a flow network")
    }
    guard found == kind else {
      throw HowdahError(
        .argument,
        "\(path ?? "the model") is a \(found) network; open it with howdah.\(found)(...)")
    }
    self.kind = kind
    state = Mutex(State(file: file, path: path))
  }

  /// The networks with their training state. Setting it makes it what is used from then on.
  public var file: ModelFile {
    get { state.withLock { $0.file } }
    set {
      state.withLock {
        $0.file = newValue
        $0.version += 1
        $0.predictor = nil
      }
    }
  }

  /// The file it was read from or saved to last; nil for a model that is only in memory.
  public var path: String? {
    get { state.withLock { $0.path } }
    set { state.withLock { $0.path = newValue } }
  }

  /// The architecture of its networks.
  public var architecture: Architecture { state.withLock { $0.file.models[0].architecture } }

  /// What changes the weights in the background; nil when nothing does any more.
  var liveTraining: LiveTraining? {
    get { state.withLock { $0.live?.isRunning == true ? $0.live : nil } }
    set { state.withLock { $0.live = newValue } }
  }

  /// How often the weights were replaced.
  public var version: Int { state.withLock { $0.version } }

  /// Run something with a predictor of the newest weights. Preparing one takes a moment, so the last one is kept
  /// unless it holds much memory.
  public func withPredictor<R>(
    precision: Precision = .fast, _ body: (Predictor) throws -> R
  ) throws -> R {
    let (file, version, kept) = state.withLock { state in
      defer { state.predictor = nil }
      return (state.file, state.version, state.predictor)
    }
    let predictor: Predictor
    if let kept, kept.version == version, kept.precision == precision {
      predictor = kept.predictor.predictor
    } else {
      predictor = try Predictor(file.models, precision: precision)
    }
    defer {
      if predictor.peakTensorBytes <= Self.keptBytes {
        let lent = LentPredictor(predictor: predictor)
        state.withLock { if $0.version == version { $0.predictor = (version, precision, lent) } }
      }
    }
    return try body(predictor)
  }
}

// Training a detection model on simulated scenes alone, or a flow model on pairs of them. This is how the versatile
// model that comes with the program was made, and how one for another kind of image can be.
//
// The learning rate rises over the first steps, stays, and falls to almost nothing over the last ones. A run that
// stopped goes on where it was when it is started again with the same options on its checkpoint, and ends as if it
// had never stopped: scenes and learning rate are functions of the step.

import Core
import Glibc
import Learning

/// Trains a detection model on scenes of a `SceneVariety`, a flow model on pairs of a `PairVariety`.
public enum SimulatedTraining {
  /// How it is done.
  public struct Options: Sendable {
    /// The seed of the scenes.
    public var seed: UInt64 = 1
    /// Steps of the whole training, a scene each.
    public var steps = 4400
    /// Adam's learning rate in the middle part.
    public var learningRate = 2e-3
    /// A step's gradients are made no longer than this; nil leaves them as they are.
    public var clip: Double?
    /// Steps over which the learning rate rises at the beginning, and falls at the end.
    public var warmUp = 50, decay = 1700
    /// Steps from one checkpoint to the next; `steps` is rounded up to a multiple.
    public var interval = 50
    /// The file that is written at each checkpoint; nil for none.
    public var checkpoint: String?
    /// Stop at the first checkpoint after so many seconds.
    public var maximumSeconds = Double.infinity
    /// 0 for one a core. The result is the same for any number.
    public var threads = 0

    /// The defaults.
    public init() {}

    /// The learning rate of a step.
    public func rate(at step: Int) -> Double {
      let rise = Double(step + 1) / Double(max(1, warmUp))
      let fall = Double(steps - step) / Double(max(1, decay))
      return learningRate * max(0.005, min(1, rise, fall))
    }
  }

  /// Train until all steps are done, the time is over, or the observer says so. A file with a loss curve goes on
  /// at the checkpoint where it stopped.
  ///
  /// - Throws: `.argument` for a file that is no 3D detection model or has all steps done already; what
  ///   `Trainer.run` throws.
  @discardableResult
  public static func run(
    _ file: inout ModelFile, options: Options = Options(), progress: Progress = .none,
    observer: (TrainingEvent) throws -> TrainingDecision = { _ in .continue }
  ) throws -> TrainingSummary {
    guard let first = file.models.first, file.models.count == 1,
      first.architecture.outputChannels == 3, first.architecture.dimensions == 3,
      first.architecture.inputChannels == 1
    else {
      throw HowdahError(.argument, "training on simulated scenes needs one 3D detection model")
    }
    return try run(
      &file, on: SimulatedSamples(seed: options.seed, count: options.interval),
      loss: DetectionLoss(), options: options, progress: progress, observer: observer)
  }

  /// The same for a flow model. The file then says what its flows mean and how large nuclei should look.
  ///
  /// - Throws: `.argument` for a file that is no 3D flow model or has all steps done already; what
  ///   `Trainer.run` throws.
  @discardableResult
  public static func runFlow(
    _ file: inout ModelFile, options: Options = Options(), progress: Progress = .none,
    observer: (TrainingEvent) throws -> TrainingDecision = { _ in .continue }
  ) throws -> TrainingSummary {
    let architecture = try FlowTraining.architecture(of: file)
    guard file.models.count == 1, architecture.dimensions == 3 else {
      throw HowdahError(.argument, "training on simulated pairs needs one 3D flow model")
    }
    let source = SimulatedPairs(
      seed: options.seed, count: max(1, options.interval), for: architecture)
    let radius = source.variety.radius
    file.settings[FlowSetting.maxDisplacement] = source.maxDisplacement
    file.settings[FlowSetting.localContrast] = source.localContrast
    file.settings[FlowSetting.nucleusRadius] =
      (radius.lowerBound * radius.upperBound).squareRoot()
    // Every nucleus has its label, so there is nothing that the similarity of frames could add.
    let loss = FlowLoss(
      norms: [1, 1, 1].map { $0 * Float(source.maxDisplacement) },
      termWeights: (instance: 1, similarity: 0, smoothness: 0.01))
    return try run(
      &file, on: source, loss: loss, options: options, progress: progress, observer: observer)
  }

  private static func run<S: SampleSource, L: TrainingLoss>(
    _ file: inout ModelFile, on source: S, loss: L, options: Options, progress: Progress,
    observer: (TrainingEvent) throws -> TrainingDecision
  ) throws -> TrainingSummary where S.Target == L.Target {
    guard options.steps > 0, options.interval > 0 else {
      throw HowdahError(.argument, "steps and interval must be at least 1")
    }
    let control = TrainingControl()
    var training = TrainerOptions()
    training.firstEpoch = (file.history.last.map { $0.step + 1 } ?? 0) / options.interval
    let last = (options.steps + options.interval - 1) / options.interval
    guard last > training.firstEpoch else {
      throw HowdahError(
        .argument,
        "the model has had its \(options.steps) steps; ask for more to train it further")
    }
    training.epochs = last - training.firstEpoch
    training.shuffle = false
    training.threads = options.threads
    training.logInterval = options.interval
    training.checkpoint = options.checkpoint
    training.versions = 1
    training.control = control
    training.clip = options.clip
    control.learningRate = options.rate(at: training.firstEpoch * options.interval)
    let begin = monotonicSeconds()
    return try Trainer.run(
      &file, on: source, loss: loss, options: training, progress: progress
    ) { event in
      switch event {
      case .batch(_, _, let step, _):
        control.learningRate = options.rate(at: step + 1)
        return try observer(event)
      case .epoch:
        let decision = try observer(event)
        return monotonicSeconds() - begin > options.maximumSeconds ? .stop : decision
      }
    }
  }

  private static func monotonicSeconds() -> Double {
    var t = timespec()
    clock_gettime(CLOCK_MONOTONIC, &t)
    return Double(t.tv_sec) + Double(t.tv_nsec) * 1e-9
  }
}

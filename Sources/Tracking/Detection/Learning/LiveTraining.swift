// A detection model that learns while a person goes on editing.
//
// A thread of its own trains, epoch after epoch, on the labels that it was given last. Labels are values: whoever owns
// the lineage takes them from it and hands them over (`update`), so that the two threads share nothing else. Finished
// weights are handed on after every epoch; whoever predicts uses those. An epoch that is interrupted by `stop` is
// kept up to its last finished step.

import Core
import Dispatch
import Imaging
import Learning
import Lineage
import Synchronization

/// Training in the background. May be used from any thread.
public final class LiveTraining: Sendable {
  /// What it is doing.
  public enum Phase: String, Sendable {
    /// There are no labels yet.
    case waiting
    /// It learns.
    case training
    /// It was told to pause.
    case paused
    /// It was stopped, or it failed.
    case stopped
  }

  /// How it goes.
  public struct Status: Sendable {
    /// What it is doing.
    public var phase = Phase.waiting
    /// Finished epochs.
    public var epoch = 0
    /// Means of the last finished epoch, by the names of the loss curve.
    public var losses: [String: Double] = [:]
    /// How many judged spots it learns from.
    public var spots = 0
    /// How often labels were handed over.
    public var updates = 0
    /// Why it stopped by itself.
    public var failure: HowdahError?
  }

  private struct State {
    var status = Status()
    var samples: DetectionSamples?
    var isPaused = false
    var isStopping = false
    var wantsLabels = true
  }

  private let state = Mutex(State())
  private let changed = DispatchSemaphore(value: 0)
  private let finished = DispatchSemaphore(value: 0)
  private let progress = Progress()
  private let images: TrainingImages
  private let options: DetectionTraining.Options
  private let architecture: Architecture

  /// Begin to train the models of a file.
  ///
  /// - Parameters:
  ///   - options: `trainer.epochs`, `decay`, `validation` and `patience` do not count: it goes on until it is stopped.
  ///     Every epoch has `samples.cropsPerTimepoint` samples in all, from all timepoints in turn.
  ///   - images: must stay open until it has stopped.
  ///   - publish: gets the models after every epoch and once more at the end, on the training thread.
  /// - Throws: `.argument` for options out of range or another kind of model.
  public init(
    _ file: ModelFile, images: TrainingImages, options: DetectionTraining.Options,
    publish: @escaping @Sendable (ModelFile) -> Void
  ) throws {
    try options.check()
    try options.samples.check()
    self.images = images
    var options = options
    options.trainer.epochs = 1 << 30
    options.trainer.patience = nil
    options.trainer.decay = 0
    options.trainer.keepBest = false
    self.options = options
    architecture = try DetectionTraining.architecture(of: file)
    DispatchQueue(label: "live training", qos: .utility).async { [self] in
      train(file, publish)
      finished.signal()
    }
  }

  /// How it goes now.
  public var status: Status { state.withLock { $0.status } }

  /// Whether the training thread is at work or may get to work again.
  public var isRunning: Bool { status.phase != .stopped }

  /// Whether an epoch has begun since labels were handed over last: a good moment for new ones. Cheap.
  public var wantsLabels: Bool { state.withLock { $0.wantsLabels } }

  /// Hand over the labels as they are now; the next sample uses them. Throws `.argument` for a timepoint's
  /// registration that is singular.
  public func update(_ spots: [Timepoint: [LabeledSpot]]) throws {
    let samples = try DetectionSamples(
      spots, images: images, for: architecture, options: options.samples, progress: progress)
    state.withLock {
      $0.samples = samples.count > 0 ? samples : nil
      $0.status.spots = spots.reduce(0) { $0 + $1.value.count }
      $0.status.updates += 1
      $0.wantsLabels = false
    }
    changed.signal()
  }

  /// Stop learning until `resume`, at the next step.
  public func pause() { state.withLock { $0.isPaused = true } }

  /// Go on.
  public func resume() {
    state.withLock { $0.isPaused = false }
    changed.signal()
  }

  /// End it. When this returns, the training thread has handed on the last finished step and touches nothing more.
  public func stop() {
    state.withLock { $0.isStopping = true }
    progress.cancel()
    changed.signal()
    finished.wait()
    finished.signal()
  }

  // MARK: The training thread

  private func train(_ start: ModelFile, _ publish: @escaping @Sendable (ModelFile) -> Void) {
    var file = start
    do {
      _ = try samples()
      try Trainer.run(
        &file, on: LiveSamples(live: self, count: options.samples.cropsPerTimepoint),
        loss: options.loss(architecture), options: options.trainer, progress: progress
      ) { event in
        if case .epoch(let epoch, let losses, _, let now) = event {
          publish(now)
          state.withLock {
            $0.status.epoch = epoch + 1 - options.trainer.firstEpoch
            $0.status.losses = losses
            $0.wantsLabels = true
          }
        }
        return .continue
      }
    } catch let error as HowdahError where error.kind == .interrupted {
      // `stop` was called.
    } catch {
      let failure = error as? HowdahError ?? HowdahError(.internal, "\(error)")
      state.withLock { $0.status.failure = failure }
    }
    publish(file)
    state.withLock { $0.status.phase = .stopped }
  }

  /// The newest labels; waits while there are none or while it is paused.
  fileprivate func samples() throws -> DetectionSamples {
    while true {
      try progress.check()
      let ready = state.withLock { state -> DetectionSamples? in
        if state.isPaused {
          state.status.phase = .paused
        } else if let samples = state.samples {
          state.status.phase = .training
          return samples
        } else {
          state.status.phase = .waiting
        }
        return nil
      }
      if let ready { return ready }
      _ = changed.wait(timeout: .now() + .milliseconds(200))
    }
  }
}

/// So many samples an epoch of whatever labels there are.
private struct LiveSamples: SampleSource {
  let live: LiveTraining
  let count: Int

  func sample(_ i: Int, epoch: Int) throws -> TrainingSample<Labels> {
    try live.samples().sample(turn: epoch * count + i)
  }
}

// What a training run may be told before it starts, while it runs, and what it tells.

import Core
import Synchronization

/// How the training loop works.
public struct TrainerOptions: Sendable {
  /// How often all samples are gone through.
  public var epochs = 10
  /// The number of the first epoch, for a run that goes on where another one stopped: samples and their order
  /// depend on it.
  public var firstEpoch = 0
  /// Samples of one step.
  public var batchSize = 1
  /// Adam's learning rate, unless `control` says otherwise.
  public var learningRate = 1e-3
  /// The share of the steps, the last ones, over which the learning rate falls to nothing, from 0 to 1. Without it the
  /// weights at the end are those that the last sample asked for.
  public var decay = 0.0
  /// A step's gradients, all together, are made no longer than this (their Euclidean norm); nil leaves them as they
  /// are. One sample that fits badly then cannot throw a network without normalisation out of the range where its
  /// last activation has a slope.
  public var clip: Double?
  /// The seed of the order of samples.
  public var seed: UInt64 = 0
  /// Whether the order of samples is random; otherwise it is 0, 1, 2, ...
  public var shuffle = true
  /// 0 for one a core. The result is the same for any number.
  public var threads = 0
  /// How exact the convolutions are.
  public var precision = Precision.fast
  /// Steps between two lines of the loss curve, which are means; the end of an epoch makes one, too.
  public var logInterval = 10
  /// Folder of TensorBoard's event files, which must exist; nil for none.
  public var eventFolder: String?
  /// Stop after so many epochs without a smaller validation loss.
  public var patience: Int?
  /// End with the models of the epoch that had the smallest validation loss.
  public var keepBest = false
  /// A `.pth` file that is replaced after every epoch.
  public var checkpoint: String?
  /// How many older versions of the checkpoint stay, one a run.
  public var versions = 3
  /// Go on with the moments of Adam that the file holds. ELEPHANT begins every training with fresh ones.
  public var keepsMoments = true
  /// For changes while the training runs.
  public var control: TrainingControl?

  /// Ten epochs of single samples at a learning rate of 0.001.
  public init() {}
}

/// What may be changed from any thread while a training runs.
public final class TrainingControl: Sendable {
  private let rate = Mutex<Double?>(nil)

  /// Nothing changed yet.
  public init() {}

  /// The learning rate from the next step on; nil means that of the options.
  public var learningRate: Double? {
    get { rate.withLock { $0 } }
    set { rate.withLock { $0 = newValue } }
  }
}

/// What a training run tells while it goes on.
public enum TrainingEvent: Sendable {
  /// A step is done.
  ///
  /// - Parameters:
  ///   - epoch: counted from `firstEpoch`.
  ///   - model: the place in the ensemble.
  ///   - step: counted over the model file's life.
  ///   - losses: of this batch, by the names of the loss curve.
  case batch(epoch: Int, model: Int, step: Int, losses: [String: Double])
  /// An epoch is done, and the checkpoint (if any) written.
  ///
  /// - Parameters:
  ///   - losses: means over the epoch.
  ///   - validation: means over the validation samples, empty without them.
  ///   - file: the models as they are now; keeping them costs a copy of their size.
  case epoch(
    epoch: Int, losses: [String: Double], validation: [String: Double], file: ModelFile)
}

/// An observer's answer.
public enum TrainingDecision: Sendable {
  /// Go on.
  case `continue`
  /// End here as if this had been the last epoch: the curve is brought up to date and the checkpoint written.
  case stop
}

/// How a training run ended.
public struct TrainingSummary: Sendable, Equatable {
  /// Why it ended.
  public enum Reason: String, Sendable {
    /// All epochs are done.
    case finished
    /// The validation loss did not get smaller for as many epochs as the patience says.
    case patience
    /// The observer said so.
    case stopped
  }

  /// Why it ended.
  public var reason = Reason.finished
  /// Epochs that were begun.
  public var epochs = 0
  /// Steps that were done, of all models.
  public var steps = 0
  /// Means of the last epoch, by the names of the loss curve.
  public var losses: [String: Double] = [:]
  /// Of the best epoch, if there was validation.
  public var bestEpoch: Int?
  /// The smallest validation loss.
  public var bestLoss: Double?
}

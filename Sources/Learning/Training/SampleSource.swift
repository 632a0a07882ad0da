// What the training loop asks of those who use it: where samples come from, and what is minimised.

import Core

/// One sample of training or validation.
public struct TrainingSample<Target: Sendable>: Sendable {
  /// One sample [1, input channels, z, y, x] of a size that fits the poolings.
  public var input: Tensor
  /// What the loss compares the output with.
  public var target: Target
  /// Which poolings keep z for this image.
  public var keepAxials: KeepAxials

  /// A sample of these parts.
  public init(input: Tensor, target: Target, keepAxials: KeepAxials) {
    self.input = input
    self.target = target
    self.keepAxials = keepAxials
  }
}

/// Where samples come from: a crop of an annotated movie with its augmentation, or a list.
public protocol SampleSource {
  /// What the loss compares the output with.
  associatedtype Target: Sendable

  /// Samples of one epoch.
  var count: Int { get }

  /// Sample i of an epoch. It must be a function of the source's own seed, the epoch and i alone; the training
  /// loop calls it on the thread that called it, in an order of its own.
  func sample(_ i: Int, epoch: Int) throws -> TrainingSample<Target>
}

/// Samples that are there already, the same in every epoch.
public struct SampleList<Target: Sendable>: SampleSource, Sendable {
  /// The samples.
  public var samples: [TrainingSample<Target>]

  /// A source of these samples.
  public init(_ samples: [TrainingSample<Target>]) { self.samples = samples }

  /// Samples of one epoch.
  public var count: Int { samples.count }

  /// Sample i, whatever the epoch.
  public func sample(_ i: Int, epoch: Int) throws -> TrainingSample<Target> { samples[i] }
}

/// What is minimised: the loss of a batch of outputs and its gradient. It may remember something between calls
/// (as `DetectionLoss` does); validation works on a copy.
public protocol TrainingLoss: Sendable {
  /// What an output is compared with, one a sample.
  associatedtype Target: Sendable

  /// Threads that evaluate it, 0 for one a core.
  var threads: Int { get set }

  /// The loss of activated outputs [n, output channels, z, y, x] against n targets.
  mutating func evaluate(_ output: Tensor, _ targets: [Target]) throws -> LossResult
}

extension DetectionLoss: TrainingLoss {
  /// The loss against one list of labels a sample, with `dimensions` of the loss.
  public mutating func evaluate(_ output: Tensor, _ targets: [Labels]) throws -> LossResult {
    try evaluate(output, labels: targets.flatMap { $0 }, dimensions: dimensions)
  }
}

extension FlowLoss: TrainingLoss {
  /// The loss against one target [1, ...] a sample.
  public mutating func evaluate(_ output: Tensor, _ targets: [FlowTarget]) throws -> LossResult {
    try evaluate(
      output,
      FlowTarget(
        flow: .batch(targets.map(\.flow)), mask: .batch(targets.map(\.mask)),
        earlier: .batch(targets.map(\.earlier)), later: .batch(targets.map(\.later))))
  }
}

extension PriorLoss: TrainingLoss {
  /// The loss against the image [1, 1, ...] of each sample.
  public mutating func evaluate(_ output: Tensor, _ targets: [Tensor]) throws -> LossResult {
    try Self.evaluate(output, image: .batch(targets), threads: threads)
  }
}

// The training loop: a model file is trained on a source of samples with a loss.
//
// As in ELEPHANT, an epoch goes through all samples once for each model of the ensemble, with one step of Adam a
// batch, and the file is saved after every epoch. The result depends on the file, the samples and the seed, never
// on the number of threads. Whatever happens, the file in memory is that of a finished step: parameters, moments
// and loss curve change together. The checkpoint on disk is that of a finished epoch, or older.

import Core

/// Trains the models of a file.
public enum Trainer {
  /// Train, and tell an observer about it.
  ///
  /// Cancelling (through `progress`) ends it within 50 ms with an error of kind `.interrupted`; the file then holds
  /// the last finished step.
  ///
  /// - Parameters:
  ///   - file: the models, changed in place; its loss curve grows.
  ///   - validation: samples (of epoch 0) whose loss is taken after every epoch.
  ///   - observer: called after every step and every epoch on the calling thread.
  @discardableResult
  public static func run<S: SampleSource, L: TrainingLoss>(
    _ file: inout ModelFile, on source: S, validatedBy validation: S? = nil, loss: L,
    options: TrainerOptions = TrainerOptions(), progress: Progress = .none,
    observer: (TrainingEvent) throws -> TrainingDecision = { _ in .continue }
  ) throws -> TrainingSummary where S.Target == L.Target {
    try check(file, source.count, validation?.count, options)
    let batches = (source.count + options.batchSize - 1) / options.batchSize
    var loss = loss
    loss.threads = options.threads
    var run = TrainingRun(
      loss: loss, options: options, progress: progress, batches: batches,
      engine: try Engine(
        file.models[0], precision: options.precision, threads: options.threads),
      events: try options.eventFolder.map { try EventFile(folder: $0) },
      firstStep: file.history.last.map { $0.step + 1 } ?? 0)
    if file.optimisers.count != file.models.count || !options.keepsMoments {
      file.optimisers = file.models.map { Adam(for: $0) }
    }
    let perEpoch = file.models.count * (batches + (validation == nil ? 0 : validation!.count))
    progress.begin(total: options.epochs * perEpoch, "training")
    var best: (file: ModelFile, loss: Double, epoch: Int)?
    for epoch in options.firstEpoch..<(options.firstEpoch + options.epochs) {
      run.summary.epochs += 1
      let stopped = try run.epoch(epoch, &file, source, observer)
      var losses: [String: Double] = [:]
      if let validation, !stopped {
        losses = try run.validate(&file, validation)
        if let value = losses["validation_loss"], value < best?.loss ?? .infinity {
          best = (options.keepBest ? file : ModelFile(models: []), value, epoch)
          run.summary.bestEpoch = epoch
          run.summary.bestLoss = value
        }
      }
      try save(file, options, isFirst: run.summary.epochs == 1, progress)
      let event = TrainingEvent.epoch(
        epoch: epoch, losses: run.summary.losses, validation: losses, file: file)
      let decision = try observer(event)
      if stopped || decision == .stop {
        run.summary.reason = .stopped
        break
      }
      if let patience = options.patience, let best, epoch - best.epoch >= patience {
        run.summary.reason = .patience
        break
      }
    }
    if let best, options.keepBest, best.file.models != file.models {
      // The curve stays whole: it is that of the training, not of the epoch that was kept.
      file.models = best.file.models
      file.optimisers = best.file.optimisers
      try save(file, options, isFirst: false, progress)
    }
    return run.summary
  }

  private static func check(
    _ file: ModelFile, _ samples: Int, _ validation: Int?, _ options: TrainerOptions
  ) throws {
    func require(_ condition: Bool, _ message: String) throws {
      if !condition { throw HowdahError(.argument, message) }
    }
    try require(!file.models.isEmpty, "there is no model to train")
    try require(samples > 0, "there is no sample to train on; annotate some spots first")
    try require(validation != 0, "there is no sample to validate with")
    try require(options.epochs > 0, "epochs must be at least 1, not \(options.epochs)")
    try require(options.batchSize > 0, "batch size must be at least 1, not \(options.batchSize)")
    try require(
      options.learningRate > 0 && options.learningRate.isFinite,
      "the learning rate must be above 0, not \(options.learningRate)")
    try require(
      options.decay >= 0 && options.decay <= 1, "decay must be from 0 to 1, not \(options.decay)")
    try require(
      options.clip.map { $0 > 0 } ?? true,
      "the limit of gradients must be above 0, not \(options.clip ?? 0)")
    try require(
      options.logInterval > 0, "log interval must be at least 1, not \(options.logInterval)")
    try require(
      validation != nil || (options.patience == nil && !options.keepBest),
      "patience and keeping the best models need samples to validate with")
  }

  /// Older versions are those of earlier runs: one can go back behind a whole run, not behind an epoch.
  private static func save(
    _ file: ModelFile, _ options: TrainerOptions, isFirst: Bool, _ progress: Progress
  ) throws {
    guard let path = options.checkpoint else { return }
    try file.save(
      to: path, keeping: isFirst ? options.versions : 0, progress: progress.part(of: 0))
  }
}

/// The state of a run besides the file.
private struct TrainingRun<L: TrainingLoss> {
  var loss: L
  let options: TrainerOptions
  let progress: Progress
  /// Steps of one model in one epoch.
  let batches: Int
  let engine: Engine
  let events: EventFile?
  /// The number of this run's first step in the file's life.
  let firstStep: Int
  var summary = TrainingSummary()

  /// One pass over the samples for each model; true when the observer stopped it.
  mutating func epoch<S: SampleSource>(
    _ epoch: Int, _ file: inout ModelFile, _ source: S,
    _ observer: (TrainingEvent) throws -> TrainingDecision
  ) throws -> Bool where S.Target == L.Target {
    let order = order(source.count, epoch)
    var means: [String: LossMean] = [:]
    for m in file.models.indices {
      try engine.load(file.models[m])
      var sinceLine: [String: LossMean] = [:]
      for b in 0..<batches {
        try progress.check()
        let members = order[(b * options.batchSize)..<min(order.count, (b + 1) * options.batchSize)]
        let samples = try members.map { try source.sample($0, epoch: epoch) }
        let losses = try step(&file, m, samples)
        let number = firstStep + (epoch - options.firstEpoch) * batches + b
        for (name, value) in losses {
          sinceLine[name, default: LossMean()].add(value)
          means[name, default: LossMean()].add(value)
        }
        let decision = try observer(
          .batch(epoch: epoch, model: m, step: number, losses: losses))
        if (b + 1) % options.logInterval == 0 || b + 1 == batches || decision == .stop {
          try line(&file, number, sinceLine.mapValues(\.value))
          sinceLine = [:]
        }
        summary.losses = means.mapValues(\.value)
        progress.advance()
        if decision == .stop { return true }
      }
    }
    return false
  }

  /// One step of Adam; the file changes at once or, when this throws, not at all.
  private mutating func step(
    _ file: inout ModelFile, _ m: Int, _ samples: [TrainingSample<L.Target>]
  ) throws -> [String: Double] {
    var (result, gradients) = try engine.gradients(
      samples.map(\.input), keepAxials: samples.map(\.keepAxials), progress: progress.part(of: 0)
    ) { try loss.evaluate($0, samples.map(\.target)) }
    guard result.total.isFinite else {
      throw HowdahError(
        .state,
        "the loss is no longer a number; train with a smaller learning rate from an older version")
    }
    let rate = (options.control?.learningRate ?? options.learningRate) * decay(file.models.count)
    if let clip = options.clip { Clipping.apply(&gradients, to: clip) }
    try file.optimisers[m].update(
      &file.models[m], gradients: gradients,
      learningRate: rate,
      threads: options.threads)
    try engine.load(file.models[m])
    summary.steps += 1
    return named(result, "train_loss", m)
  }

  /// What is left of the learning rate at this step.
  private func decay(_ models: Int) -> Double {
    guard options.decay > 0 else { return 1 }
    let all = options.epochs * batches * models
    return min(1, Double(all - summary.steps) / (options.decay * Double(all)))
  }

  /// The mean losses of the models, not counting what the loss remembers of it.
  func validate<S: SampleSource>(_ file: inout ModelFile, _ source: S) throws -> [String: Double]
  where S.Target == L.Target {
    var means: [String: LossMean] = [:]
    for model in file.models {
      try engine.load(model)
      var loss = loss
      for i in 0..<source.count {
        try progress.check()
        let sample = try source.sample(i, epoch: 0)
        let output = try engine.forward(
          sample.input, keepAxials: sample.keepAxials, progress: progress.part(of: 0))
        let result = try loss.evaluate(output, [sample.target])
        means["validation_loss", default: LossMean()].add(result.total)
        for part in result.parts {
          means["validation_\(part.name)", default: LossMean()].add(part.value)
        }
        progress.advance()
      }
    }
    let result = means.mapValues(\.value)
    if let last = file.history.last { try line(&file, last.step, result) }
    return result
  }

  /// A line of the curve; what belongs to one step is one entry.
  private func line(_ file: inout ModelFile, _ step: Int, _ losses: [String: Double]) throws {
    if let k = file.history.lastIndex(where: { $0.step <= step }), file.history[k].step == step {
      file.history[k].losses.merge(losses) { $1 }
    } else {
      file.history.append(HistoryEntry(step: step, losses: losses))
      file.history.sort { $0.step < $1.step }
    }
    try events?.add(losses.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }, step: step)
  }

  /// ELEPHANT's names; those of the second model of an ensemble begin with `model1/`, and so on.
  private func named(_ result: LossResult, _ total: String, _ m: Int) -> [String: Double] {
    let prefix = m == 0 ? "" : "model\(m)/"
    var losses = [prefix + total: result.total]
    for part in result.parts { losses[prefix + part.name] = part.value }
    return losses
  }

  private func order(_ count: Int, _ epoch: Int) -> [Int] {
    var order = Array(0..<count)
    guard options.shuffle else { return order }
    var random = SeededRandom(seed: options.seed, stream: UInt64(bitPattern: Int64(epoch)))
    for i in stride(from: count - 1, to: 0, by: -1) { order.swapAt(i, random.below(i + 1)) }
    return order
  }
}

/// A mean that grows.
private struct LossMean {
  private var sum = 0.0
  private var count = 0

  mutating func add(_ value: Double) {
    sum += value
    count += 1
  }

  var value: Double { sum / Double(max(1, count)) }
}

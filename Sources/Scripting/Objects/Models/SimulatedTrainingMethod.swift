// `model:train_simulated`: a model learns from scenes that the simulator draws, with no images at all.

import Core
import Learning
import LuaShim
import Tracking

enum SimulatedTrainingMethod {
  private static let defaults = SimulatedTraining.Options()

  static func register(_ model: TypeEntry) {
    model.method(
      "train_simulated",
      params: [
        .options([
          .integer(
            "steps", "Of the whole training, what the model had before included.",
            default: defaults.steps, min: 1, max: 10_000_000),
          .number(
            "learning_rate",
            "Adam's step size in the middle part; absent: 0.002, for flow 0.0003.", optional: true,
            min: 0),
          .number(
            "clip",
            "A step's gradients are made no longer than this; 0: never; absent: 0, for flow 1.",
            optional: true, min: 0),
          .integer(
            "warm_up", "Steps over which it rises at the beginning.", default: defaults.warmUp,
            min: 0),
          .integer(
            "decay", "Steps over which it falls at the end.", default: defaults.decay, min: 0),
          .integer(
            "interval", "Steps between two checkpoints, lines of the loss curve and calls.",
            default: defaults.interval, min: 1),
          .number(
            "max_minutes", "Stop at the first checkpoint after so long; absent: never.",
            optional: true, min: 0),
          .integer(
            "threads", "Absent: one a core. The result is the same for any number.",
            optional: true, min: 1, max: 1024),
          .integer("seed", "Of the scenes; absent: howdah.seed.", optional: true),
          Param(
            "checkpoint", .output, "A .pth file that is replaced at every checkpoint.",
            optional: true),
          .function(
            "on_epoch",
            "Called with {step=, train_loss=, ...} after every interval; false ends the training.",
            optional: true),
        ])
      ],
      returns: "{steps=, reason=, train_loss=, ...}",
      "Learn from simulated scenes of all kinds to find nuclei, or where they came from; this is how the versatile model was made. A model whose training stopped goes on where it was.",
      example: "local model = howdah.detection(\"default\", {widths = {2, 4, 4, 4, 4}, seed = 1})\n"
        + "print(model:train_simulated{steps = 2, interval = 1, seed = 1}.steps)"
    ) { call in
      let me = call.receiver(ModelObject.self)
      let o = call.options
      var options = SimulatedTraining.Options()
      options.steps = o.int("steps")
      options.learningRate =
        o.optionalDouble("learning_rate")
        ?? (me.kind == .flow ? FlowMethods.learningRate : defaults.learningRate)
      options.clip =
        me.kind == .flow
        ? FlowMethods.clip(o) : o.optionalDouble("clip").flatMap { $0 > 0 ? $0 : nil }
      options.warmUp = o.int("warm_up")
      options.decay = o.int("decay")
      options.interval = o.int("interval")
      options.maximumSeconds = o.optionalDouble("max_minutes").map { 60 * $0 } ?? .infinity
      options.threads = o.optionalInt("threads") ?? 0
      options.seed = UInt64(bitPattern: Int64(o.optionalInt("seed") ?? call.host.nextSeed()))
      if let checkpoint = o.optionalString("checkpoint") {
        guard checkpoint.hasSuffix(".pth") else {
          throw HowdahError(.argument, "model:train_simulated: checkpoint ends with .pth")
        }
        options.checkpoint = try call.writablePath(checkpoint)
      }
      let onEpoch = try o.function("on_epoch")
      var file = me.file
      func observe(_ event: TrainingEvent) throws -> TrainingDecision {
        guard case .epoch(_, let losses, _, let now) = event else { return .continue }
        // From now on predictions use it, and it stays should the next part be interrupted.
        me.file = now
        guard let onEpoch else { return .continue }
        let step = now.history.last.map { $0.step + 1 } ?? 0
        let answer = try onEpoch.call(.record([("step", .int(step))] + fields(losses)))
        return answer.first == .bool(false) ? .stop : .continue
      }
      let progress = call.progress
      let summary =
        me.kind == .flow
        ? try SimulatedTraining.runFlow(
          &file, options: options, progress: progress, observer: observe)
        : try SimulatedTraining.run(&file, options: options, progress: progress, observer: observe)
      me.file = file
      let steps = file.history.last.map { $0.step + 1 } ?? 0
      call.push(
        .record(
          [("steps", .int(steps)), ("reason", .string(summary.reason.rawValue))]
            + fields(summary.losses)) as LuaValue)
    }
  }

  private static func fields(_ losses: [String: Double]) -> [(key: String, value: LuaValue)] {
    losses.sorted { $0.key < $1.key }.map { ($0.key, .double($0.value)) }
  }
}

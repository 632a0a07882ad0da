// `model:live`: a model learns in the background while a person goes on editing.
//
// The lineage belongs to the thread of the Lua state. Whenever Swift gets control there (after every call of one of
// its functions, and when an input of the prompt has ended), labels that have changed are taken from the lineage and
// handed to the training thread: in calls only once an epoch, so that a loop over spots stays quick, at the prompt
// always.

import Core
import Formats
import Glibc
import Lineage
import Tracking

/// A live training as Lua holds it. Belongs to one state and one thread; only `training` is shared.
final class LiveObject {
  let training: LiveTraining
  let model: ModelObject
  private let lineage: LineageGraph
  private let timepoints: Set<Timepoint>?
  private var seen: UInt64?

  init(
    _ training: LiveTraining, _ model: ModelObject, _ lineage: LineageGraph,
    _ timepoints: Set<Timepoint>?
  ) {
    self.training = training
    self.model = model
    self.lineage = lineage
    self.timepoints = timepoints
  }

  deinit { training.stop() }

  /// Hand over the labels when they may have changed.
  ///
  /// - Parameter always: also when the training has not begun an epoch since the last time.
  func refresh(always: Bool) {
    let now = lineage.changeCount
    if seen == now || !(always || training.wantsLabels) || !training.isRunning { return }
    seen = now
    // What cannot be sampled (a singular registration) is told by the training itself when it gets there.
    try? training.update(DetectionTraining.spots(of: lineage, timepoints))
  }
}

enum LiveTrainingType {
  static func register(_ registry: Registry, _ model: TypeEntry) {
    let live = registry.type(
      "live training", of: LiveObject.self, "A model that learns in the background.")
    registerStart(model)
    registerState(live)
    registerControl(live)
    live.operator("__tostring") { $0.push(text($0.receiver(LiveObject.self))) }
    live.display { .text(text($0.receiver(LiveObject.self))) }
  }

  private static func text(_ me: LiveObject) -> String {
    let status = me.training.status
    var text = "live training, \(status.phase), epoch \(status.epoch), \(status.spots) judged spots"
    if let loss = status.losses["train_loss"] { text += ", loss \(short(loss))" }
    return text + (status.failure.map { ": \($0.message)" } ?? "")
  }

  private static func registerStart(_ model: TypeEntry) {
    model.method(
      "live",
      params: [
        .object("project", "project", "Its judged spots are learned from, as they are then."),
        .options(
          TrainingOptions.views + [
            .integer(
              "num_crops", "Samples of an epoch, all timepoints in turn.", default: 5, min: 1)
          ] + TrainingOptions.labels + TrainingOptions.learning),
      ],
      returns: "live training",
      "Learn in the background until it is stopped, taking up labels as they change. Predictions use the weights of the last finished epoch.",
      example: #"p.spots:at(0):tag("Detection", "fn")"#
        + "\nlocal model = howdah.detection(\"default\", {widths = {4, 8}, seed = 1})"
        + "\nlocal live = model:live(p, {training_crop_size = {x = 16, y = 16, z = 4}})"
        + "\nlive:wait{epochs = 1}\nlive:stop()"
    ) { call in
      let me = try DetectionTrainingMethods.detection(call, "model:live")
      let project = call.object(0, ProjectObject.self)
      guard me.liveTraining == nil, project.live?.training.isRunning != true else {
        throw HowdahError(
          .state, "model:live: the model or project is in live training already; stop that first")
      }
      var options = try TrainingOptions.read(call, "model:live")
      options.trainer.versions = 1
      let training = try LiveTraining(
        me.file,
        images: TrainingImages(
          try project.project.requireImages(), setup: options.setup, memory: options.memory),
        options: options
      ) { me.file = $0 }
      me.liveTraining = training
      let live = LiveObject(training, me, project.graph, options.timepoints)
      project.live = live
      live.refresh(always: true)
      call.push(object: live)
    }
  }

  private static func registerState(_ live: TypeEntry) {
    func status(_ call: Call) -> LiveTraining.Status {
      call.receiver(LiveObject.self).training.status
    }
    live.property(
      "running", "boolean", "Whether it learns, waits or pauses; false once it stopped."
    ) { $0.push(status($0).phase != .stopped) }
    live.property(
      "phase", "string", "\"waiting\" for labels, \"training\", \"paused\" or \"stopped\"."
    ) { $0.push(status($0).phase.rawValue) }
    live.property("epoch", "integer", "Finished epochs.") { $0.push(status($0).epoch) }
    live.property("losses", "{train_loss=, ...}", "Means of the last finished epoch.") {
      $0.push(LuaValue.record(TrainingOptions.value(of: status($0).losses)))
    }
    live.property("spots", "integer", "How many judged spots it learns from.") {
      $0.push(status($0).spots)
    }
    live.property("problem", "string", "Why it stopped by itself; nil when it did not.") {
      $0.push(status($0).failure?.message)
    }
  }

  private static func registerControl(_ live: TypeEntry) {
    let start =
      #"p.spots:at(0):tag("Detection", "fn")"#
      + "\nlocal model = howdah.detection(\"default\", {widths = {4, 8}, seed = 1})"
      + "\nlocal live = model:live(p, {training_crop_size = {x = 16, y = 16, z = 4}})\n"
    live.method(
      "pause", "Let the processor rest until resume.",
      example: start + "live:pause()\nlive:resume()"
    ) { $0.receiver(LiveObject.self).training.pause() }
    live.method(
      "resume", "Go on after a pause.", example: start + "live:pause()\nlive:resume()"
    ) { $0.receiver(LiveObject.self).training.resume() }
    live.method(
      "update", returns: "integer",
      "Hand over the labels as they are now, which otherwise happens by itself; returns how many spots.",
      example: start + "print(live:update())"
    ) { call in
      let me = call.receiver(LiveObject.self)
      me.refresh(always: true)
      call.push(me.training.status.spots)
    }
    live.method(
      "stop", "End it; the model keeps what it has learned.", example: start + "live:stop()"
    ) { call in
      let me = call.receiver(LiveObject.self)
      me.training.stop()
      me.model.liveTraining = nil
    }
    live.method(
      "wait",
      params: [
        .options([
          .integer("epochs", "Until so many more epochs are finished.", optional: true, min: 1),
          .number("seconds", "For at most so long.", optional: true, min: 0),
        ])
      ],
      returns: "integer", "Wait while it learns; returns the number of finished epochs.",
      example: start + "print(live:wait{epochs = 1, seconds = 10})"
    ) { call in
      let (me, o) = (call.receiver(LiveObject.self), call.options)
      me.refresh(always: true)
      let start = me.training.status.epoch
      let (epochs, seconds) = (o.optionalInt("epochs"), o.optionalDouble("seconds"))
      guard epochs != nil || seconds != nil else {
        throw HowdahError(.argument, "live:wait: say how long, as in live:wait{epochs = 1}")
      }
      var waited = 0.0
      while me.training.isRunning, waited < seconds ?? .infinity,
        epochs.map({ me.training.status.epoch < start + $0 }) ?? true
      {
        try call.host.checkStop()
        usleep(10_000)
        waited += 0.01
      }
      if let failure = me.training.status.failure { throw failure }
      call.push(me.training.status.epoch)
    }
  }
}

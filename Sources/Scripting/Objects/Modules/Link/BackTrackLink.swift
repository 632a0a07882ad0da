// `howdah.link.back_track`: follow one spot backward.

import Core
import Formats
import Imaging
import Learning
import Lineage
import Tracking

enum BackTrackLink {
  static func register(_ link: ModuleEntry) {
    let d = BackTracking.Options()
    let found = ProbabilitySpots.Options()
    link.function(
      "back_track",
      params: [
        .object("spot", "spot", "Where the way back begins."),
        .options(
          [
            .integer("steps", "Timepoints to go back at most.", default: d.steps, min: 1),
            .number(
              "threshold", "A parent is nearer than this to the expected place, world units.",
              default: d.threshold, min: 0),
            .integer(
              "max_links", "A spot with so many children takes no more.", default: d.maxLinks,
              min: 1),
            .object(
              "detection", "model", "A detection model that looks where no spot is near.",
              optional: true),
            .integer(
              "setup", "The channel or view that the detection model looks at.", default: 0, min: 0
            ),
            .point(
              "patch_size", "Voxels that it looks at; absent: {x = 128, y = 128, z = 24}.",
              optional: true),
            .number(
              "prob_threshold", "Voxels with a greater probability are centres of nuclei.",
              default: found.threshold, min: 0, max: 1),
            .number(
              "min_radius", "Nuclei with a smaller semi-axis are dropped, world units.", default: 1,
              min: 0),
            .boolean(
              "interpolate", "Put a spot where nothing is found, and go on from there.",
              default: d.interpolate),
            .choice(
              "compat", ["clean", "elephant"],
              "elephant: a spot that has a parent gets another, and rejected spots become parents.",
              default: "clean"),
          ] + LinkFlow.options),
      ],
      returns: "{links=, detected=, interpolated=, reason=, last=}",
      "Follow a spot backward: link it to the nearest spot of the timepoint before, or make one, and so on. It ends where a spot has a parent or nothing is found.",
      example: "local way = howdah.link.back_track(p.spots:at(2):first(), {steps = 2})\n"
        + "print(way.links, way.reason, way.last)"
    ) { call in
      let (handle, o, progress) = (call.handle(0), call.options, call.progress)
      let project = call.owner(of: handle) as ProjectObject
      var options = BackTracking.Options()
      options.steps = o.int("steps")
      options.threshold = o.double("threshold")
      options.maxLinks = o.int("max_links")
      options.interpolate = o.bool("interpolate")
      options.compatible = o.string("compat") == "elephant"
      let result = try BackTracking.run(
        SpotID(handle.index), in: project.graph, options: options,
        flow: try LinkFlow.flow(call, in: project),
        detect: try detect(o, project, progress), progress: progress)
      call.push(
        .record([
          ("links", .int(result.links)), ("detected", .int(result.detected)),
          ("interpolated", .int(result.interpolated)), ("reason", .string(result.reason.rawValue)),
          ("last", .handle(project.handle(result.last))),
        ]) as LuaValue)
    }
  }

  /// Asks the detection model of the options; nil without one.
  private static func detect(_ o: Options, _ project: ProjectObject, _ progress: Progress) throws
    -> BackTracking.Detect?
  {
    guard let model = o.object("detection", ModelObject.self) else { return nil }
    guard model.kind == .detection else {
      throw HowdahError(.argument, "link.back_track: detection is a detection model")
    }
    let images = try project.project.requireImages()
    let predictor = try Predictor(model.file.models)
    var options = DetectionPrediction.Options()
    options.setup = o.int("setup")
    options.spots.threshold = o.double("prob_threshold")
    options.spots.minRadius = o.double("min_radius")
    let size = try ForwardMethod.patchSize(o) ?? Size3(x: 128, y: 128, z: 24)
    return { t, point in
      options.region = .around(point, size: size)
      return try DetectionPrediction.spots(
        images: images, t: t, predictor: predictor, options: options, progress: progress)
    }
  }
}

// `howdah.link.lap`: linking by linear assignment.

import Core
import Formats
import Lineage
import Tracking

extension LinkModule {
  static func registerAssignment(_ link: ModuleEntry) {
    let d = AssignmentLinker.Options()
    link.function(
      "lap",
      params: [
        .object("project", "project", "Its spots get links."),
        .options(
          [
            timepoints,
            .number(
              "threshold", "How far a parent may be, world units.", default: d.threshold, min: 0),
            .integer(
              "max_frame_gap",
              "Timepoints from the spot before a gap to the one after it, at most; 1 closes none.",
              default: d.maxFrameGap, min: 0),
            .number(
              "gap_threshold", "How far those two may be apart; absent: threshold.", optional: true,
              min: 0),
            .boolean("splitting", "Whether spots may divide.", default: d.splitting),
            .number(
              "split_threshold", "How far a daughter may be; absent: threshold.", optional: true,
              min: 0),
            .boolean("merging", "Whether tracks may merge.", default: d.merging),
            .number(
              "merge_threshold", "How far merging spots may be apart; absent: threshold.",
              optional: true, min: 0),
            .table(
              "weights",
              "What two linked spots should share, {radius = 1}: radius, volume, intensity, quality or a feature. Distances are multiplied by 1 + 3 w |a - b| / |a + b|.",
              optional: true),
            .function(
              "cost",
              "Called with parent and child within the threshold: the cost of linking them, nil to forbid it; absent: the squared distance.",
              optional: true),
            .boolean(
              "fill_gaps", "Put spots into the timepoints that a link skips.",
              default: d.interpolate),
            .boolean(
              "single_spots",
              "Whether spots without any link to the next timepoints take part in gaps, splits and merges; TrackMate leaves them out.",
              default: d.singleSpots),
            .number(
              "alternative_factor", "Not linking costs so many times the dearest link.",
              default: d.alternativeFactor, min: 0),
            .number(
              "alternative_percentile",
              "For gaps, splits and merges: not linking is measured by this percentile of their costs.",
              default: d.alternativePercentile, min: 0, max: 100),
            box,
          ] + LinkFlow.options),
      ],
      returns: "{links=, ...}",
      "Link by linear assignment, as TrackMate does: frame to frame, then gaps, splits and merges, each at the least sum of squared distances. Links with Tracking unlabeled are made anew, approved ones stay.",
      example: """
        local counts = howdah.link.lap(p, {threshold = 6, weights = {radius = 1}})
        print(counts.links, counts.splits)
        """
    ) { call in
      let (me, o) = (call.object(0, ProjectObject.self), call.options)
      var options = AssignmentLinker.Options()
      options.timepoints = try o.timepoints("timepoints")
      options.threshold = o.double("threshold")
      options.maxFrameGap = o.int("max_frame_gap")
      options.gapThreshold = o.optionalDouble("gap_threshold")
      options.splitting = o.bool("splitting")
      options.splitThreshold = o.optionalDouble("split_threshold")
      options.merging = o.bool("merging")
      options.mergeThreshold = o.optionalDouble("merge_threshold")
      options.singleSpots = o.bool("single_spots")
      options.alternativeFactor = o.double("alternative_factor")
      options.alternativePercentile = o.double("alternative_percentile")
      options.interpolate = o.bool("fill_gaps")
      options.box = try o.box("box")
      options.penalties = try penalties(o["weights"], me, call.progress)
      let custom = try o.function("cost")
      let cost: AssignmentLinker.Cost? = custom.map { function in
        { try function.number(me.handle($0), me.handle($1)) }
      }
      let counts = try AssignmentLinker.run(
        me.graph, options: options, flow: try LinkFlow.flow(call, in: me),
        cost: cost,
        reasons: me.reasons, progress: call.progress)
      call.push(
        .record([
          ("timepoints", .int(counts.timepoints)), ("links", .int(counts.linked)),
          ("cleared", .int(counts.cleared)), ("gaps", .int(counts.gaps)),
          ("splits", .int(counts.splits)), ("merges", .int(counts.merges)),
          ("interpolated", .int(counts.interpolated)), ("unlinked", .int(counts.unlinked)),
        ]) as LuaValue)
    }
  }

  /// The numbers of all spots that the keys of `weights` name.
  static func penalties(_ weights: LuaValue, _ me: ProjectObject, _ progress: Progress) throws
    -> [AssignmentLinker.Penalty]
  {
    let graph = me.graph
    func values(_ read: (SpotID) -> Double) -> [Double] {
      var column = [Double](repeating: .nan, count: graph.spotSlots)
      graph.forEachSpot { column[Int($0.index)] = read($0) }
      return column
    }
    return try (weights.fields ?? []).map { name, weight in
      guard let weight = weight.number else {
        throw HowdahError(.argument, "howdah.link.lap: the weight of \"\(name)\" is not a number")
      }
      let column: [Double]
      switch name {
      case "radius": column = values { graph.covariance($0).meanRadius }
      case "volume": column = values { graph.covariance($0).volume }
      case "intensity":
        let spots = graph.spots
        let means = try SpotIntensity.means(
          of: spots, in: graph, images: try me.project.requireImages(), progress: progress)
        var all = [Double](repeating: .nan, count: graph.spotSlots)
        for (spot, mean) in zip(spots, means) { all[Int(spot.index)] = mean }
        column = all
      default:
        let feature = name == "quality" ? Feature.quality : name
        guard let known = graph.spotFeatureColumn(feature) else {
          let names = ["radius", "volume", "intensity", "quality"] + graph.featureNames
          throw HowdahError(
            .argument,
            "howdah.link.lap: spots have no number \"\(name)\""
              + Suggest.hint(for: name, among: names)
              + "; there are " + names.joined(separator: ", "))
        }
        column = values { known[Int($0.index)] }
      }
      return AssignmentLinker.Penalty(name: name, weight: weight, values: column)
    }
  }
}

// `howdah.link.global`: the most likely story of a whole movie.

import Core
import Formats
import Lineage
import Tracking

extension LinkModule {
  static func registerGlobal(_ link: ModuleEntry) {
    let d = GlobalLinker.Options()
    link.function(
      "global",
      params: [
        .object("project", "project", "Its spots get links."),
        .options(
          [
            timepoints,
            .number(
              "threshold",
              "How far a child may be from the predicted place, world units; absent: as the motion shows.",
              optional: true, min: 0),
            .number(
              "reach",
              "How far spots may move before their neighbours' motion is known; absent: 1.2 times their spacing.",
              optional: true, min: 0),
            .integer(
              "max_frame_gap", "Timepoints from a spot to its child, at most; 1 bridges no gaps.",
              default: d.maxFrameGap, min: 1, max: 100),
            .boolean("divisions", "Whether spots may divide.", default: d.divisions),
            .number(
              "division_bias", "Above 0 finds more divisions, below 0 fewer.",
              default: d.divisionBias
            ),
            .boolean(
              "intensity", "Whether brightness counts; absent: when there are images.",
              optional: true
            ),
            .integer(
              "setup", "The channel or view that brightness is measured in.", default: 0, min: 0),
            .integer(
              "rounds", "How often costs are learned anew from the links found.", default: d.rounds,
              min: 1, max: 20),
            .boolean(
              "fill_gaps", "Put spots into the timepoints that a link skips.", default: d.fillGaps),
            .boolean(
              "part_sisters",
              "Put two spots where the detection took two daughters for one just after they had parted; only spots and links that nobody has judged are replaced.",
              default: d.partSisters),
            box,
          ] + LinkFlow.options),
      ],
      returns: "{links=, divisions=, optimal=, ...}",
      "Link the whole movie by its most likely story: links, divisions, beginnings and ends, with costs learned from approved links and from the movie itself. Says whether the story is proven to be the best. Approved links stay, pairs linked with Tracking Rejected are never linked.",
      example: """
        local story = howdah.link.global(p, {intensity = false})
        print(story.links, story.divisions, story.optimal)
        """
    ) { call in
      let (me, o) = (call.object(0, ProjectObject.self), call.options)
      var options = GlobalLinker.Options()
      options.timepoints = try o.timepoints("timepoints")
      options.threshold = o.optionalDouble("threshold")
      options.reach = o.optionalDouble("reach")
      options.maxFrameGap = o.int("max_frame_gap")
      options.divisions = o.bool("divisions")
      options.divisionBias = o.double("division_bias")
      options.rounds = o.int("rounds")
      options.fillGaps = o.bool("fill_gaps")
      options.partSisters = o.bool("part_sisters")
      options.box = try o.box("box")
      if o["intensity"].boolean ?? (me.project.images != nil) {
        let spots = me.graph.spots
        let means = try SpotIntensity.means(
          of: spots, in: me.graph, images: try me.project.requireImages(), setup: o.int("setup"),
          progress: call.progress)
        var light = [Double](repeating: .nan, count: me.graph.spotSlots)
        for (spot, mean) in zip(spots, means) { light[Int(spot.index)] = mean }
        options.light = light
      }
      let counts = try GlobalLinker.run(
        me.graph, options: options, flow: try LinkFlow.flow(call, in: me),
        reasons: me.reasons,
        progress: call.progress)
      call.push(
        .record([
          ("timepoints", .int(counts.timepoints)), ("links", .int(counts.linked)),
          ("cleared", .int(counts.cleared)), ("gaps", .int(counts.gaps)),
          ("divisions", .int(counts.divisions)), ("interpolated", .int(counts.interpolated)),
          ("parted", .int(counts.parted)),
          ("unlinked", .int(counts.unlinked)), ("approved", .int(counts.approved)),
          ("stray", .double(counts.stray)), ("cost", .double(counts.cost)),
          ("gap", .double(counts.gap)), ("optimal", .bool(counts.isOptimal)),
        ]) as LuaValue)
    }
  }
}

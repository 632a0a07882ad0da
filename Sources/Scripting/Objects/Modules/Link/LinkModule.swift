// `howdah.link`: from spots to lineages.

import Core
import Formats
import Tracking

enum LinkModule {
  /// Which spots get a parent; all linkers have these options.
  static let timepoints = Param.timepoints(
    "timepoints", "Spots of these get a parent; absent: all.", optional: true)
  static let box = Param(
    "box", .box, "Only spots in this box get a parent, world units.", optional: true)

  static func register(_ registry: Registry) {
    let link = registry.module("howdah.link", "From spots to lineages.")
    registerNearest(link)
    registerAssignment(link)
    registerGlobal(link)
    BackTrackLink.register(link)
  }

  private static func registerNearest(_ link: ModuleEntry) {
    let d = NearestNeighborLinker.Options()
    link.function(
      "nearest",
      params: [
        .object("project", "project", "Its spots get links."),
        .options(
          [
            timepoints,
            .number(
              "threshold", "How far a parent may be, world units.", default: d.threshold, min: 0),
            .integer(
              "depth", "How many timepoints back a parent is looked for.", default: d.depth, min: 1),
            .integer(
              "neighbors", "How many nearest spots are considered at each.", default: d.neighbors,
              min: 1),
            .integer(
              "max_links", "How many children a spot may have.", default: d.maxLinks, min: 1),
            .number(
              "division_distance",
              "Squared world units: more than one child only beyond this. ELEPHANT fixes 1.",
              default: d.divisionDistance, min: 0),
            .integer(
              "passes", "How often spots that lost their parent are tried again. ELEPHANT fixes 5.",
              default: d.passes, min: 1),
            .boolean(
              "interpolate", "Put spots where a timepoint is skipped; needs depth above 1.",
              default: d.interpolate),
            .boolean(
              "fill_gaps",
              "Put spots into all timepoints that a link skips, and link through them.",
              default: d.fillGaps),
            box,
            .choice(
              "compat", NearestNeighborLinker.Rules.allCases.map(\.rawValue),
              "clean: the rules as documented; elephant: as shipped, with its quirks.",
              default: d.compat.rawValue),
          ] + LinkFlow.options),
      ],
      returns: "{links=, ...}",
      "Link each spot to the nearest one of the timepoint before. Links with Tracking unlabeled are made anew, approved ones stay.",
      example:
        "local counts = howdah.link.nearest(p, {threshold = 6})\nprint(counts.links, counts.unlinked)"
    ) { call in
      let (me, o) = (call.object(0, ProjectObject.self), call.options)
      var options = NearestNeighborLinker.Options()
      options.timepoints = try o.timepoints("timepoints")
      options.threshold = o.double("threshold")
      options.depth = o.int("depth")
      options.neighbors = o.int("neighbors")
      options.maxLinks = o.int("max_links")
      options.divisionDistance = o.double("division_distance")
      options.passes = o.int("passes")
      options.interpolate = o.bool("interpolate")
      options.fillGaps = o.bool("fill_gaps")
      options.box = try o.box("box")
      options.compat = NearestNeighborLinker.Rules(rawValue: o.string("compat")) ?? .clean
      let flow = try LinkFlow.flow(call, in: me)
      let counts = try NearestNeighborLinker.run(
        me.graph, options: options, flow: flow, reasons: me.reasons, progress: call.progress)
      call.push(
        .record([
          ("timepoints", .int(counts.timepoints)), ("links", .int(counts.linked)),
          ("cleared", .int(counts.cleared)), ("displaced", .int(counts.displaced)),
          ("interpolated", .int(counts.interpolated)), ("unlinked", .int(counts.unlinked)),
        ]) as LuaValue)
    }
  }
}

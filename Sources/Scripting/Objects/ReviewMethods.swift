// `project:review{...}`: automatic links, most doubtful first.

import Core
import Lineage
import Tracking

enum ReviewMethods {
  static func register(_ project: TypeEntry) {
    let d = LinkReview.Options()
    project.method(
      "review",
      params: [
        .options([
          .timepoints("timepoints", "Links into spots of these; absent: all.", optional: true),
          .integer("count", "How many at most.", default: d.count, min: 0),
          .boolean(
            "only_unlabeled", "Only links that nobody has judged (Tracking unlabeled).",
            default: d.onlyUnlabeled),
          .number("max_margin", "Only links with a margin up to this.", default: d.maxMargin),
        ])
      ],
      returns: "{{link=, margin=, cost=, alternative=, reason=}, ...}",
      "Automatic links by how little separates them from their alternative, most doubtful first.",
      example: """
        howdah.link.nearest(p)
        for _, item in ipairs(p:review{count = 3}) do
          print(item.link, item.margin, item.reason)
        end
        """
    ) { call in
      let (me, o) = (call.receiver(ProjectObject.self), call.options)
      var options = LinkReview.Options()
      options.timepoints = try o.timepoints("timepoints")
      options.count = o.int("count")
      options.onlyUnlabeled = o.bool("only_unlabeled")
      options.maxMargin = o.double("max_margin")
      let items = try LinkReview.run(
        me.graph, reasons: me.reasons, options: options, progress: call.progress)
      call.push(
        .list(
          items.map { item in
            var fields: [(key: String, value: LuaValue)] = [
              ("link", .handle(me.handle(item.link))), ("margin", .double(item.margin)),
              ("reason", .string(item.text)),
            ]
            if let cost = item.cost { fields.append(("cost", .double(cost))) }
            if let spot = item.alternative {
              fields.append(("alternative", .handle(me.handle(spot))))
            }
            return .record(fields)
          }) as LuaValue)
    }
  }
}

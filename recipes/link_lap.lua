-- Link by linear assignment, as TrackMate's LAP tracker: all spots of two timepoints at once at
-- the least sum of squared distances, then gaps, divisions and merges. Links that nobody has
-- judged are made anew, approved ones stay.
--
--   howdah run link_lap embryo.mastodon --threshold 8 --radius-weight 1 -o linked.mastodon
--
--   links         1020
--   splits        11

return {
  name = "link_lap",
  version = "1.0.0",
  api = 1,
  summary = "Link by linear assignment with gaps, divisions and merges, as TrackMate",
  params = {
    timepoints = {
      type = "timepoints", help = "spots of these get a parent; absent: all",
    },
    threshold = {
      type = "number", default = 5, min = 0,
      help = "how far a parent may be, world units",
    },
    max_frame_gap = {
      type = "integer", default = 2, min = 0,
      help = "timepoints over a gap, at most",
    },
    splitting = { type = "boolean", default = true, help = "whether spots may divide" },
    merging = { type = "boolean", default = false, help = "whether tracks may merge" },
    fill_gaps = { type = "boolean", default = false, help = "put spots into skipped timepoints" },
    flow = {
      type = "file", help = 'expect spots where a flow model, or "registration" of images, says',
    },
    radius_weight = { type = "number", default = 0, min = 0, help = "how much sizes must agree" },
    intensity_weight = {
      type = "number", default = 0, min = 0, help = "how much brightness must agree",
    },
  },
  run = function(project, params)
    local weights = {}
    if params.radius_weight > 0 then weights.radius = params.radius_weight end
    if params.intensity_weight > 0 then weights.intensity = params.intensity_weight end
    return require("howdah").link.lap(project, {
      flow = params.flow,
      timepoints = params.timepoints, threshold = params.threshold,
      max_frame_gap = params.max_frame_gap, splitting = params.splitting,
      merging = params.merging, fill_gaps = params.fill_gaps, weights = weights,
    })
  end,
}

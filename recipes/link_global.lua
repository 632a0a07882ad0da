-- Link the whole movie by its most likely story: links, divisions, beginnings and ends together.
-- How nuclei move, change and divide is learned from approved links and from the movie itself, so
-- there is no threshold to choose. Links that nobody has judged are made anew, approved ones stay.
-- `optimal` says whether it is proven that no better story exists.
--
--   howdah run link_global embryo.mastodon -o linked.mastodon
--
--   divisions     11
--   links         1020
--   optimal       true

return {
  name = "link_global",
  version = "1.0.0",
  api = 1,
  summary = "Link the whole movie by its most likely story, with divisions",
  params = {
    timepoints = {
      type = "timepoints", help = "spots of these get a parent; absent: all",
    },
    max_frame_gap = {
      type = "integer", default = 2, min = 1, help = "timepoints from a spot to its child, at most",
    },
    divisions = { type = "boolean", default = true, help = "whether spots may divide" },
    division_bias = { type = "number", default = 0, help = "above 0 finds more divisions" },
    intensity = {
      type = "boolean", default = true,
      help = "whether brightness counts, if there are images",
    },
    flow = {
      type = "file", help = 'expect spots where a flow model, or "registration" of images, says',
    },
    fill_gaps = { type = "boolean", default = false, help = "put spots into skipped timepoints" },
    part_sisters = {
      type = "boolean", default = false,
      help = "put two spots where two daughters, just parted, were seen as one",
    },
  },
  run = function(project, params)
    return require("howdah").link.global(project, {
      flow = params.flow,
      timepoints = params.timepoints, max_frame_gap = params.max_frame_gap,
      divisions = params.divisions, division_bias = params.division_bias,
      intensity = params.intensity and project.has_images, fill_gaps = params.fill_gaps,
      part_sisters = params.part_sisters,
    })
  end,
}

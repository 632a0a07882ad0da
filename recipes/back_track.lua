-- Follow one spot backward, as ELEPHANT's "back track": link it to the nearest spot of the
-- timepoint before, or make one where the detection model finds a nucleus, and so on. With a flow
-- model it looks where the nucleus is expected. It ends where a spot has a parent, where nothing
-- is found, or after `steps`.
--
--   howdah run back_track embryo.mastodon --spot 412 --detection versatile --in-place
--
--   detected      2
--   interpolated  0
--   last          87
--   links         10
--   reason        finished

return {
  name = "back_track",
  version = "1.0.0",
  api = 1,
  summary = "Follow one spot backward and make what is missing",
  params = {
    spot = { type = "integer", required = true, min = 0, help = "the id of the spot" },
    steps = { type = "integer", default = 10, min = 1, help = "timepoints to go back at most" },
    threshold = {
      type = "number", default = 5, min = 0, help = "a parent is nearer than this, world units",
    },
    max_links = { type = "integer", default = 2, min = 1, help = "children a spot may have" },
    flow = { type = "file", help = 'a flow model, or "registration" of images' },
    detection = { type = "file", help = 'a detection model: a file or "versatile"' },
    prob_threshold = {
      type = "number", default = 0.5, min = 0, max = 1, help = "probability threshold",
    },
    interpolate = { type = "boolean", default = false, help = "put spots where nothing is found" },
    compat = {
      type = "choice", choices = { "clean", "elephant" }, default = "clean",
      help = "elephant: a spot with a parent gets another, rejected spots become parents",
    },
  },
  run = function(project, params)
    local spot = project.spots:where(function(s) return s.id == params.spot end):first()
    if not spot then error(("there is no spot %d"):format(params.spot), 0) end
    local way = howdah.link.back_track(spot, {
      steps = params.steps, threshold = params.threshold, max_links = params.max_links,
      flow = params.flow,
      detection = params.detection and howdah.detection(params.detection),
      prob_threshold = params.prob_threshold, interpolate = params.interpolate,
      compat = params.compat,
    })
    way.last = way.last.id
    return way
  end,
}

-- Link each spot to the nearest one of the timepoint before, as ELEPHANT's "Nearest Neighbor
-- Linking". Links that nobody has judged are made anew, approved ones stay. With --around a point
-- only spots near it get a parent, as in "around mouse".
--
--   howdah run nearest_neighbor_linking embryo.mastodon --threshold 8 -o linked.mastodon
--   howdah run nearest_neighbor_linking embryo.mastodon --flow registration -o linked.mastodon
--
--   links         1012
--   unlinked      9

return {
  name = "nearest_neighbor_linking",
  version = "1.0.0",
  api = 1,
  summary = "Link each spot to the nearest one of the timepoint before",
  params = {
    timepoints = {
      type = "timepoints", help = "spots of these get a parent; absent: all",
    },
    threshold = {
      type = "number", default = 5, min = 0,
      help = "how far a parent may be, world units",
    },
    depth = { type = "integer", default = 1, min = 1, help = "how many timepoints back to look" },
    neighbors = {
      type = "integer", default = 3, min = 1,
      help = "how many neighbours to consider",
    },
    max_links = {
      type = "integer", default = 2, min = 1,
      help = "how many children a spot may have",
    },
    interpolation = {
      type = "choice", choices = { "none", "last", "every" }, default = "none",
      help = "spots for skipped timepoints: in the last one as ELEPHANT does, or in every one",
    },
    flow = {
      type = "file", help = 'expect spots where a flow model, or "registration" of images, says',
    },
    around = { type = "point", help = "only around this point, world units" },
    size = { type = "number", default = 50, min = 0, help = "width of the box around it" },
    compat = {
      type = "choice", choices = { "clean", "elephant" }, default = "clean",
      help = "the rules as documented, or as shipped with their quirks",
    },
  },
  run = function(project, params)
    local box
    if params.around then
      local p, half = params.around, params.size / 2
      box = {
        minimum = { x = p.x - half, y = p.y - half, z = p.z - half },
        maximum = { x = p.x + half, y = p.y + half, z = p.z + half },
      }
    end
    return require("howdah").link.nearest(project, {
      timepoints = params.timepoints, threshold = params.threshold, depth = params.depth,
      neighbors = params.neighbors, max_links = params.max_links, box = box,
      flow = params.flow,
      interpolate = params.interpolation == "last", fill_gaps = params.interpolation == "every",
      compat = params.compat,
    })
  end,
}

-- Which linker fits a data set: link the spots of a project with each method and compare with a
-- project whose links are right. That may be the same file: with --forget all its links are taken
-- away first, even approved ones. A division may come `tolerance` timepoints early or late. With
-- --flow each method links once more around what the flow expects. With -o the links of the last
-- method are kept.
--
--   howdah run compare_linking tracked.mastodon --truth tracked.mastodon --forget
--
--   division_f1  link_f1  linker   links_missed  links_right  links_wrong  seconds
--          0.73    0.995  nearest           104         9953            6    0.008
--         0.723    0.994  lap               106         9951            6    0.009
--         0.966    0.999  global             21        10036            3    0.298

return {
  name = "compare_linking",
  version = "1.1.0",
  api = 1,
  summary = "Link the same spots with each method and compare with the truth",
  params = {
    truth = { type = "input", required = true, help = "a project whose links are right" },
    forget = { type = "boolean", default = false, help = "take all links away first" },
    threshold = {
      type = "number", min = 0,
      help = "how far a parent may be for nearest and lap, world units; absent: as far as 99 of "
        .. "100 links of the truth go",
    },
    timepoints = { type = "timepoints", help = "spots of these get a parent; absent: all" },
    tolerance = { type = "integer", default = 1, min = 0, help = "timepoints for divisions" },
    intensity = {
      type = "boolean", default = true,
      help = "whether brightness counts for global, if there are images",
    },
    flow = {
      type = "file",
      help = 'also link where a flow model, or "registration" of images, expects spots',
    },
    output = { type = "output", help = "a CSV file for the table" },
  },
  run = function(project, params)
    local howdah = require "howdah"
    local truth = howdah.open(params.truth)
    if #truth.links == 0 then error(params.truth .. " has no links to compare with", 0) end
    local threshold = params.threshold or truth.links:column("length"):percentile(99)
    if params.forget then project.links:remove() end
    -- Linkers take spots that ELEPHANT knows; those of other programs carry none of its tags.
    project.tags:add_elephant()
    project.spots:untagged("Detection"):tag("Detection", "unlabeled")

    local near = { timepoints = params.timepoints, threshold = threshold }
    local whole = {
      timepoints = params.timepoints, intensity = params.intensity and project.has_images,
    }
    local rows = {}
    local function try(linker, with_flow)
      local options = linker == "global" and whole or near
      options.flow = with_flow and params.flow or nil
      local start = howdah.clock()
      howdah.link[linker](project, options)
      local seconds = howdah.clock() - start
      local score = howdah.evaluate(project, truth, {
        measures = "spots", division_tolerance = params.tolerance, timepoints = params.timepoints,
      })
      local function round(x) return math.floor(x * 1000 + 0.5) / 1000 end
      local links = score.counts.links
      rows[#rows + 1] = {
        linker = with_flow and linker .. ", flow" or linker, links_right = links.right,
        links_wrong = links.wrong, links_missed = links.missed, link_f1 = round(score.link_f1),
        division_f1 = round(score.division_f1), seconds = round(seconds),
      }
    end
    for _, linker in ipairs { "nearest", "lap", "global" } do
      try(linker, false)
      if params.flow then try(linker, true) end
    end
    if params.output then howdah.csv.write(params.output, rows) end
    return rows
  end,
}

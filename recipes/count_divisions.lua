-- Count the divisions at each timepoint and write them as CSV. A division is a spot with exactly
-- `children` outgoing links.
--
-- mode = "entire" counts over all spots whose `tag_set` is `tag` and writes timepoint and count:
--   "0","1"
--   "1","0"
-- mode = "trackwise" has one column for each completed root (-1 where its lineage has no spot):
--   "Timepoint","A","10"
--   "0","0","-1"
--   "1","1","0"
--
--   howdah run count_divisions embryo.mastodon --mode trackwise --output divisions.csv
--
--   divisions  12
--   output     divisions.csv

local function entire(project, params)
  local count, rows = {}, {}
  local spots = params.tag == "" and project.spots:untagged(params.tag_set)
    or project.spots:tagged(params.tag_set, params.tag)
  if spots:is_empty() and #project.spots > 0 then
    howdah.log.warn('no spot has the tag "', params.tag, '" of "', params.tag_set,
      '"; see tracking_statistics for the tags that there are')
  end
  for mother in spots:dividing{ children = params.children }:each() do
    count[mother.t] = (count[mother.t] or 0) + 1
  end
  for t = 0, project.timepoints - 1 do rows[t + 1] = { t, count[t] or 0 } end
  return rows
end

-- ELEPHANT walks down every path, so that a spot after a merge counts once for each of them.
local function every_path(root)
  local ahead = { root }
  return function()
    local spot = table.remove(ahead)
    if not spot then return end
    for child in spot:children():each() do
      if child.t > spot.t then ahead[#ahead + 1] = child end
    end
    return spot
  end
end

local function trackwise(project, params)
  local rows = { { "Timepoint" } }
  for t = 0, project.timepoints - 1 do rows[t + 2] = { t } end
  for root in project.spots:roots():tagged("Status", "Completed"):each() do
    local column = #rows[1] + 1
    rows[1][column] = root.name
    for t = 0, project.timepoints - 1 do rows[t + 2][column] = -1 end
    local walk = params.compat == "elephant" and every_path(root) or root:descendants():each()
    for spot in walk do
      local row = rows[spot.t + 2]
      row[column] = math.max(row[column], 0) + (#spot:outgoing() == params.children and 1 or 0)
    end
  end
  return rows
end

return {
  name = "count_divisions",
  version = "1.0.0",
  api = 1,
  summary = "Count divisions per timepoint and write them as CSV",
  params = {
    mode = {
      type = "choice", choices = { "entire", "trackwise" }, default = "entire",
      help = "entire: one count for all spots; trackwise: one column for each completed root",
    },
    output = { type = "output", default = "divisions.csv", help = "the CSV file to write" },
    tag_set = { type = "string", default = "Tracking", help = "entire: look at this tag set" },
    tag = {
      type = "string", default = "Approved", help = 'entire: spots with this tag; "" means no tag',
    },
    children = {
      type = "integer", default = 2, min = 1, help = "a division has exactly this many children",
    },
    compat = {
      type = "choice", choices = { "clean", "elephant" }, default = "clean",
      help = "elephant: trackwise counts a spot after a merge once for every path to it",
    },
  },
  run = function(project, params)
    local rows = (params.mode == "entire" and entire or trackwise)(project, params)
    local divisions = 0
    for _, row in ipairs(rows) do
      for i = 2, #row do
        -- The first line of a trackwise table has names, which may look like numbers.
        if math.type(row[i]) == "integer" then divisions = divisions + math.max(row[i], 0) end
      end
    end
    howdah.csv.write(params.output, rows, { quote = "all" })
    return { divisions = divisions, output = params.output }
  end,
}

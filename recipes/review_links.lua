-- List the automatic links that a person should look at first: those with the least between them
-- and their alternative. Links that somebody has judged are left out.
--
--   howdah run review_links linked.mastodon --count 20 --output doubtful.csv
--
--   margin  t  source  target  instead  reason
--    0.013  4      12      31       14  spot 14 fits nearly as well

return {
  name = "review_links",
  version = "1.0.0",
  api = 1,
  summary = "List doubtful links, most doubtful first",
  params = {
    timepoints = { type = "timepoints", help = "links into these; absent: all" },
    count = { type = "integer", default = 50, min = 0, help = "how many at most" },
    max_margin = { type = "number", default = 1, help = "only links with a margin up to this" },
    output = { type = "output", help = "a CSV file for the list" },
  },
  run = function(project, params)
    local howdah = require "howdah"
    local rows = {}
    for i, item in ipairs(project:review {
      timepoints = params.timepoints, count = params.count, max_margin = params.max_margin,
    }) do
      rows[i] = {
        margin = math.floor(item.margin * 1e4 + 0.5) / 1e4, t = item.link.target.t,
        source = item.link.source.id, target = item.link.target.id,
        instead = item.alternative and item.alternative.id or "", reason = item.reason,
        x = item.link.target.x, y = item.link.target.y, z = item.link.target.z,
      }
    end
    local columns = { "margin", "t", "source", "target", "instead", "reason" }
    if params.output then
      local all = { "margin", "t", "source", "target", "instead", "reason", "x", "y", "z" }
      howdah.csv.write(params.output, rows, { columns = all })
    end
    return {
      links = #rows, text = #rows > 0 and tostring(howdah.table(rows, { columns = columns })) or "",
    }
  end,
}

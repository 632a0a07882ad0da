-- Count the spots by their tag, over all timepoints and at one of them. Spots without a tag in the
-- tag set are counted as "none"; tags that no spot carries are left out.
--
--   howdah run tracking_statistics embryo.mastodon --timepoint 0
--
--   all
--     Approved   2
--     unlabeled  2
--   timepoint
--     Approved   2
--     unlabeled  1

return {
  name = "tracking_statistics",
  version = "1.0.0",
  api = 1,
  summary = "Count spots by their Tracking tag",
  params = {
    timepoint = { type = "integer", default = 0, min = 0, help = "the timepoint to list too" },
    tag_set = { type = "string", default = "Tracking", help = "the tag set to count by" },
    format = {
      type = "choice", choices = { "table", "text" }, default = "table",
      help = "text: the message that ELEPHANT shows",
    },
  },
  run = function(project, params)
    -- A project that ELEPHANT never touched has none of its tag sets: all its spots have no tag.
    local set = project.tags:has(params.tag_set) and project.tags[params.tag_set]
    local tags = set and set:names() or {}
    local function count(spots)
      local counts, lines = {}, {}
      local function add(name, n)
        if n == 0 then return end
        counts[name] = n
        lines[#lines + 1] = ("\n\t%s: %d"):format(name, n)
      end
      for _, tag in ipairs(tags) do
        add(tag, spots:tagged(params.tag_set, tag):count())
      end
      add("none", spots:untagged(params.tag_set):count())
      return counts, table.concat(lines)
    end

    local all, all_text = count(project.spots)
    local now, now_text = count(project.spots:at(params.timepoint))
    if params.format == "text" then
      return ("All timepoints:%s\nTimepoint (%d): %s"):format(all_text, params.timepoint, now_text)
    end
    return { all = all, timepoint = now }
  end,
}

-- Tell lineages that divide from lineages that do not, in the tag set "Proliferator".
-- A lineage with a division is a Proliferator. One without is a Non-proliferator if it was followed
-- long enough to say so: it begins before timepoint `start_before` and ends after `end_after`.
-- What was followed for a shorter time is Invisible, that is, undetermined.
--
--   howdah run tag_proliferators embryo.mastodon --start-before 20 --end-after 80
--
--   proliferators      12
--   non_proliferators  31
--   invisible           7

return {
  name = "tag_proliferators",
  version = "1.0.0",
  api = 1,
  summary = "Tag lineages by whether they divide while they are observed",
  params = {
    start_before = {
      type = "integer", default = 100,
      help = "a non-proliferator begins before this timepoint",
    },
    end_after = {
      type = "integer", default = 350,
      help = "a non-proliferator is still there after this timepoint",
    },
  },
  run = function(project, params)
    project.spots:tag("Proliferator", "Proliferator")
    project.links:tag("Proliferator", "Proliferator")

    local count = { ["Proliferator"] = 0, ["Non-proliferator"] = 0, ["Invisible"] = 0 }
    for root in project.spots:roots():each() do
      local lineage = root:descendants()
      local verdict = "Proliferator"
      if lineage:dividing():is_empty() then
        local last = lineage:leaves():first() or root
        local is_long = root.t < params.start_before and last.t > params.end_after
        verdict = is_long and "Non-proliferator" or "Invisible"
        lineage:tag("Proliferator", verdict)
        lineage:outgoing():tag("Proliferator", verdict)
      end
      count[verdict] = count[verdict] + 1
    end
    return {
      proliferators = count["Proliferator"],
      non_proliferators = count["Non-proliferator"],
      invisible = count["Invisible"],
    }
  end,
}

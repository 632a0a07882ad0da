-- Tell lineages that divide from lineages that do not, in the tag set "Proliferator".
-- A lineage with a division is a Proliferator. One without is a Non-proliferator if it was followed
-- long enough to say so: it begins before timepoint `start_before` and ends after `end_after`.
-- What was followed for a shorter time is Invisible, that is, undetermined. Where two of them
-- merge, what follows counts as followed long enough; ELEPHANT takes root by root, and the verdict
-- of the last root stays.
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
      type = "integer", default = 100, min = 1,
      help = "a non-proliferator begins before this timepoint",
    },
    end_after = {
      type = "integer", default = 350, min = 0,
      help = "a non-proliferator is still there after this timepoint",
    },
    compat = {
      type = "choice", choices = { "clean", "elephant" }, default = "clean",
      help = "elephant: where lineages merge, the verdict of the last root stays",
    },
  },
  run = function(project, params)
    project.spots:tag("Proliferator", "Proliferator")
    project.links:tag("Proliferator", "Proliferator")

    local roots = project.spots:roots()
    local linear = roots - project.spots:dividing():ancestors()
    local last = math.max(project.timepoints, params.end_after + 1)
    local seen_late = project.spots:leaves():at{ params.end_after + 1, last }:ancestors()
    local followed = linear:at{ 0, params.start_before - 1 } * seen_late
    local undetermined = linear - followed

    local function tag(lineages, verdict)
      lineages:descendants():tag("Proliferator", verdict)
      lineages:descendants():outgoing():tag("Proliferator", verdict)
    end
    tag(undetermined, "Invisible")
    tag(followed, "Non-proliferator")
    if params.compat == "elephant" then
      local is_followed = {}
      for root in followed:each() do is_followed[root] = true end
      for root in linear:each() do
        tag(root, is_followed[root] and "Non-proliferator" or "Invisible")
      end
    end
    return {
      proliferators = #roots - #linear, non_proliferators = #followed, invisible = #undetermined,
    }
  end,
}

-- Number the lineages: every spot and every link that descends from a completed root gets the
-- number of that root as its tag in the tag set "Progenitor"; all others become "unlabeled".
-- A root is a spot without an incoming link whose Status is Completed. Where two lineages merge,
-- the later root wins.
--
--   howdah run tag_progenitors embryo.mastodon
--   howdah run tag_progenitors embryo.mastodon --max-count 100 -o numbered.mastodon
--
--   progenitors  2
--   spots        4
--   left_out     0

return {
  name = "tag_progenitors",
  version = "1.0.0",
  api = 1,
  summary = "Number each completed lineage in the tag set Progenitor",
  params = {
    max_count = {
      type = "integer", default = 255, min = 1, max = 255,
      help = "how many lineages are numbered; the tag set has 255 tags",
    },
    compat = {
      type = "choice", choices = { "clean", "elephant" }, default = "clean",
      help = "clean: number the roots by ascending id; elephant: in the order of its hash set",
    },
  },
  run = function(project, params)
    project.spots:tag("Progenitor", "unlabeled")
    project.links:tag("Progenitor", "unlabeled")

    local completed = project.spots:roots():tagged("Status", "Completed")
    if params.compat == "elephant" then completed = completed:hash_order() end

    local number, tagged = 0, 0
    for root in completed:each() do
      if number == params.max_count then break end
      number = number + 1
      local lineage = root:descendants()
      tagged = tagged + lineage:tag("Progenitor", tostring(number))
      lineage:outgoing():tag("Progenitor", tostring(number))
    end
    return { progenitors = number, spots = tagged, left_out = #completed - number }
  end,
}

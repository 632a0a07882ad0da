-- Mark cell divisions in the tag set "Division": a spot with more than one outgoing link is
-- Dividing, its direct children are Divided, every other spot is Non-dividing. A daughter that
-- divides at once is Dividing.
--
--   howdah run tag_dividing_cells embryo.mastodon
--
--   dividing       12
--   divided        20
--   non_dividing  841

return {
  name = "tag_dividing_cells",
  version = "1.0.0",
  api = 1,
  summary = "Mark mothers and daughters of divisions in the tag set Division",
  params = {
    compat = {
      type = "choice", choices = { "clean", "elephant" }, default = "clean",
      help = "elephant: a daughter that divides is Divided if its id is below its mother's",
    },
  },
  run = function(project, params)
    project.spots:tag("Division", "Non-dividing")
    local mothers = project.spots:dividing()
    if params.compat == "elephant" then
      for mother in mothers:each() do
        mother.tags.Division = "Dividing"
        mother:children():tag("Division", "Divided")
      end
    else
      mothers:children():tag("Division", "Divided")
      mothers:tag("Division", "Dividing")
    end

    local function count(tag) return project.spots:tagged("Division", tag):count() end
    return {
      dividing = count("Dividing"),
      divided = count("Divided"),
      non_dividing = count("Non-dividing"),
    }
  end,
}

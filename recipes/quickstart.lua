-- From images to a first lineage: find bright blobs, link them, mark divisions, number the
-- lineages, count, draw and save. It asks for no trained model; what it finds is meant to be looked
-- at and corrected.
--
--   howdah run quickstart embryo.xml --radius 3.5 --max-distance 6
--   howdah run quickstart embryo.xml --truth truth.mastodon
--
--   spots       1024
--   links        961
--   tracks        88
--   divisions     12
--   output      quickstart.mastodon
--   csv         quickstart-divisions.csv
--   picture     quickstart-slice.png
--   lineage     quickstart-lineage.svg

return {
  name = "quickstart",
  version = "1.0.0",
  api = 1,
  summary = "Detect, link, tag, count, draw and save, with no model needed",
  params = {
    radius = { type = "number", help = "typical radius of a nucleus in world units" },
    threshold = { type = "number", help = "least contrast of a blob, from 0 (all) to 1" },
    max_distance = { type = "number", help = "how far a nucleus may move between timepoints" },
    output = { type = "output", default = "quickstart.mastodon", help = "the project to save" },
    csv = { type = "output", default = "quickstart-divisions.csv", help = "division counts" },
    picture = { type = "output", default = "quickstart-slice.png", help = "spots on a slice" },
    lineage = { type = "output", default = "quickstart-lineage.svg", help = "the lineage tree" },
    truth = { type = "input", help = "a project with the right answer, to compare with" },
  },
  run = function(project, params)
    local found = howdah.detect.dog(project, {
      radius = params.radius, threshold = params.threshold,
    })
    local linked = howdah.link.nearest(project, { threshold = params.max_distance })

    project.spots:roots():tag("Status", "Completed")
    local division = howdah.run("tag_dividing_cells", project)
    howdah.run("tag_progenitors", project)
    howdah.run("count_divisions", project, { tag = "unlabeled", output = params.csv })

    project:snapshot(params.picture, { color_by = "Progenitor", view = "max" })
    project:lineage(params.lineage, { color_by = "Progenitor" })
    project:save(params.output)

    local result = {
      spots = found.spots, links = linked.links, tracks = #project.tracks,
      divisions = division.dividing, output = params.output, csv = params.csv,
      picture = params.picture, lineage = params.lineage,
    }
    if params.truth then result.score = howdah.evaluate(project, howdah.open(params.truth)) end
    return result
  end,
}

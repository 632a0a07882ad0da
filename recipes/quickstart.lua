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
--   radius      3.41
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
    radius = { type = "number", help = "radius of a nucleus in world units; absent: measured" },
    threshold = { type = "number", help = "least quality of a spot; absent: chosen per image" },
    max_distance = {
      type = "number", help = "how far a nucleus moves in a timepoint; absent: one radius",
    },
    output = { type = "output", default = "quickstart.mastodon", help = "the project to save" },
    csv = { type = "output", default = "quickstart-divisions.csv", help = "division counts" },
    picture = { type = "output", default = "quickstart-slice.png", help = "spots on a slice" },
    lineage = { type = "output", default = "quickstart-lineage.svg", help = "the lineage tree" },
    view = {
      type = "choice", choices = { "xy", "xz", "yz", "ortho", "max" }, default = "xy",
      help = "what the picture shows: a plane, three planes, or the maximum along z",
    },
    truth = { type = "input", help = "a project with the right answer, to compare with" },
  },
  run = function(project, params)
    local found = howdah.detect.dog(project, {
      radius = params.radius, threshold = params.threshold,
    })
    local linked = howdah.link.nearest(project, {
      threshold = params.max_distance or found.radius,
    })

    project.spots:roots():tag("Status", "Completed")
    local division = howdah.run("tag_dividing_cells", project)
    local number = howdah.run("tag_progenitors", project)
    howdah.run("count_divisions", project, { tag = "unlabeled", output = params.csv })

    -- The tag set has 255 colours; what it leaves out would not be drawn.
    local color_by = number.left_out == 0 and "Progenitor" or "track"
    project:snapshot(params.picture, {
      t = project.timepoints // 2, view = params.view, color_by = color_by,
    })
    project:lineage(params.lineage, { color_by = color_by })
    project:save(params.output)

    local result = {
      spots = found.spots, links = linked.links, tracks = #project.tracks,
      divisions = division.dividing, radius = found.radius, output = params.output,
      csv = params.csv, picture = params.picture, lineage = params.lineage,
    }
    if params.truth then
      local score = howdah.evaluate(project, howdah.open(params.truth), { measures = "spots" })
      result.truth = {
        spot_f1 = score.spot_f1, link_f1 = score.link_f1, division_f1 = score.division_f1,
        counts = score.counts,
      }
    end
    return result
  end,
}

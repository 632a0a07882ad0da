-- Write tracks and label images as the Cell Tracking Challenge wants them: mask000.tif, ... and
-- res_track.txt, and id_map.csv with the label of every spot. By default only those tracks are
-- written whose root has Status Completed, as in ELEPHANT; the tags of its descendants do not
-- matter. A label lives until the cell divides, disappears or is absent for a timepoint. Ellipsoids
-- that overlap part half-way; with `--compat elephant` they are drawn as ELEPHANT 0.7 does, cores
-- over shells, and tracks are not cut to the timepoints, as it leaves them. `--images 01` writes
-- the images beside them, as t000.tif, ...
--
--   howdah run export_ctc embryo.mastodon --output 01_RES --tracks all
--   howdah run export_ctc embryo.mastodon --output 01_GT --names truth --tracks all --images 01
--
--   tracks          40
--   spots          512
--   frames          30
--   dropped_links    0
--   merges           0
--   output      01_RES

return {
  name = "export_ctc",
  version = "1.0.0",
  api = 1,
  summary = "Write tracks and label images for the Cell Tracking Challenge",
  params = {
    output = { type = "output", default = "01_RES", help = "the folder to write" },
    tracks = {
      type = "choice", choices = { "completed", "all" }, default = "completed",
      help = "those whose root carries the tag, or all",
    },
    tag_set = { type = "string", default = "Status", help = "the tag set that is looked at" },
    tag = { type = "tag", default = "Completed", help = "the tag that a root needs" },
    timepoint = { type = "integer", min = 0, help = "the last timepoint; absent: the last one" },
    time_range = { type = "integer", min = 1, help = "how many timepoints up to it; absent: all" },
    names = {
      type = "choice", choices = { "result", "truth" }, default = "result",
      help = "mask000.tif and res_track.txt, or TRA/man_track000.tif and TRA/man_track.txt",
    },
    compat = {
      type = "choice", choices = { "clean", "elephant" }, default = "clean",
      help = "elephant: label images and tracks as ELEPHANT 0.7 writes them",
    },
    images = { type = "output", help = "a folder that the images are written to, too" },
  },
  run = function(project, params)
    local roots = project.spots:roots()
    if params.tracks == "completed" then
      roots = roots:tagged(params.tag_set, params.tag)
      if #roots == 0 then
        error(("no track begins with a spot that has %s %s; tag some, or use --tracks all"):format(
          params.tag_set, params.tag), 0)
      end
    end
    local last = params.timepoint or project.timepoints - 1
    local first = params.time_range and math.max(0, last - params.time_range + 1) or 0
    local compat = params.compat == "elephant" and "elephant" or nil
    local result = project:export(params.output, {
      format = "ctc", roots = roots, names = params.names, compat = compat,
      timepoints = not compat and { first, last } or nil, images_folder = params.images,
    })
    result.output = params.output
    return result
  end,
}

-- Paint what training would learn from the judged spots of a timepoint, count it, and write it as
-- a TIFF stack: 0 nothing, 1 background, 2 border, 3 centre, and 4, 5, 6 the same where a
-- prediction was wrong. Training paints the labels itself, so there is nothing to keep up to date;
-- this is for looking at them.
--
--   howdah run update_detection_labels embryo.mastodon --timepoint 3 --picture labels.png
--
--   output  labels.tif
--   spots   fn: 3, fp: 2, tp: 7
--   voxels  background: 1520, border: 4418, center: 610, none: 12680540

return {
  name = "update_detection_labels",
  version = "1.0.0",
  api = 1,
  summary = "Paint and count the labels that training would see",
  params = {
    timepoint = { type = "integer", default = 0, min = 0, help = "which" },
    setup = { type = "integer", default = 0, min = 0, help = "the channel or view" },
    center_ratio = { type = "number", default = 0.4, min = 0, max = 1, help = "centre to spot" },
    auto_bg_threshold = {
      type = "string", default = "0", help = 'darker voxels are background, 0 to 1, or "auto"',
    },
    output = { type = "output", default = "labels.tif", help = "the label volume" },
    picture = { type = "output", help = "a PNG of the labels, seen along z" },
  },
  run = function(project, params)
    -- Labels are the same for every model.
    local model = howdah.detection("default", { widths = { 4, 8 } })
    local labels = model:labels(project, {
      t = params.timepoint, setup = params.setup, center_ratio = params.center_ratio,
      auto_bg_threshold = tonumber(params.auto_bg_threshold) or params.auto_bg_threshold,
    })
    labels:save(params.output)
    if params.picture then show(labels, { path = params.picture }) end

    local n = labels:histogram(7, { min = 0, max = 7 }).counts
    local spots = project.spots:at(params.timepoint)
    local judged = {}
    for _, tag in ipairs { "tp", "fp", "tn", "fn", "tb", "fb" } do
      judged[tag] = spots:tagged("Detection", tag):count()
    end
    return {
      output = params.output, spots = judged,
      voxels = {
        none = n[1], background = n[2] + n[5], border = n[3] + n[6], center = n[4] + n[7],
      },
    }
  end,
}

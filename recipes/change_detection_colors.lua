-- Change the colours of the Detection tags. "basic" paints alike what trains alike (cyan is a cell,
-- magenta is none); "advanced" gives every tag its own colour. Tags of your own keep theirs.
--
--   howdah run change_detection_colors embryo.mastodon --mode advanced
--
--   changed  3

local colors = {
  basic = {
    tp = "#00FFFF", fp = "#FF00FF", tn = "#FF00FF", fn = "#00FFFF", tb = "#FFC800",
    fb = "#FFC800", unlabeled = "#00FF00",
  },
  advanced = {
    tp = "#00FFFF", fp = "#FF00FF", tn = "#FF0000", fn = "#FFFF00", tb = "#FFC800",
    fb = "#FFAFAF", unlabeled = "#00FF00",
  },
}

return {
  name = "change_detection_colors",
  version = "1.0.0",
  api = 1,
  summary = "Change the colours of the Detection tags",
  params = {
    mode = {
      type = "choice", choices = { "basic", "advanced" }, default = "basic",
      help = "basic: few colours for novices; advanced: one colour for each tag",
    },
  },
  run = function(project, params)
    if not project.tags:has("Detection") then error("Detection tag set not found.", 0) end
    local detection = project.tags.Detection
    local changed = 0
    for _, name in ipairs(detection:names()) do
      local color = colors[params.mode][name]
      if color and detection[name].color ~= color then
        detection[name].color = color
        changed = changed + 1
      end
    end
    return { changed = changed }
  end,
}

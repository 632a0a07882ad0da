-- Forget what was judged about spots, so that training no longer learns from them: their tag in
-- the set Detection is taken away, or becomes `unlabeled` as if they had just been predicted.
-- Spots without a tag stay when new ones are predicted; unlabeled ones are replaced then. Undo
-- brings the judgements back.
--
--   howdah run reset_detection_labels embryo.mastodon --timepoints 0..4 --in-place
--
--   reset  57

return {
  name = "reset_detection_labels",
  version = "1.0.0",
  api = 1,
  summary = "Forget which spots were judged",
  params = {
    timepoints = { type = "timepoints", help = "which; absent: all" },
    to = {
      type = "choice", choices = { "none", "unlabeled" }, default = "none",
      help = "what becomes of the tag",
    },
  },
  run = function(project, params)
    local spots = params.timepoints and project.spots:at(params.timepoints) or project.spots
    local reset = 0
    for _, tag in ipairs { "tp", "fp", "tn", "fn", "tb", "fb" } do
      local judged = spots:tagged("Detection", tag)
      reset = reset + (params.to == "none" and judged:untag("Detection")
        or params.to ~= "none" and judged:tag("Detection", params.to) or 0)
    end
    return { reset = reset }
  end,
}

-- Forget which links were approved, so that flow training no longer learns from them: their tag in
-- the set Tracking becomes `unlabeled`, as if they had just been made, or is taken away. Unlabeled
-- links are made anew when spots are linked; links without a tag stay. Undo brings the approval
-- back.
--
--   howdah run reset_flow_labels embryo.mastodon --timepoints 1..4 --in-place
--
--   reset  57

return {
  name = "reset_flow_labels",
  version = "1.0.0",
  api = 1,
  summary = "Forget which links were approved",
  params = {
    timepoints = { type = "timepoints", help = "of the links' targets; absent: all" },
    to = {
      type = "choice", choices = { "unlabeled", "none" }, default = "unlabeled",
      help = "what becomes of the tag",
    },
  },
  run = function(project, params)
    local range = params.timepoints
    local first, last = -math.huge, math.huge
    if type(range) == "number" then first, last = range, range
    elseif range then first, last = range[1], range[2] end
    local links = project.links:tagged("Tracking", "Approved"):where(function(link)
      return link.target.t >= first and link.target.t <= last
    end)
    local reset = links:count()
    if params.to == "none" then links:untag("Tracking") else links:tag("Tracking", "unlabeled") end
    return { reset = reset }
  end,
}

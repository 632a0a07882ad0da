-- Remove the tracks that are too short to be cells. From each root (a spot without an incoming
-- link) everything that descends from it is kept if one of these spots is approved, or if one comes
-- at least `min_links` timepoints after the root. Of the others, the spots that nobody has judged
-- (Detection and Tracking both "unlabeled") are removed; spots with other tags stay.
--
--   howdah run remove_short_tracks embryo.mastodon --min-links 20
--
--   tracks_kept  118
--   removed      342

return {
  name = "remove_short_tracks",
  version = "1.0.0",
  api = 1,
  summary = "Remove unjudged spots of tracks shorter than a number of timepoints",
  params = {
    min_links = {
      type = "integer", default = 50, min = 0,
      help = "timepoints from root to last spot; at most the number of the last timepoint",
    },
    compat = {
      type = "choice", choices = { "clean", "elephant" }, default = "clean",
      help = "elephant: a long track loses the spots that a short root reaches through a merge",
    },
  },
  run = function(project, params)
    local min_links = math.min(params.min_links, project.timepoints - 1)
    local roots = project.spots:roots()
    local long = roots:where(function(root)
      local lineage = root:descendants()
      return lineage:column("t"):max() - root.t >= min_links
        or not lineage:tagged("Tracking", "Approved"):is_empty()
    end)

    local doomed = (roots - long):descendants()
    if params.compat == "clean" then doomed = doomed - long:descendants() end
    local kept = #long
    local removed = doomed:tagged("Detection", "unlabeled"):tagged("Tracking", "unlabeled"):remove()
    return { tracks_kept = kept, removed = removed }
  end,
}

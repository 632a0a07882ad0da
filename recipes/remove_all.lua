-- Remove all spots and links, to start again. Tag sets, settings and images stay.
--
--   howdah run remove_all embryo.mastodon -o empty.mastodon
--
--   links   812
--   spots  1024

return {
  name = "remove_all",
  version = "1.0.0",
  api = 1,
  summary = "Remove all spots and links",
  params = {},
  run = function(project)
    local links = project.links:remove()
    local spots = project.spots:remove()
    return { links = links, spots = spots }
  end,
}

-- Remove the links that lead from a spot to itself. They come from slips of the mouse and from
-- imports, and most programs cannot draw or follow them.
--
--   howdah run remove_self_links embryo.mastodon
--
--   removed  1

return {
  name = "remove_self_links",
  version = "1.0.0",
  api = 1,
  summary = "Remove links whose source is their target",
  params = {},
  run = function(project)
    local loops = project.links:where(function(link) return link.source == link.target end)
    return { removed = loops:remove() }
  end,
}

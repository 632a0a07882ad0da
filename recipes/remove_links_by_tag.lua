-- Remove the links that carry a tag; the spots stay. An empty tag removes the links that have no
-- tag at all in this tag set, which is not the same as the tag "unlabeled".
--
--   howdah run remove_links_by_tag embryo.mastodon --tag-set Tracking --tag unlabeled
--
--   removed  812

return {
  name = "remove_links_by_tag",
  version = "1.0.0",
  api = 1,
  summary = "Remove the links that carry a tag",
  params = {
    tag_set = { type = "string", default = "Tracking", help = "the tag set to look at" },
    tag = { type = "string", required = true, help = 'links with this tag go; "" means no tag' },
  },
  run = function(project, params)
    local links = params.tag == "" and project.links:untagged(params.tag_set)
      or project.links:tagged(params.tag_set, params.tag)
    return { removed = links:remove() }
  end,
}

-- Remove the spots that carry a tag, with their links. An empty tag removes the spots that have no
-- tag at all in this tag set, which is not the same as the tag "unlabeled".
--
--   howdah run remove_spots_by_tag embryo.mastodon --tag-set Detection --tag fp
--
--   removed  27

return {
  name = "remove_spots_by_tag",
  version = "1.0.0",
  api = 1,
  summary = "Remove the spots that carry a tag",
  params = {
    tag_set = { type = "string", default = "Detection", help = "the tag set to look at" },
    tag = { type = "string", required = true, help = 'spots with this tag go; "" means no tag' },
  },
  run = function(project, params)
    local spots = params.tag == "" and project.spots:untagged(params.tag_set)
      or project.spots:tagged(params.tag_set, params.tag)
    return { removed = spots:remove() }
  end,
}

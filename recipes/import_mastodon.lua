-- Add the spots, links, labels, tags and features of another Mastodon project to this one. Nothing
-- is cleared and duplicates are not looked for: importing twice doubles. Tag sets are matched by
-- name and keep the colours of this project; missing sets and tags are added. When the file is
-- broken, nothing is added.
--
--   howdah run import_mastodon embryo.mastodon --file other.mastodon -o both.mastodon
--
--   spots     98
--   links     55
--   tag_sets   1
--   tags       3

return {
  name = "import_mastodon",
  version = "1.0.0",
  api = 1,
  summary = "Add the content of another Mastodon project",
  params = {
    file = { type = "input", required = true, help = "the .mastodon project to add" },
  },
  run = function(project, params) return project:import(params.file) end,
}

-- Give every spot that carries one tag another tag, in the same or in another tag set. An empty tag
-- means "no tag": as `from_tag` it finds the spots without one, as `to_tag` it takes the tag away.
-- The first tag stays, unless both tag sets are the same.
--
--   howdah run map_spot_tag embryo.mastodon --from-set Detection --from-tag tp \
--     --to-set Tracking --to-tag Approved
--
--   mapped  311

return {
  name = "map_spot_tag",
  version = "1.0.0",
  api = 1,
  summary = "Give spots that carry one tag another tag",
  params = {
    from_set = { type = "string", required = true, help = "the tag set to look at" },
    from_tag = { type = "string", default = "", help = 'spots with this tag; "" means no tag' },
    to_set = { type = "string", required = true, help = "the tag set to change" },
    to_tag = { type = "string", default = "", help = 'the tag they get; "" clears it' },
  },
  run = function(project, params)
    local spots = params.from_tag == "" and project.spots:untagged(params.from_set)
      or project.spots:tagged(params.from_set, params.from_tag)
    if params.to_tag == "" then return { mapped = spots:untag(params.to_set) } end
    return { mapped = spots:tag(params.to_set, params.to_tag) }
  end,
}

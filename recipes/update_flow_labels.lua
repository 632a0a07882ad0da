-- Count what flow training would learn from the approved links into a timepoint, and write it as
-- TIFF stacks: the displacement along x, y and z to the timepoint before, as the network should
-- say it (1 is `max_displacement` voxels), and where there is one. Training makes the labels
-- itself, so there is nothing to keep up to date; this is for looking at them.
--
--   howdah run update_flow_labels embryo.mastodon --timepoint 3 --x x.tif --mask mask.tif
--
--   links   21
--   voxels  5210

return {
  name = "update_flow_labels",
  version = "1.0.0",
  api = 1,
  summary = "Count and write the flow labels that training would see",
  params = {
    timepoint = { type = "integer", default = 1, min = 1, help = "the later one of the two" },
    setup = { type = "integer", default = 0, min = 0, help = "the channel or view" },
    max_displacement = {
      type = "number", default = 80, min = 0.001, help = "voxels that a flow of 1 means",
    },
    x = { type = "output", help = "write the displacement along x there, a TIFF" },
    y = { type = "output", help = "the same along y" },
    z = { type = "output", help = "the same along z" },
    mask = { type = "output", help = "write there where labels are" },
  },
  run = function(project, params)
    local t = params.timepoint
    -- Labels are the same for every model that wants images as they are.
    local model = howdah.flow("default", { widths = { 4, 8 } })
    local labels = model:labels(project, {
      t = t, setup = params.setup, max_displacement = params.max_displacement,
    })
    for _, name in ipairs { "x", "y", "z", "mask" } do
      if params[name] then labels[name]:save(params[name]) end
    end
    local links = 0
    for link in project.links:tagged("Tracking", "Approved"):each() do
      if link.target.t == t and link.frames == 1 then links = links + 1 end
    end
    local mask = labels.mask
    local voxels = mask:mean() * mask.size.x * mask.size.y * mask.size.z
    return { links = links, voxels = math.floor(voxels + 0.5) }
  end,
}

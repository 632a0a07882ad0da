-- Begin a flow model again: with a fresh one ("default"), with the trained one that comes with the
-- program ("versatile"), with the model of a file, or with one from an address, for which the
-- recipe needs --allow-net. --max-displacement says what its flows mean, for models of ELEPHANT
-- that were trained with another "max displacement" than 80.
--
--   howdah run reset_flow_model --source default --output flow.pth
--
--   output      flow.pth
--   parameters  5928051
--   source      default

return {
  name = "reset_flow_model",
  version = "1.0.0",
  api = 1,
  summary = "Begin a flow model again",
  params = {
    source = {
      type = "file", default = "default", help = '"default", "versatile", a file or an address',
    },
    output = { type = "output", default = "flow.pth", help = "the model to replace" },
    max_displacement = { type = "number", min = 0.001, help = "voxels that a flow of 1 means" },
    dimensions = { type = "integer", default = 3, min = 2, max = 3, help = "default: 2 or 3" },
    widths = {
      type = "list", of = "number", default = { 16, 32, 64, 128, 256 },
      help = "default: channels at each level; narrower is faster",
    },
    seed = { type = "integer", default = 0, help = "default: another one gives other weights" },
  },
  run = function(_, params)
    local options = { max_displacement = params.max_displacement }
    if params.source == "default" then
      options.dimensions, options.widths = params.dimensions, params.widths
      options.seed = params.seed
    end
    local model = howdah.flow(params.source, options)
    model:save(params.output)
    return { output = params.output, source = params.source, parameters = model.parameters }
  end,
}

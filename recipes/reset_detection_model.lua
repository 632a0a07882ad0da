-- Begin a detection model again: with the versatile one that comes with the program, with a fresh
-- one ("default") that is only taught by the project's images that bright is inside, with the
-- model of a file, or with one from an address, for which the recipe needs --allow-net.
--
--   howdah run reset_detection_model embryo.mastodon --source default
--
--   output      detection.pth
--   parameters  5887011
--   source      default

return {
  name = "reset_detection_model",
  version = "1.0.0",
  api = 1,
  summary = "Begin a detection model again",
  params = {
    source = {
      type = "file", default = "versatile", help = '"versatile", "default", a file or an address',
    },
    output = { type = "output", default = "detection.pth", help = "the model to replace" },
    num_crops = { type = "integer", default = 5, min = 1, help = "default: samples a stage" },
    training_crop_size = {
      type = "point", default = { 256, 256, 16 }, help = "default: voxels of a sample, x,y,z",
    },
    widths = {
      type = "list", of = "number", default = { 16, 32, 64, 128, 256 },
      help = "default: channels at each level; narrower is faster",
    },
    setup = { type = "integer", default = 0, min = 0, help = "default: the channel or view" },
    seed = { type = "integer", default = 0, help = "default: another one gives other weights" },
  },
  run = function(project, params)
    local model
    if params.source == "default" then
      local dimensions = project.images.size.z == 1 and 2 or 3
      model = howdah.detection("default", { dimensions = dimensions, widths = params.widths })
      model:reset("default", {
        project = project, num_crops = params.num_crops, setup = params.setup,
        training_crop_size = params.training_crop_size, seed = params.seed,
      })
    else
      model = howdah.detection(params.source)
    end
    model:save(params.output)
    return { output = params.output, source = params.source, parameters = model.parameters }
  end,
}

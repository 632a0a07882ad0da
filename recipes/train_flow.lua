-- Train a flow model on the links that were approved, i.e. tagged `Approved` in the set Tracking.
-- Samples are cut out around their targets, from the timepoint and the one before. The output is
-- replaced after every epoch, so that Ctrl-C keeps what was learned; older versions stay beside it
-- as flow.pth.1 and so on.
--
-- Without a model a fresh one begins that sees nuclei 5 voxels across, whatever their size in the
-- images, and compares intensities with their surroundings: ways are found in seconds an epoch, not
-- minutes. It looks at two frames several times, each time at the earlier one moved by what it saw
-- before. `--nucleus-radius 0` shows it the images as they are, once, as ELEPHANT does.
--
--   howdah run train_flow embryo.mastodon --num-epochs 20
--   howdah run train_flow embryo.mastodon --model flow.pth --timepoints 1..4
--
--   epochs         20
--   instance_loss  0.041
--   output         flow.pth
--   reason         finished
--   steps          400
--   train_loss     0.046

return {
  name = "train_flow",
  version = "1.0.0",
  api = 1,
  summary = "Train a flow model on approved links",
  params = {
    model = {
      type = "file", default = "default",
      help = 'a file, "versatile", or "default": a fresh one',
    },
    output = { type = "output", default = "flow.pth", help = "the trained model" },
    timepoints = { type = "timepoints", help = "links into these are learned from; absent: all" },
    setup = { type = "integer", default = 0, min = 0, help = "the channel or view" },
    num_crops = { type = "integer", default = 5, min = 1, help = "samples a timepoint and epoch" },
    num_epochs = { type = "integer", default = 10, min = 1, help = "how often all are seen" },
    nucleus_radius = {
      type = "number", default = 2.4, min = 0,
      help = "of a fresh model: images are shrunk until nuclei are so many voxels; 0: never",
    },
    passes = {
      type = "integer", default = 3, min = 1, max = 10,
      help = "of a fresh model that sees shrunk images: how often it looks at two frames",
    },
    training_crop_size = {
      type = "point",
      help = "voxels of a sample, x,y,z; absent: 64,64,16 of shrunk images, else 256,256,16",
    },
    batch_size = { type = "integer", default = 1, min = 1, help = "samples of one step" },
    learning_rate = {
      type = "number", min = 0, help = "size of a step; absent: 0.0003; ELEPHANT's 0.001 is bold",
    },
    clip = {
      type = "number", min = 0,
      help = "gradients of a step are made no longer than this; 0: never; absent: 1",
    },
    flow_weights = {
      type = "list", of = "number", default = { 1, 1, 1 }, help = "weights of x, y and z",
    },
    max_displacement = {
      type = "number", min = 0.001,
      help = "voxels that a flow of 1 means; absent: as the model says, of a fresh one 10 in "
        .. "shrunk images, else 80",
    },
    aug_scale_factor_base = { type = "number", default = 0, min = 0, help = "stretch samples" },
    aug_rotation_angle = { type = "number", default = 0, min = 0, help = "turn samples, degrees" },
    rescale = { type = "point", help = "size of the input, x,y,z; absent: as the model wants" },
    validation = { type = "number", default = 0, min = 0, help = "hold back this part of links" },
    patience = { type = "integer", min = 1, help = "stop after so many epochs without progress" },
    keep_best = { type = "boolean", default = false, help = "end with the best epoch" },
    log_folder = { type = "output", help = "write TensorBoard's event files there" },
    seed = { type = "integer", help = "of all random choices" },
  },
  run = function(project, params)
    local fresh
    if params.model == "default" then
      local small = params.nucleus_radius > 0 and not params.rescale
      fresh = {
        seed = params.seed, max_displacement = params.max_displacement or small and 10 or 80,
        nucleus_radius = small and params.nucleus_radius or nil,
        local_contrast = small and 5 / 3 * params.nucleus_radius or nil,
        passes = small and params.passes or nil,
      }
    end
    local model = howdah.flow(params.model, fresh)
    local options = { checkpoint = params.output }
    for name, value in pairs(params) do
      options[name] = value
    end
    -- These are no business of the training.
    options.model, options.output, options.nucleus_radius, options.passes = nil, nil, nil, nil
    if model.settings.nucleus_radius and not params.training_crop_size then
      options.training_crop_size = { x = 64, y = 64, z = 16 }
    end
    function options.on_epoch(e)
      howdah.log.info(("epoch %d  loss %.4f"):format(e.epoch, e.train_loss))
    end
    local result = model:train(project, options)
    result.output = params.output
    return result
  end,
}

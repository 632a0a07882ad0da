-- Train a detection model on the spots that were judged, i.e. tagged in the set Detection: `tp`
-- and `fn` are nuclei, `fp` and `tn` are none, `tb` and `fb` are borders between nuclei. Samples
-- are cut out around these spots. The output is replaced after every epoch, so that Ctrl-C keeps
-- what was learned; older versions stay beside it as detection.pth.1 and so on.
--
--   howdah run train_detection embryo.mastodon --num-epochs 20
--   howdah run train_detection embryo.mastodon --model detection.pth --timepoints 0..4
--
--   center_dice_loss  0.213
--   epochs            20
--   nll_loss          0.118
--   output            detection.pth
--   reason            finished
--   smooth_loss       0.036
--   steps             100
--   train_loss        0.174

return {
  name = "train_detection",
  version = "1.0.0",
  api = 1,
  summary = "Train a detection model on judged spots",
  params = {
    model = { type = "file", default = "versatile", help = 'a file or "versatile"' },
    output = { type = "output", default = "detection.pth", help = "the trained model" },
    timepoints = { type = "timepoints", help = "which spots are learned from; absent: all" },
    setup = { type = "integer", default = 0, min = 0, help = "the channel or view" },
    num_crops = { type = "integer", default = 5, min = 1, help = "samples a timepoint and epoch" },
    num_epochs = { type = "integer", default = 10, min = 1, help = "how often all are seen" },
    training_crop_size = {
      type = "point", default = { 256, 256, 16 }, help = "voxels of a sample, x,y,z",
    },
    batch_size = { type = "integer", default = 1, min = 1, help = "samples of one step" },
    learning_rate = { type = "number", default = 0.001, min = 0, help = "size of a step" },
    decay = {
      type = "number", default = 0.6, min = 0, max = 1,
      help = "over this part of the steps, the last ones, the learning rate falls to nothing",
    },
    class_weights = {
      type = "list", of = "number", default = { 1, 10, 10 }, help = "background, border, centre",
    },
    false_weight = { type = "number", default = 10, min = 0, help = "weight of corrections" },
    center_ratio = { type = "number", default = 0.4, min = 0, max = 1, help = "centre to spot" },
    auto_bg_threshold = {
      type = "string", default = "0", help = 'darker voxels are background, 0 to 1, or "auto"',
    },
    aug_scale_factor_base = { type = "number", default = 0, min = 0, help = "stretch samples" },
    aug_rotation_angle = { type = "number", default = 0, min = 0, help = "turn samples, degrees" },
    aug_contrast = { type = "number", default = 0, min = 0, max = 1, help = "weaken nuclei" },
    rescale = {
      type = "point",
      help = "voxels that the network sees for each voxel of the image; by default 1, and less "
        .. "where nuclei are more than 17 across",
    },
    validation = { type = "number", default = 0, min = 0, help = "hold back this part of spots" },
    patience = { type = "integer", min = 1, help = "stop after so many epochs without progress" },
    keep_best = { type = "boolean", default = false, help = "end with the best epoch" },
    log_folder = { type = "output", help = "write TensorBoard's event files there" },
    seed = { type = "integer", help = "of all random choices" },
  },
  run = function(project, params)
    local model = howdah.detection(params.model)
    local options = { checkpoint = params.output }
    for name, value in pairs(params) do
      if name ~= "model" and name ~= "output" then options[name] = value end
    end
    options.auto_bg_threshold = tonumber(params.auto_bg_threshold) or params.auto_bg_threshold
    function options.on_epoch(e)
      howdah.log.info(("epoch %d  loss %.4f"):format(e.epoch, e.train_loss))
    end
    local result = model:train(project, options)
    result.output = params.output
    return result
  end,
}

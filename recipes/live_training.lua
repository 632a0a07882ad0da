-- Train a detection model in the background, epoch after epoch, on the judged spots as they are at
-- that moment, and save it whenever some epochs are done. At the prompt the same is
--
--   live = model:live(p)      -- tag, add and remove spots; predictions use the newest weights
--   live:pause() live:resume() live:stop()
--
--   howdah run live_training embryo.mastodon --model detection.pth --num-epochs 200 --seconds 600
--
--   epochs      200
--   output      detection.pth
--   train_loss  0.094

return {
  name = "live_training",
  version = "1.0.0",
  api = 1,
  summary = "Train in the background until time or epochs are over",
  params = {
    model = { type = "file", default = "versatile", help = 'a file or "versatile"' },
    output = { type = "output", default = "detection.pth", help = "the model, always whole" },
    timepoints = { type = "timepoints", help = "which spots are learned from; absent: all" },
    num_crops = { type = "integer", default = 5, min = 1, help = "samples of an epoch" },
    num_epochs = { type = "integer", default = 100, min = 1, help = "stop after so many" },
    seconds = { type = "number", default = 600, min = 0, help = "stop after so long" },
    training_crop_size = {
      type = "point", default = { 256, 256, 16 }, help = "voxels of a sample, x,y,z",
    },
    learning_rate = { type = "number", default = 0.001, min = 0, help = "size of a step" },
    seed = { type = "integer", help = "of all random choices" },
  },
  run = function(project, params)
    local model = howdah.detection(params.model)
    local live = model:live(project, {
      timepoints = params.timepoints, num_crops = params.num_crops, seed = params.seed,
      training_crop_size = params.training_crop_size, learning_rate = params.learning_rate,
      checkpoint = params.output,
    })
    if live.spots == 0 then
      live:stop()
      error("there are no judged spots; tag some in the set Detection", 0)
    end
    live:wait { epochs = params.num_epochs, seconds = params.seconds }
    live:stop()
    model:save(params.output, { versions = 0 })
    return { epochs = live.epoch, train_loss = live.losses.train_loss, output = params.output }
  end,
}

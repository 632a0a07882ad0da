-- Train a detection model on simulated scenes alone: nuclei 6 to 60 voxels across, voxels 1 to 12
-- times longer along z, all densities, noises, blurs and defects that the simulator can draw; from
-- step 4400 on mostly 6 to 26 voxels, and many that divide. models/versatile-3d.pth was made by the
-- two runs below; another seed gives a sister of it. It takes about half an hour of two free cores.
--
--   howdah run train_versatile --output first.pth
--   howdah run train_versatile --resume first.pth --steps 5900 --decay 1500 --learning-rate 0.001
--
--   howdah run train_versatile --output my_model.pth
--   howdah run train_versatile --output my_model.pth --max-minutes 30     (checkpoint.pth remains)
--   howdah run train_versatile --output my_model.pth --resume checkpoint.pth
--
--   steps      4400
--   loss       0.367
--   reason     finished
--   output     my_model.pth

return {
  name = "train_versatile",
  version = "1.0.0",
  api = 1,
  summary = "Train the general detection model on simulated scenes",
  params = {
    output = { type = "output", default = "versatile-3d.pth", help = "the model, half precision" },
    checkpoint = {
      type = "output", default = "checkpoint.pth", help = "where a stopped training goes on from",
    },
    resume = { type = "input", help = "the checkpoint of a training that stopped" },
    steps = { type = "integer", default = 4400, min = 1, help = "scenes to learn from" },
    learning_rate = { type = "number", default = 0.002, min = 0, help = "size of a step" },
    decay = {
      type = "integer", default = 1700, min = 0, help = "steps over which the learning rate falls",
    },
    seed = { type = "integer", default = 2026, help = "of the weights and the scenes" },
    max_minutes = { type = "number", help = "stop at the first checkpoint after so long" },
    threads = { type = "integer", help = "absent: one a core" },
  },
  run = function(_, params)
    local model = params.resume and howdah.detection(params.resume)
      or howdah.detection("default", { seed = params.seed })
    local trained = model:train_simulated{
      steps = params.steps, decay = params.decay, learning_rate = params.learning_rate,
      seed = params.seed, threads = params.threads,
      max_minutes = params.max_minutes, checkpoint = params.checkpoint,
      on_epoch = function(now)
        howdah.log.info(string.format("step %d  loss %.4f", now.step, now.train_loss))
      end,
    }
    model:save(params.output, { half = true, versions = 0 })
    return {
      steps = trained.steps, reason = trained.reason, loss = trained.train_loss,
      output = params.output,
    }
  end,
}

-- Train a flow model on pairs of simulated frames alone: nuclei 4 to 6 voxels across that drift,
-- are stirred, divide, and come into view, in all densities, noises and blurs that the simulator
-- can draw. A step takes about 0.25 s of one core. The network has no normalisation: without a
-- limit of the gradients (`clip`) it can collapse (loss near 1), as it did at a rate of 0.001.
--
--   howdah run train_versatile_flow --output my_flow.pth --max-minutes 5
--   howdah run train_versatile_flow --output my_flow.pth --resume checkpoint.pth
--
--   loss    0.049
--   output  my_flow.pth
--   reason  stopped
--   steps   1000

return {
  name = "train_versatile_flow",
  version = "1.0.0",
  api = 1,
  summary = "Train the general flow model on simulated pairs of frames",
  params = {
    output = {
      type = "output", default = "flow.pth", help = "the model, half precision",
    },
    checkpoint = {
      type = "output", default = "checkpoint.pth", help = "where a stopped training goes on from",
    },
    resume = { type = "input", help = "the checkpoint of a training that stopped" },
    steps = { type = "integer", default = 1500, min = 1, help = "pairs to learn from" },
    learning_rate = { type = "number", default = 0.0002, min = 0, help = "size of a step" },
    clip = { type = "number", default = 1, min = 0, help = "limit of gradients; 0: none" },
    decay = {
      type = "integer", default = 550, min = 0, help = "steps over which the learning rate falls",
    },
    widths = {
      type = "list", of = "number", default = { 16, 32, 64, 128, 256 },
      help = "channels at each level",
    },
    passes = {
      type = "integer", default = 3, min = 1, max = 10,
      help = "how often it will look at two frames, each time with what it saw before",
    },
    seed = { type = "integer", default = 2026, help = "of the weights and the pairs" },
    max_minutes = { type = "number", help = "stop at the first checkpoint after so long" },
    threads = { type = "integer", help = "absent: one a core" },
  },
  run = function(_, params)
    local kind = { passes = params.passes }
    if not params.resume then
      kind.widths, kind.seed, kind.max_displacement = params.widths, params.seed, 10
    end
    local model = howdah.flow(params.resume or "default", kind)
    local trained = model:train_simulated{
      steps = params.steps, decay = params.decay, seed = params.seed, threads = params.threads,
      learning_rate = params.learning_rate, clip = params.clip, warm_up = 150,
      max_minutes = params.max_minutes,
      checkpoint = params.checkpoint,
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

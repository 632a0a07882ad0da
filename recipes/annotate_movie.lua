-- Play a person who goes through a whole movie with a model that learns as they go: at each
-- timepoint the model predicts, the person rejects what is wrong, places by hand what is missing
-- and accepts the rest; where much was wrong the model is trained a little on what was said. It
-- tells how much is left to do by hand.
--
-- With a project, its spots are the truth; without one a movie is simulated: a worm embryo that
-- grows from 100 nuclei to more than 300. `--first 10` lets the person judge ten nuclei at the
-- first timepoint, and trains on them, before the movie begins.
--
--   howdah run annotate_movie
--   howdah run annotate_movie --first 10
--   howdah run annotate_movie --start random --first 10 --first-epochs 60
--   howdah run annotate_movie 01 --timepoints 0..49     (01_GT lies beside 01)
--
--   t  0: 100 nuclei, 0 placed by hand, 0 rejected, 14.2 s
--   t  1: 102 nuclei, 1 placed by hand, 0 rejected, 29.8 s

local Person = require "annotator.person"

local columns = {
  "t", "nuclei", "predicted", "by_hand", "rejected", "accepted", "validated", "clicks",
  "det_predicted", "compute_s", "train_s",
}

return {
  name = "annotate_movie",
  version = "1.0.0",
  api = 1,
  summary = "Play the annotator through a movie and count what is placed by hand",
  params = {
    start = {
      type = "choice", choices = { "versatile", "default", "random" }, default = "versatile",
      help = "what the model is in the beginning; as in annotator",
    },
    model = { type = "file", help = "a model to start with instead" },
    widths = { type = "list", of = "number", help = "channels of fresh networks" },
    timepoints = { type = "timepoints", help = "which of the movie; absent: all" },
    first = {
      type = "integer", default = 0, min = 0,
      help = "clicks at the first timepoint, and a training, before the movie begins",
    },
    first_epochs = { type = "integer", default = 10, min = 1, help = "epochs of that training" },
    train = { type = "boolean", default = true, help = "train after timepoints with many errors" },
    train_above = {
      type = "number", default = 0.05, min = 0,
      help = "so many: errors a nucleus; few errors make a good model worse",
    },
    mistakes = {
      type = "number", default = 0.02, min = 0, max = 1, help = "share of wrong clicks",
    },
    precision = {
      type = "number", default = 0.1, min = 0, max = 1,
      help = "how well nuclei are placed by hand, as a share of their radius",
    },
    memory = {
      type = "integer", default = 2, min = 1,
      help = "timepoints that a training looks at: the one just judged and those before it",
    },
    training_crop_size = {
      type = "point", default = { x = 128, y = 128, z = 16 }, help = "voxels of a sample",
    },
    num_crops = { type = "integer", default = 5, min = 1, help = "samples a timepoint and epoch" },
    num_epochs = { type = "integer", default = 3, min = 1, help = "epochs of a training" },
    learning_rate = {
      type = "number", min = 0,
      help = "size of a step; by default 0.001, for a model that knows nuclei 0.00004",
    },
    prob_threshold = {
      type = "number", default = 0.2, min = 0, max = 1,
      help = "of nuclei; lower than elsewhere, since to reject is easier than to place",
    },
    preset = { type = "string", default = "early_worm_embryo", help = "of the simulated movie" },
    nuclei = { type = "integer", default = 100, min = 1, help = "of the simulated movie" },
    radius = { type = "number", default = 2, min = 0, help = "of its nuclei, micrometres" },
    frames = { type = "integer", default = 24, min = 1, help = "of the simulated movie" },
    size = { type = "point", help = "voxels of the simulated movie; absent: of the preset" },
    seed = { type = "integer", default = 1, help = "of the movie, the person and the networks" },
    csv = { type = "output", default = "annotate_movie.csv", help = "a line a timepoint" },
  },
  run = function(project, params)
    local truth = project or howdah.simulate{
      preset = params.preset, nuclei = params.nuclei, radius = params.radius,
      timepoints = params.frames, size = params.size, seed = params.seed,
    }
    local range = params.timepoints or { 0, truth.timepoints - 1 }
    if type(range) == "number" then range = { range, range } end
    local work = howdah.new(truth)
    local person = Person.new(work, truth, range[1], params)
    -- Larger steps unteach a model that makes few errors.
    local rate = params.learning_rate
      or (params.start == "versatile" or params.model) and 0.00004 or 0.001
    local compute, training = 0, 0

    local function timed(f)
      local begun = howdah.clock()
      f()
      compute = compute + howdah.clock() - begun
    end
    local model
    local function train(t, epochs)
      local before = compute
      timed(function()
        model:train(work, {
          timepoints = { math.max(range[1], t - params.memory + 1), t },
          training_crop_size = params.training_crop_size, num_crops = params.num_crops,
          num_epochs = epochs, learning_rate = rate, auto_bg_threshold = "auto",
          aug_scale_factor_base = 0.2, aug_rotation_angle = 180, aug_contrast = 0.2,
          seed = params.seed + t,
        })
      end)
      training = training + compute - before
    end
    local function predict(t)
      timed(function()
        model:predict(work, { timepoints = { t, t }, prob_threshold = params.prob_threshold })
      end)
    end

    timed(function()
      if params.model or params.start == "versatile" then
        model = howdah.detection(params.model or "versatile")
      else
        model = howdah.detection("default", {
          seed = params.seed, widths = params.widths,
          dimensions = work.images.size.z == 1 and 2 or 3,
        })
        if params.start == "default" then
          model:reset("default", {
            project = work, seed = params.seed, training_crop_size = params.training_crop_size,
          })
        end
      end
    end)
    local knows = params.model or params.start ~= "random"
    if params.first > 0 then
      if knows then predict(range[1]) end
      person:correct(params.first)
      train(range[1], params.first_epochs)
      knows = true
    end

    local rows, nuclei, validated = {}, 0, 0
    local bar = howdah.progress(range[2] - range[1] + 1, "annotating")
    for t = range[1], range[2] do
      person.t = t
      if knows then predict(t) end
      local found = #work.spots:at(t)
      local score = howdah.evaluate(work, truth, { measures = "ctc", timepoints = t })
      local by_hand = person.by_hand
      local missing, wrong = person:finish()
      local now = howdah.evaluate(work, truth, {
        measures = "spots", criterion = "ellipsoid", timepoints = t,
      })
      local here = #truth.spots:at(t)
      nuclei, validated = nuclei + here, validated + now.counts.spots.right
      if params.train and missing + wrong > params.train_above * here and t < range[2] then
        train(t, params.num_epochs)
        knows = true
      end
      rows[#rows + 1] = {
        t = t, nuclei = here, predicted = found, by_hand = person.by_hand - by_hand,
        rejected = wrong, accepted = person.accepted, validated = now.counts.spots.right,
        clicks = person.clicks, det_predicted = score.det or 0, compute_s = compute,
        train_s = training,
      }
      howdah.log.info(
        ("t %2d: %3d nuclei, %d placed by hand, %d rejected, DET as predicted %.3f, %.1f s"):format(
          t, here, person.by_hand - by_hand, wrong, score.det or 0, compute))
      bar:advance()
    end

    howdah.csv.write(params.csv, rows, { columns = columns })
    work.spots:tagged("Detection", "fp"):remove()
    local final = howdah.evaluate(work, truth, {
      measures = "spots", criterion = "ellipsoid", timepoints = range,
    })
    return {
      timepoints = #rows, nuclei = nuclei, validated = validated, by_hand = person.by_hand,
      rejected = person.rejected, clicks = person.clicks, mistakes = person.wrong_clicks,
      hand_percent = 100 * person.by_hand / math.max(1, validated), f1 = final.spot_f1,
      compute_s = compute, train_s = training, csv = params.csv,
    }
  end,
}

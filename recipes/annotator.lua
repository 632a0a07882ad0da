-- Play the annotator: somebody who knows the truth, and works as a person would. They mark the few
-- nuclei that are clearest, have the model trained on them, look at what it finds, correct the
-- worst (nuclei that it missed, spots where there is none, some that are right), and so on, at a
-- number of clicks a minute and with a rate of mistakes. The curve tells how fast the model learns:
-- validated nuclei and accuracy of detection against clicks and compute time, from an untrained
-- network ("random"), from one that knows the images only ("default"), and from the one that comes
-- with the program ("versatile").
--
-- With a project, its spots are the truth; without one a movie is simulated.
--
--   howdah run annotator 01 --starts random,versatile --rounds 6     (01_GT lies beside 01)
--   howdah run annotator --preset early_worm_embryo --nuclei 150 --seed 3
--
--   random    round 0:   0 clicks,   0.0 s,    0 validated, DET 0.000, F1 0.000
--   random    round 1:  10 clicks,  41.2 s,  131 validated, DET 0.861, F1 0.902

local Person = require "annotator.person"

local columns = {
  "start", "round", "clicks", "minutes", "compute_s", "by_hand", "rejected", "accepted",
  "mistakes", "validated", "precision", "recall", "f1", "det", "hand_share",
}

-- How good the model is now, over the whole movie. `hand_share` is the part of all nuclei that were
-- or would have to be placed by hand if the person went through the movie now and left no error.
local function measure(person, start, round, compute, params)
  local score = howdah.evaluate(person.work, person.truth, {
    criterion = "ellipsoid", marker_radius = params.marker_radius,
  })
  local missed = score.counts.spots.missed
  return {
    start = start, round = round, clicks = person.clicks,
    minutes = person.clicks / params.clicks_per_minute, compute_s = compute,
    by_hand = person.by_hand, rejected = person.rejected, accepted = person.accepted,
    mistakes = person.wrong_clicks, validated = score.counts.spots.right,
    precision = score.spot_precision, recall = score.spot_recall, f1 = score.spot_f1,
    det = score.det or 0, hand_share = (person.by_hand + missed) / #person.truth.spots,
  }
end

local function new_model(start, work, params)
  if start == "versatile" then return howdah.detection("versatile") end
  local model = howdah.detection("default", {
    seed = params.seed, widths = params.widths, dimensions = work.images.size.z == 1 and 2 or 3,
  })
  if start == "default" then
    model:reset("default", {
      project = work, seed = params.seed, training_crop_size = params.training_crop_size,
    })
  end
  return model
end

-- A model that knows what nuclei are has less to learn, and much to forget.
local rates = { random = 0.001, default = 0.001, versatile = 0.0002 }

-- One that does not has all of it to learn from the first ten nuclei.
local first_epochs = { random = 40, default = 40 }

-- One career of a model, from nothing to the last round.
local function play(start, truth, params, note)
  local work = howdah.new(truth)
  local t = params.timepoint or truth.timepoints // 2
  local person = Person.new(work, truth, t, params)
  local compute = 0
  local function timed(f)
    local begun = howdah.clock()
    f()
    compute = compute + howdah.clock() - begun
  end
  local model
  timed(function() model = new_model(start, work, params) end)
  local function predict()
    timed(function()
      model:predict(work, {
        prob_threshold = params.prob_threshold, separate = params.separate,
        separation = params.separation, min_radius = params.min_radius,
        suppression_distance = params.suppression_distance,
      })
    end)
  end
  if start ~= "random" then predict() end
  local rows = { measure(person, start, 0, compute, params) }
  note(rows[1])
  for round = 1, params.rounds do
    local before = person.clicks
    person:correct(round == 1 and params.first or params.clicks_per_round)
    -- Nothing is left to correct.
    if person.clicks == before then break end
    timed(function()
      model:train(work, {
        timepoints = t, training_crop_size = params.training_crop_size,
        num_crops = params.num_crops, decay = params.decay,
        num_epochs = params.num_epochs or round == 1 and first_epochs[start] or 10,
        learning_rate = params.learning_rate or rates[start],
        auto_bg_threshold = params.auto_bg_threshold or "auto",
        aug_scale_factor_base = params.aug_scale_factor_base,
        aug_rotation_angle = params.aug_rotation_angle, aug_contrast = params.aug_contrast,
        seed = params.seed + round,
      })
    end)
    predict()
    rows[#rows + 1] = measure(person, start, round, compute, params)
    note(rows[#rows])
  end
  return rows
end

-- The curves as a picture: accuracy against clicks, and against compute time.
local colors = { random = "#c0392b", default = "#2471a3", versatile = "#1e8449" }

local function nice_top(value)
  local step = 10 ^ math.floor(math.log(math.max(value, 1e-9), 10))
  for _, f in ipairs{ 1, 2, 5, 10 } do
    if f * step >= value then return f * step end
  end
end

local function panel(rows, x0, key, title)
  local w, h, top, left = 330, 250, 40, x0 + 50
  local out, most = {}, 0
  for _, row in ipairs(rows) do most = math.max(most, row[key]) end
  local right = nice_top(most)
  local function add(text, ...) out[#out + 1] = text:format(...) end
  local function place(row, y) return left + w * row[key] / right, top + h * (1 - row[y]) end
  for k = 0, 5 do
    local y = top + h * (1 - k / 5)
    add('<line x1="%g" y1="%g" x2="%g" y2="%g" stroke="#ddd"/>', left, y, left + w, y)
    add('<text x="%g" y="%g" text-anchor="end">%.1f</text>', left - 6, y + 4, k / 5)
    add('<text x="%g" y="%g" text-anchor="middle">%g</text>', left + w * k / 5, top + h + 18,
      right * k / 5)
  end
  add('<text x="%g" y="%g" text-anchor="middle">%s</text>', left + w / 2, top + h + 38, title)
  local starts = {}
  for _, row in ipairs(rows) do
    if not starts[row.start] then
      starts[row.start] = {}
      starts[#starts + 1] = row.start
    end
    table.insert(starts[row.start], row)
  end
  for n, start in ipairs(starts) do
    for _, y in ipairs{ "det", "f1" } do
      local points = {}
      for k, row in ipairs(starts[start]) do points[k] = ("%.1f,%.1f"):format(place(row, y)) end
      add('<polyline points="%s" fill="none" stroke="%s" stroke-width="2"%s/>',
        table.concat(points, " "), colors[start], y == "f1" and ' stroke-dasharray="4 4"' or "")
    end
    for _, row in ipairs(starts[start]) do
      local x, y = place(row, "det")
      add('<circle cx="%.1f" cy="%.1f" r="3" fill="%s"><title>round %d: DET %.3f</title></circle>',
        x, y, colors[start], row.round, row.det)
    end
    add('<text x="%g" y="%g" fill="%s">%s</text>', left + w - 90, top + h - 10 - 16 * (#starts - n),
      colors[start], start)
  end
  return table.concat(out, "\n")
end

local function draw(path, rows)
  local file = assert(io.open(path, "w"))
  file:write(
    '<svg xmlns="http://www.w3.org/2000/svg" width="820" height="350" font-family="sans-serif" ',
    'font-size="12">\n<rect width="820" height="350" fill="white"/>\n',
    '<text x="50" y="20">DET (solid) and F1 (dashed) after each round of corrections</text>\n',
    panel(rows, 0, "clicks", "clicks"), "\n", panel(rows, 410, "compute_s", "seconds of compute"),
    "\n</svg>\n")
  file:close()
end

return {
  name = "annotator",
  version = "1.0.0",
  api = 1,
  summary = "Play the annotator and measure how fast a detection model learns",
  params = {
    starts = {
      type = "list", default = { "random", "default", "versatile" },
      help = "what the model is in the beginning: random, default, versatile",
    },
    rounds = { type = "integer", default = 6, min = 1, help = "of correcting and training" },
    first = { type = "integer", default = 10, min = 1, help = "clicks of the first round" },
    clicks_per_round = { type = "integer", default = 20, min = 1, help = "clicks of the others" },
    clicks_per_minute = { type = "number", default = 20, min = 0.1, help = "how fast a person is" },
    mistakes = {
      type = "number", default = 0.02, min = 0, max = 1, help = "share of wrong clicks",
    },
    precision = {
      type = "number", default = 0.1, min = 0, max = 1,
      help = "how well nuclei are placed by hand, as a share of their radius",
    },
    timepoint = { type = "integer", min = 0, help = "where the person works; absent: halfway" },
    widths = { type = "list", of = "number", help = "channels of fresh networks" },
    training_crop_size = {
      type = "point", default = { x = 128, y = 128, z = 16 }, help = "voxels of a sample",
    },
    num_crops = { type = "integer", default = 5, min = 1, help = "samples of an epoch" },
    num_epochs = {
      type = "integer", min = 1,
      help = "epochs of a round; by default 10, in the first round of random and default 40",
    },
    decay = {
      type = "number", default = 0.6, min = 0, max = 1,
      help = "over this part of a training the learning rate falls to nothing",
    },
    learning_rate = {
      type = "number", min = 0, help = "size of a step; by default 0.001, for versatile 0.0002",
    },
    auto_bg_threshold = {
      type = "number", min = 0, max = 1,
      help = "voxels darker than this part of the range are background; by default it is measured",
    },
    aug_scale_factor_base = { type = "number", default = 0.2, min = 0, help = "stretch samples" },
    aug_rotation_angle = { type = "number", default = 180, min = 0, help = "turn samples" },
    aug_contrast = { type = "number", default = 0.2, min = 0, max = 1, help = "weaken nuclei" },
    prob_threshold = { type = "number", default = 0.5, min = 0, max = 1, help = "of nuclei" },
    min_radius = { type = "number", min = 0, help = "drop smaller nuclei; as in predict_spots" },
    suppression_distance = {
      type = "number", min = 0, help = "of nuclei from those that stay; as in predict_spots",
    },
    separate = { type = "boolean", default = true, help = "separate nuclei whose centres touch" },
    separation = {
      type = "choice", choices = { "watershed", "peaks" }, default = "watershed",
      help = "how; as in predict_spots",
    },
    marker_radius = {
      type = "number", min = 0,
      help = "DET against balls of this radius, world units, instead of whole nuclei",
    },
    preset = { type = "string", default = "small", help = "of the simulated movie" },
    nuclei = { type = "integer", default = 60, min = 1, help = "of the simulated movie" },
    radius = {
      type = "number", min = 0, help = "of the nuclei, micrometres; absent: of the preset",
    },
    timepoints = { type = "integer", default = 3, min = 1, help = "of the simulated movie" },
    size = { type = "point", help = "voxels of the simulated movie; absent: of the preset" },
    seed = { type = "integer", default = 1, help = "of the movie, the person and the networks" },
    csv = { type = "output", default = "annotator.csv", help = "the curve as a table" },
    picture = { type = "output", default = "annotator.svg", help = "the curve as a picture" },
  },
  run = function(project, params)
    local truth = project or howdah.simulate{
      preset = params.preset, nuclei = params.nuclei, radius = params.radius,
      timepoints = params.timepoints,
      size = params.size, seed = params.seed,
    }
    local rows = {}
    local function note(row)
      rows[#rows + 1] = row
      howdah.log.info(
        ("%-9s round %d: %3d clicks, %5.1f s, %4d validated, DET %.3f, F1 %.3f"):format(
          row.start, row.round, row.clicks, row.compute_s, row.validated, row.det, row.f1))
    end
    for _, start in ipairs(params.starts) do
      if not colors[start] then
        error(("there is no start %q; there are random, default and versatile"):format(start), 0)
      end
      play(start, truth, params, note)
    end
    howdah.csv.write(params.csv, rows, { columns = columns })
    draw(params.picture, rows)
    return { curve = rows, csv = params.csv, picture = params.picture }
  end,
}

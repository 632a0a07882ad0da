-- What flow is worth for linking: a movie is simulated whose tissue drifts strongly, its spots are
-- linked to the nearest one without flow, with registration of the images, with a flow model, and
-- with one that was trained on the links into a few timepoints, as if somebody had approved them.
-- Links into those are not counted. Percentages are of the errors without flow.
--
--   howdah run compare_flow --timepoints 100 --epochs 3 --fresh --seed 94
--   howdah run compare_flow --size 256,256,12 --voxel-size 0.5536,0.5536,2.1605 --model flow.pth
--
--   flow           links_missed  links_right  links_wrong  missed_percent  seconds  wrong_percent
--   none                  13187        33956        14909             100      0.1            100
--   model                   573        46570         1594             4.3    109.3           10.7
--   trained model           357        46786         1320             2.7    113.7            8.9
--   trained fresh          1261        45882         2481             9.6    118.3           16.6

return {
  name = "compare_flow",
  version = "1.0.0",
  api = 1,
  summary = "Measure on a simulated movie what flow is worth for linking",
  params = {
    model = { type = "file", default = "versatile", help = "a flow model; none: leave it out" },
    registration = { type = "boolean", default = true, help = "measure registration, too" },
    preset = { type = "string", default = "drifting_leg", help = "the kind of movie" },
    nuclei = { type = "integer", min = 1, help = "at the first timepoint; absent: the preset's" },
    timepoints = { type = "integer", default = 30, min = 3, help = "length of the movie" },
    size = { type = "point", help = "voxels of a frame, x,y,z; absent: the preset's" },
    voxel_size = { type = "point", help = "micrometres, x,y,z; absent: the preset's" },
    speed = { type = "number", min = 0, help = "drift, micrometres a timepoint" },
    wander = { type = "number", min = 0, help = "of each nucleus by itself" },
    division_rate = { type = "number", min = 0, help = "chance to begin to divide" },
    learn = {
      type = "integer", default = 10, min = 0,
      help = "train on the links into every so manieth timepoint; 0: do not train",
    },
    epochs = { type = "integer", default = 10, min = 1, help = "how often samples are seen" },
    num_crops = { type = "integer", default = 8, min = 1, help = "samples a timepoint and epoch" },
    learning_rate = { type = "number", min = 0, help = "absent: 0.0003, for fresh ones 0.0005" },
    fresh = { type = "boolean", default = false, help = "train a fresh model, too" },
    trained = { type = "output", help = "keep the model that was trained last there" },
    seed = { type = "integer", default = 91, help = "of the movie and the training" },
    output = { type = "output", help = "a CSV file for the table" },
  },
  run = function(_, params)
    local function movie()
      return howdah.simulate{
        preset = params.preset, nuclei = params.nuclei, timepoints = params.timepoints,
        size = params.size, voxel_size = params.voxel_size, speed = params.speed,
        wander = params.wander, division_rate = params.division_rate, seed = params.seed,
      }
    end
    local truth, work = movie(), movie()
    if #truth.links == 0 then error("the movie has no links; ask for more nuclei", 0) end
    local threshold = truth.links:column("length"):percentile(99)
    work.tags:add_elephant()
    work.spots:untagged("Detection"):tag("Detection", "unlabeled")

    -- The timepoints whose links are learned from, and the others.
    local learned, others = {}, {}
    for t = 1, params.timepoints - 1 do
      local learns = params.learn > 0 and t % params.learn == params.learn // 2
      table.insert(learns and learned or others, t)
    end

    local rows, plain = {}, nil
    local function measure(name, flow)
      local start = howdah.clock()
      work.links:remove()
      howdah.link.nearest(work, { threshold = threshold, flow = flow })
      local seconds = howdah.clock() - start
      local wrong, missed, right = 0, 0, 0
      for _, t in ipairs(others) do
        local links = howdah.evaluate(work, truth, {
          measures = "spots", timepoints = { t - 1, t },
        }).counts.links
        wrong, missed, right = wrong + links.wrong, missed + links.missed, right + links.right
      end
      plain = plain or { wrong = wrong, missed = missed }
      local function percent(n, of) return of > 0 and math.floor(1000 * n / of + 0.5) / 10 or 0 end
      table.insert(rows, {
        flow = name, links_right = right, links_wrong = wrong, links_missed = missed,
        wrong_percent = percent(wrong, plain.wrong),
        missed_percent = percent(missed, plain.missed),
        seconds = math.floor(10 * seconds + 0.5) / 10,
      })
      howdah.log.info(("%s: %d wrong, %d missed"):format(name, wrong, missed))
    end

    -- Teach a model the links into the learned timepoints, and measure it.
    local function train(name, model)
      -- Two numbers would be a range.
      local timepoints = table.move(learned, 1, #learned, 1, {})
      table.insert(timepoints, timepoints[#timepoints])
      local start = howdah.clock()
      local result = model:train(truth, {
        timepoints = timepoints, num_epochs = params.epochs, num_crops = params.num_crops,
        training_crop_size = { x = 64, y = 64, z = 16 },
        learning_rate = params.learning_rate, seed = params.seed,
        on_epoch = function(e)
          howdah.log.info(("epoch %d  loss %.4f"):format(e.epoch, e.train_loss))
        end,
      })
      howdah.log.info(("%d steps in %.0f s"):format(result.steps, howdah.clock() - start))
      if params.trained then model:save(params.trained) end
      measure(name, model)
    end

    local lengths, divisions = truth.links:column("length"), 0
    for spot in truth.spots:each() do
      if #spot:children() > 1 then divisions = divisions + 1 end
    end
    howdah.log.info(("%d links, %.1f long on average, %d divisions"):format(
      #truth.links, lengths:mean(), divisions))
    measure("none")
    if params.registration then measure("registration", "registration") end
    local model
    if params.model ~= "none" then
      model = howdah.flow(params.model)
      measure("model", model)
    end
    if #learned > 0 then
      truth.tags:add_elephant()
      for _, t in ipairs(learned) do
        truth.spots:at(t):incoming():tag("Tracking", "Approved")
      end
      if model then train("trained model", model) end
      if params.fresh or not model then
        train("trained fresh", howdah.flow("default", {
          nucleus_radius = 2.4, max_displacement = 10, local_contrast = 4, passes = 3,
          seed = params.seed,
        }))
      end
    end
    if params.output then howdah.csv.write(params.output, rows) end
    return rows
  end,
}

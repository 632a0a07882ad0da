-- Find nuclei with a trained network and make them spots, as ELEPHANT's "predict spots". Spots
-- that nobody judged are replaced; judged and approved ones stay, and judged ones that are found
-- again are marked as predicted.
--
--   howdah run predict_spots embryo.mastodon --model my.pth --timepoints 0..9 -o predicted.mastodon
--
--   spots      1204
--   removed    0
--   confirmed  17
--
-- --around 100,80,30 works on a box of `patch_size` voxels around that point (world units) only.

return {
  name = "predict_spots",
  version = "1.0.0",
  api = 1,
  summary = "Find nuclei with a trained network",
  params = {
    model = {
      type = "file", default = "versatile",
      help = "a .pth or .safetensors file, or the model that comes with the program",
    },
    timepoints = { type = "timepoints", help = "which timepoints; all if not given" },
    around = { type = "point", help = "only around this point, world units" },
    patch_size = { type = "point", help = "voxels of the tiles; chosen by memory if not given" },
    patch = { type = "boolean", default = true, help = "cut volumes into tiles" },
    pad = { type = "boolean", help = "repeat edges, as ELEPHANT does; absent: with compat" },
    median_correction = {
      type = "boolean", default = false, help = "apply slice-wise median correction",
    },
    rescale = {
      type = "point",
      help = "voxels that the network sees for each voxel of the image; by default 1, and less "
        .. "where nuclei are more than 17 across",
    },
    prob_threshold = {
      type = "number", default = 0.5, min = 0, max = 1, help = "probability threshold",
    },
    center_ratio = {
      type = "number", default = 0.4, min = 0, max = 1,
      help = "size of the centre as a share of the nucleus, as in training",
    },
    min_radius = {
      type = "number", min = 0,
      help = "drop nuclei with a smaller semi-axis; by default a quarter of the median radius",
    },
    max_radius = { type = "number", min = 0, help = "cut semi-axes to this, world units" },
    suppression_distance = {
      type = "number", min = 0,
      help = "nothing is added nearer than this to a spot that stays, world units; by default 3, "
        .. "or the median radius where that is less",
    },
    separate = { type = "boolean", help = "separate nuclei whose centres touch; by default yes" },
    separation = {
      type = "choice", choices = { "watershed", "peaks" }, default = "watershed",
      help = "by the dips between nuclei, or every peak of the probability is one",
    },
    refine = {
      type = "boolean", help = "fit ellipsoids to centre and border; by default yes",
    },
    keep_probabilities = { type = "output", help = "write the probabilities there, as Zarr" },
    compat = {
      type = "choice", choices = { "clean", "elephant" }, default = "clean",
      help = "elephant: the results of ELEPHANT 0.7 with its peculiarities",
    },
  },
  run = function(project, params)
    local model = howdah.detection(params.model)
    local options = {}
    for name, value in pairs(params) do options[name] = value end
    options.model = nil
    options.compat = params.compat == "elephant" and "elephant" or nil
    return model:predict(project, options)
  end,
}

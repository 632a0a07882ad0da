-- Keep a number of spots, chosen at random with equal chance, and remove all others with their
-- links: for estimating how good a detection is by judging a few spots. The same seed chooses the
-- same spots again.
--
--   howdah run random_sample embryo.mastodon --samples 100 --seed 7 -o sample.mastodon
--
--   kept     100
--   removed  924

return {
  name = "random_sample",
  version = "1.0.0",
  api = 1,
  summary = "Keep some spots chosen at random and remove all others",
  params = {
    samples = { type = "integer", default = 50, min = 0, help = "how many spots are kept" },
    seed = { type = "integer", default = 0, help = "another seed chooses other spots" },
  },
  run = function(project, params)
    local kept = project.spots:sample(params.samples, { seed = params.seed })
    local number = #kept
    return { kept = number, removed = (project.spots - kept):remove() }
  end,
}

-- The person whom the recipes `annotator` and `annotate_movie` play: they know the truth, place
-- nuclei by hand nearly where they are, reject and accept what was predicted, and now and then
-- click wrong.

-- Random numbers that are the same on every machine.
local function generator(seed)
  local state = seed * 2 + 1
  local function uniform()
    state = state * 6364136223846793005 + 1442695040888963407
    return (state >> 11) / (1 << 53)
  end
  return {
    uniform = uniform,
    normal = function()
      return math.sqrt(-2 * math.log(1 - uniform())) * math.cos(2 * math.pi * uniform())
    end,
  }
end

-- What a person knows, and what they have done so far.
local Person = {}
Person.__index = Person

function Person.new(work, truth, t, params)
  return setmetatable({
    work = work, truth = truth, t = t, random = generator(params.seed),
    mistakes = params.mistakes, precision = params.precision,
    clicks = 0, by_hand = 0, rejected = 0, accepted = 0, wrong_clicks = 0,
  }, Person)
end

-- Whether this click goes wrong.
function Person:slips()
  self.clicks = self.clicks + 1
  if self.random.uniform() >= self.mistakes then return false end
  self.wrong_clicks = self.wrong_clicks + 1
  return true
end

-- Place a nucleus by hand: nearly right, or, by mistake, a radius beside it.
function Person:mark(nucleus)
  local shape = nucleus.covariance
  local radius = nucleus.radius
  local off = self:slips() and radius or self.precision * radius
  local size = math.max(0.5, 1 + self.precision * self.random.normal())
  for _, key in ipairs{ "xx", "xy", "xz", "yy", "yz", "zz" } do
    shape[key] = shape[key] * size * size
  end
  self.work.spots:add{
    t = self.t, covariance = shape, tags = { Detection = "fn", Tracking = "Approved" },
    x = nucleus.x + off * self.random.normal() / 1.7,
    y = nucleus.y + off * self.random.normal() / 1.7,
    z = nucleus.z + off * self.random.normal() / 1.7,
  }
  self.by_hand = self.by_hand + 1
end

-- Say that there is no nucleus, or by mistake that there is.
function Person:reject(spot)
  spot.tags.Detection = self:slips() and "tp" or "fp"
  self.rejected = self.rejected + 1
end

-- Say that a spot is right, or by mistake that it is not.
function Person:accept(spot)
  spot.tags.Detection = self:slips() and "fp" or "tp"
  self.accepted = self.accepted + 1
end

-- How much a nucleus catches the eye.
local function clarity(nucleus)
  return nucleus:mean_intensity() * nucleus.radius
end

local function distance(a, b)
  return math.sqrt((a.x - b.x) ^ 2 + (a.y - b.y) ^ 2 + (a.z - b.z) ^ 2)
end

-- The list with the largest value of f first; equal ones by id.
local function sorted(list, f)
  local key = {}
  for _, spot in ipairs(list) do key[spot.id] = f(spot) end
  table.sort(list, function(a, b)
    local ka, kb = key[a.id], key[b.id]
    return ka > kb or ka == kb and a.id < b.id
  end)
  return list
end

-- What is missing, wrong and right at the timepoint that is looked at; wrong and right ones only as
-- far as nobody judged them. The clearest and largest come first.
function Person:look()
  local now = howdah.evaluate(self.work, self.truth, {
    measures = "spots", criterion = "ellipsoid", timepoints = self.t, list = true,
  })
  local function unjudged(list)
    local result = {}
    for _, spot in ipairs(list) do
      if spot.tags.Detection == "unlabeled" then result[#result + 1] = spot end
    end
    return sorted(result, function(s) return s.radius end)
  end
  return sorted(now.missed, clarity), unjudged(now.wrong), unjudged(now.right)
end

-- Leave no error at the timepoint that is looked at: place what is missing, reject what is wrong,
-- and accept the rest, which is one click for all. Tells how many there were of each.
function Person:finish()
  local missing, wrong, right = self:look()
  for _, nucleus in ipairs(missing) do self:mark(nucleus) end
  for _, spot in ipairs(wrong) do self:reject(spot) end
  for _, spot in ipairs(right) do spot.tags.Detection = "tp" end
  self.accepted = self.accepted + #right
  if #right > 0 then self.clicks = self.clicks + 1 end
  return #missing, #wrong, #right
end

-- Use up to so many clicks on what is worst at the timepoint that is looked at. In the beginning a
-- person starts with the clearest nucleus and goes on beside it, so that they keep their place.
function Person:correct(budget)
  local misses, wrong, right = self:look()
  if self.clicks == 0 and #misses > 0 then
    local first = misses[1]
    misses = sorted(misses, function(s) return -distance(s, first) end)
  end
  local last = self.clicks + budget
  local i, accepted = 1, 0
  local function accept()
    accepted = accepted + 1
    if right[accepted] and self.clicks < last then self:accept(right[accepted]) end
  end
  -- Turn about: a nucleus that is missing, a spot that is none. Where none is missing, one that is
  -- right: a model that is only told what is wrong forgets what a nucleus is.
  while self.clicks < last and (misses[i] or wrong[i]) do
    if misses[i] then self:mark(misses[i]) else accept() end
    if wrong[i] and self.clicks < last then self:reject(wrong[i]) end
    i = i + 1
  end
  while self.clicks < last and right[accepted + 1] do accept() end
end

return Person

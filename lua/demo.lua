-- What `make demo` runs: the whole road on a small simulated embryo, or on one's own images.
--
--   howdah lua/demo.lua FOLDER [IMAGES]
--
-- Leaves in FOLDER the images (when it simulated them), the project, the division counts, a picture
-- of the spots in tag colours and the lineage tree, and ends with the line to type next.

local howdah = require "howdah"

local folder, images = arg[1] or "demo", arg[2]
if images == "" then images = nil end

os.execute("mkdir -p '" .. folder:gsub("'", "'\\''") .. "'")
local function inside(name) return folder .. "/" .. name end

local truth
if not images then
  print("Simulating an embryo ...")
  truth = howdah.simulate{ preset = "small", seed = 1 }
  images = inside("embryo.xml")
  truth:export(images)
  truth:save(inside("truth.mastodon"))
end

local project = howdah.new(images)
local size, voxel = project.images.size, project.images.voxel_size
print(("Images: %d timepoints of %d x %d x %d voxels of %.3g x %.3g x %.3g %s"):format(
  project.images.timepoints, size.x, size.y, size.z, voxel.x, voxel.y, voxel.z,
  project.images.unit))

local found = howdah.run("quickstart", project, {
  output = inside("embryo.mastodon"), csv = inside("divisions.csv"),
  picture = inside("spots.png"), lineage = inside("lineage.svg"),
})
project:lineage(inside("lineage.png"), { color_by = "Progenitor" })

print(("Found:  %d spots, %d links, %d tracks, %d divisions"):format(
  found.spots, found.links, found.tracks, found.divisions))
if truth then
  local score = howdah.evaluate(project, truth)
  local divisions = #truth.spots:dividing()
  print(("Truth:  %d spots, %d links, %d tracks, %d divisions"):format(
    #truth.spots, #truth.links, #truth.tracks, divisions))
  print(("Agreement (F1): spots %.3f, links %.3f, divisions %.3f"):format(
    score.spot_f1, score.link_f1, score.division_f1))
end

print("\nLook at " .. inside("spots.png") .. " and " .. inside("lineage.png") .. "; next, type:")
print(("\n  %s %s\n"):format(arg[-1] or "howdah", inside("embryo.mastodon")))

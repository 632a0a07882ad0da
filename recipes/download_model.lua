-- Copy a model to a file of one's own: the versatile one, another file, or one from an address,
-- for which the recipe needs --allow-net. The copy is written only when the source is a model that
-- can be used.
--
--   howdah run download_model --source versatile --output mine.pth
--
--   kind        detection
--   networks    1
--   output      mine.pth
--   parameters  5887011

return {
  name = "download_model",
  version = "1.0.0",
  api = 1,
  summary = "Copy a model to a file",
  params = {
    source = { type = "file", default = "versatile", help = '"versatile", a file or an address' },
    kind = { type = "choice", choices = { "detection", "flow" }, default = "detection" },
    output = { type = "output", default = "model.pth", help = "a .pth or .safetensors file" },
  },
  run = function(_, params)
    local model = howdah[params.kind](params.source)
    model:save(params.output)
    return {
      kind = model.kind, networks = model.networks, parameters = model.parameters,
      output = params.output,
    }
  end,
}

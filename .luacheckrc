-- What Lua code in this repository may use: `make lint` checks lua/ and recipes/ with it.
std = "lua54"
max_line_length = 100
read_globals = {
  "howdah", -- the module; a recipe has it without `require`
  "show", "help", -- the prompt's own functions
  "p", -- the project that `howdah demo.mastodon` opened
}

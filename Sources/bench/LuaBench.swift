// What a script costs: reading a property, calling a method, walking a million spots, bulk verbs, start-up.

import Core
import Formats
import Glibc
import Lineage
import Scripting

/// Rows for the Lua host; figures are minima over runs of one script.
func luaBench() throws -> [BenchRow] {
  let registry = StandardRegistry.make()
  let host = try LuaHost(registry: registry)
  host.runner = RecipeRunner(registry: registry, library: RecipeLibrary())
  let graph = LineageGraph()
  try graph.edit("spots") {
    try graph.ensureElephantTagSets()
    for i in 0..<1_000_000 {
      _ = try graph.addSpot(
        t: i / 10_000, position: WorldPoint(x: Double(i % 1000), y: 0, z: 0),
        covariance: .sphere(radius: 1))
    }
  }
  let path = "/tmp/howdah-bench-\(getpid()).mastodon"
  defer { unlink(path) }
  try Project(images: nil, lineage: graph).save(to: path)
  let result = try host.run(
    """
    local p = howdah.open(...)
    local clock, s, n = os.clock, p.spots:first(), 3e6
    local function least(f)
      local best = math.huge
      for _ = 1, 5 do
        local t = clock() f() best = math.min(best, clock() - t)
      end
      return best
    end
    local empty = least(function() for _ = 1, n do end end)
    local property = least(function() for _ = 1, n do local _ = s.x end end) - empty
    local method = least(function() for _ = 1, n do local _ = s:distance(s) end end) - empty
    local spots = p.spots
    local object = least(function() for _ = 1, n do local _ = spots:is_empty() end end) - empty
    local made = least(function() for _ = 1, n do local _ = s:children() end end) - empty
    local walk = least(function()
      local sum = 0
      for q in p.spots:each() do sum = sum + q.x end
    end)
    local bulk = least(function() p.spots:tag("Status", "Completed") end)
    local column = p.spots:column("x")
    local sum = least(function() column:sum() end)
    return {property = property / n * 1e9, method = method / n * 1e9,
            object = object / n * 1e9, made = made / n * 1e9, walk = walk, bulk = bulk * 1e3,
            sum = sum * 1e3}
    """, name: "=bench", [.string(path)])[0]
  func row(_ name: String, _ key: String, _ unit: String, below: Double) -> BenchRow {
    let value = result[key].number ?? .nan
    return BenchRow(
      name: name, ours: value, unit: unit, target: "< \(ValueText.number(below)) \(unit)",
      reached: value < below)
  }
  return [
    row("Lua property read", "property", "ns", below: 40),
    row("Lua method call", "method", "ns", below: 60),
    row("Lua method of a collection", "object", "ns", below: 60),
    BenchRow(
      name: "Lua method that makes a collection", ours: result["made"].number ?? .nan, unit: "ns"),
    row("Lua walk over 1e6 spots", "walk", "s", below: 0.12),
    row("Lua bulk tag of 1e6 spots", "bulk", "ms", below: 10),
    row("Lua column sum of 1e6", "sum", "ms", below: 2),
  ] + startUp()
}

/// The least wall time of a few starts beside plain Lua and Python.
private func startUp() -> [BenchRow] {
  func milliseconds(_ command: String) -> Double? {
    var best = Double.infinity
    for _ in 0..<15 {
      let start = now()
      guard system(command + " >/dev/null 2>&1") == 0 else { return nil }
      best = min(best, now() - start)
    }
    return best * 1e3
  }
  let program = ".build/release/howdah"
  let ours = milliseconds("exec \(program) -e 'print(1)'") ?? .nan
  return [("lua5.4", "exec lua5.4 -e 'print(1)'"), ("python3", "exec python3 -c pass")].map {
    BenchRow(
      name: "start-up, print(1)", ours: ours, unit: "ms", peer: $0.0, peerValue: milliseconds($0.1),
      target: "<= 15 ms", reached: ours <= 15)
  }
}

// `howdah convert`, `info` and `evaluate`: a few lines of Lua over the same objects that scripts use, so that
// each does exactly what one can type at the prompt.

import Core
import Scripting

enum ProjectCommands {
  static func convert(_ arguments: [String]) throws -> Int32 {
    let (paths, _) = try split(arguments, 2, "usage: howdah convert IN OUT")
    return run(
      """
      local from, to = ...
      local p = howdah.open(from)
      if to:lower():match("%.mastodon$") then p:save(to) else p:export(to) end
      """, paths, json: false)
  }

  static func info(_ arguments: [String]) throws -> Int32 {
    let (paths, json) = try split(arguments, 1, "usage: howdah info PATH [--json]")
    return run(
      """
      local path = ...
      local p = howdah.open(path)
      local result = {path = path, spots = #p.spots, links = #p.links, tracks = #p.tracks}
      local ok, images = pcall(function() return p.images end)
      if ok and images then
        result.images = {
          size = images.size, voxel_size = images.voxel_size, unit = images.unit,
          timepoints = images.timepoints, setups = images.setups, dtype = images.dtype,
        }
      else
        result.images = ok and "none" or tostring(images.message or images)
      end
      local names = p.tags:names()
      if #names > 0 then result.tag_sets = table.concat(names, ", ") end
      return result
      """, paths, json: json)
  }

  static func evaluate(_ arguments: [String]) throws -> Int32 {
    let (paths, json) = try split(arguments, 2, "usage: howdah evaluate RESULT TRUTH [--json]")
    return run(
      "local result, truth = ...\nreturn howdah.evaluate(howdah.open(result), howdah.open(truth))",
      paths, json: json)
  }

  private static func split(_ arguments: [String], _ count: Int, _ usage: String) throws -> (
    [String], Bool
  ) {
    let paths = arguments.filter { !$0.hasPrefix("--") }
    let flags = arguments.filter { $0.hasPrefix("--") }
    guard paths.count == count, flags.allSatisfy({ $0 == "--json" }) else {
      throw UsageError(usage)
    }
    return (paths, flags.contains("--json"))
  }

  private static func run(_ source: String, _ arguments: [String], json: Bool) -> Int32 {
    do {
      let session = try Session(interactive: false)
      defer { ProgressBar.clear() }
      let result = try session.host.run(source, name: "=(command)", arguments.map { .string($0) })
      ProgressBar.clear()
      if let value = result.first, !value.isNil {
        writeAll(1, json ? JSONText.line(value) + "\n" : ValueText.report(value))
      }
      return ExitStatus.done
    } catch {
      ProgressBar.clear()
      // The place would be a line of the command's own text.
      let plain = (error as? LuaRaised).map { HowdahError($0.howdahKind ?? .internal, $0.message) }
      Program.report(plain ?? error)
      return ExitStatus.of(error)
    }
  }
}

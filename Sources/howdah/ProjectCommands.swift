// `howdah convert` and `evaluate`: a few lines of Lua over the same objects that scripts use, so that
// each does exactly what one can type at the prompt.

import Core
import Formats
import Scripting

enum ProjectCommands {
  static func convert(_ arguments: [String]) throws -> Int32 {
    let (paths, _) = try split(arguments, "usage: howdah convert IN OUT")
    let format: FileFormat
    do {
      format = try FormatRegistry.format(writing: paths[1])
    } catch let error as HowdahError where error.kind == .argument {
      throw UsageError(error.message)
    }
    let loss =
      format.writeProject == nil
      ? "spots and links were left out: a \(format.summary) has none" : ""
    return try run(
      """
      local from, to, loss = ...
      local p = howdah.open(from)
      p:export(to)
      if loss ~= "" and #p.spots > 0 then howdah.log.warn(loss) end
      """, paths + [loss]
    ) { _ in "" }
  }

  static func evaluate(_ arguments: [String]) throws -> Int32 {
    let usage = """
      usage: howdah evaluate RESULT TRUTH [--max-distance WORLD_UNITS] [--criterion distance|ellipsoid] \
      [--division-tolerance TIMEPOINTS] [--json]
      """
    let options = ["--max-distance", "--criterion", "--division-tolerance"]
    let (paths, flags) = try split(arguments, usage, options: options)
    let given = options.map { flags[$0] ?? "" }
    let isJSON = flags["--json"] != nil
    return try run(
      """
      local result, truth, max_distance, criterion, tolerance = ...
      local function number(text, flag)
        return text ~= "" and (tonumber(text) or error(flag .. " needs a number, got " .. text, 0)) or nil
      end
      return howdah.evaluate(howdah.open(result), howdah.open(truth), {
        max_distance = number(max_distance, "--max-distance"),
        criterion = criterion ~= "" and criterion or nil,
        division_tolerance = number(tolerance, "--division-tolerance"),
      })
      """, paths + given
    ) { isJSON ? JSONText.line($0) + "\n" : table(of: $0) }
  }

  /// The scores as people read them: a line each for spots, links and divisions.
  private static func table(of scores: LuaValue) -> String {
    let counted = ["right", "wrong", "missed"]
    let rated = ["precision", "recall", "f1"]
    let rows = ["spot", "link", "division"].map { kind -> [LuaValue] in
      let counts = scores["counts"][kind + "s"]
      return [.string(kind + "s")] + counted.map { counts[$0] }
        + rated.map { .string(rate(scores["\(kind)_\($0)"].number)) }
    }
    let compared = "\(ValueText.short(scores["timepoints"])) timepoints were compared\n"
    let text = ValueText.table(columns: [""] + counted + rated, rows: rows, total: rows.count)
    guard let distance = scores["mean_distance"].number, scores["counts"]["spots"]["right"] != 0
    else { return text + compared }
    return text
      + "right spots lie \(ValueText.significant(distance, digits: 3)) world units from the "
      + "truth on average; " + compared
  }

  /// Three decimals; a dash where there was nothing to rate.
  private static func rate(_ value: Double?) -> String {
    guard let value, value.isFinite else { return "-" }
    let thousandths = Int((value * 1000).rounded())
    let digits = String(thousandths % 1000)
    return "\(thousandths / 1000).\(String(repeating: "0", count: 3 - digits.count))\(digits)"
  }

  /// Two paths, `--json` and the options that take a value (as `--name value` or `--name=value`).
  private static func split(_ arguments: [String], _ usage: String, options: [String] = []) throws
    -> ([String], [String: String])
  {
    var paths: [String] = []
    var flags: [String: String] = [:]
    var rest = arguments[...]
    while let argument = rest.popFirst() {
      let parts = argument.split(separator: "=", maxSplits: 1).map(String.init)
      if let flag = parts.first, options.contains(flag) {
        guard let value = parts.count > 1 ? parts[1] : rest.popFirst() else {
          throw UsageError("\(flag) needs a value\n\(usage)")
        }
        flags[flag] = value
      } else if argument == "--json" {
        flags[argument] = ""
      } else if argument.hasPrefix("--") {
        let hint = Suggest.hint(for: argument, among: options + ["--json"])
        throw UsageError("unknown option \(argument)\(hint)\n\(usage)")
      } else {
        paths.append(argument)
      }
    }
    guard paths.count == 2 else { throw UsageError(usage) }
    return (paths, flags)
  }

  private static func run(
    _ source: String, _ arguments: [String], _ text: (LuaValue) -> String
  ) throws -> Int32 {
    do {
      let session = try Session(interactive: false)
      defer { ProgressBar.clear() }
      let result = try session.host.run(source, name: "=(command)", arguments.map { .string($0) })
      ProgressBar.clear()
      if let value = result.first { writeAll(1, text(value)) }
      return ExitStatus.done
    } catch {
      ProgressBar.clear()
      // The place would be a line of the command's own text.
      let plain = (error as? LuaRaised).map { HowdahError($0.howdahKind ?? .argument, $0.message) }
      if let plain, plain.kind == .argument { throw UsageError(plain.message) }
      throw plain ?? error
    }
  }
}

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
      usage: howdah evaluate RESULT TRUTH [--json] [--measures all|ctc|spots] [--sparse] \
      [--marker-radius WORLD_UNITS] [--max-distance WORLD_UNITS] \
      [--criterion distance|ellipsoid|overlap] [--division-tolerance TIMEPOINTS]
      """
    let options = [
      "--max-distance", "--criterion", "--division-tolerance", "--measures", "--marker-radius",
    ]
    let (paths, flags) = try split(arguments, usage, options: options, switches: ["--sparse"])
    let given = options.map { flags[$0] ?? "" } + [flags["--sparse"] == nil ? "" : "yes"]
    let isJSON = flags["--json"] != nil
    return try run(
      """
      local result, truth, max_distance, criterion, tolerance, measures, radius, sparse = ...
      local function number(text, flag)
        return text ~= "" and (tonumber(text) or error(flag .. " needs a number, got " .. text, 0)) or nil
      end
      return howdah.evaluate(result, truth, {
        max_distance = number(max_distance, "--max-distance"),
        criterion = criterion ~= "" and criterion or nil,
        division_tolerance = number(tolerance, "--division-tolerance"),
        measures = measures ~= "" and measures or nil,
        marker_radius = number(radius, "--marker-radius"),
        sparse = sparse ~= "",
      })
      """, paths + given
    ) { isJSON ? JSONText.line($0) + "\n" : ctc(of: $0) + table(of: $0) + notes(of: $0) }
  }

  /// The measures of the Cell Tracking Challenge as people read them; nothing when there are none.
  private static func ctc(of scores: LuaValue) -> String {
    guard scores["aogm"].number != nil else { return "" }
    let names = ["det", "seg", "tra", "lnk", "ct", "tf", "cca", "chota"]
    var columns = names.map { $0.uppercased() }
    var values = names.map { rate(scores[$0].number) }
    let bc = scores["bc"].elements
    columns.insert(contentsOf: (0...3).map { "BC(\($0))" }, at: 6)
    values.insert(contentsOf: (0...3).map { rate(bc?[$0].number) }, at: 6)
    let counts = ["ns", "fn", "fp", "ed", "ea", "ec"]
    let sums = counts.map { scores["counts"][$0] }
    return ValueText.table(columns: columns, rows: [values.map { .string($0) }], total: 1) + "\n"
      + ValueText.table(
        columns: ["AOGM"] + counts.map { $0.uppercased() } + ["labels", "links"],
        rows: [
          [scores["aogm"]] + sums + [scores["counts"]["vertices"], scores["counts"]["edges"]]
        ],
        total: 1) + "\n"
  }

  private static func notes(of scores: LuaValue) -> String {
    (scores["notes"].elements ?? []).compactMap(\.text).map { "note: \($0)\n" }.joined()
  }

  /// The scores as people read them: a line each for spots, links and divisions.
  private static func table(of scores: LuaValue) -> String {
    guard scores["spot_f1"].number != nil else {
      return "\(ValueText.short(scores["counts"]["frames"])) frames were compared\n"
    }
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

  /// Two paths, `--json`, other switches, and the options that take a value (as `--name value` or `--name=value`).
  private static func split(
    _ arguments: [String], _ usage: String, options: [String] = [], switches: [String] = []
  ) throws -> ([String], [String: String]) {
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
      } else if argument == "--json" || switches.contains(argument) {
        flags[argument] = ""
      } else if argument.hasPrefix("--") {
        let hint = Suggest.hint(for: argument, among: options + switches + ["--json"])
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

// `howdah run RECIPE [PROJECT] [options]`: flags of the recipe's own parameters and of every recipe, the run,
// its result, and saving.

import CTerm
import Core
import Formats
import Glibc
import LuaShim
import Scripting

enum RunCommand {
  /// What the command line says.
  private struct Request {
    var recipe = ""
    var project: String?
    var output: String?
    var inPlace = false
    var json = false
    var help = false
    var limits = RecipeLimits()
    var policy = SandboxPolicy()
    /// Flags that are none of ours, for the recipe: name and value.
    var flags: [(name: String, value: String?)] = []
  }

  static func main(_ arguments: [String]) throws -> Int32 {
    guard let first = arguments.first else {
      throw UsageError(
        "usage: howdah run RECIPE [PROJECT] [options]; howdah recipes lists the recipes")
    }
    if first == "--help" || first == "-h" {
      writeAll(
        1, "usage: howdah run RECIPE [PROJECT] [options]; howdah run RECIPE --help shows them\n")
      return ExitStatus.done
    }
    let registry = StandardRegistry.make()
    // The recipe decides which flags exist and whether they take a value, so it is read first.
    var runner = RecipeRunner(registry: registry, library: RecipeLibrary(projectPath: nil))
    if let project = arguments.dropFirst().first(where: { !$0.hasPrefix("-") }) {
      runner.library = RecipeLibrary(projectPath: project)
    }
    let recipe: Recipe
    do {
      recipe = try runner.describe(first)
    } catch let error as HowdahError where error.kind == .argument {
      throw UsageError(error.message)
    } catch let error as LuaRaised where looksLikeScript(first) {
      Program.report(error, registry: registry)
      writeAll(
        2,
        "\(first) is no recipe, which returns a table {name=, run=, ...}; as a script: howdah \(first)\n"
      )
      return ExitStatus.usage
    }
    let request = try parse(Array(arguments.dropFirst()), recipe)
    if request.help {
      writeAll(1, recipe.help())
      return ExitStatus.done
    }
    try checkOutput(request)
    let params: LuaValue
    do {
      params = try values(request, recipe)
    } catch let error as HowdahError where error.kind == .argument {
      throw UsageError(error.message)
    }
    return try run(request, recipe, params, &runner)
  }

  private static func run(
    _ request: Request, _ recipe: Recipe, _ params: LuaValue, _ runner: inout RecipeRunner
  ) throws -> Int32 {
    runner.context.listensToInterrupts = true
    runner.context.sandbox = request.policy
    if request.json { runner.context.output = { writeAll(2, $0) } }
    if cterm_is_terminal(2) { runner.context.progressListener = ProgressBar.listener() }
    runner.limits = request.limits
    let project = try request.project.map { try Project.open($0, progress: interruptible()) }
    defer { ProgressBar.clear() }
    let started = project?.lineage.changeCount
    let result: LuaValue
    do {
      result = try runner.run(recipe.path, project: project, params: params)
    } catch {
      ProgressBar.clear()
      Program.report(error, registry: runner.registry)
      if project == nil, lacksProject(error) {
        writeAll(
          2, "no project was given: howdah run \(recipe.name) PROJECT, with a .mastodon or images\n"
        )
        return ExitStatus.usage
      }
      return ExitStatus.of(error)
    }
    // Saving comes first: whoever reads the result may close the pipe.
    let saving = Result { try save(project, request, changedSince: started) }
    ProgressBar.clear()
    if request.json {
      writeAll(
        1, JSONText.line(result.fields == nil ? .record([("result", result)]) : result) + "\n")
    } else {
      writeAll(1, ValueText.report(result))
    }
    if let note = try saving.get() { writeAll(2, note + "\n") }
    return ExitStatus.done
  }

  /// Whether the text of a file that is to be a recipe has no `run` in it.
  private static func looksLikeScript(_ path: String) -> Bool {
    guard let text = try? readText(path) else { return false }
    return !text.split(whereSeparator: { !$0.isLetter && $0 != "_" }).contains("run")
  }

  /// Whether a recipe failed because it was given no project.
  private static func lacksProject(_ error: any Error) -> Bool {
    let message = (error as? LuaRaised)?.message ?? ""
    return ["(local 'project')", "project expected, got nil"].contains { message.contains($0) }
  }

  /// Save what the command line asks for; says what became of the project.
  private static func save(
    _ project: Project?, _ request: Request, changedSince started: UInt64?
  ) throws -> String? {
    guard let project else { return nil }
    if let path = request.output ?? (request.inPlace ? project.path ?? request.project : nil) {
      try project.save(to: path, progress: interruptible())
      return "saved \(path)"
    }
    guard project.lineage.changeCount != started, project.isModified else { return nil }
    return "the project was changed but not saved: use -o FILE.mastodon, or --in-place"
  }

  /// Refuse what could not be saved before hours are spent on it.
  private static func checkOutput(_ request: Request) throws {
    if request.output != nil || request.inPlace, request.project == nil {
      throw UsageError("\(request.recipe): there is no project to save; name one before -o")
    }
    if request.inPlace, request.output == nil, let path = request.project,
      let format = try? FormatRegistry.format(of: path), format.name != "mastodon"
    {
      throw UsageError("--in-place: \(path) is a \(format.summary); use -o FILE.mastodon")
    }
    guard let path = request.output else { return }
    guard path.lowercased().hasSuffix(".mastodon") else {
      throw UsageError("-o \(path): a project is saved as .mastodon; howdah convert writes others")
    }
    let folder = SandboxPolicy.folder(of: path)
    guard access(folder, W_OK | X_OK) == 0 else {
      throw HowdahError.file(
        path, "cannot be written: \(folder): \(lastSystemError())")
    }
  }

  /// Progress of work outside any script that Ctrl-C stops.
  static func interruptible() -> Progress {
    let flag = InterruptFlag()
    return Progress(
      stopRequested: { flag.isSet },
      listener: cterm_is_terminal(2) ? ProgressBar.listener() : nil)
  }

  private static func parse(_ arguments: [String], _ recipe: Recipe) throws -> Request {
    var request = Request()
    request.recipe = recipe.name
    var at = 0
    func value(_ flag: String, _ given: String?) throws -> String {
      if let given { return given }
      at += 1
      guard at < arguments.count else { throw UsageError("\(flag) needs a value") }
      return arguments[at]
    }
    while at < arguments.count {
      let argument = arguments[at]
      guard argument.hasPrefix("-"), argument.count > 1 else {
        if request.project != nil { throw UsageError("two projects given: \(argument)") }
        request.project = argument
        at += 1
        continue
      }
      let equals = argument.firstIndex(of: "=")
      let flag = equals.map { String(argument[..<$0]) } ?? argument
      let given = equals.map { String(argument[argument.index(after: $0)...]) }
      switch flag {
      case "-o": request.output = try value(flag, given)
      case "--in-place": request.inPlace = true
      case "--json": request.json = true
      case "--help", "-h": request.help = true
      case "--max-time":
        let text = try value(flag, given)
        guard let seconds = Double(text), seconds > 0, seconds.isFinite else {
          throw UsageError("--max-time: seconds expected, got \"\(text)\"")
        }
        request.limits.seconds = seconds
      case "--max-memory": request.limits.memory = try memory(try value(flag, given))
      case "--allow-read":
        request.policy.readableFolders.append(SandboxPolicy.resolve(try value(flag, given)))
      case "--allow-write":
        request.policy.writableFolders.append(SandboxPolicy.resolve(try value(flag, given)))
      case "--allow-env": request.policy.allowsEnvironment = true
      case "--allow-run": request.policy.allowsRun = true
      case "--allow-net": request.policy.allowsNetwork = true
      default: try addFlag(flag, given, recipe, &request, value)
      }
      at += 1
    }
    return request
  }

  private static func addFlag(
    _ flag: String, _ given: String?, _ recipe: Recipe, _ request: inout Request,
    _ value: (String, String?) throws -> String
  ) throws {
    let name = Recipe.canonical(String(flag.drop { $0 == "-" }))
    var known = recipe.params.first { $0.name == name }
    var negated = false
    if known == nil, name.hasPrefix("no_") {
      known = recipe.params.first { $0.name == name.dropFirst(3) && $0.type == .boolean }
      negated = known != nil
    }
    guard let known else {
      let flags = recipe.params.map { "--" + String($0.name.map { $0 == "_" ? "-" : $0 }) }
      let own = [
        "--json", "--in-place", "--max-time", "--max-memory", "--allow-read", "--allow-write",
      ]
      throw UsageError(
        "\(recipe.name): unknown option \(flag)" + Suggest.hint(for: flag, among: flags + own))
    }
    if known.type == .boolean {
      request.flags.append((known.name, given ?? (negated ? "false" : "true")))
    } else {
      request.flags.append((known.name, try value(flag, given)))
    }
  }

  private static func values(_ request: Request, _ recipe: Recipe) throws -> LuaValue {
    var fields: [(key: String, value: LuaValue)] = []
    for (name, text) in request.flags {
      guard let p = recipe.params.first(where: { $0.name == name }) else { continue }
      fields.removeAll { $0.key == name }
      fields.append((name, try RecipeParam.parse(text ?? "", p)))
    }
    for p in recipe.params
    where !p.isOptional && p.defaultValue.isNil && !fields.contains(where: { $0.key == p.name }) {
      throw UsageError(
        "\(recipe.name): --\(p.name.map { $0 == "_" ? "-" : String($0) }.joined()) is missing")
    }
    return .record(fields)
  }

  /// `500M`, `2G`, or bytes.
  private static func memory(_ text: String) throws -> Int {
    let units: [Character: Int] = ["k": 1 << 10, "m": 1 << 20, "g": 1 << 30]
    let unit = text.last.flatMap { units[Character($0.lowercased())] }
    guard let number = Double(unit == nil ? text : String(text.dropLast())), number > 0,
      number < 1e12
    else {
      throw UsageError("--max-memory: a size such as 500M expected, got \"\(text)\"")
    }
    return Int(number * Double(unit ?? 1))
  }
}

/// The process's Ctrl-C flag, for work outside any script.
struct InterruptFlag: @unchecked Sendable {
  private let flag = hw_interrupt_flag()!
  var isSet: Bool { flag.pointee != 0 }
}

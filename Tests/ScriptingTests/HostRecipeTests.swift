// Recipes: their table, their parameters, their permissions, and the errors that authors meet.

import Core
import Foundation
import Scripting
import Testing

@Suite struct HostRecipeTests {
  private let folder = TemporaryFolder()

  private func runner(_ policy: SandboxPolicy? = nil) -> RecipeRunner {
    var context = HostContext()
    context.output = { _ in }
    context.sandbox = policy
    return RecipeRunner(
      registry: testRegistry(), library: RecipeLibrary(executable: nil), context: context)
  }

  private func run(
    _ body: String, params: String = "{}", _ given: LuaValue = .nil, _ policy: SandboxPolicy? = nil
  ) throws -> LuaValue {
    let path = folder.write(
      "r\(UUID().uuidString).lua",
      "return {name = 'r', params = \(params), run = function(project, params)\n\(body)\nend}")
    return try runner(policy).run(path, project: nil, params: given)
  }

  @Test func describesWithoutRunning() throws {
    let path = folder.write(
      "count.lua",
      """
      return {
        name = "count", version = "1.2.0", api = 1, summary = "Count things",
        params = {
          mode = { type = "choice", choices = { "entire", "trackwise" }, default = "entire", help = "how" },
          min_links = { type = "integer", default = 3, min = 1, help = "fewest" },
          output = { type = "output", default = "x.csv", help = "where" },
        },
        run = function() error("must not run") end,
      }
      """)
    let recipe = try runner().describe(path)
    #expect(recipe.name == "count" && recipe.version == "1.2.0" && recipe.summary == "Count things")
    #expect(recipe.params.map(\.name) == ["mode", "min_links", "output"])
    let help = recipe.help()
    #expect(help.contains("--min-links N"))
    #expect(help.contains("entire|trackwise"))
    #expect(help.contains("(default 3)"))
  }

  @Test func brokenRecipesSayWhatIsWrong() throws {
    for (text, fragment) in [
      ("return 1", "must return one table"),
      ("return {}", "must return a table"),
      ("return {name = 'x'}", "run = function(project, params) is missing"),
      ("return {run = function() end}", "name is missing"),
      ("return {name = 'x', api = 99, run = function() end}", "needs api 99"),
      ("return {name = 'x', sumary = 's', run = function() end}", "did you mean \"summary\""),
      (
        "return {name = 'x', params = {a = {type = 'numbr'}}, run = function() end}",
        "did you mean \"number\""
      ),
      ("return {name = 'x', params = {a = {type = 'choice'}}, run = function() end}", "choices"),
      (
        "return {name = 'x', params = {a = {type = 'integer', default = 1.5}}, run = function() end}",
        "default: a: integer expected"
      ),
      ("return {name = }", "unexpected symbol"),
      ("while true do end", "time limit"),
      ("io.open('/etc/passwd')", "--allow-read"),
    ] {
      let path = folder.write("broken\(UUID().uuidString).lua", text)
      do {
        _ = try runner().describe(path)
        Issue.record("\(text) was accepted")
      } catch {
        #expect("\(error)".contains(fragment), "\(text): \(error)")
      }
    }
  }

  @Test func parametersAreCheckedAndCompleted() throws {
    let params =
      "{n = {type = 'integer', default = 3, min = 1}, t = {type = 'timepoints'}, w = {type = 'string', required = true}}"
    let body = "return {n = params.n, math = math.type(params.n), t = params.t, w = params.w}"
    let result = try run(body, params: params, .record([("w", "x"), ("n", .double(7))]))
    #expect(result["n"] == 7)
    #expect(result["math"] == "integer")
    for (given, fragment) in [
      (LuaValue.record([("w", "x"), ("m", 1)]), "no parameter \"m\""),
      (.record([("w", "x"), ("n", 0)]), "at least 1"),
      (.record([("n", 1)]), "parameter \"w\" is missing"),
      (.record([("w", "x"), ("t", .list([3, 1]))]), "backwards"),
    ] {
      #expect(throws: HowdahError.self) { try run(body, params: params, given) }
      do {
        _ = try run(body, params: params, given)
      } catch {
        #expect("\(error)".contains(fragment), "\(error)")
      }
    }
  }

  @Test func commandLineTextBecomesValues() throws {
    let p = { (type: ParamType) in Param("p", type, "", optional: true) }
    #expect(try RecipeParam.parse("0..10", p(.timepoints)) == .list([0, 10]))
    #expect(try RecipeParam.parse("0-10", p(.timepoints)) == .list([0, 10]))
    #expect(try RecipeParam.parse("7", p(.timepoints)) == 7)
    #expect(try RecipeParam.parse("2.5", p(.number)) == .double(2.5))
    #expect(try RecipeParam.parse("a,b", p(.list(.string))) == .list(["a", "b"]))
    #expect(try RecipeParam.parse("yes", p(.boolean)) == true)
    #expect(throws: HowdahError.self) { try RecipeParam.parse("x", p(.integer)) }
    #expect(throws: HowdahError.self) { try RecipeParam.parse("10..0", p(.timepoints)) }
  }

  @Test func onlyNamedFilesAreTouched() throws {
    let input = folder.write("in.txt", "hello")
    let secret = folder.write("secret.txt", "secret")
    let output = folder.path + "/out.txt"
    let params = "{i = {type = 'input'}, o = {type = 'output'}}"
    let result = try run(
      "local t = io.open(params.i):read('a') local f = io.open(params.o, 'w') f:write(t) f:close() return {t = t}",
      params: params, .record([("i", .string(input)), ("o", .string(output))]))
    #expect(result["t"] == "hello")
    #expect(try String(contentsOfFile: output, encoding: .utf8) == "hello")
    // A link beside the input, dots, and writing to an input.
    let link = folder.path + "/link.txt"
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: secret)
    for code in [
      "io.open('\(secret)')", "io.open('\(link)')", "io.open('\(folder.path)/x/../secret.txt')",
      "io.open(params.i, 'w')", "io.open('\(folder.path)/new.txt', 'w')",
    ] {
      do {
        _ = try run(code, params: params, .record([("i", .string(input)), ("o", .string(output))]))
        Issue.record("\(code) was allowed")
      } catch {
        #expect((error as? LuaRaised)?.kind == "permission", "\(code): \(error)")
      }
    }
  }

  @Test func foldersAreGrantedByFlagsAndLinksDoNotLeadOut() throws {
    let inner = folder.path + "/inner"
    try FileManager.default.createDirectory(atPath: inner, withIntermediateDirectories: true)
    let secret = folder.write("secret.txt", "secret")
    try "open".write(toFile: inner + "/a.txt", atomically: true, encoding: .utf8)
    try FileManager.default.createSymbolicLink(
      atPath: inner + "/out.txt", withDestinationPath: secret)
    try FileManager.default.createSymbolicLink(
      atPath: inner + "/dangling.txt", withDestinationPath: folder.path + "/new.txt")
    var policy = SandboxPolicy()
    policy.readableFolders = [SandboxPolicy.resolve(inner)]
    policy.writableFolders = [SandboxPolicy.resolve(inner)]
    #expect(
      try run("return {t = io.open('\(inner)/a.txt'):read('a')}", .nil, policy)["t"] == "open")
    for code in [
      "io.open('\(inner)/out.txt')", "io.open('\(inner)/../secret.txt')",
      "io.open('\(inner)/out.txt', 'w')",
      "io.open('\(inner)/dangling.txt', 'w')", "io.open('\(inner)x/a.txt', 'w')",
    ] {
      #expect(throws: LuaRaised.self, "\(code)") { try run(code, .nil, policy) }
    }
  }

  @Test func requireStaysBesideTheRecipe() throws {
    _ = folder.write("helper.lua", "local m = {} function m.twice(x) return 2 * x end return m")
    let outside = TemporaryFolder()
    let other = outside.write("other.lua", "return 1")
    try FileManager.default.createSymbolicLink(
      atPath: folder.path + "/sneaky.lua", withDestinationPath: other)
    #expect(
      try run(
        "local h = require 'helper' assert(h == require 'helper') return {x = h.twice(21)}")["x"]
        == 42)
    #expect(throws: LuaRaised.self) { try run("require 'sneaky'") }
  }

  @Test func errorsNameTheLineOfTheRecipe() throws {
    let path = folder.write(
      "bad.lua", "return {name = 'bad', run = function()\n  test.counter():ad(1)\nend}")
    do {
      _ = try runner().run(path, project: nil, params: .nil)
      Issue.record("it did not fail")
    } catch {
      let text = ErrorReport(registry: testRegistry()).text(of: error)
      #expect(text.contains("bad.lua:2: counter has no field \"ad\"; did you mean \"add\"?"))
      #expect(text.contains("  2 | test.counter():ad(1)"))
    }
  }

  @Test func reportsAreAlignedAndJSONIsValid() throws {
    let value = LuaValue.record([
      ("spots", 12), ("score", .record([("f1", .double(0.5))])), ("name", "a\"b\n"),
      ("rows", .list([.record([("t", 0), ("n", 10)]), .record([("t", 1), ("n", 9)])])),
    ])
    #expect(ValueText.report(value).contains("spots  12\n"))
    #expect(ValueText.report(value).contains("t   n\n0  10\n1   9\n"))
    let parsed = try JSONSerialization.jsonObject(with: Data(JSONText.line(value).utf8))
    #expect((parsed as? [String: Any])?["name"] as? String == "a\"b\n")
  }
}

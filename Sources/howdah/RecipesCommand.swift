// `howdah recipes [NAME]`: the list with a sentence each, or the help of one.

import Core
import Scripting

enum RecipesCommand {
  static func main(_ arguments: [String]) throws -> Int32 {
    let json = arguments.contains("--json")
    let names = arguments.filter { $0 != "--json" }
    let runner = RecipeRunner(registry: Registry(), library: RecipeLibrary())
    if let name = names.first {
      guard names.count == 1 else { throw UsageError("usage: howdah recipes [NAME]") }
      do {
        writeAll(1, try runner.describe(name).help())
      } catch let error as HowdahError where error.kind == .argument {
        throw UsageError(error.message)
      }
      return ExitStatus.done
    }
    var status = ExitStatus.done
    var rows: [(String, String)] = []
    for (name, path) in runner.library.files() {
      do {
        let recipe = try runner.describe(path)
        rows.append((name, recipe.summary))
      } catch {
        Program.report(error)
        status = ExitStatus.badData
      }
    }
    for row in rows {
      if json {
        writeAll(
          1,
          JSONText.line(.record([("name", .string(row.0)), ("summary", .string(row.1))])) + "\n")
      } else {
        let gap = String(repeating: " ", count: max(1, 26 - row.0.count))
        writeAll(1, row.0 + gap + row.1 + "\n")
      }
    }
    if rows.isEmpty {
      writeAll(2, "no recipes found; see howdah doctor for where they are looked for\n")
    }
    return status
  }
}

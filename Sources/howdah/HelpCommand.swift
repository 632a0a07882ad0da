// `howdah help [TOPIC]`: a Lua name, a subcommand, a recipe, or everything.

import CTerm
import Core
import Scripting

enum HelpCommand {
  static func main(_ arguments: [String]) throws -> Int32 {
    let registry = StandardRegistry.make()
    let help = Help(
      registry: registry, width: cterm_is_terminal(1) ? Int(cterm_width()) : nil)
    if arguments.first == "--stubs" {
      writeAll(1, Stubs.text(registry))
      return ExitStatus.done
    }
    guard let topic = arguments.first else {
      writeAll(1, Program.usage + "\n" + help.topic(""))
      return ExitStatus.done
    }
    if let command = Program.commands.first(where: { $0.name == topic }) {
      writeAll(1, "howdah \(command.usage)\n  \(command.doc)\n")
      return ExitStatus.done
    }
    let runner = RecipeRunner(registry: registry, library: RecipeLibrary())
    if registry.type(named: topic) == nil, let recipe = try? runner.describe(topic) {
      writeAll(1, recipe.help())
      return ExitStatus.done
    }
    let text = help.topic(topic)
    let isUnknown = text.hasPrefix("no help for")
    writeAll(isUnknown ? 2 : 1, text)
    return isUnknown ? ExitStatus.usage : ExitStatus.done
  }
}

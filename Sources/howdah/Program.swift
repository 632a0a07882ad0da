// The command: which of its forms was asked for, and with which status it ends.
//
// Exit status: 0 done, 1 the script or recipe failed, 2 wrong usage, 3 permission refused, 4 bad data, 130
// interrupted. Results go to standard output, everything else to standard error.

import CTerm
import Core
import Glibc
import LuaShim
import Scripting

/// The exit statuses of the command.
enum ExitStatus {
  static let done: Int32 = 0
  static let failed: Int32 = 1
  static let usage: Int32 = 2
  static let permission: Int32 = 3
  static let badData: Int32 = 4
  static let interrupted: Int32 = 130

  /// The status for an error that ended the program.
  static func of(_ error: any Error) -> Int32 {
    let kind = (error as? HowdahError)?.kind ?? (error as? LuaRaised)?.howdahKind
    switch kind {
    case .permission: return permission
    case .format, .file, .unavailable: return badData
    case .interrupted: return interrupted
    default: return error is UsageError ? usage : failed
    }
  }
}

/// The command line itself is wrong.
struct UsageError: Error, CustomStringConvertible {
  var description: String
  init(_ description: String) { self.description = description }
}

/// The program.
enum Program {
  /// The subcommands, with what `howdah help` says of them.
  static let commands: [(name: String, usage: String, doc: String)] = [
    ("run", "run RECIPE [PROJECT] [options]", "run a recipe on a project"),
    ("recipes", "recipes [NAME]", "list the recipes, or show one"),
    ("convert", "convert IN OUT", "read one format, write another"),
    ("info", "info PATH [--json]", "what is in a data set or project"),
    ("evaluate", "evaluate RESULT TRUTH [--json]", "compare a project with the truth"),
    ("help", "help [TOPIC]", "what a Lua name is for; help all shows everything"),
    ("doctor", "doctor", "check that the program finds what it needs"),
  ]

  /// Run the command with these arguments (the program's name first); returns the exit status.
  static func main(_ arguments: [String]) -> Int32 {
    hw_install_interrupt()
    let rest = Array(arguments.dropFirst())
    do {
      switch rest.first {
      case "run": return try RunCommand.main(Array(rest.dropFirst()))
      case "recipes": return try RecipesCommand.main(Array(rest.dropFirst()))
      case "convert": return try ProjectCommands.convert(Array(rest.dropFirst()))
      case "info": return try InfoCommand.main(Array(rest.dropFirst()))
      case "evaluate": return try ProjectCommands.evaluate(Array(rest.dropFirst()))
      case "help": return try HelpCommand.main(Array(rest.dropFirst()))
      case "doctor": return try DoctorCommand.main(Array(rest.dropFirst()))
      case "--version":
        writeAll(1, "howdah \(HostFunctions.version)\n")
        return ExitStatus.done
      case "--help", "-h":
        writeAll(1, usage)
        return ExitStatus.done
      default: return try ScriptCommand.main(rest)
      }
    } catch {
      report(error)
      return ExitStatus.of(error)
    }
  }

  /// Show an error on standard error.
  static func report(
    _ error: any Error, sources: ErrorReport.Sources = [:], registry: Registry? = nil
  ) {
    if let usage = error as? UsageError {
      writeAll(2, "howdah: \(usage.description)\n")
      return
    }
    let trace = getenv("HOWDAH_TRACE").map { String(cString: $0) == "1" } ?? false
    let text = ErrorReport(sources: sources, registry: registry, showsHostFrames: trace).text(
      of: error)
    writeAll(2, Style.current.red("howdah:") + " " + printable(text))
  }

  /// Texts from broken files may hold anything; a terminal must not act on it.
  private static func printable(_ text: String) -> String {
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      let isControl = scalar.value < 0x20 || (0x7F..<0xA0).contains(scalar.value)
      result.append(isControl && scalar != "\n" && scalar != "\t" ? "?" : scalar)
    }
    return String(result)
  }

  static var usage: String {
    """
    usage: howdah [options] [script.lua [arguments]]
           howdah [PROJECT]                    the prompt, with the project open as p
           howdah COMMAND [arguments]

    options, as in lua: -e CODE  -i  -l MODULE  -  -v  --

    """
      + commands.map { c in
        "  howdah \(c.usage)" + String(repeating: " ", count: max(1, 38 - c.usage.count)) + c.doc
          + "\n"
      }.joined()
  }
}

/// Colour on terminals, unless NO_COLOR is set.
struct Style {
  var colored: Bool
  static var current: Style {
    let refused = getenv("NO_COLOR").map { $0.pointee != 0 } ?? false
    let dumb = getenv("TERM").map { String(cString: $0) == "dumb" } ?? true
    return Style(colored: !refused && !dumb && cterm_is_terminal(2))
  }
  func red(_ text: String) -> String { colored ? "\u{1B}[31m\(text)\u{1B}[0m" : text }
  func dim(_ text: String) -> String { colored ? "\u{1B}[2m\(text)\u{1B}[0m" : text }
}

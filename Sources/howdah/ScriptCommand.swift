// `howdah [options] [script [arguments]]`: the forms of lua, and the prompt.

import CTerm
import Core
import Glibc
import Scripting

enum ScriptCommand {
  /// One step asked for by options, in order.
  private enum Step {
    case code(String)
    case library(String)
  }

  static func main(_ arguments: [String]) throws -> Int32 {
    var steps: [Step] = []
    var interactive = false
    var showsVersion = false
    var script: String?
    var at = 0
    loop: while at < arguments.count {
      let argument = arguments[at]
      switch argument {
      case "-": script = "-"
      case "--":
        at += 1
        if at < arguments.count { script = arguments[at] }
      case "-i":
        interactive = true
        at += 1
        continue loop
      case "-v":
        showsVersion = true
        at += 1
        continue loop
      case "-e", "-l":
        at += 1
        guard at < arguments.count else { throw UsageError("\(argument) needs an argument") }
        steps.append(argument == "-e" ? .code(arguments[at]) : .library(arguments[at]))
        at += 1
        continue loop
      case let a where a.hasPrefix("-e") && a.count > 2:
        steps.append(.code(String(a.dropFirst(2))))
        at += 1
        continue loop
      case let a where a.hasPrefix("-l") && a.count > 2:
        steps.append(.library(String(a.dropFirst(2))))
        at += 1
        continue loop
      case let a where a.hasPrefix("-"):
        throw UsageError("unknown option \(a)\(hint(a)) (howdah --help shows all)")
      default: script = argument
      }
      break
    }
    if showsVersion { writeAll(1, Session.banner) }
    var project: String?
    if let name = script, name != "-", isData(name) {
      project = name
      script = nil
      interactive = true
    } else if let name = script, name != "-", access(name, F_OK) != 0 {
      throw unknown(name)
    }
    let nothingAsked = steps.isEmpty && script == nil && !showsVersion
    let session = try Session(interactive: interactive || nothingAsked)
    try session.setArguments(arguments, scriptAt: script == nil ? arguments.count : at)
    do {
      for step in steps {
        switch step {
        case .code(let code): try session.run(code, name: "=(command line)")
        case .library(let name): try session.requireLibrary(name)
        }
      }
      if let script {
        let source = try script == "-" ? readAll() : readScript(script)
        try session.run(
          source, name: script == "-" ? "=stdin" : "@" + script,
          Array(arguments[min(at + 1, arguments.count)...]))
      }
      if let project { try session.open(project) }
    } catch {
      session.report(error)
      // At a terminal the prompt comes all the same; a pipe has nobody who could mend it.
      if !interactive || (project != nil && !cterm_is_terminal(0)) { return ExitStatus.of(error) }
    }
    if interactive || (nothingAsked && cterm_is_terminal(0)) {
      return Prompt(session).loop()
    }
    if nothingAsked {
      do {
        try session.run(try readAll(), name: "=stdin")
      } catch {
        session.report(error)
        return ExitStatus.of(error)
      }
    }
    return ExitStatus.done
  }

  private static func hint(_ option: String) -> String {
    Suggest.hint(for: option, among: ["--help", "--json", "-e", "-i", "-l", "-v"])
  }

  private static func unknown(_ name: String) -> any Error {
    let commands = Program.commands.map(\.name)
    if let near = Suggest.nearest(to: name, among: commands) {
      return UsageError("there is no command or file \"\(name)\"; did you mean \"\(near)\"?")
    }
    return HowdahError.file(name, "No such file or directory")
  }

  /// Whether a path is opened at the prompt rather than run.
  private static func isData(_ path: String) -> Bool {
    let lower = path.lowercased()
    let endings = [".mastodon", ".xml", ".tif", ".tiff", ".ome.tif", ".zip", ".h5"]
    if endings.contains(where: lower.hasSuffix) { return true }
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  /// The text of a script, without a first line that begins with "#".
  private static func readScript(_ path: String) throws -> String {
    let text = try readText(path)
    return text.utf8.first == 35 ? "--" + text : text
  }

  /// All of standard input.
  private static func readAll() throws -> String {
    var bytes: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let n = read(0, &block, block.count)
      if n > 0 { bytes += block[..<n] } else if n == 0 || errno != EINTR { break }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}

// `howdah doctor`: does the program find what it needs, and how does it do here.

import CTerm
import Core
import Glibc
import LuaShim
import Scripting

enum DoctorCommand {
  static func main(_ arguments: [String]) throws -> Int32 {
    guard arguments.isEmpty else { throw UsageError("usage: howdah doctor") }
    var isWell = true
    func line(_ name: String, _ good: Bool, _ note: String) {
      if !good { isWell = false }
      let gap = String(repeating: " ", count: max(1, 14 - name.count))
      writeAll(1, "\(good ? "ok  " : "BAD ") \(name)\(gap)\(note)\n")
    }
    line(
      "program", true,
      "\(HostFunctions.version), \(RecipeLibrary.executablePath() ?? "unknown place")")
    line("processors", true, "\(sysconf(Int32(_SC_NPROCESSORS_ONLN)))")
    let registry = StandardRegistry.make()
    do {
      let host = try LuaHost(registry: registry)
      let answer = try host.run("return _VERSION, 6 * 7")
      line("lua", answer.last?.integer == 42, answer.first?.text ?? "")
    } catch {
      line("lua", false, "\(error)")
    }
    let library = RecipeLibrary()
    let files = library.files()
    line("recipes", !files.isEmpty, "\(files.count) in \(library.folders.joined(separator: ", "))")
    let runner = RecipeRunner(registry: registry, library: library)
    for (name, path) in files {
      do {
        _ = try runner.describe(path)
      } catch {
        line("recipe", false, "\(name): \(error)")
      }
    }
    let temporary = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    let probe = "\(temporary)/howdah-doctor-\(getpid())"
    do {
      try AtomicFile.write("ok", to: probe)
      line("disk", try readText(probe) == "ok", "\(temporary) can be written")
      unlink(probe)
    } catch {
      line("disk", false, "\(error)")
    }
    line("terminal", true, cterm_is_terminal(1) ? "\(cterm_width()) columns" : "none")
    return isWell ? ExitStatus.done : ExitStatus.failed
  }
}

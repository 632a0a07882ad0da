// The prompt: reads inputs, shows values and errors, completes, remembers.

import CTerm
import Core
import Glibc
import LuaShim
import Scripting

/// A loop over inputs on a terminal, or on standard input with `-i`.
final class Prompt {
  private let session: Session
  /// The lines of an input that is not finished.
  private var pending = ""

  init(_ session: Session) { self.session = session }

  /// Read inputs until the end of the input; returns the exit status.
  func loop() -> Int32 {
    let isTerminal = cterm_is_terminal(0)
    if isTerminal {
      // A pipe that the session opened must not end it; scripts end with their reader, as everywhere.
      signal(SIGPIPE, SIG_IGN)
      writeAll(1, Session.banner)
      cterm_open(
        Self.historyFile(),
        { context, line, start, end in
          Prompt.complete(context!, String(cString: line!), Int(start), Int(end))
        }, Unmanaged.passUnretained(self).toOpaque())
    }
    var isWarned = false
    while true {
      var line: UnsafeMutablePointer<CChar>?
      switch isTerminal
        ? cterm_read(pending.isEmpty ? "> " : ">> ", &line) : cterm_read_plain(&line)
      {
      case CTERM_INTERRUPTED:
        pending = ""
        continue
      case CTERM_END:
        if isTerminal { writeAll(1, "\n") }
        if isTerminal, !isWarned, let unsaved = session.unsaved() {
          writeAll(2, "\(unsaved) changed and not saved; \(Self.leaving)\n")
          isWarned = true
          pending = ""
          continue
        }
        return ExitStatus.done
      default: isWarned = false
      }
      if let line {
        pending += (pending.isEmpty ? "" : "\n") + String(cString: line)
        free(line)
      }
      if run(pending, remember: isTerminal) { pending = "" }
    }
  }

  private static let leaving = "p:save(\"NAME.mastodon\") would save p, Ctrl-D again leaves"

  /// Run an input; false when it is not finished.
  private func run(_ input: String, remember: Bool) -> Bool {
    hw_clear_interrupt()
    defer {
      hw_clear_interrupt()
      ProgressBar.clear()
    }
    session.remember(input, as: "prompt")
    do {
      switch try session.host.evaluate(input) {
      case .incomplete: return false
      case .done(let text):
        ProgressBar.clear()
        writeAll(1, text)
      }
    } catch {
      ProgressBar.clear()
      session.report(error)
    }
    if remember, !input.isEmpty { cterm_add_history(input) }
    return true
  }

  private static func complete(
    _ context: UnsafeMutableRawPointer, _ line: String, _ start: Int, _ end: Int
  ) -> UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? {
    let prompt = Unmanaged<Prompt>.fromOpaque(context).takeUnretainedValue()
    let before = prompt.pending.isEmpty ? "" : prompt.pending + "\n"
    let shift = before.utf8.count
    let found = Completion(prompt.session.host).candidates(
      before + line, start + shift, end + shift)
    if found.isEmpty { return nil }
    let size = (found.count + 1) * MemoryLayout<UnsafeMutablePointer<CChar>?>.stride
    let result = malloc(size)!.bindMemory(
      to: UnsafeMutablePointer<CChar>?.self, capacity: found.count + 1)
    for (i, word) in found.enumerated() { result[i] = strdup(word) }
    result[found.count] = nil
    return result
  }

  /// $XDG_STATE_HOME/howdah/history or ~/.local/state/howdah/history; nil when there is no such place.
  private static func historyFile() -> String? {
    var folder: String
    if let state = getenv("XDG_STATE_HOME"), state.pointee != 0 {
      folder = String(cString: state)
    } else if let home = getenv("HOME"), home.pointee != 0 {
      folder = String(cString: home) + "/.local/state"
    } else {
      return nil
    }
    folder += "/howdah"
    var path = ""
    for part in folder.split(separator: "/", omittingEmptySubsequences: false) {
      path +=
        path.isEmpty && part.isEmpty
        ? "" : (path.isEmpty && !folder.hasPrefix("/") ? "" : "/") + part
      if !path.isEmpty { mkdir(path, 0o700) }
    }
    let file = folder + "/history"
    let descriptor = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
    if descriptor < 0 { return nil }
    close(descriptor)
    return file
  }
}

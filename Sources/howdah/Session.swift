// A trusted Lua state with the whole standard library: what scripts and the prompt run in.

import CTerm
import Core
import Glibc
import LuaShim
import Scripting

/// A host for scripts and the prompt.
final class Session {
  let host: LuaHost
  private var sources: ErrorReport.Sources = [:]

  static let banner = "Howdah \(HostFunctions.version)  Lua 5.4  help() shows what there is\n"

  init(interactive: Bool) throws {
    var context = HostContext()
    context.listensToInterrupts = true
    if cterm_is_terminal(1) { context.width = Int(cterm_width()) }
    context.usesColor = Style.current.colored && cterm_is_terminal(1)
    if cterm_is_terminal(2) { context.progressListener = ProgressBar.listener() }
    let registry = StandardRegistry.make()
    host = try LuaHost(registry: registry, context: context)
    host.runner = RecipeRunner(registry: registry, library: RecipeLibrary(), context: context)
    try host.installLuaFolder(RecipeLibrary.luaFolder())
  }

  /// The table `arg`: the script at 0, its arguments from 1 on, what stood before it at negative numbers.
  func setArguments(_ arguments: [String], scriptAt: Int) throws {
    try host.setArgumentTable([CommandLine.arguments[0]] + arguments, scriptAt: scriptAt + 1)
  }

  /// Run source text and ignore its results.
  func run(_ source: String, name: String, _ arguments: [String] = []) throws {
    sources[String(name.dropFirst())] = source
    hw_clear_interrupt()
    defer { ProgressBar.clear() }
    try host.execute(source, name: name, arguments)
  }

  /// `-l name`: require it into a global.
  func requireLibrary(_ name: String) throws {
    try run("local n = ...; _G[n:match('[^.]*$')] = require(n)", name: "=(-l)", [name])
  }

  /// Open a data set or project as the global `p`.
  func open(_ path: String) throws {
    try run("p = howdah.open(...)", name: "=(open)", [path])
  }

  /// The globals whose projects have changes that no file has, as in "p is" or "p, q are"; nil when there are none.
  func unsaved() -> String? {
    let names = try? host.run(
      """
      local names = {}
      for name, value in pairs(_G) do
        if type(value) == "userdata" and name ~= "_" then
          local ok, modified = pcall(function() return value.modified end)
          if ok and modified == true then names[#names + 1] = tostring(name) end
        end
      end
      table.sort(names)
      return #names > 0 and table.concat(names, ", ") .. (#names > 1 and " are" or " is") or nil
      """, name: "=(leaving)")
    return names?.first?.text
  }

  /// Remember a text for error messages.
  func remember(_ source: String, as name: String) { sources[name] = source }

  /// Show an error on standard error.
  func report(_ error: any Error) {
    Program.report(error, sources: sources, registry: host.registry)
  }
}

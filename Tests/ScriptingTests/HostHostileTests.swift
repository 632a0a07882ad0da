// Scripts that try to get out of a recipe's sandbox, to hang it, or to break the host. Each must end by itself
// within its limit (and a little), with the host usable afterwards.

import Core
import Foundation
import Scripting
import Testing

/// A folder of its own for a test; removed at the end.
final class TemporaryFolder {
  let path: String
  init() {
    path = NSTemporaryDirectory() + "howdah-test-" + UUID().uuidString
    try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }
  deinit { try? FileManager.default.removeItem(atPath: path) }

  func write(_ name: String, _ text: String) -> String {
    let file = path + "/" + name
    try? text.write(toFile: file, atomically: true, encoding: .utf8)
    return file
  }
}

/// What a hostile snippet must come to.
enum Fate: Sendable {
  /// It must be stopped by the time limit.
  case timeLimit
  /// It must fail with this in its message.
  case fails(String)
  /// It may do what it likes, as long as it ends in time; what it returns must be this text (nil: anything).
  case ends(String?)
}

struct Hostile: Sendable, CustomTestStringConvertible {
  let name: String
  let code: String
  let fate: Fate
  init(_ name: String, _ code: String, _ fate: Fate) {
    self.name = name
    self.code = code
    self.fate = fate
  }
  var testDescription: String { name }
}

private let hostile: [Hostile] = [
  // Ways out
  Hostile("bytecode", #"return load("\27Lua", "x", "b")"#, .ends("nil")),
  Hostile(
    "bytecode by reader", #"return load(function() return "\27Lua" end)"#, .fails("string expected")
  ),
  Hostile("string.dump", "return string.dump(function() end)", .fails("nil value (field 'dump')")),
  Hostile("debug", "return debug.getregistry()", .fails("nil value (global 'debug')")),
  Hostile("package", "return package.loadlib('x', '*')", .fails("nil value (global 'package')")),
  Hostile("require file", "require 'os'", .fails("cannot be read")),
  Hostile(
    "require with dots", "require '../../etc/passwd'", .fails("only modules beside the recipe")),
  Hostile("require absolute", "require '/etc/passwd'", .fails("only modules beside the recipe")),
  Hostile("dofile", "dofile('/etc/passwd')", .fails("nil value (global 'dofile')")),
  Hostile("loadfile", "loadfile('/etc/passwd')", .fails("nil value (global 'loadfile')")),
  Hostile("io.open read", "io.open('/etc/passwd')", .fails("--allow-read=/etc")),
  Hostile("io.open write", "io.open('/tmp/evil', 'w')", .fails("--allow-write=/tmp")),
  Hostile("io.open update", "io.open('/etc/passwd', 'r+')", .fails("--allow-write=/etc")),
  Hostile(
    "io.lines", "for l in io.lines('/etc/passwd') do return l end", .fails("--allow-read=/etc")),
  Hostile("io.popen", "io.popen('id')", .fails("--allow-run")),
  Hostile("os.execute", "os.execute('id')", .fails("--allow-run")),
  Hostile("os.getenv", "return os.getenv('HOME')", .fails("--allow-env")),
  Hostile("os.remove", "os.remove('/tmp/x')", .fails("--allow-write=/tmp")),
  Hostile("os.rename", "os.rename('/tmp/x', '/tmp/y')", .fails("--allow-write=/tmp")),
  Hostile("os.exit", "os.exit(0)", .fails("nil value (field 'exit')")),
  Hostile("path with zero", #"io.open("/tmp/a\0b")"#, .fails("zero byte")),
  Hostile("path by dots", "io.open('/tmp/../etc/passwd')", .fails("may not read")),
  Hostile(
    "path object", "io.open(setmetatable({}, {__tostring = function() return 'x' end}))",
    .fails("path (string) expected")),
  Hostile(
    "print dies", "print(setmetatable({}, {__tostring = function() return {} end}))",
    .fails("must return a string")),
  Hostile("collectgarbage stop", "collectgarbage('stop')", .fails("invalid option")),
  Hostile("collectgarbage step", "collectgarbage('generational')", .fails("invalid option")),
  Hostile("warn", "warn('@on')", .fails("nil value (global 'warn')")),
  Hostile("global leak", "string.upper = nil; _G.print = nil; table = nil; return 1", .ends("1")),
  // Metatables
  Hostile("string metatable", "return getmetatable('')", .ends("locked")),
  Hostile("string metatable set", "getmetatable('').__index = nil", .ends(nil)),
  Hostile("object metatable", "return getmetatable(test.counter())", .ends("counter")),
  Hostile("object setmetatable", "setmetatable(test.counter(), {})", .fails("table expected")),
  Hostile("handle metatable", "return getmetatable(test.world(3):at(1))", .ends("handle")),
  Hostile("handle of nothing", "return test.world(3):at(1).nothing", .fails("no field")),
  Hostile("object index by object", "return test.counter()[test.counter()]", .fails("no field")),
  Hostile(
    "method on wrong self", "return test.counter().add(test.world(3))",
    .fails("call it with a colon")),
  Hostile("method on file", "return test.counter().add({})", .fails("call it with a colon")),
  Hostile(
    "fake error object",
    "error(setmetatable({kind = 1, message = {}}, {__tostring = function() error('x') end}))",
    .fails("without a text")),
  Hostile(
    "error tostring loop",
    "error(setmetatable({}, {__tostring = function() while true do end end}))", .timeLimit),
  Hostile("error nil", "error(nil)", .fails("nil")),
  Hostile("error table", "error({})", .fails("{}")),
  Hostile(
    "gc by setmetatable", "setmetatable({}, {__gc = function() while true do end end})",
    .fails("__gc")),
  Hostile(
    "gc added later",
    "local m = {} setmetatable({}, m) m.__gc = function() while true do end end collectgarbage() return 1",
    .ends("1")),
  Hostile("gc by rawset", "local m = rawset({}, '__gc', 1) setmetatable({}, m)", .fails("__gc")),
  Hostile(
    "close loops",
    "local x <close> = setmetatable({}, {__close = function() while true do end end})", .timeLimit),
  Hostile(
    "close loops after error",
    "local x <close> = setmetatable({}, {__close = function() while true do end end}) error('x')",
    .timeLimit),
  Hostile(
    "close loops after stop",
    "local x <close> = setmetatable({}, {__close = function() while true do end end}) while true do end",
    .timeLimit),
  Hostile(
    "close in coroutine",
    "local c = coroutine.wrap(function() local x <close> = setmetatable({}, {__close = function() while true do end end}) error('x') end) c()",
    .timeLimit),
  Hostile(
    "close of dead coroutine after stop",
    "local co = coroutine.create(function() local x <close> = setmetatable({}, {__close = function() while true do end end}) while true do end end) coroutine.resume(co) coroutine.close(co)",
    .timeLimit),
  Hostile(
    "forged len concat",
    "return table.concat(setmetatable({}, {__len = function() return 2^40 // 1 end, __index = function() return 'x' end}))",
    .fails("without a metatable")),
  Hostile(
    "forged len insert",
    "table.insert(setmetatable({}, {__len = function() return 2^40 // 1 end}), 1, 1)",
    .fails("without a metatable")),
  Hostile(
    "forged len remove",
    "table.remove(setmetatable({}, {__len = function() return 2^40 // 1 end}), 1)",
    .fails("without a metatable")),
  Hostile(
    "forged len unpack",
    "table.unpack(setmetatable({}, {__len = function() return 2^40 // 1 end}))",
    .fails("without a metatable")),
  Hostile(
    "forged len sort", "table.sort(setmetatable({}, {__len = function() return 2^30 // 1 end}))",
    .fails("without a metatable")),
  Hostile("move far", "table.move({}, 1, 2^40 // 1, 2)", .fails("too many")),
  Hostile("unpack far", "table.unpack({}, 1, 1e8 // 1)", .fails("too many results")),
  Hostile(
    "index chain", "local t = setmetatable({}, {}) getmetatable(t).__index = t return t.x",
    .fails("loop")),
  Hostile(
    "index recursion",
    "local t = setmetatable({}, {__index = function(t, k) return t[k] end}) return t.x",
    .fails("stack overflow")),
  Hostile(
    "eq loop",
    "local m = {__eq = function() while true do end end} return setmetatable({}, m) == setmetatable({}, m)",
    .timeLimit),
  // Endless
  Hostile("while true", "while true do end", .timeLimit),
  Hostile("goto", "::a:: goto a", .timeLimit),
  Hostile("repeat pcall", "while true do pcall(function() while true do end end) end", .timeLimit),
  Hostile(
    "pcall swallows", "repeat until not pcall(function() while true do end end) return 'escaped'",
    .timeLimit),
  Hostile("xpcall handler loops", "xpcall(error, function() while true do end end)", .timeLimit),
  Hostile(
    "xpcall handler loops after stop",
    "xpcall(function() while true do end end, function() while true do end end)", .timeLimit),
  Hostile(
    "xpcall handler recursion", "local function h() error('again') end return xpcall(error, h)",
    .fails("again")),
  Hostile(
    "coroutine loop", "local co = coroutine.wrap(function() while true do end end) co()", .timeLimit
  ),
  Hostile(
    "coroutine swallow",
    "while true do coroutine.resume(coroutine.create(function() while true do end end)) end",
    .timeLimit),
  Hostile(
    "coroutine ends well",
    "local co = coroutine.create(function() while true do end end) coroutine.resume(co) return 'escaped'",
    .timeLimit),
  Hostile(
    "coroutine pingpong",
    "local a = coroutine.wrap(function() while true do coroutine.yield() end end) while true do a() end",
    .timeLimit),
  Hostile(
    "coroutine nest", "local function f() return coroutine.wrap(f)() end f()", .fails("overflow")),
  Hostile(
    "coroutine of itself",
    "local co co = coroutine.create(function() return coroutine.resume(co) end) return coroutine.resume(co)",
    .ends(nil)),
  Hostile("yield at top", "coroutine.yield()", .fails("yield")),
  Hostile(
    "sort with callback",
    "local t = {} for i = 1, 1000 do t[i] = i end table.sort(t, function() while true do end end)",
    .timeLimit),
  Hostile(
    "sort invalid",
    "local t = {} for i = 1, 1000 do t[i] = i % 7 end table.sort(t, function() return true end)",
    .fails("invalid order function")),
  Hostile("gsub callback", "string.gsub('aaa', 'a', function() while true do end end)", .timeLimit),
  Hostile("load loop", "load('while true do end')()", .timeLimit),
  Hostile(
    "tostring loop", "tostring(setmetatable({}, {__tostring = function() while true do end end}))",
    .timeLimit),
  Hostile("howdah work", "test.spin()", .timeLimit),
  Hostile("howdah work in pcall", "while true do pcall(test.spin) end", .timeLimit),
  Hostile("callback in Swift", "test.call(function() while true do end end)", .timeLimit),
  Hostile(
    "callback in Swift swallowed",
    "while true do pcall(test.call, function() while true do end end) end", .timeLimit),
  Hostile("closure iterator", "for i in test.count_to(1 << 62) do end", .timeLimit),
  // Patterns
  Hostile(
    "optional pattern", "return ('a'):rep(30):find(('a?'):rep(30) .. ('a'):rep(30) .. 'b')",
    .timeLimit),
  Hostile("star pattern", "return ('a'):rep(400):find(('a*'):rep(8) .. 'b')", .timeLimit),
  Hostile("lazy pattern", "return ('a'):rep(300000):find('a-b')", .timeLimit),
  Hostile("balance pattern", "return ('('):rep(300000):find('%b()')", .timeLimit),
  Hostile("gmatch pattern", "for m in ('a'):rep(300000):gmatch('a-b') do end", .timeLimit),
  Hostile("gsub pattern", "return ('a'):rep(300000):gsub('.-b', 'x')", .timeLimit),
  Hostile(
    "honest pattern", "return #((' '):rep(10) .. ('x'):rep(100000)):match('^%s*(.-)%s*$')",
    .ends("100000")),
  Hostile(
    "pattern too deep", "return ('x'):rep(100000):match(('(x)'):rep(40))",
    .fails("too many captures")),
  Hostile(
    "pattern of parens", "return ('x'):match(('('):rep(100000))", .fails("too many captures")),
  // Memory
  Hostile("string.rep", "return ('x'):rep(1 << 40)", .fails("not enough memory")),
  Hostile(
    "string.rep overflow", "return ('x'):rep(1 << 62, ('y'):rep(100))", .fails("not enough memory")),
  Hostile(
    "string doubling", "local s = 'x' while true do s = s .. s end", .fails("not enough memory")),
  Hostile(
    "table bomb", "local t = {} while true do t = {t, t, t} t[#t + 1] = {} _G[t] = t end",
    .ends(nil)),
  Hostile(
    "table preallocated", "local t = {} for i = 1, 1e9 do t[i] = i end", .fails("not enough memory")
  ),
  Hostile(
    "coroutine bomb", "local t = {} while true do t[#t + 1] = coroutine.create(function() end) end",
    .fails("not enough memory")),
  Hostile(
    "closure bomb",
    "local t = {} while true do local x = #t t[x + 1] = function() return x end end",
    .fails("not enough memory")),
  Hostile(
    "gsub blow-up", "local s = ('x'):rep(100000) return #s:gsub('x', s)",
    .fails("not enough memory")),
  Hostile(
    "concat blow-up",
    "local t = {} for i = 1, 100 do t[i] = ('x'):rep(1000000) end return #table.concat(t)",
    .fails("not enough memory")),
  Hostile("format", "return string.format('%99999d', 1)", .fails("invalid conversion")),
  Hostile("parser nest", "return load(('('):rep(100000) .. '1')", .ends(nil)),
  Hostile(
    "parser many", "return load('return ' .. ('{'):rep(1000) .. ('}'):rep(1000))", .ends(nil)),
  Hostile(
    "memory caught for ever", "while true do pcall(string.rep, 'x', 15000000) end", .timeLimit),
  // Deep
  Hostile(
    "recursion", "local function f() return 1 + f() end return f()", .ends(nil)),
  Hostile("recursion in pcall", "local function f() return pcall(f) end return (f())", .ends(nil)),
  Hostile(
    "recursion in gsub", "local function f() return (('x'):gsub('x', f)) end return f()",
    .fails("overflow")),
  Hostile("recursion in Swift", "local function f() test.call(f) end f()", .ends(nil)),
  Hostile("result contains itself", "local t = {} t.t = t return t", .fails("contain itself")),
  Hostile(
    "result is deep", "local t = {} for i = 1, 1000 do t = {t} end return t",
    .fails("nested deeper")),
  Hostile("result with strange keys", "return {[{}] = 1}", .fails("as a key")),
  Hostile(
    "too many arguments", "return select('#', string.byte(('x'):rep(1e6), 1, -1))",
    .fails("slice too long")),
  Hostile("many results", "return table.unpack({}, 1, 200)", .ends(nil)),
  Hostile(
    "error in error", "error(setmetatable({}, {__tostring = function(e) error(e) end}))",
    .fails("without a text")),
]

@Suite struct HostHostileTests {
  @Test(arguments: hostile) func ends(_ snippet: Hostile) throws {
    let folder = TemporaryFolder()
    let evil = folder.write(
      "evil.lua", "return {name = 'evil', run = function(project, params)\n\(snippet.code)\nend}")
    let good = folder.write(
      "good.lua", "return {name = 'good', run = function() return ('ab'):upper() end}")
    var context = HostContext()
    context.output = { _ in }
    var runner = RecipeRunner(
      registry: testRegistry(), library: RecipeLibrary(executable: nil), context: context)
    runner.limits.memory = 48 << 20
    runner.limits.seconds = 0.4
    runner.limits.exitStatus = nil

    let start = ContinuousClock.now
    var failure: String?
    var result = LuaValue.nil
    do {
      result = try runner.run(evil, project: nil, params: .nil)
    } catch {
      failure = "\(error)"
    }
    let elapsed = ContinuousClock.now - start
    #expect(elapsed < .seconds(2.4), "took \(elapsed)")
    switch snippet.fate {
    case .timeLimit: #expect(failure?.contains("time limit") == true, "\(failure ?? "\(result)")")
    case .fails(let text):
      // On a busy machine the clock may run out before the memory does.
      let other = text == "not enough memory" ? "time limit" : text
      #expect(
        failure?.contains(text) == true || failure?.contains(other) == true,
        "\(failure ?? "\(result)")")
    case .ends(let text):
      #expect(failure == nil || text == nil, "\(failure ?? "")")
      if let text { #expect(ValueText.short(result) == text) }
    }
    runner.limits.seconds = 20
    #expect(try runner.run(good, project: nil, params: .nil) == "AB")
  }

  @Test func thereAreEnough() { #expect(hostile.count >= 60) }
}

// The binding: values, arguments, handles, objects, errors between Lua and Swift.

import Core
import Scripting
import Testing

/// The message of the error that `source` raises.
func failure(_ host: LuaHost, _ source: String) -> LuaRaised? {
  do {
    try host.run(source)
    return nil
  } catch {
    return error as? LuaRaised
  }
}

@Suite struct HostBindingTests {
  @Test func valuesTravelBothWays() throws {
    let host = try testHost()
    let result = try host.run(
      "return test.echo{1, 2.5, 'three', true, {a = 1, b = {}}}, test.answer, nil, -1")
    #expect(
      result == [
        .list([1, 2.5, "three", true, .record([("a", 1), ("b", .list([]))])]), 42, .nil, -1,
      ])
  }

  @Test func tableThatContainsItselfIsRefused() throws {
    let host = try testHost()
    let raised = failure(host, "local t = {} t.t = t; test.echo(t)")
    #expect(raised?.kind == "argument")
    #expect(raised?.message.contains("contain itself") == true)
  }

  @Test func optionsAreCheckedAndHaveDefaults() throws {
    let host = try testHost()
    let made = try host.run("return test.make('a', {radius = 2})")[0]
    #expect(made["radius"] == .double(2))
    #expect(made["count"] == 3)
    #expect(made["mode"] == "fast")
    for (source, fragment) in [
      (
        "test.make('a', {radius = 2, cuont = 1})",
        "unknown option \"cuont\"; did you mean \"count\"?"
      ),
      ("test.make('a', {count = 1})", "option \"radius\" (number) is missing"),
      ("test.make('a', {radius = -1})", "number of at least 0 expected"),
      ("test.make('a', {radius = '2'})", "at least 0 expected, got string"),
      ("test.make('a', {radius = 1, mode = 'exakt'})", "did you mean \"exact\"?"),
      ("test.make('a', {radius = 1, count = 1.5})", "integer expected"),
      ("test.make(1, {radius = 1})", "argument 1 (name): string expected, got number"),
      ("test.make('a', {radius = 1}, 5)", "takes 2 arguments, got 3"),
      ("test:make('a', {radius = 1})", "call it with a dot"),
      ("local c = test.counter() c.add(1)", "call it with a colon"),
      ("local c = test.counter() c.add()", "call it with a colon"),
      ("test.counter():ad(1)", "counter has no field \"ad\"; did you mean \"add\"?"),
      ("test.counter().valu = 1", "did you mean \"value\"?"),
      ("test.counter().add = 1", "counter.add cannot be changed"),
      ("test.counter().value = 'x'", "counter.value: integer expected, got string"),
    ] {
      let raised = failure(host, source)
      #expect(raised?.kind == "argument", "\(source)")
      #expect(raised?.message.contains(fragment) == true, "\(source): \(raised?.message ?? "none")")
    }
  }

  @Test func handlesReadColumnsAndSwift() throws {
    let host = try testHost()
    let result = try host.run(
      """
      local w = test.world(10)
      local s, same = w:at(4), w:at(4)
      s.x = s.x + 1
      local seen = {[s] = true}
      return s.x, s.slow_x, s.id, s:distance(1), s == same, seen[same], tostring(s), s ~= w:at(5)
      """)
    #expect(result == [.double(3), .double(3), 4, .double(2), true, true, "spot 4", true])
  }

  @Test func readingsGetCheckedOperands() throws {
    let host = try testHost()
    let result = try host.run(
      """
      local w, other = test.world(3), test.world(9)
      local s = w:at(1)
      local half = s.half_x
      s.x = -1
      return half, s.half_x, s.is_even, s:gap(other:at(8), 2), s:gap(w:at(1), 1, nil), s:next() == w:at(2),
        s:next():next()
      """)
    #expect(result == [.double(0.25), .nil, false, .double(10), .double(0), true, .nil])
    for (source, kind, fragment) in [
      ("s:gap()", "argument", "spot:gap: argument 1 (other): spot expected, got nothing"),
      ("s:gap(s, 'x')", "argument", "argument 2 (scale): number expected, got string"),
      ("s:gap(s, 1, 2)", "argument", "takes 2 arguments, got 3"),
      ("s.gap(test.world(2), s, 1)", "argument", "call it with a colon"),
      ("local t = w:at(2) t:remove() return s:gap(t, 1)", "stale", "spot (id 2) has been removed"),
      ("s:remove() return s:gap(w:at(2), 1)", "stale", "spot (id 1) has been removed"),
      ("s:remove() return s.half_x", "stale", "spot (id 1) has been removed"),
    ] {
      let raised = failure(host, "local w = test.world(3) local s = w:at(1) \(source)")
      #expect(raised?.kind == kind, "\(source)")
      #expect(raised?.message.contains(fragment) == true, "\(source): \(raised?.message ?? "none")")
    }
  }

  @Test func metamethodsByHandDoNoHarm() throws {
    // What the debug library gives a trusted script.
    let result = try testHost().run(
      """
      local s, c = test.world(3):at(1), test.counter()
      local index, object = debug.getmetatable(s).__index, debug.getmetatable(c).__index
      local x = index(s, "x", 1, 2)
      return x, pcall(index), pcall(index, s), pcall(index, 3, "x"), pcall(object, c, 1), pcall(object, s, "value")
      """)
    #expect(result[0] == .double(0.5))
    #expect(result.dropFirst().filter { $0 == false }.count == 5)
  }

  @Test func promptsKeepLocalsAndTellOfNamesThatAreNone() throws {
    let host = try testHost()
    func shown(_ input: String) throws -> String {
      guard case .done(let text) = try host.evaluate(input) else { return "incomplete" }
      return text
    }
    for input in [
      "local a, b = 1, 2", "local function twice(x)\n return 2 * x end", "local c",
      "local t = {n = 1}",
    ] {
      #expect(try shown(input) == "")
    }
    #expect(try shown("a + b") == "3\n" && shown("twice(b)") == "4\n" && shown("t.n") == "1\n")
    #expect(try shown("local x <const> = 5 return x") == "5\n")
    #expect(try shown("local y =") == "incomplete")
    #expect(try shown("a_nam") == "nil  (there is no variable \"a_nam\")\n")
    #expect(try shown("twic").contains("did you mean \"twice\"?"))
    #expect(try shown("t.m") == "nil\n" && shown("nil") == "nil\n" && shown("print()") == "")
    let long = try shown("('x'):rep(5000)")
    #expect(
      long.utf8.count < 4100 && long.hasSuffix("5000 characters in all; print(_) shows them\n"))
  }

  @Test func errorsThatAreTablesShowTheirFields() throws {
    let host = try testHost()
    #expect(
      failure(host, "error({code = 3, reason = 'worn'})")?.message
        == "{code = 3, reason = \"worn\"}")
    #expect(failure(host, "error({})")?.message == "{}")
    #expect(failure(host, "local t = {} t.t = t error(t)")?.message.hasPrefix("table: ") == true)
  }

  @Test func staleHandlesAreErrorsAndNeverOthers() throws {
    let host = try testHost()
    for use in ["return s.x", "return s.slow_x", "return s:distance(1)", "s.x = 1", "return s.foo"]
    {
      let raised = failure(host, "local s = test.world(3):at(1) s:remove() \(use)")
      #expect(raised?.kind == "stale", "\(use)")
      #expect(raised?.message.contains("spot (id 1) has been removed") == true)
    }
    // After the project is gone, and after its number has been given to another one.
    let closed = failure(
      host, "local s = test.world(3):at(1) collectgarbage() collectgarbage() return s.x")
    #expect(closed?.kind == "stale")
    try host.run(
      """
      local old = test.world(3):at(1)
      collectgarbage() collectgarbage()
      for i = 1, 600 do
        local w = test.world(3)
        assert(w:at(1) ~= old)
        if i % 50 == 0 then w = nil collectgarbage() end
        assert(not pcall(function() return old.x end))
      end
      """)
  }

  @Test func iterationPassesOverRemovedHandles() throws {
    let host = try testHost()
    let result = try host.run(
      """
      local w, ids = test.world(5), {}
      for s in w:each() do
        ids[#ids + 1] = s.id
        if s.id == 1 then w:at(2):remove() s:remove() end
      end
      return ids
      """)
    #expect(result[0] == [0, 1, 3, 4])
  }

  @Test func objectsAreReleasedOnce() throws {
    nonisolated(unsafe) var ended = 0
    do {
      let host = try LuaHost(registry: testRegistry(onCounterEnd: { ended += 1 }))
      try host.run(
        """
        local c = test.counter()
        assert(c:add():add(2).value == 3 and c + 1 == 4 and 1 + c == 4)
        assert(getmetatable(c) == "counter")
        local gc = debug.getmetatable(c).__gc
        gc(c) gc(c)
        assert(select(2, pcall(function() return c.value end)).kind == "stale")
        kept = test.counter()
        """)
      #expect(ended == 1)
    }
    #expect(ended == 2)
  }

  @Test func errorsKeepKindMessageAndPlace() throws {
    let host = try testHost()
    let result = try host.run(
      """
      local ok, e = pcall(test.fail, "format")
      local ok2, e2 = pcall(function()
        test.call(function() error({mine = 1}) end)
      end)
      local ok3, e3 = pcall(test.call, function() local x = nil; x.y = 1 end)
      return e.kind, e.message, e2.mine, type(e3)
      """, name: "@file.lua")
    #expect(result == ["format", "it failed", 1, "string"])
    let raised = failure(host, "\ntest.fail()")
    #expect(raised?.kind == "file")
    #expect(raised?.description == "code:2: it failed")
    #expect(raised?.traceback.contains("code:2:") == true)
  }

  @Test func swiftClosuresAreIterators() throws {
    let host = try testHost()
    #expect(
      try host.run("local n = 0 for i in test.count_to(10) do n = n + i end return n") == [55])
  }

  @Test func callbacksRunInsideSwift() throws {
    let host = try testHost()
    let result = try host.run(
      "return test.world(10):where(function(s) return s.x > 2 end), test.call(function() return 1, 2 end)"
    )
    #expect(result == [5, 1, 2])
    // Also from a coroutine.
    let inside = try host.run(
      """
      local co = coroutine.wrap(function(w) coroutine.yield(w:where(function(s) return s.x > 2 end)) end)
      return co(test.world(10))
      """)
    #expect(inside == [5])
  }

  @Test func dynamicNamesSuggestKnownOnes() throws {
    #expect(Suggest.nearest(to: "Progenitr", among: ["Detection", "Progenitor"]) == "Progenitor")
    #expect(Suggest.nearest(to: "zzz", among: ["Detection", "Progenitor"]) == nil)
    #expect(Suggest.nearest(to: "ab", among: ["ba"]) == "ba")
  }
}

// A small world for tests of the host: points as handles over plain arrays, and a counter as a boxed object.

import Core
import Scripting

/// Records in columns, with generations, as the lineage keeps spots.
final class PointWorld {
  var xs: UnsafeMutablePointer<Double>
  var generations: UnsafeMutablePointer<UInt32>
  let count: Int
  var version = 0
  var space: HandleSpace!

  init(_ host: LuaHost, count: Int) throws {
    self.count = count
    xs = .allocate(capacity: count)
    generations = .allocate(capacity: count)
    for i in 0..<count { xs[i] = Double(i) * 0.5 }
    generations.initialize(repeating: 0, count: count)
    var seen = -1
    space = try host.makeSpace(owner: self) { space in
      let world = space.owner as! PointWorld
      if world.version == seen { return }
      seen = world.version
      space.setStorage(0, generation: world.generations, stride: 4, count: world.count)
      space.setColumn(0, of: 0, base: world.xs, stride: 8, type: .double)
      space.setColumn(1, of: 0, base: nil, stride: 0, type: .index)
    }
  }

  deinit {
    xs.deallocate()
    generations.deallocate()
  }

  func handle(_ i: Int) -> Handle {
    Handle(.spot, in: space, index: UInt32(i), generation: generations[i])
  }
}

/// A class that Lua holds.
final class Counter {
  var value = 0
  let onEnd: () -> Void
  init(_ onEnd: @escaping () -> Void = {}) { self.onEnd = onEnd }
  deinit { onEnd() }
}

/// The names of the test world.
func testRegistry(onCounterEnd: @escaping () -> Void = {}) -> Registry {
  let registry = Registry()
  let spot = registry.handleType("spot", .spot, "A point.")
  spot.property(
    "x", "number", "World x.", column: 0, setType: .number,
    set: { call in
      call.owner(PointWorld.self).xs[Int(call.handle.index)] = call.double(0)
    }
  ) { call in call.push(call.owner(PointWorld.self).xs[Int(call.handle.index)]) }
  spot.property("id", "integer", "The id.", column: 1) { call in call.push(Int(call.handle.index)) }
  spot.property("slow_x", "number", "World x through Swift.") { call in
    call.push(call.owner(PointWorld.self).xs[Int(call.handle.index)])
  }
  spot.method("distance", params: [.number("to")], returns: "number", "Distance along x.") { call in
    call.push(abs(call.owner(PointWorld.self).xs[Int(call.handle.index)] - call.double(0)))
  }
  spot.property(
    "half_x", "number or nil", "Half of x; nil when it is negative.",
    reading: .optionalNumber {
      let x = $0.owner(PointWorld.self).xs[Int($0.handle.index)] / 2
      return x < 0 ? .nan : x
    })
  spot.property("is_even", "boolean", "Of the id.", reading: .boolean { $0.handle.index % 2 == 0 })
  spot.method(
    "gap", params: [.object("other", "spot"), .number("scale")], returns: "number",
    "Distance to another point, scaled.",
    reading: .number {
      let there = $0.owner(0, PointWorld.self).xs[Int($0.handle(0).index)]
      return (there - $0.owner(PointWorld.self).xs[Int($0.handle.index)]) * $0.double(1)
    })
  spot.method(
    "next", returns: "spot or nil", "The point after it.",
    reading: .handle {
      let world = $0.owner(PointWorld.self)
      let index = Int($0.handle.index) + 1
      if index >= world.count { return 0 }
      return $0.bits(.spot, index: UInt32(index), generation: world.generations[index])
    })
  spot.method("remove", "Remove it.") { call in
    call.owner(PointWorld.self).generations[Int(call.handle.index)] += 1
  }
  spot.operator("__tostring") { call in call.push("spot \(call.handle.index)") }
  let tags = registry.handleType("spot tags", .spotTags, "Tags of a point.")
  tags.dynamic(
    keys: { _ in ["Detection", "Progenitor"] },
    get: { call in if call.string(0) == "Detection" { call.push("tp") } })

  let world = registry.type("world", of: PointWorld.self, "Points.")
  world.method("at", params: [.integer("i", min: 0)], returns: "spot", "One point.") { call in
    let world = call.receiver(PointWorld.self)
    guard call.int(0) < world.count else { throw HowdahError(.argument, "no point \(call.int(0))") }
    call.push(world.handle(call.int(0)))
  }
  world.method("each", returns: "iterator", "All points.") { call in
    let world = call.receiver(PointWorld.self)
    call.pushIterator(count: world.count) { world.handle($0) }
  }
  world.method("where", params: [.function("f")], returns: "integer", "How many pass.") { call in
    let world = call.receiver(PointWorld.self)
    let f = try call.function(0)
    var n = 0
    for i in 0..<world.count where try f.test(world.handle(i)) { n += 1 }
    call.push(n)
  }
  let counter = registry.type("counter", of: Counter.self, "Counts.")
  counter.property(
    "value", "integer", "The count.", setType: .integer,
    set: { call in call.receiver(Counter.self).value = call.int(0) }
  ) { call in call.push(call.receiver(Counter.self).value) }
  counter.method("add", params: [.integer("n", default: 1)], returns: "counter", "Count on.") {
    call in
    call.receiver(Counter.self).value += call.int(0)
    call.pushReceiver()
  }
  counter.operator("__add", params: [.any("other")]) { call in
    let total = [0, 1].map { i in
      call.operand(i, Counter.self).map { Double($0.value) } ?? call.operandNumber(i) ?? 0
    }
    call.push(total[0] + total[1])
  }
  let test = registry.module("test", "Things to test with.")
  test.function("counter", returns: "counter", "A new counter.") { call in
    call.push(object: Counter(onCounterEnd))
  }
  test.function(
    "make",
    params: [
      .string("name"),
      .options([
        .number("radius", "Radius.", min: 0), .integer("count", "How many.", default: 3),
        .choice("mode", ["fast", "exact"], "How.", default: "fast"),
      ]),
    ], returns: "table", "Echo the arguments."
  ) { call in
    call.push(
      .record([
        ("name", .string(call.string(0))), ("radius", .double(call.options.double("radius"))),
        ("count", .int(call.options.int("count"))), ("mode", .string(call.options.string("mode"))),
      ]) as LuaValue)
  }
  test.function("world", params: [.integer("n", default: 10)], returns: "world", "A world.") {
    call in
    call.push(object: try PointWorld(call.host, count: call.int(0)))
  }
  test.function("echo", params: [.rest("values")], returns: "any", "The first value, copied.") {
    call in
    call.push(try call.value(0))
  }
  test.function("fail", params: [.string("kind", default: "file")], "Raise an error.") { call in
    throw HowdahError(HowdahError.Kind(rawValue: call.string(0)) ?? .internal, "it failed")
  }
  test.function("call", params: [.function("f")], "Call f inside Swift.") { call in
    try call.function(0).forward(to: call)
  }
  test.function("count_to", params: [.integer("n")], "An iterator made of a Swift closure.") {
    call in
    let n = call.int(0)
    var i = 0
    call.pushFunction { call in
      i += 1
      if i <= n { call.push(i) } else { call.pushNil() }
    }
  }
  test.function("spin", "Swift work without end, until it is stopped.") { call in
    let progress = call.progress
    while true { try progress.check() }
  }
  test.constant("answer", 42, "A constant.")
  return registry
}

/// A host over the test world.
func testHost(_ context: HostContext = HostContext()) throws -> LuaHost {
  try LuaHost(registry: testRegistry(), context: context)
}

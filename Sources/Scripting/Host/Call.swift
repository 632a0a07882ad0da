// What a registry closure sees: its receiver, checked arguments, options, the host, and where results go.
//
// What always holds: nothing here calls a Lua function that can raise; pushes that run out of memory push nil
// and let the dispatcher raise when the closure has returned.

import CLua
import Core
import LuaShim

/// A Swift value that is no object of a class, as a Lua object holds it. Those of classes go without a box;
/// their classes must be final.
final class Boxed<T> {
  let value: T
  init(_ value: T) { self.value = value }
}

/// One call from Lua into Swift. Argument numbers count from 0 and leave the receiver out. Valid only while
/// the closure runs.
public struct Call {
  /// The host of the call.
  public unowned(unsafe) let host: LuaHost
  unowned(unsafe) let entry: Entry
  let lua: OpaquePointer
  /// The stack index of argument 0.
  let first: Int32

  // MARK: Receiver

  /// The receiver's Swift value; `T` is the type given to `registry.type`.
  @inline(__always)
  public func receiver<T>(_: T.Type) -> T { unboxed(1, T.self) }

  /// The receiver's handle; it has been found current.
  public var handle: Handle { Handle(rawValue: hw_to_handle(lua, 1)) }

  /// The space of the receiver's handle.
  public var space: HandleSpace { space(of: handle) }

  /// The object that owns the receiver's data set.
  public func owner<T: AnyObject>(_: T.Type) -> T { owner(of: handle) }

  /// The space of a handle from this call's arguments.
  public func space(of handle: Handle) -> HandleSpace { host.spaceUnchecked(handle) }

  /// The object that owns the data set of a handle.
  public func owner<T: AnyObject>(of handle: Handle) -> T {
    unsafeDowncast(host.spaceUnchecked(handle).owner!, to: T.self)
  }

  @inline(__always)
  private func unboxed<T>(_ index: Int32, _: T.Type) -> T {
    let object = lua_touserdata(lua, index)!.assumingMemoryBound(to: hw_object.self)
    return Unmanaged<AnyObject>.fromOpaque(object.pointee.ref)._withUnsafeGuaranteedRef {
      if T.self is AnyObject.Type {
        precondition(Swift.type(of: $0) == T.self, "the receiver is not of the type asked for")
        return unsafeBitCast($0, to: T.self)
      }
      precondition(Swift.type(of: $0) == Boxed<T>.self, "the receiver is not of the type asked for")
      return unsafeDowncast($0, to: Boxed<T>.self).value
    }
  }

  // MARK: Arguments

  /// How many arguments were given.
  public var count: Int { Int(max(0, lua_gettop(lua) - first + 1)) }

  /// Whether argument `i` was given and is not nil.
  public func has(_ i: Int) -> Bool { lua_type(lua, first + Int32(i)) > LUA_TNIL }

  /// Argument `i`, declared `.number`, or its default.
  public func double(_ i: Int) -> Double {
    has(i) ? lua_tonumberx(lua, first + Int32(i), nil) : defaultNumber(i)
  }

  /// Argument `i`, declared `.integer`, or its default.
  public func int(_ i: Int) -> Int {
    has(i) ? Int(lua_tointegerx(lua, first + Int32(i), nil)) : Int(defaultNumber(i))
  }

  /// Argument `i`, declared `.boolean`, or its default (false when it has none).
  public func bool(_ i: Int) -> Bool {
    has(i)
      ? lua_toboolean(lua, first + Int32(i)) != 0 : entry.params[i].defaultValue.boolean ?? false
  }

  /// Argument `i`, declared `.string` or `.choice`, or its default. Also any value that is a string or
  /// number, as text.
  public func string(_ i: Int) -> String {
    text(at: first + Int32(i)) ?? entry.params[i].defaultValue.text ?? ""
  }

  /// As `double`, `int` and `string`, nil when it was not given.
  public func optionalDouble(_ i: Int) -> Double? { has(i) ? double(i) : nil }
  /// See `optionalDouble`.
  public func optionalInt(_ i: Int) -> Int? { has(i) ? int(i) : nil }
  /// See `optionalDouble`.
  public func optionalString(_ i: Int) -> String? { has(i) ? string(i) : nil }

  /// Argument `i` by copy.
  public func value(_ i: Int) throws -> LuaValue { try host.value(lua, at: first + Int32(i)) }

  /// Argument `i`, declared `.point`.
  public func point(_ i: Int) throws -> WorldPoint {
    try Argument.point(try value(i), entry.params[i].name)
  }

  /// Argument `i`, declared `.timepoints`.
  public func timepoints(_ i: Int) throws -> ClosedRange<Timepoint> {
    try Argument.timepoints(try value(i), entry.params[i].name)
  }

  /// The handle in argument `i`, declared `.object` of a handle type.
  public func handle(_ i: Int) -> Handle {
    Handle(rawValue: hw_to_handle(lua, first + Int32(i)))
  }

  /// The Swift value in argument `i`, declared `.object` of its type.
  public func object<T>(_ i: Int, _: T.Type) -> T { unboxed(first + Int32(i), T.self) }

  /// The Swift value in argument `i` when it is of this type (for `.any` and `.either`).
  public func objectIfAny<T>(_ i: Int, _: T.Type) -> T? {
    guard let number = host.number(of: T.self),
      hw_test(lua, first + Int32(i), number) == 0
    else { return nil }
    return unboxed(first + Int32(i), T.self)
  }

  /// The handle in argument `i` when it is a current one of this kind.
  public func handleIfAny(_ i: Int, _ kind: HandleKind) -> Handle? {
    hw_test(lua, first + Int32(i), Int32(kind.rawValue)) == 0 ? handle(i) : nil
  }

  /// The name of the registered type of argument `i`, or of its Lua type.
  public func typeName(_ i: Int) -> String { host.typeName(lua, at: first + Int32(i)) }

  /// The function in argument `i`; keep it no longer than the host lives.
  public func function(_ i: Int) throws -> LuaFunction {
    lua_pushvalue(lua, first + Int32(i))
    return try LuaFunction(host: host, popping: lua)
  }

  /// The options table: the last declared parameter.
  public var options: Options {
    Options(call: self, index: first + Int32(entry.params.count) - 1)
  }

  /// For operators: the Swift value of operand 0 or 1 when it is of this type, nil otherwise.
  public func operand<T>(_ i: Int, _: T.Type) -> T? {
    guard let number = host.number(of: T.self), hw_test(lua, Int32(i + 1), number) == 0
    else {
      return nil
    }
    return unboxed(Int32(i + 1), T.self)
  }

  /// For operators: the number in operand 0 or 1, if it is one.
  public func operandNumber(_ i: Int) -> Double? {
    lua_type(lua, Int32(i + 1)) == LUA_TNUMBER ? lua_tonumberx(lua, Int32(i + 1), nil) : nil
  }

  func text(at index: Int32) -> String? {
    if lua_type(lua, index) == LUA_TNUMBER {
      return lua_isinteger(lua, index) != 0
        ? String(lua_tointegerx(lua, index, nil)) : String(lua_tonumberx(lua, index, nil))
    }
    return luaText(lua, index)
  }

  private func defaultNumber(_ i: Int) -> Double { entry.parameters[i].default_number }

  // MARK: Results

  /// Push a number.
  public func push(_ value: Double) {
    if lua_checkstack(lua, 1) != 0 { lua_pushnumber(lua, value) }
  }
  /// Push an integer.
  public func push(_ value: Int) {
    if lua_checkstack(lua, 1) != 0 { lua_pushinteger(lua, lua_Integer(value)) }
  }
  /// Push a truth value.
  public func push(_ value: Bool) {
    if lua_checkstack(lua, 1) != 0 { lua_pushboolean(lua, value ? 1 : 0) }
  }
  /// Push nil.
  public func pushNil() {
    if lua_checkstack(lua, 1) != 0 { lua_pushnil(lua) }
  }
  /// Push a string.
  public func push(_ value: String) { host.push(lua, value) }
  /// Push a number or nil.
  public func push(_ value: Double?) {
    if let value { push(value) } else { pushNil() }
  }
  /// Push an integer or nil.
  public func push(_ value: Int?) {
    if let value { push(value) } else { pushNil() }
  }
  /// Push a string or nil.
  public func push(_ value: String?) {
    if let value { push(value) } else { pushNil() }
  }
  /// Push a copy of a value.
  public func push(_ value: LuaValue) { host.push(lua, value) }
  /// Push a handle.
  public func push(_ handle: Handle) {
    if lua_checkstack(lua, 1) != 0 { hw_push_handle(lua, handle.rawValue) }
  }
  /// Push `{x=, y=, z=}`.
  public func push(_ p: WorldPoint) {
    push(
      .record([("x", .double(p.x)), ("y", .double(p.y)), ("z", .double(p.z))]) as LuaValue)
  }

  /// Push an object of a registered type. `bytes` is the memory behind it that Lua cannot see; it makes the
  /// garbage collector come in time. `array` is read by `obj[1...count]` in C: it must live as long as `value`.
  public func push<T>(object value: T, bytes: Int = 0, array: UnsafeBufferPointer<Double>? = nil) {
    host.push(lua, object: value, bytes: bytes, array: array)
  }

  /// Push the argument at `i` again (for methods that return what they were given).
  public func pushArgument(_ i: Int) { lua_pushvalue(lua, first + Int32(i)) }
  /// Push the receiver, for methods that chain.
  public func pushReceiver() { lua_pushvalue(lua, 1) }

  /// Push an iterator for a generic `for` over these handles as they are now; those that have become stale
  /// when their turn comes are passed over.
  public func pushIterator(count: Int, _ handle: (Int) -> Handle) {
    guard let target = hw_push_iterator(lua, UInt64(count)) else {
      return host.noteOutOfMemory(lua)
    }
    for i in 0..<count { target[i] = handle(i).rawValue }
  }

  /// Push a table with these handles at 1...count.
  public func pushList(count: Int, _ handle: (Int) -> Handle) {
    guard hw_push_table(lua, Int32(clamping: count), 0) == LUA_OK, lua_checkstack(lua, 2) != 0
    else {
      return host.noteOutOfMemory(lua)
    }
    let table = lua_gettop(lua)
    for i in 0..<count {
      hw_push_handle(lua, handle(i).rawValue)
      // The table was made with room for all, so that this only stores.
      lua_rawseti(lua, table, lua_Integer(i + 1))
    }
  }

  /// Push a function that runs a Swift closure (an iterator over things that are no handles, for example).
  public func pushFunction(_ body: @escaping Handler) { host.push(lua, function: body) }

  // MARK: Long work

  /// A progress for work that this call starts: stops on Ctrl-C and at time limits, and shows a bar at the
  /// prompt.
  public var progress: Progress { host.makeProgress() }
}

/// The checked options table of a call. An absent key gives its default.
public struct Options {
  let call: Call
  let index: Int32

  private func param(_ key: String) -> Param? { call.entry.options.first { $0.name == key } }

  /// Whether the key was given.
  public func has(_ key: String) -> Bool {
    if case .nil = raw(key) { false } else { true }
  }

  private func raw(_ key: String) -> LuaValue {
    guard lua_type(call.lua, index) == LUA_TTABLE else { return .nil }
    guard push(key) else { return .nil }
    defer { hw_pop(call.lua, 1) }
    return (try? call.host.value(call.lua, at: -1)) ?? .nil
  }

  /// Push the value of a key, by name or else by its position; false when there is none.
  private func push(_ key: String) -> Bool {
    let lua = call.lua
    guard lua_type(lua, index) == LUA_TTABLE,
      hw_get_field(lua, index, key, key.utf8.count) == LUA_OK
    else { return false }
    if lua_type(lua, -1) != LUA_TNIL { return true }
    hw_pop(lua, 1)
    guard let at = call.entry.params.last?.positional.firstIndex(of: key) else { return false }
    if lua_rawgeti(lua, index, lua_Integer(at + 1)) != LUA_TNIL { return true }
    hw_pop(lua, 1)
    return false
  }

  /// The value of a key, or its default.
  public subscript(key: String) -> LuaValue {
    let given = raw(key)
    if case .nil = given { return param(key)?.defaultValue ?? .nil }
    return given
  }

  /// A number that has a default or is required.
  public func double(_ key: String) -> Double { self[key].number ?? 0 }
  /// An integer that has a default or is required.
  public func int(_ key: String) -> Int { self[key].integer ?? 0 }
  /// A string or choice that has a default or is required.
  public func string(_ key: String) -> String { self[key].text ?? "" }
  /// A truth value; false when absent without default.
  public func bool(_ key: String) -> Bool { self[key].boolean ?? false }
  /// nil when absent without default.
  public func optionalDouble(_ key: String) -> Double? { self[key].number }
  /// nil when absent without default.
  public func optionalInt(_ key: String) -> Int? { self[key].integer }
  /// nil when absent without default.
  public func optionalString(_ key: String) -> String? { self[key].text }
  /// A position, nil when absent.
  public func point(_ key: String) throws -> WorldPoint? {
    has(key) ? try Argument.point(self[key], key) : nil
  }
  /// A timepoint range, nil when absent.
  public func timepoints(_ key: String) throws -> ClosedRange<Timepoint>? {
    let value = self[key]
    return value.isNil ? nil : try Argument.timepoints(value, key)
  }
  /// A box in world units, nil when absent.
  public func box(_ key: String) throws -> WorldBox? {
    has(key) ? try Argument.box(self[key], key) : nil
  }
  /// A current handle, nil when absent.
  public func handle(_ key: String) -> Handle? {
    if case .handle(let h) = raw(key) { h } else { nil }
  }
  /// The Swift value of an object, nil when absent or of another type.
  public func object<T>(_ key: String, _: T.Type) -> T? {
    guard push(key) else { return nil }
    defer { hw_pop(call.lua, 1) }
    let top = lua_gettop(call.lua) - call.first
    return call.objectIfAny(Int(top), T.self)
  }
  /// A function, nil when absent.
  public func function(_ key: String) throws -> LuaFunction? {
    guard push(key) else { return nil }
    guard lua_type(call.lua, -1) == LUA_TFUNCTION else {
      hw_pop(call.lua, 1)
      return nil
    }
    return try LuaFunction(host: call.host, popping: call.lua)
  }
}

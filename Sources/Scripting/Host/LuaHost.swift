// A Lua state with its Swift side: the registry bound into it, dispatch of calls, running of code.
//
// What always holds: a host belongs to one thread; whatever may raise is run by the protected shims; every
// call from Lua into Swift comes through `dispatch` or `missing` and returns a status.

import CLua
import Core
import LuaShim

/// Tells those who outlive a host that it is gone. (A weak reference to the host itself would make every call
/// from Lua slower by 60 ns: the runtime keeps counts of such objects in a side table.)
final class HostLife {
  unowned(unsafe) var host: LuaHost?
}

/// A Lua state with the registry's names in it. Not Sendable: it belongs to the thread that made it.
public final class LuaHost {
  /// The names bound into the state.
  public let registry: Registry
  /// What the host's surroundings offer: where output goes, what may be read and written.
  public var context: HostContext
  /// Runs recipes for `howdah.run`; nil refuses.
  public var runner: RecipeRunner?
  /// The files that were loaded: Lua shortens long paths in messages.
  var loadedFiles: [String] = []
  let lua: OpaquePointer
  let box: UnsafeMutablePointer<hw_box>
  /// The entry that runs closures made by `Call.pushFunction`.
  let closureEntry: Int32
  private let entries: UnsafeMutablePointer<Unmanaged<Entry>>
  private let descriptions: UnsafeMutablePointer<hw_entry>
  private let spaces: UnsafeMutablePointer<Unmanaged<HandleSpace>?>
  private var spaceUses = [UInt32](repeating: 0, count: Int(HW_SPACES))
  var freeSpaces: [UInt8] = (1...255).reversed()
  let life = HostLife()
  private var recentOwners: [AnyObject] = []
  /// Types and their numbers, found again by some bits of the type's address: every object that is pushed asks.
  private var recentTypes = [(type: ObjectIdentifier?, number: Int32)](
    repeating: (nil, 0), count: 64)
  private var moduleReference: Int32 = -1

  /// Open a state and bind `registry` into it. The registry must not change afterwards.
  public init(registry: Registry, context: HostContext = HostContext()) throws {
    self.registry = registry
    self.context = context
    closureEntry = Self.prepare(registry)
    let count = registry.entries.count
    entries = .allocate(capacity: count)
    descriptions = .allocate(capacity: count)
    for (i, entry) in registry.entries.enumerated() {
      (entries + i).initialize(to: Unmanaged.passUnretained(entry))
      (descriptions + i).initialize(to: entry.description(in: registry))
    }
    descriptions[Int(closureEntry)].most = -100  // never fits: closures are found by their upvalue
    spaces = .allocate(capacity: Int(HW_SPACES))
    spaces.initialize(repeating: nil, count: Int(HW_SPACES))
    let callbacks = hw_callbacks(
      dispatch: { host, lua, entry in LuaHost.from(host!).dispatch(lua!, entry) },
      run: { host, lua, entry in LuaHost.from(host!).run(lua!, entry) },
      sync: { host, space in LuaHost.from(host!).sync(space) },
      missing: { host, lua, type, writing in LuaHost.from(host!).missing(lua!, type, writing != 0)
      },
      release: { ref in Unmanaged<AnyObject>.fromOpaque(ref!).release() })
    guard let box = hw_open(nil, callbacks, context.memoryLimit, context.sandbox != nil) else {
      throw HowdahError(.limit, "there is no memory for a Lua state")
    }
    self.box = box
    lua = box.pointee.main
    box.pointee.entries = UnsafePointer(descriptions)
    box.pointee.host = Unmanaged.passUnretained(self).toOpaque()
    hw_set_storage_of_kind(box, UInt32(HandleKind.link.rawValue), 1)
    hw_set_storage_of_kind(box, UInt32(HandleKind.linkTags.rawValue), 1)
    life.host = self
    try bind()
  }

  deinit {
    recentOwners = []
    life.host = nil
    hw_close(box)
    entries.deallocate()
    descriptions.deallocate()
    spaces.deallocate()
  }

  /// The number of the registered type of a Swift type.
  func number<T>(of type: T.Type) -> Int32? {
    let id = ObjectIdentifier(type)
    let slot = Int(bitPattern: id) >> 4 & 63
    if recentTypes[slot].type == id { return recentTypes[slot].number }
    guard let number = registry.number(of: type) else { return nil }
    recentTypes[slot] = (id, number)
    return number
  }

  private static func from(_ pointer: UnsafeMutableRawPointer) -> LuaHost {
    Unmanaged<LuaHost>.fromOpaque(pointer)._withUnsafeGuaranteedRef { $0 }
  }

  /// Give the registry the host's own names, once.
  private static func prepare(_ registry: Registry) -> Int32 {
    if let known = registry.type(named: "function object")?.metamethods.first?.entry {
      return known
    }
    let type = registry.type("function object", of: SwiftFunction.self, "A function made by Swift.")
    type.operator("__call") { _ in }
    return type.metamethods[0].entry
  }

  // MARK: Binding

  private func bind() throws {
    for type in registry.types {
      try require(hw_type_begin(lua, type.number, type.name))
      for (name, entry) in type.methods {
        try require(hw_type_method(lua, type.number, name, entry))
      }
      for p in type.properties {
        try require(hw_type_property(lua, type.number, p.name, p.column, p.getter, p.setter))
      }
      for (name, entry) in type.metamethods {
        try require(hw_type_meta(lua, type.number, name, entry))
      }
      if type.number < HW_KINDS, type.dynamicGetter >= 0 {
        hw_set_dynamic_getter(box, UInt32(type.number), type.dynamicGetter)
      }
      if type.hasMethodsOnly { try require(hw_type_methods_only(lua, type.number)) }
    }
    try require(hw_types_end(lua))
    for module in registry.modules { try bind(module) }
  }

  private func bind(_ module: ModuleEntry) throws {
    try pushModule(module.name)
    let table = lua_gettop(lua)
    for (name, entry) in module.functions {
      try require(hw_push_entry(lua, entry))
      try require(hw_set_field(lua, table, name, name.utf8.count))
    }
    for constant in module.constants {
      push(lua, constant.value)
      try require(hw_set_field(lua, table, constant.name, constant.name.utf8.count))
    }
    lua_settop(lua, table - 1)
  }

  /// Push the table of a dotted name, made on the way.
  private func pushModule(_ name: String) throws {
    lua_rawgeti(lua, hw_registry_index(), lua_Integer(LUA_RIDX_GLOBALS))
    for part in name.split(separator: ".").map(String.init) {
      let parent = lua_gettop(lua)
      try require(hw_get_field(lua, parent, part, part.utf8.count))
      if lua_type(lua, -1) != LUA_TTABLE {
        hw_pop(lua, 1)
        try require(hw_push_table(lua, 0, 8))
        lua_pushvalue(lua, -1)
        try require(hw_set_field(lua, parent, part, part.utf8.count))
      }
      hw_remove(lua, parent)
    }
  }

  /// Whether the value at `index` is one of the registry's module tables.
  func isModule(_ lua: OpaquePointer, at index: Int32) -> Bool {
    for module in registry.modules where !module.name.isEmpty {
      let top = lua_gettop(lua)
      defer { lua_settop(lua, top) }
      guard let first = module.name.split(separator: ".").first.map(String.init),
        hw_get_global(lua, first) == LUA_OK, lua_type(lua, -1) == LUA_TTABLE
      else { continue }
      var found = true
      for part in module.name.split(separator: ".").dropFirst().map(String.init) {
        found = hw_get_field(lua, lua_gettop(lua), part, part.utf8.count) == LUA_OK
        if !found || lua_type(lua, -1) != LUA_TTABLE { break }
      }
      if found, lua_rawequal(lua, -1, index) != 0 { return true }
    }
    return false
  }

  private func require(_ status: Int32) throws {
    if status != LUA_OK { throw HowdahError(.limit, "not enough memory for the Lua state") }
  }

  // MARK: Dispatch

  /// Run an entry whose receiver and arguments the shim has found to fit.
  private func run(_ lua: OpaquePointer, _ number: Int32) -> Int32 {
    entries[Int(number)]._withUnsafeGuaranteedRef { entry in
      let top = lua_gettop(lua)
      do {
        try entry.handler(Call(host: self, entry: entry, lua: lua, first: entry.first))
        return lua_gettop(lua) - top
      } catch {
        return report(error, lua)
      }
    }
  }

  /// Look closer at receiver and arguments, then run the entry.
  private func dispatch(_ lua: OpaquePointer, _ number: Int32) -> Int32 {
    entries[Int(number)]._withUnsafeGuaranteedRef { entry in
      if number == closureEntry { return runClosure(lua, entry) }
      do {
        if entry.checksReceiver {
          let status = hw_test(lua, 1, entry.receiver)
          if status != 0 { throw receiverError(lua, entry, status) }
        }
        try Call(host: self, entry: entry, lua: lua, first: entry.first).checkArguments()
      } catch {
        return report(error, lua)
      }
      return run(lua, number)
    }
  }

  private func runClosure(_ lua: OpaquePointer, _ entry: Entry) -> Int32 {
    let top = lua_gettop(lua)
    let upvalue = hw_upvalue_index(2)
    guard let object = hw_to_object(lua, upvalue), let ref = object.pointee.ref else {
      return report(HowdahError(.argument, "this is not a function"), lua)
    }
    let body = Unmanaged<Boxed<SwiftFunction>>.fromOpaque(ref)._withUnsafeGuaranteedRef {
      $0.value.body
    }
    do {
      try body(Call(host: self, entry: entry, lua: lua, first: 1))
      return lua_gettop(lua) - top
    } catch {
      return report(error, lua)
    }
  }

  private func receiverError(_ lua: OpaquePointer, _ entry: Entry, _ status: Int32) -> HowdahError {
    if status == 2 { return staleError(lua, at: 1) }
    let type = registry.type(number: entry.receiver)?.name ?? "object"
    let got = typeName(lua, at: 1)
    return HowdahError(
      .argument,
      "\(entry.fullName): call it with a colon, as in \(type):\(entry.name)(...); "
        + "the value before the dot or colon is \(got == "nothing" ? "missing" : "a \(got)")")
  }

  /// A name that a type does not have: its dynamic names, or an error with the nearest right name.
  private func missing(_ lua: OpaquePointer, _ number: Int32, _ writing: Bool) -> Int32 {
    guard let type = registry.type(number: number) else {
      return report(HowdahError(.argument, "this is no object of Howdah"), lua)
    }
    let dynamic = writing ? type.dynamicSetter : type.dynamicGetter
    if dynamic >= 0 {
      let results = dispatch(lua, dynamic)
      if results != 0 || writing { return results }
    }
    let status = hw_test(lua, 1, number)
    if status == 2 { return report(staleError(lua, at: 1), lua) }
    let key = luaText(lua, 2) ?? "[\(typeName(lua, at: 2))]"
    if writing, type.memberNames.contains(key) {
      return report(HowdahError(.argument, "\(type.name).\(key) cannot be changed"), lua)
    }
    let members = writing ? type.properties.filter(\.isWritable).map(\.name) : type.memberNames
    var own: [String] = []
    if let keys = type.dynamicKeys, status == 0 {
      let call = Call(host: self, entry: entryAny(dynamic), lua: lua, first: 2)
      own = (try? keys(call)) ?? []
    }
    var message =
      type.dynamicGetter >= 0
      ? "there is no \"\(key)\" in the \(type.name)" : "\(type.name) has no field \"\(key)\""
    if let hint = memberHint(key, of: type) {
      message += hint
    } else {
      let hint = Suggest.hint(for: key, among: members + own)
      message += hint.isEmpty ? Suggest.list(own) : hint
    }
    return report(HowdahError(.argument, message), lua)
  }

  /// For a name that not the collection has but each of its members: `p.spots.x`.
  private func memberHint(_ key: String, of type: TypeEntry) -> String? {
    guard type.name.hasSuffix("s"),
      let one = registry.type(named: String(type.name.dropLast())), one.memberNames.contains(key)
    else { return nil }
    let isProperty = one.properties.contains { $0.name == key }
    let hasColumns = type.methods.contains { $0.name == "column" }
    return "; each \(one.name) has: for \(one.name) in \(type.name):each() do ... end"
      + (isProperty && hasColumns ? ", or \(type.name):column(\"\(key)\") for numbers" : "")
  }

  private func entryAny(_ number: Int32) -> Entry { registry.entries[Int(max(0, number))] }

  // MARK: Spaces

  /// Open a space for the handles of one data set. The owner keeps it; see `HandleSpace`.
  public func makeSpace(
    owner: AnyObject, watching numbers: [UnsafePointer<UInt64>] = [],
    sync: @escaping (HandleSpace) -> Void
  ) throws -> HandleSpace {
    if freeSpaces.isEmpty {
      recentOwners = []
      hw_collect(lua)
    }
    guard let number = freeSpaces.popLast() else {
      throw HowdahError(.limit, "255 projects are open; close some (project:close())")
    }
    // A number that is used again gets generations that no old handle has.
    let offset = (spaceUses[Int(number)] & 255) << 12
    spaceUses[Int(number)] += 1
    let space = HandleSpace(
      number: number, offset: offset, host: self, owner: owner, watching: numbers, sync: sync)
    spaces[Int(number)] = Unmanaged.passUnretained(space)
    return space
  }

  func closeSpace(_ number: UInt8) {
    spaces[Int(number)] = nil
    freeSpaces.insert(number, at: 0)
  }

  /// The owners of open spaces that hear of inputs.
  var settling: [any Settling] {
    (1..<Int(HW_SPACES)).compactMap {
      spaces[$0]?.takeUnretainedValue().owner as? any Settling
    }
  }

  /// Keep the last four owners alive, so that `howdah.open(...).spots:first()` can be looked at although the
  /// project is in no variable.
  public func keepRecent(_ owner: AnyObject) {
    recentOwners.append(owner)
    if recentOwners.count > 4 { recentOwners.removeFirst() }
  }

  /// Forget an owner that `keepRecent` holds (a project that is closed).
  public func forgetRecent(_ owner: AnyObject) { recentOwners.removeAll { $0 === owner } }

  /// The space of a handle, nil when its project is closed.
  public func space(_ handle: Handle) -> HandleSpace? {
    spaces[handle.space]?.takeUnretainedValue()
  }

  @inline(__always)
  func spaceUnchecked(_ handle: Handle) -> HandleSpace {
    spaces[handle.space]!._withUnsafeGuaranteedRef { $0 }
  }

  /// Whether what a handle points to is still there.
  public func isCurrent(_ handle: Handle) -> Bool { hw_is_current(box, handle.rawValue) }

  private func sync(_ number: UInt32) {
    spaces[Int(number)]?._withUnsafeGuaranteedRef { $0.sync($0) }
  }
}

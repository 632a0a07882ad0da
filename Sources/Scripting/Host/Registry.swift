// The one list of names that Lua sees. Help, completion, argument checks, editor stubs and the reference page
// all come from it, so a name that is not described here does not exist.
//
// # How to add names
//
// A module function; arguments are checked against `params` before the body runs, results are what the body
// pushes:
//
//     let howdah = registry.module("howdah", "The method: open, detect, link, evaluate.")
//     howdah.function(
//       "open", params: [.string("path", "BDV .xml, .mastodon, ...")], returns: "project",
//       "Open a data set or project.", example: #"p = howdah.open("demo.mastodon")"#
//     ) { call in
//       let path = try call.readablePath(call.string(0))
//       call.push(try ProjectObject(path, call.host))
//     }
//
// An options table comes last; its keys are checked, unknown ones are refused with the nearest name:
//
//     howdah.function("simulate", params: [.options([
//       .integer("nuclei", "How many at the start.", default: 50, min: 1),
//       .number("radius", "Mean radius."), ...])], ...) { call in
//       let nuclei = call.options.int("nuclei")
//       let radius = call.options.optionalDouble("radius")
//     }
//
// An object type boxes any Swift value (struct or class); `call.push(value)` finds the type by the value's
// static Swift type:
//
//     let volume = registry.type("volume", of: Volume.self, "Voxels of one timepoint.")
//     volume.property("dtype", "string", "uint8, uint16 or float32.") { call in
//       call.push(call.receiver(Volume.self).type.rawValue)
//     }
//     volume.method("max", returns: "number", "The largest voxel.") { call in ... }
//     volume.operator("__add", params: [.any("other")], "Voxel by voxel.") { call in ... }
//
// A handle type describes spots, links or tracks. `column:` is the slot of `HandleSpace.setColumn`: when the
// column is there the property is read in C and the closure is not called:
//
//     let spot = registry.handleType("spot", .spot, "A nucleus at one timepoint.")
//     spot.property("x", "number", "World x.", column: 0, set: { call in
//       let project = call.owner(ProjectObject.self)
//       try project.lineage.edit("move spot") { ... call.double(0) ... }
//     }) { call in call.push(...call.handle.index...) }
//
// What only looks something up in a data set brings a `reading` in place of the closure: a method call then
// costs little more than a column (see Reading.swift):
//
//     spot.property("radius", "number", "...", reading: .number { o in o.look { $0.covariance(o.spot) }.meanRadius })
//
// Names that are not known beforehand (`spot.tags.Detection`) go through `dynamic`:
//
//     spotTags.dynamic(keys: { call in [String] }, get: { call in ... call.string(0) is the key ... },
//                      set: { call in ... call.string(0), call.value(1) ... })
//
// Any Swift error may be thrown; HowdahError keeps its kind. A callback from Lua is called by
// `try call.function(0).call(...)`; what it raises is rethrown as it was.

import Core
import LuaShim

/// A Swift body of a Lua function. It reads arguments from and pushes results to `call`.
public typealias Handler = (Call) throws -> Void

/// One function, method, getter, setter or metamethod.
public final class Entry {
  /// What it is for.
  public enum Role: Sendable { case function, method, getter, setter, metamethod }

  /// The name within its module or type.
  public let name: String
  /// The name as messages and help write it: `howdah.open`, `spot:track`, `spot.x`.
  public let fullName: String
  /// What it is for.
  public let role: Role
  /// The parameters, the receiver left out.
  public let params: [Param]
  /// The type of the result as help and stubs write it, "" for none.
  public let returns: String
  /// One sentence.
  public let doc: String
  /// Lua code that shows the use, "" for none.
  public let example: String
  /// The number of the receiver's type, 0 for functions.
  let receiver: Int32
  let handler: Handler
  /// The body that the shim calls itself, if it has one.
  var reading: Reading?
  /// Its position in the registry.
  fileprivate(set) var number: Int32 = -1
  /// One for each of `params`; plain memory, as every call reads it.
  let parameters: UnsafeMutableBufferPointer<hw_parameter>

  init(
    name: String, fullName: String, role: Role, params: [Param], returns: String, doc: String,
    example: String, receiver: Int32, handler: @escaping Handler
  ) {
    self.name = name
    self.fullName = fullName
    self.role = role
    self.params = params
    self.returns = returns
    self.doc = doc
    self.example = example
    self.receiver = receiver
    self.handler = handler
    parameters = .allocate(capacity: params.count)
    _ = parameters.initialize(from: params.map(hw_parameter.init))
  }

  deinit { parameters.deallocate() }

  /// The stack index of argument 0.
  var first: Int32 { receiver != 0 ? 2 : 1 }

  /// Whether value 1 must be of the receiver's type. The operands of a metamethod may be either way round.
  var checksReceiver: Bool { receiver != 0 && role != .metamethod }

  /// What the shim is to know of it.
  func description(in registry: Registry) -> hw_entry {
    for (i, param) in params.enumerated() {
      guard case .object(let name) = param.type else { continue }
      parameters[i].type = registry.type(named: name)?.number ?? -1
    }
    var e = hw_entry()
    e.receiver = checksReceiver ? receiver : -1
    e.first = first
    e.count = Int32(params.count)
    e.parameters = UnsafePointer(parameters.baseAddress)
    let takesMore =
      role == .metamethod || params.last.map { $0.isVariadic && $0.type == .any } == true
    e.most = takesMore ? .max : e.count
    reading?.describe(to: &e)
    return e
  }

  /// The keys of the trailing options table, if there is one.
  public var options: [Param] { params.last?.options ?? [] }
}

/// A property of a type, as help shows it.
public struct Property {
  /// The name.
  public let name: String
  /// The type, as help writes it.
  public let type: String
  /// One sentence.
  public let doc: String
  /// Whether it can be set.
  public let isWritable: Bool
  let column: Int32
  let getter: Int32
  let setter: Int32
}

/// A constant of a module.
public struct Constant {
  /// The name.
  public let name: String
  /// The value.
  public let value: LuaValue
  /// One sentence.
  public let doc: String
}

/// A table of functions, such as `howdah` or `howdah.link`.
public final class ModuleEntry {
  /// The dotted name; "" is the global table.
  public let name: String
  /// One sentence.
  public let doc: String
  /// The functions in the order declared.
  public private(set) var functions: [(name: String, entry: Int32)] = []
  /// The constants in the order declared.
  public private(set) var constants: [Constant] = []
  private unowned let registry: Registry

  init(_ name: String, _ doc: String, _ registry: Registry) {
    self.name = name
    self.doc = doc
    self.registry = registry
  }

  /// Declare a function.
  public func function(
    _ name: String, params: [Param] = [], returns: String = "", _ doc: String, example: String = "",
    _ handler: @escaping Handler
  ) {
    let full = self.name.isEmpty ? name : "\(self.name).\(name)"
    let entry = registry.add(
      Entry(
        name: name, fullName: full, role: .function, params: params, returns: returns, doc: doc,
        example: example, receiver: 0, handler: handler))
    functions.append((name, entry))
  }

  /// Declare a constant.
  public func constant(_ name: String, _ value: LuaValue, _ doc: String) {
    constants.append(Constant(name: name, value: value, doc: doc))
  }
}

/// A type of Lua objects: boxed Swift values, or handles.
public final class TypeEntry {
  /// The name.
  public let name: String
  /// One sentence.
  public let doc: String
  /// The number of the type: a handle kind, or 16 and more.
  public let number: Int32
  /// The methods in the order declared.
  public private(set) var methods: [(name: String, entry: Int32)] = []
  /// The properties in the order declared.
  public private(set) var properties: [Property] = []
  /// The metamethods in the order declared.
  public private(set) var metamethods: [(name: String, entry: Int32)] = []
  /// Whether `obj[i]` reads the numbers that objects of this type were pushed with.
  public var isIndexed = false
  private(set) var dynamicGetter: Int32 = -1
  private(set) var dynamicSetter: Int32 = -1
  private(set) var dynamicKeys: ((Call) throws -> [String])?
  /// For the printer at the prompt: what to show of a value of this type.
  public private(set) var display: ((Call) throws -> DisplayValue)?
  private unowned let registry: Registry

  init(_ name: String, _ doc: String, _ number: Int32, _ registry: Registry) {
    self.name = name
    self.doc = doc
    self.number = number
    self.registry = registry
  }

  private func add(
    _ name: String, _ full: String, _ role: Entry.Role, _ params: [Param], _ returns: String,
    _ doc: String, _ example: String, _ handler: @escaping Handler
  ) -> Int32 {
    registry.add(
      Entry(
        name: name, fullName: full, role: role, params: params, returns: returns, doc: doc,
        example: example, receiver: number, handler: handler))
  }

  /// Declare a method.
  public func method(
    _ name: String, params: [Param] = [], returns: String = "", _ doc: String, example: String = "",
    _ handler: @escaping Handler
  ) {
    let entry = add(name, "\(self.name):\(name)", .method, params, returns, doc, example, handler)
    methods.append((name, entry))
  }

  /// Declare a method of a handle type that only looks something up; see `Reading`.
  public func method(
    _ name: String, params: [Param] = [], returns: String = "", _ doc: String, example: String = "",
    reading: Reading
  ) {
    method(name, params: params, returns: returns, doc, example: example, Reading.handler)
    registry.setReading(reading, of: methods[methods.count - 1].entry)
  }

  /// Declare a property of a handle type that only looks something up; see `Reading`. Text alone needs a `get`.
  public func property(
    _ name: String, _ type: String, _ doc: String, column: Int? = nil, setType: ParamType = .any,
    set: Handler? = nil, reading: Reading, get: Handler? = nil
  ) {
    property(
      name, type, doc, column: column, setType: setType, set: set, get: get ?? Reading.handler)
    registry.setReading(reading, of: properties[properties.count - 1].getter)
  }

  /// Declare a property of type `type`. With `column`, reading goes to that column slot when it is there.
  /// `set` gets the new value as argument 0, checked against `setType`.
  public func property(
    _ name: String, _ type: String, _ doc: String, column: Int? = nil, setType: ParamType = .any,
    set: Handler? = nil, get: @escaping Handler
  ) {
    let full = "\(self.name).\(name)"
    let getter = add(name, full, .getter, [], type, doc, "", get)
    let setter = set.map {
      add(name, full, .setter, [Param("value", setType, optional: true)], "", doc, "", $0)
    }
    properties.append(
      Property(
        name: name, type: type, doc: doc, isWritable: set != nil, column: Int32(column ?? -1),
        getter: getter, setter: setter ?? -1))
  }

  /// Declare a metamethod: `__tostring`, `__len`, `__call`, `__pairs`, `__concat`, `__unm`, `__eq` (objects
  /// only), or an arithmetic one, where the receiver may be either operand: read both by `call.operand`.
  public func `operator`(
    _ name: String, params: [Param] = [], returns: String = "", _ doc: String = "",
    _ handler: @escaping Handler
  ) {
    let entry = add(
      name, "\(self.name).\(name)", .metamethod, params, returns, doc, "", handler)
    metamethods.append((name, entry))
  }

  /// Names that are not known beforehand. `get` and `set` see the key as argument 0 (a string or integer) and
  /// the value as argument 1; pushing nothing in `get` means that there is no such name (an error that
  /// suggests one of `keys`).
  public func dynamic(
    keys: @escaping (Call) throws -> [String], get: @escaping Handler, set: Handler? = nil
  ) {
    dynamicKeys = keys
    dynamicGetter = add(name, name, .getter, [Param("key", .any)], "any", "", "", get)
    if let set {
      let params = [Param("key", .any), Param("value", .any, optional: true)]
      dynamicSetter = add(name, name, .setter, params, "", "", "", set)
    }
  }

  /// Whether nothing but methods can follow a dot or colon, so that Lua finds them by itself.
  var hasMethodsOnly: Bool {
    number >= HW_KINDS && properties.isEmpty && dynamicGetter < 0 && !isIndexed
  }

  /// How the prompt prints a value of this type.
  public func display(_ body: @escaping (Call) throws -> DisplayValue) { display = body }

  /// Every name that can follow a dot or colon.
  public var memberNames: [String] { methods.map(\.name) + properties.map(\.name) }
}

/// What the prompt shows for an object.
public enum DisplayValue: Sendable {
  case text(String)
  /// Aligned columns; `total` is how many rows there are when not all are given.
  case table(columns: [String], rows: [[LuaValue]], total: Int, title: String)
}

/// Every name that Lua sees. Built once per process or test and then only read; see the top of this file for
/// how to declare names.
public final class Registry {
  /// The modules in the order declared.
  public private(set) var modules: [ModuleEntry] = []
  /// The types in the order declared.
  public private(set) var types: [TypeEntry] = []
  private(set) var entries: [Entry] = []
  private var typeNumbers: [ObjectIdentifier: Int32] = [:]
  private var typesByName: [String: TypeEntry] = [:]
  private var typesByNumber: [Int32: TypeEntry] = [:]
  /// How projects travel; set by the room that defines them.
  public var projects: ProjectBinding?
  private var nextNumber = Int32(HW_KINDS)

  /// A registry with no names.
  public init() {}

  func add(_ entry: Entry) -> Int32 {
    entry.number = Int32(entries.count)
    entries.append(entry)
    return entry.number
  }

  fileprivate func setReading(_ reading: Reading, of number: Int32) {
    let entry = entries[Int(number)]
    let isSimple = entry.params.allSatisfy {
      switch $0.type {
      case .number, .integer, .object: !$0.isOptional
      default: false
      }
    }
    precondition(
      entry.receiver > 0 && entry.receiver < HW_KINDS && isSimple
        && entry.params.count <= Int(HW_OPERANDS), "\(entry.fullName) cannot be a reading")
    entry.reading = reading
  }

  /// The module of this dotted name, made when it is not there ("" is the global table).
  public func module(_ name: String, _ doc: String = "") -> ModuleEntry {
    if let known = modules.first(where: { $0.name == name }) { return known }
    let module = ModuleEntry(name, doc, self)
    modules.append(module)
    return module
  }

  /// Declare a type of boxed Swift values.
  public func type<T>(_ name: String, of type: T.Type, _ doc: String) -> TypeEntry {
    let entry = TypeEntry(name, doc, nextNumber, self)
    nextNumber += 1
    typeNumbers[ObjectIdentifier(type)] = entry.number
    return register(entry)
  }

  /// Declare a type of handles.
  public func handleType(_ name: String, _ kind: HandleKind, _ doc: String) -> TypeEntry {
    register(TypeEntry(name, doc, Int32(kind.rawValue), self))
  }

  private func register(_ entry: TypeEntry) -> TypeEntry {
    precondition(typesByName[entry.name] == nil, "type \(entry.name) declared twice")
    types.append(entry)
    typesByName[entry.name] = entry
    typesByNumber[entry.number] = entry
    return entry
  }

  /// The type of this name.
  public func type(named name: String) -> TypeEntry? { typesByName[name] }

  func type(number: Int32) -> TypeEntry? { typesByNumber[number] }

  func number<T>(of type: T.Type) -> Int32? { typeNumbers[ObjectIdentifier(type)] }

  /// The entry of a method or function.
  public func entry(_ number: Int32) -> Entry { entries[Int(number)] }
}

// A reader for the few pickle operations that a state_dict needs. Pickles are programs; this interpreter knows
// no call but three (an ordered map, a tensor over a storage, a parameter) and refuses everything else by
// name, so that a weights file can never run code.
//
// Containers live in an arena and values refer to them by number: no input can make a deep recursion.

import Core

/// What the pickle of a weights file describes, before any storage is read.
struct PickledTensor: Equatable {
  /// Name of the member under `data/`, and the torch class of its elements, e.g. `FloatStorage`.
  var storage, type: String
  /// Elements in the whole storage.
  var storageCount: Int
  var offset: Int
  var sizes, strides: [Int]
}

/// Interprets one pickle.
struct Pickle {
  /// A value on the stack.
  enum Value: Equatable {
    case none, mark
    case bool(Bool)
    case integer(Int)
    case string(String)
    case global(String)
    case tuple(Int)
    case list(Int)
    case map(Int)
    case storage(Int)
    case tensor(Int)
  }

  /// A failure and the byte at which it happened.
  struct Failure: Error {
    var offset: Int
    var reason: String
  }

  private(set) var tuples: [[Value]] = []
  private(set) var lists: [[Value]] = []
  /// Maps keep the order of their items.
  private(set) var maps: [[(key: String, value: Value)]] = []
  private(set) var tensors: [PickledTensor] = []
  private(set) var result = Value.none

  private var storages: [PickledTensor] = []
  private var stack: [Value] = []
  private var memo: [Int: Value] = [:]
  private let bytes: [UInt8]
  private var position = 0

  /// Reads the whole pickle. Throws `Failure`.
  init(_ bytes: [UInt8]) throws {
    self.bytes = bytes
    while try step() {}
  }

  private func fail(_ reason: String) -> Failure { Failure(offset: position, reason: reason) }

  // One operation; false at the end of the pickle.
  private mutating func step() throws -> Bool {
    let operation = try byte()
    switch operation {
    case 0x80:  // PROTO
      let version = try byte()
      guard (2...5).contains(version) else { throw fail("pickle protocol \(version) is unknown") }
    case 0x95: _ = try take(8)  // FRAME
    case UInt8(ascii: "."):
      result = try pop()
      return false
    case UInt8(ascii: "N"): stack.append(.none)
    case 0x88: stack.append(.bool(true))
    case 0x89: stack.append(.bool(false))
    case UInt8(ascii: "J"): stack.append(.integer(Int(Int32(truncatingIfNeeded: try little(4)))))
    case UInt8(ascii: "K"): stack.append(.integer(try little(1)))
    case UInt8(ascii: "M"): stack.append(.integer(try little(2)))
    case 0x8a: stack.append(.integer(try long()))
    case UInt8(ascii: "X"): stack.append(.string(try text(little(4))))
    case 0x8c: stack.append(.string(try text(little(1))))
    case UInt8(ascii: "c"): stack.append(.global(try line() + "." + line()))
    case 0x93:  // STACK_GLOBAL
      guard case .string(let name) = try pop(), case .string(let module) = try pop() else {
        throw fail("a global without a name")
      }
      stack.append(.global(module + "." + name))
    case UInt8(ascii: "("): stack.append(.mark)
    case UInt8(ascii: ")"): pushTuple([])
    case 0x85, 0x86, 0x87:  // TUPLE1 ... TUPLE3
      let count = Int(operation) - 0x84
      guard stack.count >= count else { throw fail("the stack is empty") }
      let items = Array(stack.suffix(count))
      stack.removeLast(count)
      pushTuple(items)
    case UInt8(ascii: "t"): pushTuple(try popToMark())
    case UInt8(ascii: "]"):
      lists.append([])
      stack.append(.list(lists.count - 1))
    case UInt8(ascii: "}"): pushMap()
    case UInt8(ascii: "a"): try append([pop()])
    case UInt8(ascii: "e"): try append(popToMark())
    case UInt8(ascii: "s"):
      let value = try pop()
      try setItems([pop(), value])
    case UInt8(ascii: "u"): try setItems(popToMark())
    case UInt8(ascii: "q"): memo[try little(1)] = try top()
    case UInt8(ascii: "r"): memo[try little(4)] = try top()
    case 0x94: memo[memo.count] = try top()  // MEMOIZE
    case UInt8(ascii: "h"): try recall(little(1))
    case UInt8(ascii: "j"): try recall(little(4))
    case UInt8(ascii: "Q"): try persistentID()
    case UInt8(ascii: "R"): try reduce()
    case UInt8(ascii: "b"): try build()
    default:
      throw fail("pickle operation 0x\(String(operation, radix: 16)) does not belong in weights")
    }
    return true
  }

  // MARK: Calls

  // ("storage", class, member, device, elements): where the bytes of tensors are.
  private mutating func persistentID() throws {
    guard case .tuple(let t) = try pop(), tuples[t].count >= 5,
      case .string("storage") = tuples[t][0], case .global(let type) = tuples[t][1],
      case .string(let member) = tuples[t][2], case .integer(let count) = tuples[t][4]
    else { throw fail("a persistent id that is not a tensor storage") }
    guard type.hasPrefix("torch."), type.hasSuffix("Storage"), count >= 0 else {
      throw fail("storage class '\(type)' is refused: weights hold torch storages only")
    }
    storages.append(
      PickledTensor(
        storage: member, type: String(type.dropFirst("torch.".count)), storageCount: count,
        offset: 0, sizes: [], strides: []))
    stack.append(.storage(storages.count - 1))
  }

  private mutating func reduce() throws {
    guard case .tuple(let t) = try pop(), case .global(let name) = try pop() else {
      throw fail("a call of something that is not a global")
    }
    let arguments = tuples[t]
    switch name {
    case "collections.OrderedDict":
      guard arguments.isEmpty else { throw fail("an OrderedDict made from arguments is refused") }
      pushMap()
    case "torch._utils._rebuild_tensor_v2":
      guard arguments.count >= 4, case .storage(let s) = arguments[0],
        case .integer(let offset) = arguments[1]
      else { throw fail("a tensor without storage") }
      var tensor = storages[s]
      tensor.offset = offset
      tensor.sizes = try integers(arguments[2])
      tensor.strides = try integers(arguments[3])
      tensors.append(tensor)
      stack.append(.tensor(tensors.count - 1))
    case "torch._utils._rebuild_parameter":
      guard let first = arguments.first, case .tensor = first else {
        throw fail("a parameter without tensor")
      }
      stack.append(first)
    default:
      throw fail("a call of '\(name)' is refused: only plain state_dicts are read")
    }
  }

  // The state of an OrderedDict is `_metadata`, which says nothing that loading needs.
  private mutating func build() throws {
    guard case .map = try pop(), case .map = try top() else {
      throw fail("object state outside of a map is refused")
    }
  }

  private func integers(_ value: Value) throws -> [Int] {
    guard case .tuple(let t) = value, tuples[t].count <= 8 else {
      throw fail("a tensor without sizes")
    }
    return try tuples[t].map {
      guard case .integer(let i) = $0, i >= 0 else { throw fail("a tensor size is not a number") }
      return i
    }
  }

  // MARK: Containers and stack

  private mutating func pushTuple(_ items: [Value]) {
    tuples.append(items)
    stack.append(.tuple(tuples.count - 1))
  }

  private mutating func pushMap() {
    maps.append([])
    stack.append(.map(maps.count - 1))
  }

  private mutating func append(_ items: [Value]) throws {
    guard case .list(let l) = try top() else { throw fail("append to something else than a list") }
    lists[l] += items
  }

  private mutating func setItems(_ items: [Value]) throws {
    guard case .map(let m) = try top(), items.count % 2 == 0 else {
      throw fail("items for something else than a map")
    }
    for k in stride(from: 0, to: items.count, by: 2) {
      guard case .string(let key) = items[k] else { throw fail("a key that is not a text") }
      maps[m].append((key, items[k + 1]))
    }
  }

  private mutating func popToMark() throws -> [Value] {
    guard let mark = stack.lastIndex(of: .mark) else { throw fail("no mark on the stack") }
    let items = Array(stack[(mark + 1)...])
    stack.removeSubrange(mark...)
    return items
  }

  private mutating func recall(_ key: Int) throws {
    guard let value = memo[key] else { throw fail("memo \(key) was never stored") }
    stack.append(value)
  }

  private func top() throws -> Value {
    guard let last = stack.last, last != .mark else { throw fail("the stack is empty") }
    return last
  }

  private mutating func pop() throws -> Value {
    let last = try top()
    stack.removeLast()
    return last
  }

  // MARK: Bytes

  private mutating func byte() throws -> UInt8 {
    guard position < bytes.count else { throw fail("the pickle ends too early") }
    position += 1
    return bytes[position - 1]
  }

  private mutating func take(_ count: Int) throws -> ArraySlice<UInt8> {
    guard count >= 0, count <= bytes.count - position else {
      throw fail("the pickle ends too early")
    }
    position += count
    return bytes[(position - count)..<position]
  }

  private mutating func little(_ count: Int) throws -> Int {
    try take(count).reversed().reduce(0) { $0 << 8 | Int($1) }
  }

  private mutating func long() throws -> Int {
    let digits = try take(little(1))
    guard digits.count <= 8 else { throw fail("an integer of \(digits.count) bytes") }
    guard let high = digits.last else { return 0 }
    let start: UInt64 = high >= 0x80 ? .max : 0
    return Int(bitPattern: UInt(digits.reversed().reduce(start) { $0 << 8 | UInt64($1) }))
  }

  private mutating func text(_ count: Int) throws -> String {
    guard let text = String(validating: try take(count), as: UTF8.self) else {
      throw fail("a text that is not UTF-8")
    }
    return text
  }

  private mutating func line() throws -> String {
    guard let end = bytes[position...].firstIndex(of: UInt8(ascii: "\n")) else {
      throw fail("the pickle ends inside a name")
    }
    let name = try text(end - position)
    position += 1
    return name
  }
}

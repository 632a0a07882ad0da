// Readings: the quick way from Lua into Swift, for what only looks something up.
//
// A call through a `Handler` hands over the Lua stack: the body fetches its arguments, may fail, may change
// the data set, and pushes what it likes. Most methods of spots, links and tracks need nothing of this. A
// reading gets its operands ready from the shim, which has found them current, and returns one number, truth
// value or handle. That is a plain C call, with no closure context, no error and no reference counting.

import LuaShim

/// The receiver and arguments of a reading; valid only while it runs.
public typealias Operands = UnsafePointer<hw_reading>

/// The body of a method or property of a handle type that only looks something up: it captures nothing,
/// cannot fail, does not change the data set and never calls Lua. Its parameters are handles and numbers, at
/// most two, none of them optional.
public enum Reading {
  /// Gives a number.
  case number(@convention(c) (Operands) -> Double)
  /// Gives a number, or nil for NaN.
  case optionalNumber(@convention(c) (Operands) -> Double)
  /// Gives an integer.
  case integer(@convention(c) (Operands) -> Int)
  /// Gives a truth value.
  case boolean(@convention(c) (Operands) -> Bool)
  /// Gives the bits of a handle, or nil for 0.
  case handle(@convention(c) (Operands) -> UInt64)
  /// Gives text or nil: hands `Reading.write` its UTF-8 and returns what that does. A property with this reading
  /// has a handler of its own for text that is too long for it.
  case text(@convention(c) (Operands, UnsafeMutablePointer<UInt8>) -> Int)

  /// Write it into what the shim knows of its entry.
  func describe(to entry: inout hw_entry) {
    switch self {
    case .number(let body): (entry.reading, entry.number) = (HW_READS_NUMBER, body)
    case .optionalNumber(let body): (entry.reading, entry.number) = (HW_READS_NUMBER_OR_NIL, body)
    case .integer(let body): (entry.reading, entry.integer) = (HW_READS_INTEGER, body)
    case .boolean(let body): (entry.reading, entry.truth) = (HW_READS_BOOLEAN, body)
    case .handle(let body): (entry.reading, entry.handle) = (HW_READS_HANDLE, body)
    case .text(let body): (entry.reading, entry.text) = (HW_READS_TEXT, body)
    }
  }

  /// Write text, nil too, to where a reading wants it.
  public static func write(
    _ text: UnsafeBufferPointer<UInt8>?, to out: UnsafeMutablePointer<UInt8>
  ) -> Int {
    guard let text else { return HW_NIL_TEXT }
    if text.count > HW_TEXT { return HW_LONG_TEXT }
    for i in text.indices { out[i] = text[i] }
    return text.count
  }

  /// The handler of every reading but text, for calls that the shim does not take as they are (a nil too many).
  static func handler(_ call: Call) { hw_push_reading(call.lua, call.entry.number) }
}

extension UnsafePointer<hw_reading> {
  /// The receiver.
  public var handle: Handle { Handle(rawValue: pointee.receiver.handle) }

  /// The handle in argument 0 or 1.
  public func handle(_ i: Int) -> Handle { Handle(rawValue: argument(i).handle) }

  /// The number in argument 0 or 1.
  public func double(_ i: Int) -> Double { argument(i).number }

  /// The object that owns the receiver's data set.
  public func owner<T: AnyObject>(_: T.Type) -> T { unowned(pointee.receiver) }

  /// The object that owns the data set of the handle in argument 0 or 1.
  public func owner<T: AnyObject>(_ i: Int, _: T.Type) -> T { unowned(argument(i)) }

  /// The bits of a handle into the receiver's data set, for readings that give one.
  @inline(__always)
  public func bits(_ kind: HandleKind, index: UInt32, generation: UInt32) -> UInt64 {
    let space = pointee.receiver.space!
    return hw_handle_make(
      UInt32(kind.rawValue), space.pointee.number, generation &+ space.pointee.offset, index)
  }

  @inline(__always)
  private func argument(_ i: Int) -> hw_operand {
    i == 0 ? pointee.arguments.0 : pointee.arguments.1
  }

  @inline(__always)
  private func unowned<T: AnyObject>(_ operand: hw_operand) -> T {
    Unmanaged<T>.fromOpaque(operand.space.pointee.owner)._withUnsafeGuaranteedRef { $0 }
  }
}

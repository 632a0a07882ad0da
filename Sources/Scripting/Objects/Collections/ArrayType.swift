// `array`: numbers in a row, as collections give their columns.

import Core

extension Call {
  /// Push an array; Lua reads its elements without coming back to Swift.
  func push(_ array: NumericArray) {
    push(
      object: array, bytes: array.values.count * 8,
      array: UnsafeBufferPointer(array.values))
  }
}

enum ArrayType {
  static func register(_ registry: Registry) {
    let array = registry.type(
      "array", of: NumericArray.self, "Numbers in a row; array[1] is the first, #array how many.")
    array.isIndexed = true
    func number(
      _ name: String, _ doc: String, _ example: String, _ read: @escaping (NumericArray) -> Double?
    ) {
      array.method(name, returns: "number or nil", doc, example: example) { call in
        let me = call.receiver(NumericArray.self)
        let value = read(me)
        if me.isInteger, let value, let whole = Int(exactly: value), name != "mean" {
          call.push(whole)
        } else {
          call.push(value)
        }
      }
    }
    number("sum", "The sum.", #"print(p.spots:column("volume"):sum())"#) { $0.sum() }
    number("mean", "The mean; nil when it is empty.", #"print(p.spots:column("x"):mean())"#) {
      $0.mean
    }
    number("min", "The smallest; nil when it is empty.", #"print(p.spots:column("t"):min())"#) {
      $0.minimum
    }
    number("max", "The largest; nil when it is empty.", #"print(p.spots:column("t"):max())"#) {
      $0.maximum
    }
    number(
      "deviation", "The standard deviation (over n); nil when it is empty.",
      #"print(p.spots:column("radius"):deviation())"#
    ) { $0.deviation }
    array.method(
      "percentile", params: [.number("percent", "0 to 100; 50 is the median.", min: 0, max: 100)],
      returns: "number or nil",
      "The value below which so many per cent lie, between neighbours linear.",
      example: #"print(p.spots:column("radius"):percentile(50))"#
    ) { $0.push($0.receiver(NumericArray.self).percentile($0.double(0))) }
    array.method(
      "to_table", returns: "{number, ...}", "The numbers as a Lua list.",
      example: #"local list = p.spots:column("x"):to_table()"# + "\nprint(list[1])"
    ) { call in
      let me = call.receiver(NumericArray.self)
      call.push(.list(me.values.map { value(of: $0, in: me) }) as LuaValue)
    }
    array.operator("__len") { $0.push($0.receiver(NumericArray.self).values.count) }
    array.operator("__tostring") { $0.push(text(of: $0.receiver(NumericArray.self))) }
    array.display { .text(text(of: $0.receiver(NumericArray.self))) }
  }

  private static func value(of number: Double, in array: NumericArray) -> LuaValue {
    if array.isInteger, let whole = Int(exactly: number) { return .int(whole) }
    return number.isNaN ? .double(.nan) : .double(number)
  }

  /// `array of 20: 1.5, 2, 3.25, ...`.
  private static func text(of array: NumericArray) -> String {
    let count = array.values.count
    if count == 0 { return "array of 0" }
    let shown = array.values.prefix(8).map(short).joined(separator: ", ")
    return "array of \(count): \(shown)" + (count > 8 ? ", ..." : "")
  }
}

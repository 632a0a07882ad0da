// The parameters of one network, by name and in file order.

import Core

/// An architecture with values for all its parameters.
public struct Model: Sendable, Equatable {
  /// What the parameters belong to.
  public let architecture: Architecture
  /// Names and shapes, in file order.
  public let specs: [ParameterSpec]
  /// Values of the parameters, in the order of `specs`; `set` replaces them.
  public internal(set) var values: [[Float]]
  private let index: [String: Int]

  /// All parameters 0 and GroupNorm weights 1. Throws `.argument` for an impossible architecture.
  public init(_ architecture: Architecture) throws {
    try architecture.check()
    self.architecture = architecture
    specs = architecture.parameters
    values = specs.map { spec in
      let isNorm = spec.shape.count == 1 && spec.name.hasSuffix("weight")
      return [Float](repeating: isNorm ? 1 : 0, count: spec.count)
    }
    index = Dictionary(uniqueKeysWithValues: specs.enumerated().map { ($1.name, $0) })
  }

  /// He's normal initialisation (fan-in, gain sqrt 2) as ELEPHANT's, from an explicit seed; biases are 0.
  public init(_ architecture: Architecture, seed: UInt64) throws {
    try self.init(architecture)
    for (i, spec) in specs.enumerated() where spec.shape.count > 1 {
      var random = SeededRandom(seed: seed, stream: UInt64(i))
      let deviation = (2.0 / Double(spec.count / spec.shape[0])).squareRoot()
      for j in values[i].indices { values[i][j] = Float(random.normal() * deviation) }
    }
  }

  /// Number of all parameters.
  public var parameterCount: Int { specs.reduce(0) { $0 + $1.count } }

  /// The place of a parameter in `specs` and `values`. Throws `.argument` for a name that is not there.
  public func position(of name: String) throws -> Int {
    guard let i = index[name] else {
      throw HowdahError(.argument, "\(architecture.name) has no parameter '\(name)'")
    }
    return i
  }

  /// Replace the values of one parameter. Throws `.argument` when their number is wrong.
  public mutating func set(_ name: String, to new: [Float]) throws {
    let i = try position(of: name)
    guard new.count == specs[i].count else {
      throw HowdahError(
        .argument, "'\(name)' has \(specs[i].count) elements, but \(new.count) were given")
    }
    values[i] = new
  }

  /// The values of a parameter by name.
  public subscript(name: String) -> [Float] {
    get throws { values[try position(of: name)] }
  }
}

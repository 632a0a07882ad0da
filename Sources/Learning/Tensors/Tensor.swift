// A tensor of 32-bit floats in plain memory order. The plain layers work on it; the fast engine converts at
// its edges.

import Core

/// Values with a named shape. A value type: copies share storage until one of them is changed.
public struct Tensor: Sendable, Equatable {
  /// The axes; `values.count == shape.count` always holds.
  public private(set) var shape: TensorShape
  /// All elements, x fastest, then y, z, channel, sample.
  public var values: [Float] {
    didSet { precondition(values.count == shape.count, "a tensor cannot change its size") }
  }

  /// A tensor of zeros, or of one value.
  public init(_ shape: TensorShape, filledWith value: Float = 0) {
    self.shape = shape
    values = [Float](repeating: value, count: shape.count)
  }

  /// A tensor of these values. Throws `.argument` when their number does not fit the shape.
  public init(_ shape: TensorShape, values: [Float]) throws {
    guard shape.checkedCount == values.count else {
      throw HowdahError(.argument, "\(values.count) values do not fill a tensor of \(shape)")
    }
    self.shape = shape
    self.values = values
  }

  /// A tensor whose element is a function of its sample, channel and voxel.
  public init(
    _ shape: TensorShape, _ value: (_ n: Int, _ c: Int, _ z: Int, _ y: Int, _ x: Int) -> Float
  ) {
    self.shape = shape
    values = []
    values.reserveCapacity(shape.count)
    for n in 0..<shape.batch {
      for c in 0..<shape.channels {
        for z in 0..<shape.depth {
          for y in 0..<shape.height {
            for x in 0..<shape.width { values.append(value(n, c, z, y, x)) }
          }
        }
      }
    }
  }

  /// One element.
  public subscript(n n: Int, c c: Int, z z: Int, y y: Int, x x: Int) -> Float {
    get { values[index(n, c, z, y, x)] }
    set { values[index(n, c, z, y, x)] = newValue }
  }

  private func index(_ n: Int, _ c: Int, _ z: Int, _ y: Int, _ x: Int) -> Int {
    precondition(
      n >= 0 && n < shape.batch && c >= 0 && c < shape.channels && z >= 0 && z < shape.depth
        && y >= 0 && y < shape.height && x >= 0 && x < shape.width, "outside the tensor")
    return (((n * shape.channels + c) * shape.depth + z) * shape.height + y) * shape.width + x
  }

  /// One sample of a batch as a tensor of its own.
  public func sample(_ n: Int) -> Tensor {
    var one = shape
    one.batch = 1
    var result = Tensor(one)
    result.values = Array(values[(n * shape.sampleCount)..<((n + 1) * shape.sampleCount)])
    return result
  }

  /// Samples of one shape, one after another.
  public static func batch(_ samples: [Tensor]) throws -> Tensor {
    guard let first = samples.first else {
      throw HowdahError(.argument, "a batch needs at least one sample")
    }
    var shape = first.shape
    shape.batch = 0
    for sample in samples {
      guard sample.shape.with(channels: 1).size == first.shape.size,
        sample.shape.channels == first.shape.channels
      else {
        throw HowdahError(
          .argument, "samples of one batch must agree: \(first.shape) and \(sample.shape)")
      }
      shape.batch += sample.shape.batch
    }
    return try Tensor(shape, values: samples.flatMap(\.values))
  }

  /// Throws `.argument` unless the tensor has this shape; `what` names it in the message.
  public func require(_ expected: TensorShape, _ what: String) throws {
    guard shape == expected else {
      throw HowdahError(.argument, "\(what) is \(shape), but \(expected) is needed")
    }
  }

  /// Element by element sum. Throws `.argument` when the shapes differ.
  public mutating func add(_ other: Tensor) throws {
    try other.require(shape, "the tensor to add")
    for i in values.indices { values[i] += other.values[i] }
  }

  /// Every element through a function.
  public func map(_ transform: (Float) -> Float) -> Tensor {
    var result = self
    result.values = values.map(transform)
    return result
  }
}
